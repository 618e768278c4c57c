"""What the provider needs of Airflow and of the machine."""
