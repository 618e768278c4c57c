"""Airflow and operating system: versions, Variables, threads, locks, TLS."""
