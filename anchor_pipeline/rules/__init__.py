"""Declared requirements: one file per rule, each a pure function from facts and settings to findings."""
