"""Documents, shards, snapshots, and the store they lie in."""
