"""The command line: `xchat login`, `status` and `logout`."""
