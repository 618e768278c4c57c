"""Requests and responses of the X API: no tokens, no retries."""
