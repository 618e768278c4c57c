"""The commands, run as a person runs them, in a copy of the project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from codegen.tree import Tree

OURS = Tree(Path(__file__).resolve().parents[2]).operation_ids()


def test_sync_of_what_x_publishes_is_no_change(project, published):
    document = project.path("published.json")
    document.write_text(json.dumps(published))
    before = project.snapshot()
    done = project.call("sync", str(document))
    assert (done.returncode, done.stdout) == (0, "no change\n")
    assert project.snapshot() == before


def test_sync_reads_yaml_too_and_takes_dates_and_words_for_texts(project, published):
    schemas = published["components"]["schemas"]
    schemas["ChatConversation"]["properties"]["type"]["enum"] = ["direct", "group", "on", "2026-01-02"]
    document = project.path("published.yaml")
    document.write_text(json.dumps(published).replace('"on", "2026-01-02"', "on, 2026-01-02"))  # JSON is YAML
    document.write_text("# a comment, so that it is no JSON\n" + document.read_text())
    assert project.call("sync", str(document)).returncode == 0
    written = yaml.safe_load(project.path("openapi.yaml").read_text())
    enum = written["components"]["schemas"]["ChatConversation"]["properties"]["type"]["enum"]
    assert enum == ["2026-01-02", "direct", "group", "on"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"openapi": "3.0.0", ', "is not JSON"),
        (b"openapi: [", "is not YAML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[]", "holds a list, not an object"),
        (b"", "holds a NoneType, not an object"),
        (b'{"swagger": "2.0"}', "is not an OpenAPI 3 document"),
        (
            b'{"openapi": "3.0.0", "paths": {}}',
            "operation getChatConversation, getChatConversationEvents, getChatConversations, getUsersPublicKey,",
        ),
        (None, "cannot read"),
    ],
)
def test_sync_refuses_what_is_no_such_document_and_changes_nothing(project, content, message):
    document = project.path("given")
    if content is not None:
        document.write_bytes(content)
    before = project.snapshot()
    done = project.call("sync", str(document))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert project.snapshot() == before


def test_sync_refuses_a_cut_that_is_not_valid_openapi(project, published):
    published["components"]["schemas"]["User"]["type"] = "no such type"
    document = project.path("published.json")
    document.write_text(json.dumps(published))
    before = project.snapshot()
    done = project.call("sync", str(document))
    assert done.returncode == 2
    assert "is not valid OpenAPI" in done.stderr and "components.schemas.User" in done.stderr
    assert project.snapshot() == before


def test_check_is_content_with_a_fresh_clone(project):
    done = project.run("check")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("generated/xchat_client/models/user.py", lambda text: text.replace("User", "Usr", 1)),
        ("generated/xchat_client/client.py", lambda text: text + "\n"),
        ("xchat_sandbox/contract/openapi.yaml", lambda text: text.replace("3.0.0", "3.0.1")),
        ("openapi.yaml", lambda text: text.replace("maximum: 100", "maximum: 101", 1)),
        ("openapi.yaml", lambda text: text + "# a comment\n"),
        ("codegen/overlay.yaml", lambda text: text.replace("Done,", "Well,")),
        ("codegen/overlay.yaml", lambda text: text + "# a comment\n"),
        ("codegen/templates/types.py.jinja", lambda text: text + "\nANSWER = 42\n"),
        ("codegen/templates/model.py.jinja", lambda text: "{# a comment #}\n" + text),
        ("codegen/templates/model.py.jinja", lambda text: text + "{% broken %}"),
        ("codegen/templates/replaced.toml", lambda text: text.replace("reason", "reason ", 1)),
    ],
)
def test_check_names_the_file_that_was_touched(project, name, edit):
    path = project.path(name)
    path.write_text(edit(path.read_text()))
    before = project.snapshot()
    done = project.call("check")
    assert done.returncode == 1
    assert f"put {name}: changed" in done.stdout
    assert project.snapshot() == before


@pytest.mark.parametrize(("content", "said"), [(None, "is missing"), ("{", "is damaged"), ("[]", "is damaged")])
def test_check_names_a_lock_that_is_no_lock(project, content, said):
    lock = project.path("codegen/lock.json")
    lock.unlink() if content is None else lock.write_text(content)
    done = project.call("check")
    assert done.returncode == 1
    assert f"codegen/lock.json {said}" in done.stdout
    assert project.call("generate").returncode == 0
    assert project.call("check").returncode == 0


def test_check_shows_what_generate_would_write(project):
    path = project.path("generated/xchat_client/errors.py")
    path.write_text(path.read_text().replace("PathParameterError", "Mistake"))
    done = project.call("check")
    assert "generated/xchat_client/errors.py: not what generate writes" in done.stdout
    assert "-class Mistake(ValueError):" in done.stdout
    assert "+class PathParameterError(ValueError):" in done.stdout


def test_check_finds_files_that_are_missing_or_too_many(project):
    project.path("generated/xchat_client/errors.py").unlink()
    project.path("generated/xchat_client/models/stale.py").write_text("")
    done = project.call("check")
    assert done.returncode == 1
    assert "output generated/xchat_client/errors.py: missing" in done.stdout
    assert "output generated/xchat_client/models/stale.py: not in codegen/lock.json" in done.stdout


def test_generate_puts_everything_right_again(project):
    before = project.snapshot()
    project.path("generated/xchat_client/errors.py").unlink()
    project.path("generated/xchat_client/models/stale.py").write_text("")
    project.path("generated/.codegen-left-by-a-killed-run").mkdir()
    project.path("xchat_sandbox/contract/openapi.yaml").write_text("")
    done = project.call("generate")
    assert done.returncode == 0, done.stderr
    assert project.snapshot() == before
    assert sorted(path.name for path in project.path("generated").iterdir()) == ["xchat_client"]


def test_generate_that_fails_leaves_the_tree_as_it_was(project):
    path = project.path("codegen/templates/client.py.jinja")
    path.write_text(path.read_text().replace("return response, _decoded", "return _decoded"))  # mypy and the smoke call
    before = project.snapshot()
    done = project.call("generate")
    assert done.returncode == 2
    assert "the generated client fails the smoke call" in done.stderr
    assert project.snapshot() == before


def test_one_more_operation_id_is_all_it_takes(project, published):
    answer = {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}}
    query = {"name": "kinds", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}}
    published["paths"]["/2/other"]["get"] = {
        "operationId": "getOther",
        "tags": ["Chat"],
        "parameters": [{**query, "explode": False}, {**query, "name": "repeated"}],
        "responses": {"200": answer},
    }
    document = project.path("published.json")
    document.write_text(json.dumps(published))
    project.select(*OURS, "getOther")
    assert f"openapi.yaml has {', '.join(OURS)}" in project.call("generate").stderr
    for command in (["sync", str(document)], ["generate"], ["check"]):
        done = project.call(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    code = """if True:
        import httpx
        from xchat_client import Client
        from xchat_client.api.chat import get_other
        seen = []
        answer = lambda request: seen.append(request.url.raw_path) or httpx.Response(200, json={"username": "a"})
        client = Client(httpx_args={"transport": httpx.MockTransport(answer)})
        print(get_other.sync(client=client, kinds=[1, 2], repeated=[3, 4]).username, seen[0].decode())
    """
    folder = project.path("generated")
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=folder, text=True)
    assert printed == "a /2/other?kinds=1,2&repeated=3&repeated=4\n"


def test_document_prints_the_corrected_document(project):
    done = project.run("document")
    assert done.returncode == 0
    assert done.stdout == project.path("xchat_sandbox/contract/openapi.yaml").read_text()
    corrected = yaml.safe_load(done.stdout)
    operation = corrected["paths"]["/2/chat/conversations/{id}"]["get"]
    (id_,) = [parameter for parameter in operation["parameters"] if parameter.get("name") == "id"]
    assert id_["schema"]["pattern"] == "^([0-9]{1,19}|[0-9]{1,19}-[0-9]{1,19}|g[0-9]{1,19})$"
    data = corrected["components"]["schemas"]["GetChatConversationResponse"]["properties"]["data"]
    reference = {"$ref": "#/components/schemas/ChatConversation"}
    assert data["oneOf"] == [{"type": "array", "items": reference}, reference]


def test_a_template_of_the_generators_that_has_changed_stops_it(project):
    path = project.path("codegen/templates/replaced.toml")
    path.write_text(path.read_text().replace('replaces = "sha256:', 'replaces = "sha256:0', 1))
    done = project.call("generate")
    assert done.returncode == 2
    assert "has changed its template" in done.stderr and "codegen/templates/" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
        {"PYTHONHASHSEED": "77", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"},
    ],
)
def test_the_output_does_not_depend_on_hash_seeds_locale_and_time_zone(project, monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    before = project.snapshot()
    assert project.run("generate").returncode == 0
    assert project.snapshot() == before


@pytest.mark.parametrize("folder", ["codegen", "generated"])
def test_the_output_does_not_depend_on_what_stands_around_it(project, folder):
    surroundings = (
        "[tool.ruff]\nline-length = 40\n[tool.ruff.lint]\nselect = ['ALL']\n[tool.mypy]\npython_version = '3.9'\n"
    )
    (project.root.parent / "pyproject.toml").write_text(surroundings)
    (project.path(folder) / "ruff.toml").write_text("line-length = 40\n")
    assert project.call("generate").returncode == 0
    assert project.call("check").returncode == 0
