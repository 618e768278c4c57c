"""A secrets backend that has no secrets, and keeps what it was asked for."""

from airflow.secrets import BaseSecretsBackend

asked = []


class RecordedLookups(BaseSecretsBackend):
    def get_connection(self, conn_id, *args, **kwargs):
        asked.append(conn_id)

    def get_variable(self, key, *args, **kwargs):
        asked.append(key)
