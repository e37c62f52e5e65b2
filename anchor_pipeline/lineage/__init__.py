"""OpenLineage: what ran, on what, with what outcome, as events that any collector of the standard understands."""
