"""Provider metadata for Airflow, which reads it at every start: this module imports nothing."""

from __future__ import annotations

__all__ = ["CONNECTION_FIELDS", "FIELD_BEHAVIOUR", "get_provider_info"]

_INTEGRATION = "X Chat"

#: fields of the connection form in the connection's extra; Airflow before 3.2 gets them from hooks/connection_form.py
CONNECTION_FIELDS: dict[str, dict[str, object]] = {
    "refresh_token": {
        "label": "Refresh Token",
        "schema": {"type": ["string", "null"], "format": "password"},
        "description": "For automatic token rotation. Written by: xchat login",
    },
    "client_secret": {
        "label": "Client Secret",
        "schema": {"type": ["string", "null"], "format": "password"},
        "description": "For confidential clients only; leave it empty for a public client.",
    },
    "expires_at": {
        "label": "Expires At",
        "schema": {"type": ["integer", "null"]},
        "description": "When the access token above expires, in seconds since 1970-01-01 UTC.",
    },
    "timeout": {
        "label": "Timeout",
        "schema": {"type": ["number", "null"]},
        "description": "Seconds that connecting, or a pause in a response, may take. Default 30.",
    },
    "verify": {
        "label": "CA Certificates",
        "schema": {"type": ["string", "null"]},
        "description": "Path of a file or folder with the certificates (PEM) of a private CA. Public CAs by default.",
    },
    "store": {
        "label": "Token Store",
        "schema": {"type": ["string", "null"]},
        "description": "Dotted path of the class that keeps rotated tokens. Airflow Variables by default.",
    },
    "store_kwargs": {
        "label": "Token Store Arguments",
        "schema": {"type": ["string", "null"], "format": "password"},
        "description": "Keyword arguments of that class, as a JSON object.",
    },
}

FIELD_BEHAVIOUR: dict[str, object] = {
    "hidden-fields": ["schema", "port", "extra"],
    "relabeling": {"host": "API URL", "login": "Client ID", "password": "Access Token"},
    "placeholders": {
        "host": "https://api.x.com",
        "login": "client id of your app in X's developer portal",
        "password": "OAuth 2.0 user access token",
        "expires_at": "1780000000",
        "timeout": "30",
    },
}

_ASSET_URIS: dict[str, object] = {
    "schemes": ["xchat"],
    "handler": "airflow_provider_xchat.assets.xchat.sanitize_uri",
    "factory": "airflow_provider_xchat.assets.xchat.create_asset",
    "to_openlineage_converter": "airflow_provider_xchat.assets.xchat.convert_asset_to_openlineage",
}


def get_provider_info() -> dict[str, object]:
    """Return the provider metadata, as in Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-xchat",
        "name": _INTEGRATION,
        "description": "Read X Chat conversations and mark them as read.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://docs.x.com/x-api/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_xchat.hooks.xchat"]},
        ],
        "operators": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_xchat.operators.xchat"]},
        ],
        "sensors": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_xchat.sensors.xchat"]},
        ],
        "triggers": [
            {"integration-name": _INTEGRATION, "python-modules": ["airflow_provider_xchat.triggers.xchat"]},
        ],
        "asset-uris": [_ASSET_URIS],
        "dataset-uris": [_ASSET_URIS],  # Airflow 2.11
        "connection-types": [
            {
                "connection-type": "xchat",
                "hook-class-name": "airflow_provider_xchat.hooks.xchat.XChatHook",
                "hook-name": _INTEGRATION,
                "conn-fields": CONNECTION_FIELDS,
                "ui-field-behaviour": FIELD_BEHAVIOUR,
            }
        ],
        # Airflow 3.2 and later; earlier versions ignore it.
        "cli": ["airflow_provider_xchat.cli.definition.get_xchat_cli_commands"],
    }
