"""Operators: one X Chat call each."""
