"""The user documentation, and what keeps its generated parts in step with the code."""
