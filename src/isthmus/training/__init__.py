"""Training: the one loop, its checkpoints, and losses."""
