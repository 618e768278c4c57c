"""Demonstrations: ``make demo`` and ``make up`` run Airflow against the X Chat sandbox."""
