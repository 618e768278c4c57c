"""Example DAGs of the provider."""
