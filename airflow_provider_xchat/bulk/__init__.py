"""Many conversations in one task."""
