"""Operators for X Chat."""
