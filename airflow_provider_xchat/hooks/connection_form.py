"""Connection form for Airflow before 3.2; later versions read provider_info."""

from __future__ import annotations

from typing import Any

from airflow_provider_xchat.provider_info import CONNECTION_FIELDS, FIELD_BEHAVIOUR

__all__ = ["field_behaviour", "widgets"]


def widgets() -> dict[str, Any]:
    """
    Return the form's own fields.

    :return: WTForms fields by name
    """
    # Only the web server of these versions has these libraries.
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import PasswordField, StringField

    fields: dict[str, Any] = {}
    for name, spec in CONNECTION_FIELDS.items():
        is_secret = "password" in str(spec["schema"])
        field, widget = (PasswordField, BS3PasswordFieldWidget) if is_secret else (StringField, BS3TextFieldWidget)
        fields[name] = field(lazy_gettext(spec["label"]), widget=widget(), description=spec["description"])
    return fields


def field_behaviour() -> dict[str, Any]:
    """
    Return the hidden standard fields, and the labels and placeholders of the others.

    :return: the behaviour in provider_info, with the keys of these versions
    """
    return {key.replace("-", "_"): value for key, value in FIELD_BEHAVIOUR.items()}
