"""What crosses the wire: JSON, timestamps, problem documents, and the sockets themselves."""
