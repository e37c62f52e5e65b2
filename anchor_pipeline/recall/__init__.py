"""Recall and quarantine: what must no longer be used, where it is, and that it is gone."""
