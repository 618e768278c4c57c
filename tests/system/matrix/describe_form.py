"""Prints the connection form, as the web interface of the Airflow that runs this is given it."""

import json
import sys

try:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
except ImportError:  # Airflow 2.11
    HookMetaService = None


def served():
    """Give what the API of Airflow 3 answers; in 3.1, that is made from the hook's two methods."""
    (form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "xchat"]
    return form.model_dump()


def rendered():
    """Give the same of Airflow 2.11, whose web server puts the fields that the hook makes into its form."""
    from airflow.providers_manager import ProvidersManager
    from wtforms import Form, PasswordField

    manager = ProvidersManager()
    behaviour = manager.field_behaviours["xchat"]
    hook = manager.hooks["xchat"]

    def standard(name):
        return {
            "hidden": name in behaviour["hidden_fields"],
            "title": behaviour["relabeling"].get(name),
            "placeholder": behaviour["placeholders"].get(name),
        }

    def own(field):
        secret = {"format": "password"} if isinstance(field, PasswordField) else {}
        schema = {"title": str(field.label.text), "type": ["string", "null"], **secret}
        return {"schema": schema, "description": field.description}

    widgets = [
        widget for widget in manager.connection_form_widgets.values() if widget.hook_class_name.endswith("XChatHook")
    ]
    form = type("ConnectionForm", (Form,), {widget.field_name: widget.field for widget in widgets})()
    return {
        "connection_type": hook.connection_type,
        "hook_class_name": hook.hook_class_name,
        "hook_name": hook.hook_name,
        "standard_fields": {
            name.replace("schema", "url_schema"): standard(name)
            for name in ("description", "host", "schema", "login", "password", "port", "extra")
        },
        "extra_fields": {name: own(field) for name, field in form._fields.items()},
    }


def main():
    sys.stdout.write(json.dumps(served() if HookMetaService else rendered()))


if __name__ == "__main__":
    main()
