"""Hooks: from an Airflow connection to X Chat."""
