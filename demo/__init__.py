"""``make demo``: Airflow runs the example DAG against the X Chat sandbox."""
