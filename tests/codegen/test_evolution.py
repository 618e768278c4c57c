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


def schema(document, name):
    return document["components"]["schemas"][name]


def read_pattern(document):
    """The schema of the conversation's id in the path of markChatConversationRead."""
    (id_,) = document["paths"][READ]["post"]["parameters"]
    return id_["schema"]


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
    "a looser pattern of what is sent": lambda d: read_pattern(d).pop("pattern"),
}

LOOK = {
    "a new value in an answer": lambda d: schema(d, "UserConnectionStatus")["items"]["enum"].append("rival"),
}

BREAKING = {
    "a member of an answer is gone": lambda d: schema(d, "ChatConversation")["properties"].pop("member_ids"),
    "a member of an answer is no longer certain": lambda d: schema(d, "UserPublicMetrics").pop("required"),
    "an array became an object": lambda d: schema(d, "GetChatConversationsResponse")["properties"].update(
        data={"$ref": "#/components/schemas/ChatConversation"}
    ),
    "a text became a number": lambda d: schema(d, "ChatConversation")["properties"].update(id={"type": "integer"}),
    "a name can no longer be asked for": lambda d: parameter(d, FIELDS)["enum"].remove("id"),
    "a parameter is gone": lambda d: d["paths"][GET]["get"]["parameters"].pop(0),
    "a new required parameter": lambda d: d["paths"][GET]["get"]["parameters"].append(
        {"name": "more", "in": "query", "required": True, "schema": {"type": "string"}}
    ),
    "a new required member of what is sent": lambda d: schema(d, "MarkChatConversationReadRequest")["required"].append(
        "x"
    ),
    "a tighter pattern of what is sent": lambda d: read_pattern(d).update(pattern="^g[0-9]+$"),
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


CLASSES = {"breaking:": BREAKING, "needs a look:": LOOK, "compatible:": COMPATIBLE}


@pytest.fixture
def old(project, publish):
    """The document as it was."""
    path = project.root.parent / "old.json"
    path.write_text(Path(publish()).read_text())
    return str(path)


@pytest.mark.parametrize(
    ("shown", "change"),
    [(shown, change) for shown, changes in CLASSES.items() for change in changes.values()],
    ids=[name for changes in CLASSES.values() for name in changes],
)
def test_a_change_is_classified(project, publish, old, shown, change):
    new = publish(change)
    plain = project.call("diff", old, new)
    assert (plain.returncode, plain.stdout.splitlines()[0]) == (0, shown)
    order = list(CLASSES)
    for number, fail_on in enumerate(("breaking", "look", "compatible")):
        assert project.call("diff", old, new, "--fail-on", fail_on).returncode == int(order.index(shown) <= number)


@pytest.mark.parametrize("shown", CLASSES)
def test_a_change_is_reported_and_noted(project, publish, old, shown):
    new = publish(next(iter(CLASSES[shown].values())))
    before = project.snapshot()
    done = project.call("sync", new)
    assert done.returncode == 0, done.stderr
    assert done.stdout == project.call("diff", old, new).stdout
    after = project.snapshot()
    assert changed_files(before, after) == ["CHANGELOG.md", "codegen/lock.json", "openapi.yaml"]
    trail = after["CHANGELOG.md"].decode()
    unreleased = trail.partition("## Unreleased\n")[2]
    assert unreleased.startswith("\n### X's document, 2.167\n\n- **" + shown.removesuffix(":"))
    assert f"These call for a {'patch' if shown == 'compatible:' else 'minor'} version: 0.1.0 to 0." in unreleased
    assert "### Added" in unreleased  # what stood there stays

    again = project.call("sync", new)
    assert again.stdout == "no change\n"
    assert project.snapshot() == after


def take_many_members_away(document):
    """What lies in included objects and in problems, and two members of what a conversation's answers have."""
    for name in ("User", "ResourceNotFoundProblem", "DisallowedResourceProblem"):
        schema(document, name)["properties"] = {"type": {"type": "string"}}
    for name in ("is_muted", "group_name"):
        del schema(document, "ChatConversation")["properties"][name]


def test_a_long_report_begins_with_what_breaks_users_and_counts_the_rest(project, publish, old):
    new = publish(take_many_members_away)
    before = project.snapshot()
    done = project.call("sync", new)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "breaking for users of this provider:"
    assert " ".join(lines[1].split()).startswith(
        "response components ChatConversation the member is gone: group_name, is_muted"
    )
    areas = {line.split()[0]: list(map(int, line.split()[1:])) for line in lines[3:7]}
    assert list(areas) == ["requests", "answers", "includes", "problems"]
    assert (areas["requests"], areas["answers"]) == ([0, 0, 0], [2, 0, 0])
    assert areas["includes"][0] > 20 and areas["problems"][0] > 5
    assert lines[-1] == "each of them: --verbose, or --format json"

    every = project.call("diff", old, new, "--verbose").stdout.splitlines()
    told = json.loads(project.call("diff", old, new, "--format", "json").stdout)
    breaking = sum(counts[0] for counts in areas.values())
    assert told["summary"]["breaking"] == breaking
    assert len([line for line in every if line.startswith("  ")]) == len(told["changes"])
    assert {change["area"] for change in told["changes"]} == {"answers", "includes", "problems"}

    after = project.snapshot()
    (details,) = set(after) - set(before)
    assert details.startswith("codegen/reports/2.167-")
    assert len([line for line in after[details].decode().splitlines() if line.startswith("- ")]) == len(told["changes"])
    entry = after["CHANGELOG.md"].decode().partition("## Unreleased\n")[2].partition("\n### Added")[0].strip()
    assert len(entry.splitlines()) <= 15
    assert f"({details})" in entry
    assert "the member is gone: group_name, is_muted" in entry.splitlines()[2]


def test_a_schema_of_a_body_with_another_name_has_no_effect(project, publish, old):
    def rename(document):
        schemas = document["components"]["schemas"]
        schemas["ReadChatRequest"] = schemas.pop("MarkChatConversationReadRequest")
        content = document["paths"][READ]["post"]["requestBody"]["content"]["application/json"]
        content["schema"] = {"$ref": "#/components/schemas/ReadChatRequest"}

    new = publish(rename)
    before = project.snapshot()
    assert project.call("sync", new).returncode == 0
    told = project.call("diff", old, new).stdout
    assert "MarkChatConversationReadRequest is called ReadChatRequest now: renamed, no effect" in told
    assert "0 breaking, 0 need a look, 1 compatible" in told
    assert project.call("generate").returncode == 0
    after = project.snapshot()
    client = {name for name in changed_files(before, after) if name.startswith("generated/")}
    assert client == set()
    assert "These call for no new version." in after["CHANGELOG.md"].decode()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/2/chat/conversations/{conversation_id}", "operation moved: {id} in its path became {conversation_id}"),
        ("/2/chats/{id}", f"operation moved from GET {GET} to GET /2/chats/{{id}}"),
    ],
)
def test_an_operation_at_another_path_has_moved(project, publish, old, path, told):
    def move(document):
        document["paths"][path] = {"get": document["paths"][GET].pop("get")}
        for each in document["paths"][path]["get"]["parameters"]:
            if each.get("in") == "path":
                each["name"] = path.partition("{")[2].rstrip("}")

    new = publish(move)
    assert told in project.call("diff", old, new).stdout
    done = project.call("sync", new)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout
    assert told in project.path("CHANGELOG.md").read_text().replace("\\", "")


def rename_what_is_sent(document):
    body = schema(document, "MarkChatConversationReadRequest")
    body["properties"]["seen_until"] = body["properties"].pop("seen_until_sequence_id")
    body["required"] = ["seen_until"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename_what_is_sent, "markChatConversationRead request seen_until_sequence_id matches nothing"),
        (lambda d: schema(d, "User")["properties"].update(x={"type": "array"}), "openapi-python-client complains"),
        (lambda d: d.update(openapi="3.2.0"), "3.2"),
    ],
    ids=["a correction", "the generator", "a newer OpenAPI"],
)
def test_a_document_that_cannot_become_a_client_is_refused(project, publish, change, message):
    new = publish(change)
    before = project.snapshot()
    done = project.call("sync", new)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"codegen sync: {new} cannot become a client: ") and message in line
    assert project.snapshot() == before


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
    assert "X's document, 2.167 to 9.9" in project.path("CHANGELOG.md").read_text()
    done = project.call("check")
    assert done.returncode == 1
    assert "input openapi.yaml: changed since the last generate" in done.stdout
