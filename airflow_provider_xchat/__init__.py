"""Apache Airflow provider for X Chat. Importing it imports nothing else."""

__version__ = "0.1.0"
