"""Triggers: they read from X in the triggerer, and never write to it."""
