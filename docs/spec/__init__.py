"""The specification, and a second verifier written from it."""
