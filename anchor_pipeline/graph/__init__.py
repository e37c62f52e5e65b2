"""The lineage graph: which documents came from where, and which mixes and exports hold them, as DuckDB tables."""
