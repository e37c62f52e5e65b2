"""What a steward reads: the report on a stage and cycle."""
