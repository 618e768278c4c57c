"""Hook for the X Chat API."""
