"""
X's document as it evolves, replayed: what sync and diff report, how they exit, and which files they change.
"""

from __future__ import annotations

import copy
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

GET = "/2/chat/conversations/{id}"
READ = f"{GET}/read"
FIELDS = "ChatConversationFieldsParameter"
ID = "ChatConversationOrRecipientId"
BODY = "ChatMarkConversationReadRequest"


def schema(document, name):
    return document["components"]["schemas"][name]


def parameter(document, name):
    return document["components"]["parameters"][name]["schema"]["items"]


def set_version(document):
    document["info"]["version"] = "9.9"


def reword(document):
    schema(document, "User")["description"] = "Other prose"
    document["paths"][GET]["get"]["summary"] = "Other prose"
    document["paths"][GET]["get"]["responses"]["200"]["description"] = "Other prose"
    schema(document, "User")["example"] = {"id": "2"}


def change_what_is_not_ours(document):
    document["paths"]["/2/other"]["get"]["operationId"] = "getAnother"
    document["paths"]["/2/more"] = document["paths"].pop("/2/other")
    schema(document, "NotOurs")["enum"] = ["c", "c"]
    document["tags"].append({"name": "More"})


NOISE = {
    "nothing": lambda document: None,
    "a version number": set_version,
    "texts and examples": reword,
    "operations and schemas that are not ours": change_what_is_not_ours,
}

COMPATIBLE = {
    "a new member of an answer": lambda d: schema(d, "User")["properties"].update(brand_new={"type": "string"}),
    "a new name that can be asked for": lambda d: parameter(d, "ChatConversationFieldsParameter")["enum"].append(
        "more"
    ),
    "a new optional parameter": lambda d: d["paths"][GET]["get"]["parameters"].append(
        {"name": "more", "in": "query", "schema": {"type": "string"}}
    ),
    "a looser pattern of what is sent": lambda d: schema(d, ID).pop("pattern"),
}

LOOK = {
    "a new value in an answer": lambda d: schema(d, "ChatConversation")["properties"]["type"]["enum"].append("channel"),
}

BREAKING = {
    "a member of an answer is gone": lambda d: schema(d, "ChatConversation")["properties"].pop("member_ids"),
    "a member of an answer is no longer certain": lambda d: schema(d, "ChatConversation").pop("required"),
    "an array became an object": lambda d: schema(d, "ChatGetConversationsResponse")["properties"].update(
        data={"$ref": "#/components/schemas/ChatConversation"}
    ),
    "a text became a number": lambda d: schema(d, "ChatConversation")["properties"].update(id={"type": "integer"}),
    "a name can no longer be asked for": lambda d: parameter(d, FIELDS)["enum"].remove("id"),
    "a parameter is gone": lambda d: d["paths"][GET]["get"]["parameters"].pop(0),
    "a new required parameter": lambda d: d["paths"][GET]["get"]["parameters"].append(
        {"name": "more", "in": "query", "required": True, "schema": {"type": "string"}}
    ),
    "a new required member of what is sent": lambda d: schema(d, "ChatMarkConversationReadRequest")["required"].append(
        "x"
    ),
    "a tighter pattern of what is sent": lambda d: schema(d, "ChatConversationOrRecipientId").update(
        pattern="^g[0-9]+$"
    ),
    "a new scope": lambda d: d["paths"][READ]["post"]["security"][0]["OAuth2UserToken"].append("chat.write"),
    "another server": lambda d: d["servers"][0].update(url="https://api.example.com"),
}


@pytest.fixture
def publish(project, published):
    """Write the document as X would publish it after a change, and give its path."""

    def write(change=None, text=None):
        document = copy.deepcopy(published)
        scheme = document["components"]["securitySchemes"]["OAuth2UserToken"]["flows"]["authorizationCode"]["scopes"]
        scheme["chat.write"] = "Prose"
        if change:
            change(document)
        path = project.root.parent / "published.json"
        path.write_text(text if text is not None else json.dumps(document))
        return str(path)

    return write


def changed_files(before, after):
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


@pytest.mark.parametrize("name", NOISE)
def test_noise_changes_nothing(project, publish, shuffled, name):
    before = project.snapshot()

    def change(document):
        NOISE[name](document)
        again = shuffled(document, random.Random(name))
        document.clear()
        document.update(again)

    done = project.call("sync", publish(change))
    assert (done.returncode, done.stdout) == (0, "no change\n")
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("shown", "change"),
    [
        *(("breaking:", change) for change in BREAKING.values()),
        *(("needs a look:", change) for change in LOOK.values()),
        *(("compatible:", change) for change in COMPATIBLE.values()),
    ],
    ids=[*BREAKING, *LOOK, *COMPATIBLE],
)
def test_a_change_is_classified_reported_and_noted(project, publish, shown, change):
    old = project.root.parent / "old.json"
    old.write_text(Path(publish()).read_text())
    new = publish(change)
    severity = {"breaking:": "breaking", "needs a look:": "look", "compatible:": "compatible"}[shown]

    plain = project.call("diff", str(old), new)
    assert (plain.returncode, plain.stdout.splitlines()[0]) == (0, shown)
    for fail_on in ("breaking", "look", "compatible"):
        order = ["breaking", "look", "compatible"]
        expected = int(order.index(severity) <= order.index(fail_on))
        assert project.call("diff", str(old), new, "--fail-on", fail_on).returncode == expected

    before = project.snapshot()
    done = project.call("sync", new)
    assert done.returncode == 0, done.stderr
    assert done.stdout == plain.stdout
    after = project.snapshot()
    assert changed_files(before, after) == ["CHANGELOG.md", "codegen/lock.json", "openapi.yaml"]
    trail = after["CHANGELOG.md"].decode()
    unreleased = trail.partition("## Unreleased\n")[2]
    assert unreleased.startswith("\n### X's document, 2.166\n\n- **" + shown.removesuffix(":"))
    assert f"These call for a {'patch' if severity == 'compatible' else 'minor'} version: 0.1.0 to 0." in unreleased
    assert "### Added" in unreleased  # what stood there stays

    again = project.call("sync", new)
    assert again.stdout == "no change\n"
    assert project.snapshot() == after


def test_an_operation_that_vanishes_stops_sync_and_is_reported_by_diff(project, publish):
    old = project.root.parent / "old.json"
    old.write_text(Path(publish()).read_text())
    without = publish(lambda document: document["paths"][GET].pop("get"))
    before = project.snapshot()
    done = project.call("sync", without)
    assert done.returncode == 2
    assert "operation getChatConversation is not in the document" in done.stderr
    assert project.snapshot() == before

    gone = project.call("diff", str(old), without, "--fail-on", "breaking")
    assert gone.returncode == 1
    assert f"GET {GET}" in gone.stdout and "is gone" in gone.stdout
    restored = project.call("diff", without, str(old), "--fail-on", "look")
    assert restored.returncode == 0
    assert restored.stdout.startswith("compatible:")


def test_a_restored_operation_syncs_as_if_it_had_not_been_away(project, publish):
    before = project.snapshot()
    assert project.call("sync", publish(lambda document: document["paths"][GET].pop("get"))).returncode == 2
    assert project.call("sync", publish()).returncode == 0
    assert project.snapshot() == before


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"text": '{"openapi": "3.0.0", "paths": {'}, "is not JSON"),
        ({"text": "openapi: 3.0.0\npaths: [}"}, "is not YAML"),
        ({"text": '{"openapi": "3.0.0", "paths": []}'}, "'paths' is no object"),
        ({"change": lambda d: schema(d, "User")["properties"].update(x={"$ref": "#/components/schemas/Gone"})}, "Gone"),
        ({"change": lambda d: schema(d, "User")["properties"].update(x={"type": "text"})}, "is not valid OpenAPI"),
        ({"change": lambda d: d["paths"][GET]["get"].update(security=["OAuth2"])}, "expected a list of objects"),
        ({"change": lambda d: d["paths"][GET]["get"].pop("responses")}, "is not valid OpenAPI"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_and_nothing_changes(project, publish, document, message):
    good = project.root.parent / "good.json"
    good.write_text(Path(publish()).read_text())
    bad = publish(**document)
    before = project.snapshot()
    for command in (["sync", bad], ["diff", str(good), bad], ["diff", bad, str(good)]):
        done = project.call(*command)
        assert done.returncode == 2
        assert message in done.stderr and bad in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert done.stdout == ""
    assert project.snapshot() == before


def test_faults_elsewhere_in_the_document_do_not_matter(project, publish):
    def change(document):
        document["paths"]["/2/broken"] = {"get": {"operationId": "broken", "parameters": "none", "responses": 5}}
        document["components"]["schemas"]["Broken"] = {"type": ["nonsense"], "$ref": 5}
        document["components"]["schemas"]["user"] = {"type": "object"}  # the name of a model, in another case

    before = project.snapshot()
    assert project.call("sync", publish(change)).returncode == 0
    assert project.snapshot() == before


def test_a_document_may_come_over_http(project, publish):
    data = Path(publish()).read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/openapi.json"
            self.send_response(200 if found else 404)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert project.call("sync", f"{url}/openapi.json").stdout == "no change\n"
        missing = project.call("sync", f"{url}/gone.json")
        server.shutdown()
    assert missing.returncode == 2
    assert "cannot download" in missing.stderr and "404" in missing.stderr


def test_the_lock_names_the_document_that_the_cut_was_made_from(project, publish):
    def change(document):
        set_version(document)
        COMPATIBLE["a new member of an answer"](document)

    assert project.call("sync", publish(change)).returncode == 0
    source = json.loads(project.path("codegen/lock.json").read_text())["source"]
    assert source["version"] == "9.9"
    assert source["digest"].startswith("sha256:")
    assert "X's document, 2.166 to 9.9" in project.path("CHANGELOG.md").read_text()
    done = project.call("check")
    assert done.returncode == 1
    assert "input openapi.yaml: changed since the last generate" in done.stdout
