"""Ingest: raw files to documents. One reader per format, one quarantine for what cannot be used."""
