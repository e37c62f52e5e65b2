"""Shard credentials: for every shard a signed answer to where it came from, found by the shard's digest."""
