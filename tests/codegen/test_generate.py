"""What the templates make of shapes that our two operations do not have, but another of X's might."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from codegen.document import cut
from codegen.errors import GenerationError
from codegen.generate import generate_client, verify_client

TEMPLATES = Path(__file__).resolve().parents[2] / "codegen" / "templates"

ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
ITEM = {"$ref": "#/components/schemas/Item"}
OTHER = {"$ref": "#/components/schemas/Other"}


def json_of(schema):
    return {"application/json": {"schema": schema}}


def operation(operation_id, responses, **fields):
    described = {status: {"description": "", **response} for status, response in responses.items()}
    return {"operationId": operation_id, "tags": ["Shapes"], "responses": described, **fields}


def list_parameter(name, items):
    return {"name": name, "in": "query", "schema": {"type": "array", "items": items}}


DOCUMENT = {
    "openapi": "3.0.0",
    "info": {"title": "t", "version": "1"},
    "servers": [{"url": "https://shapes.example"}],
    "paths": {
        "/items/{id}": {
            "parameters": [ID],
            "get": operation("getItem", {"200": {"content": json_of(ITEM)}, "404": {"content": json_of(OTHER)}}),
            "put": operation(
                "putItem",
                {"204": {}},
                requestBody={"required": True, "content": json_of({"oneOf": [ITEM, OTHER]})},
            ),
            "post": operation(
                "uploadItem",
                {"200": {"content": json_of(ITEM)}, "201": {"content": json_of(OTHER)}},
                requestBody={"required": True, "content": {**json_of(ITEM), "multipart/form-data": {"schema": OTHER}}},
            ),
        },
        "/items": {
            "get": operation(
                "listItems",
                {"200": {"content": json_of({"type": "array", "items": ITEM})}},
                parameters=[
                    {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}},
                    {"name": "deep", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "x-header", "in": "header", "schema": {"type": "string"}},
                ],
            ),
        },
        "/raw": {
            "get": operation(
                "getRaw",
                {"200": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}},
                parameters=[
                    list_parameter("item.fields", {"type": "string", "enum": ["b", "a"]}),
                    list_parameter("levels", {"type": "integer", "enum": [2, 1]}),
                    list_parameter("tags", {"type": "string"}),
                ],
            ),
            "post": operation("ping", {"default": {"content": json_of(OTHER)}}),
        },
    },
    "components": {
        "schemas": {
            "Item": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string"},
                    "parent": ITEM,
                    "day": {"type": "string", "format": "date"},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "level": {"type": "integer", "enum": [1, 2]},
                    "either": {"oneOf": [OTHER, {"type": "string"}]},
                    "grid": {"type": "array", "items": {"type": "array", "items": OTHER}},
                    "models": {"type": "string"},
                },
                "additionalProperties": OTHER,
            },
            "Other": {"type": "object", "properties": {"name": {"type": "string"}}},
        }
    },
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated") / "xchat_client"
    ids = ["getItem", "putItem", "uploadItem", "listItems", "getRaw", "ping"]
    generate_client(cut(DOCUMENT, ids), TEMPLATES, folder, "# banner")
    return folder


@pytest.fixture
def run(package):
    def run_with_client(code):
        setup = """
            import datetime, json
            import httpx
            from xchat_client import Client
            from xchat_client.api.shapes import get_item, get_raw, list_items, ping, put_item, upload_item
            from xchat_client.models import Item, Other
            seen = []
            def client(status, content=b"", content_type="application/json"):
                def answer(request):
                    seen.append(request)
                    return httpx.Response(status, headers={"content-type": content_type}, content=content)
                return Client(httpx_args={"transport": httpx.MockTransport(answer)})
        """
        whole = textwrap.dedent(setup) + textwrap.dedent(code)
        command = [sys.executable, "-c", whole]
        done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_with_client


def test_it_passes_every_check(package):
    verify_client(package)


def test_every_file_has_the_banner(package):
    for path in [*package.rglob("*.py"), package / "py.typed"]:
        assert path.read_text().startswith("# banner")


def test_the_server_of_the_document_is_the_default(run):
    run("""
        get_item.sync("1", client=client(200, b"{}"))
        assert str(seen[0].url) == "https://shapes.example/items/1"
    """)


def test_only_a_success_is_read_as_a_model(run):
    run("""
        assert isinstance(get_item.sync("1", client=client(200, b'{"id": "1"}')), Item)
        assert get_item.sync("1", client=client(404, b'{"name": "n"}')) is None
        assert isinstance(upload_item.sync("1", client=client(200, b'{"id": "1"}'), body=Item(id="1")), Item)
        assert isinstance(upload_item.sync("1", client=client(201, b"{}"), body=Item(id="1")), Other)
        assert put_item.sync_detailed("1", client=client(204), body=Item(id="1")).parsed is None
        assert isinstance(ping.sync(client=client(200, b'{"name": "n"}')), Other)
        assert ping.sync(client=client(500, b'{"name": "n"}')) is None
    """)


def test_bodies_of_several_models_and_media_types(run):
    run("""
        put_item.sync_detailed("1", client=client(204), body=Other(name="o"))
        put_item.sync_detailed("1", client=client(204), body=Item(id="i"))
        upload_item.sync("1", client=client(200, b"{}"), body=Item(id="i"))
        upload_item.sync("1", client=client(200, b"{}"), body=Other(name="o"))
        assert [json.loads(request.content) for request in seen[:3]] == [{"name": "o"}, {"id": "i"}, {"id": "i"}]
        assert seen[3].headers["content-type"].startswith("multipart/form-data")
        assert b'name="name"' in seen[3].content
    """)


def test_answers_that_are_no_objects(run):
    run("""
        (item,) = list_items.sync(client=client(200, b'[{"id": "1"}]'))
        assert item.id == "1"
        assert list_items.sync(client=client(200, b'{"id": "1"}')) is None
        assert get_raw.sync(client=client(200, b"\\\\x00", "application/octet-stream")).payload.read() == b"\\\\x00"
    """)


def test_parameters_that_are_no_lists(run):
    run("""
        since = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
        list_items.sync(client=client(200, b"[]"), since=since, deep=True, x_header="h")
        assert seen[0].url.raw_path == b"/items?deep=true&since=2026-01-02T00%3A00%3A00%2B00%3A00"
        assert seen[0].headers["x-header"] == "h"
    """)


def test_known_values_of_lists_are_read_without_the_client(package):
    code = """
        import sys
        from xchat_client.known_values import KNOWN_VALUES
        assert KNOWN_VALUES.pop("get_raw") == {"item_fields": ["a", "b"], "levels": [1, 2], "tags": None}
        assert KNOWN_VALUES == {name: {} for name in ("get_item", "list_items", "ping", "put_item", "upload_item")}
        assert not {"httpx", "attr", "attrs", "xchat_client.client"} & sys.modules.keys()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_models_of_every_shape_are_lossless(run):
    run("""
        bodies = [
            {"id": "1", "parent": {"id": "2", "parent": {"id": "3"}}, "day": "2026-01-02", "kind": "b", "level": 2},
            {"id": "1", "either": {"name": "n"}, "grid": [[{"name": "n"}], []], "models": "m", "more": {"name": "x"}},
            {"id": "1", "either": "text", "kind": "new", "level": 9},
        ]
        for body in bodies:
            assert Item.from_dict(body).to_dict() == body, Item.from_dict(body)
    """)


def test_a_complaint_of_the_generator_stops_it(tmp_path):
    odd = {"get": operation("odd", {"200": {"content": json_of({"type": "array"})}})}
    with pytest.raises(GenerationError, match=r"complains: .*array must have items"):
        generate_client({**DOCUMENT, "paths": {"/odd": odd}}, TEMPLATES, tmp_path / "xchat_client", "# banner")


def test_an_override_that_is_not_recorded_stops_it(tmp_path):
    import shutil

    templates = tmp_path / "templates"
    shutil.copytree(TEMPLATES, templates)
    (templates / "int_enum.py.jinja").write_text("")
    with pytest.raises(GenerationError, match=r"int_enum\.py\.jinja and codegen/templates/replaced\.toml disagree"):
        generate_client(DOCUMENT, templates, tmp_path / "xchat_client", "# banner")
