"""Faults that a test queues for the operations and for the token endpoint."""
