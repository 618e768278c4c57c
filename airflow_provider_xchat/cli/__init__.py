"""Command line: `xchat login`, `status` and `logout`."""
