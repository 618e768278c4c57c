"""The connection form of each release, as its web interface is given it."""

from __future__ import annotations

import pytest

from airflow_provider_xchat.provider_info import CONNECTION_FIELDS

# Their forms are made from the hook's methods, in which all fields but passwords are texts.
BY_THE_HOOK = {"2.11", "3.1"}


@pytest.fixture
def form(beside):
    assert (beside.form.status, beside.complaints(beside.form)) == (0, [])
    return beside.form.json


def test_is_named(form):
    assert (form["connection_type"], form["hook_name"]) == ("xchat", "X Chat")
    assert form["hook_class_name"] == "airflow_provider_xchat.hooks.xchat.XChatHook"


@pytest.mark.parametrize(
    ("field", "title", "placeholder"),
    [
        ("host", "API URL", "https://api.x.com"),
        ("login", "Client ID", "client id of your app in X's developer portal"),
        ("password", "Access Token", "OAuth 2.0 user access token"),
    ],
)
def test_labels_the_standard_fields(form, field, title, placeholder):
    assert form["standard_fields"][field] == {"hidden": False, "title": title, "placeholder": placeholder}


@pytest.mark.parametrize("field", ["url_schema", "port", "extra"])
def test_hides_what_is_not_used(form, field):
    standard = form["standard_fields"]
    # Airflow 3 has a place of its own for the extra, which cannot be hidden.
    assert field == "extra" not in standard or standard[field]["hidden"]


@pytest.mark.parametrize(
    ("field", "title", "kind", "is_password"),
    [
        ("refresh_token", "Refresh Token", "string", True),
        ("client_secret", "Client Secret", "string", True),
        ("expires_at", "Expires At", "integer", False),
        ("timeout", "Timeout", "number", False),
        ("verify", "CA Certificates", "string", False),
        ("store", "Token Store", "string", False),
        ("store_kwargs", "Token Store Arguments", "string", True),
    ],
)
def test_has_fields_of_its_own(beside, form, field, title, kind, is_password):
    shown = form["extra_fields"][field]
    assert shown["schema"] == {
        "title": title,
        "type": ["string" if beside.release in BY_THE_HOOK else kind, "null"],
        **({"format": "password"} if is_password else {}),
    }
    assert shown["description"] == CONNECTION_FIELDS[field]["description"]


def test_has_no_further_fields(form):
    assert list(form["extra_fields"]) == [
        *["refresh_token", "client_secret", "expires_at", "timeout", "verify"],
        *["store", "store_kwargs"],
    ]
