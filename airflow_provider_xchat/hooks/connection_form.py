"""The connection form for Airflow before 3.2, made from what provider_info says to later versions."""

from __future__ import annotations

from typing import Any

from airflow_provider_xchat.provider_info import CONNECTION_FIELDS, FIELD_BEHAVIOUR

__all__ = ["field_behaviour", "widgets"]


def widgets() -> dict[str, Any]:
    """
    Make the form's own fields.

    :return: WTForms fields by name
    """
    # Only the web server of these versions has the three libraries.
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import PasswordField, StringField

    made: dict[str, Any] = {}
    for name, described in CONNECTION_FIELDS.items():
        secret = "password" in str(described["schema"])
        field, widget = (PasswordField, BS3PasswordFieldWidget) if secret else (StringField, BS3TextFieldWidget)
        made[name] = field(lazy_gettext(described["label"]), widget=widget(), description=described["description"])
    return made


def field_behaviour() -> dict[str, Any]:
    """
    Say which standard fields are hidden and how the others are called.

    :return: the same as in provider_info, with the keys that these versions use
    """
    return {key.replace("-", "_"): value for key, value in FIELD_BEHAVIOUR.items()}
