"""Tokens: model, stores and rotation."""

from airflow_provider_xchat.runtime.variables import AirflowVariableStore
from airflow_provider_xchat.tokens.model import Grant, LockingTokenStore, Token, TokenStore
from airflow_provider_xchat.tokens.stores import FileTokenStore

__all__ = ["AirflowVariableStore", "FileTokenStore", "Grant", "LockingTokenStore", "Token", "TokenStore"]
