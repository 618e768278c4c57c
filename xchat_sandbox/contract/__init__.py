"""The OpenAPI document that decides which requests are valid and which members exist."""
