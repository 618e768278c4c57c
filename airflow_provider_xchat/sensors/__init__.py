"""Sensors for X Chat."""
