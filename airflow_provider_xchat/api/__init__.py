"""X's calls and responses: no network, no tokens."""
