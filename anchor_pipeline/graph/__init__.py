"""The lineage graph: which documents came from where, and which mixes and exports hold them, as DuckDB tables."""

from anchor_pipeline.graph.graph import Graph, open_graph
from anchor_pipeline.graph.questions import Export, Holding, Keys
from anchor_pipeline.graph.update import Updated

__all__ = ["Export", "Graph", "Holding", "Keys", "Updated", "open_graph"]
