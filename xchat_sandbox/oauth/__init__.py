"""X's OAuth 2.0 authorization server: clients, grants, tokens and the three endpoints."""
