"""DAGs that show the provider at work."""
