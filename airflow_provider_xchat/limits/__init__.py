"""X's rate limits, shared by all tasks of an account."""
