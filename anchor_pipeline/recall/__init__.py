"""Trace a document, and recall: which releases hold it, that they are not used, and what takes their place."""
