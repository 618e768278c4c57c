"""The assets that DAGs of X Chat read."""
