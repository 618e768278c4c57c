"""Send calls: rate limit, token, retries, deadline."""
