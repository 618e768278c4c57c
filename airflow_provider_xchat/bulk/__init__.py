"""Fetch many conversations in one task."""
