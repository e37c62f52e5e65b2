"""Checks that files are what docs/spec/lineage.md says: events, shards, lists of documents, snapshots, recalls."""
