"""Each row of the table of changes, on fragments of OpenAPI; and what must never be taken for a change."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from codegen.changes import Change, compare
from codegen.changes.kinds import RULES, SEVERITIES, SHOWN
from codegen.diff import diff
from codegen.document import cut
from codegen.errors import DocumentError
from codegen.report import as_json, as_markdown, as_text, proposed_bump, summary
from codegen.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
OURS = Tree(ROOT).operation_ids()

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
PET = {"type": "object", "properties": {"name": TEXT, "age": NUMBER}}
#: an object that PET does not take, as its name is a number
NUMBERED = {"type": "object", "properties": {"name": NUMBER}, "required": ["name"]}
HEX, BASE64 = ({"type": "string", "pattern": pattern} for pattern in ("^[0-9a-f]+$", "^[A-Za-z0-9+/]+$"))
OAUTH = {"type": "oauth2", "flows": {"authorizationCode": {"tokenUrl": "https://t", "scopes": {"a": "", "b": ""}}}}
KEY = {"type": "apiKey", "in": "header", "name": "k"}


def document(operation=None, *, path="/a", method="get", schemas=None, **fields):
    operation = {"operationId": "op", "responses": {"200": {"description": ""}}, **(operation or {})}
    return {
        "openapi": "3.0.0",
        "info": {"title": "t", "version": "1"},
        "paths": {path: {method: operation}},
        "components": {"schemas": schemas or {}, "securitySchemes": {"OAuth": OAUTH, "Key": KEY}},
        **fields,
    }


def content(schema):
    return {"content": {"application/json": {"schema": schema}}}


def sent(schema, **schemas):
    return document({"requestBody": content(schema)}, schemas=schemas)


def answered(schema, **schemas):
    return document({"responses": {"200": {"description": "", **content(schema)}}}, schemas=schemas)


def parameter(**fields):
    return document({"parameters": [{"name": "p", "in": "query", "schema": TEXT, **fields}]})


def with_body(**fields):
    return document({"requestBody": {**content({}), **fields}})


def with_response(**fields):
    return document({"responses": {"200": {"description": "", **fields}}})


def with_security(*requirements, **fields):
    return document({"security": list(requirements)}, **fields)


def one_of(*schemas):
    return {"oneOf": list(schemas)}


def told(changes):
    return [(change.direction, change.kind, change.severity) for change in changes]


# kind, old schema, new schema, class in a request, class in a response
SCHEMA_ROWS = [
    ("member-removed", PET, {**PET, "properties": {"name": TEXT}}, "breaking", "breaking"),
    ("member-added", {**PET, "properties": {"name": TEXT}}, PET, "compatible", "compatible"),
    (
        "required-member-added",
        {**PET, "properties": {"name": TEXT}},
        {**PET, "required": ["age"]},
        "breaking",
        "compatible",
    ),
    ("member-became-required", PET, {**PET, "required": ["age"]}, "breaking", "compatible"),
    ("member-became-optional", {**PET, "required": ["age"]}, PET, "compatible", "breaking"),
    ("other-members-forbidden", PET, {**PET, "additionalProperties": False}, "breaking", "compatible"),
    (
        "other-members-removed",
        {**PET, "additionalProperties": TEXT},
        {**PET, "additionalProperties": False},
        "breaking",
        "breaking",
    ),
    ("other-members-allowed", {**PET, "additionalProperties": False}, PET, "compatible", "compatible"),
    ("other-members-constrained", PET, {**PET, "additionalProperties": TEXT}, "breaking", "compatible"),
    ("other-members-unconstrained", {**PET, "additionalProperties": TEXT}, PET, "compatible", "look"),
    ("type-changed", TEXT, NUMBER, "breaking", "breaking"),
    ("type-changed", {"type": "array", "items": PET}, PET, "breaking", "breaking"),
    ("type-changed", PET, {"type": "array", "items": PET}, "breaking", "breaking"),
    ("type-changed", {"type": ["string", "boolean"]}, {"type": ["string", "array"]}, "breaking", "breaking"),
    ("type-widened", NUMBER, {"type": "number"}, "compatible", "breaking"),
    ("type-widened", TEXT, {}, "compatible", "breaking"),
    ("type-widened", TEXT, {"type": ["string", "integer"]}, "compatible", "breaking"),
    ("type-widened", TEXT, one_of(TEXT, PET), "compatible", "breaking"),
    ("type-narrowed", {"type": "number"}, NUMBER, "breaking", "compatible"),
    ("type-narrowed", {}, TEXT, "breaking", "compatible"),
    ("type-narrowed", one_of(TEXT, PET), PET, "breaking", "compatible"),
    ("null-allowed", TEXT, {**TEXT, "nullable": True}, "compatible", "breaking"),
    ("null-allowed", TEXT, {"type": ["string", "null"]}, "compatible", "breaking"),
    ("null-allowed", TEXT, one_of(TEXT, {"type": "null"}), "compatible", "breaking"),
    ("null-forbidden", {**TEXT, "nullable": True}, TEXT, "breaking", "compatible"),
    ("enum-value-added", {**TEXT, "enum": ["a"]}, {**TEXT, "enum": ["a", "b"]}, "compatible", "look"),
    ("enum-value-removed", {**TEXT, "enum": ["a", "b"]}, {**TEXT, "enum": ["a"]}, "breaking", "compatible"),
    ("enum-appeared", TEXT, {**TEXT, "enum": ["a"]}, "breaking", "compatible"),
    ("enum-disappeared", {**TEXT, "enum": ["a"]}, TEXT, "compatible", "look"),
    ("pattern-added", TEXT, {**TEXT, "pattern": "^a"}, "breaking", "compatible"),
    ("pattern-changed", {**TEXT, "pattern": "^a"}, {**TEXT, "pattern": "^b"}, "breaking", "look"),
    ("pattern-removed", {**TEXT, "pattern": "^a"}, TEXT, "compatible", "look"),
    ("format-added", TEXT, {**TEXT, "format": "date-time"}, "breaking", "look"),
    ("format-changed", {**TEXT, "format": "date"}, {**TEXT, "format": "date-time"}, "breaking", "look"),
    ("format-removed", {**TEXT, "format": "date-time"}, TEXT, "compatible", "look"),
    *(
        (kind, {"type": type_, **old}, {"type": type_, **new}, *classes)
        for type_, loose, tight in [
            ("integer", {"minimum": 0}, {"minimum": 1}),
            ("integer", {"maximum": 9}, {"maximum": 8}),
            ("integer", {"minimum": 0}, {"minimum": 0, "exclusiveMinimum": True}),
            ("integer", {"maximum": 9}, {"exclusiveMaximum": 9}),
            ("integer", {}, {"exclusiveMinimum": -1}),
            ("integer", {}, {"maximum": 5}),
            ("integer", {}, {"multipleOf": 2}),
            ("integer", {"multipleOf": 2}, {"multipleOf": 4}),
            ("string", {}, {"minLength": 1}),
            ("string", {"maxLength": 2}, {"maxLength": 1}),
            ("array", {"minItems": 1}, {"minItems": 2}),
            ("array", {}, {"maxItems": 2}),
            ("array", {}, {"uniqueItems": True}),
            ("object", {"minProperties": 1}, {"minProperties": 2}),
            ("object", {"maxProperties": 2}, {"maxProperties": 1}),
        ]
        for kind, old, new, classes in [
            ("bound-tightened", loose, tight, ("breaking", "compatible")),
            ("bound-loosened", tight, loose, ("compatible", "look")),
        ]
    ),
    ("bound-changed", {**NUMBER, "multipleOf": 2}, {**NUMBER, "multipleOf": 3}, "breaking", "look"),
    ("default-changed", {**TEXT, "default": "a"}, {**TEXT, "default": "b"}, "look", "look"),
    ("default-changed", TEXT, {**TEXT, "default": None}, "look", "look"),
    ("alternative-added", PET, one_of(PET, NUMBERED), "compatible", "look"),
    ("alternative-added", {"anyOf": [TEXT, PET]}, {"anyOf": [TEXT, PET, PET]}, "compatible", "look"),
    ("alternative-removed", one_of(PET, TEXT, PET), one_of(PET, TEXT), "breaking", "compatible"),
    ("alternatives-overlap", one_of(PET, TEXT), one_of(PET, TEXT, TEXT), "breaking", "look"),
    ("alternatives-may-overlap", one_of(PET, HEX), one_of(PET, HEX, BASE64), "look", "look"),
    ("alternatives-reordered", one_of(PET, TEXT), one_of(TEXT, PET), "look", "look"),
    ("composition-changed", one_of(PET, TEXT), {"anyOf": [PET, TEXT]}, "look", "look"),
    (
        "composition-changed",
        {"allOf": [one_of(PET, TEXT), one_of(TEXT, NUMBER)]},
        {"allOf": [one_of(PET, TEXT), one_of(TEXT, PET)]},
        "look",
        "look",
    ),
    (
        "discriminator-changed",
        {**PET, "discriminator": {"propertyName": "name"}},
        {**PET, "discriminator": {"propertyName": "age"}},
        "look",
        "look",
    ),
    ("deprecated", TEXT, {**TEXT, "deprecated": True}, "look", "look"),
    ("no-longer-deprecated", {**TEXT, "deprecated": True}, TEXT, "compatible", "compatible"),
    ("access-changed", TEXT, {**TEXT, "readOnly": True}, "look", "look"),
    ("access-changed", {**TEXT, "writeOnly": True}, TEXT, "look", "look"),
    ("fact-changed", TEXT, {**TEXT, "x-y": 1}, "look", "look"),
    ("fact-changed", {**PET, "not": TEXT}, {**PET, "not": NUMBER}, "look", "look"),
    ("fact-changed", PET, {**PET, "patternProperties": {"^a": TEXT}}, "look", "look"),
    (
        "fact-changed",
        {"type": "array", "prefixItems": [TEXT]},
        {"type": "array", "prefixItems": [NUMBER]},
        "look",
        "look",
    ),
    ("fact-changed", {"type": "array", "items": False}, {"type": "array", "items": {"not": TEXT}}, "look", "look"),
]

HEADER = {"X-A": {"schema": TEXT}}

# kind, old document, new document, direction, class
DOCUMENT_ROWS = [
    ("operation-removed", document(), document(paths={}), "", "breaking"),
    ("operation-added", document(paths={}), document(), "", "compatible"),
    ("operation-moved", document(), document(path="/b"), "", "breaking"),
    ("operation-moved", document(), document(method="post"), "", "breaking"),
    ("operation-renamed", document(), document({"operationId": "other"}), "", "breaking"),
    ("path-variable-renamed", document(path="/a/{x}"), document(path="/a/{y}"), "", "look"),
    ("tags-changed", document({"tags": ["A"]}), document({"tags": ["B"]}), "", "compatible"),
    ("servers-changed", document(), document(servers=[{"url": "https://x"}]), "", "breaking"),
    (
        "servers-changed",
        document(servers=[{"url": "https://a"}, {"url": "https://b"}]),
        document(servers=[{"url": "https://b"}, {"url": "https://a"}]),
        "",
        "breaking",
    ),
    ("openapi-version-changed", document(), document(openapi="3.1.0"), "", "look"),
    ("security-scope-added", with_security({"OAuth": ["a"]}), with_security({"OAuth": ["a", "b"]}), "", "breaking"),
    (
        "security-scope-added",
        with_security({"OAuth": ["a"]}, {"Key": []}),
        with_security({"OAuth": ["a", "b"]}, {"Key": []}),
        "",
        "breaking",
    ),
    ("security-scope-removed", with_security({"OAuth": ["a", "b"]}), with_security({"OAuth": ["b"]}), "", "compatible"),
    (
        "security-alternative-removed",
        with_security({"OAuth": ["a"]}, {"Key": []}),
        with_security({"OAuth": ["a"]}),
        "",
        "breaking",
    ),
    (
        "security-alternative-added",
        with_security({"OAuth": ["a"]}),
        with_security({"OAuth": ["a"]}, {"Key": []}),
        "",
        "compatible",
    ),
    (
        "security-scheme-changed",
        with_security({"Key": []}),
        with_security({"Key": []}, components={"securitySchemes": {"Key": {**KEY, "name": "l"}}}),
        "",
        "look",
    ),
    ("parameter-added", document(), parameter(), "request", "compatible"),
    ("required-parameter-added", document(), parameter(required=True), "request", "breaking"),
    ("parameter-removed", parameter(), document(), "request", "breaking"),
    ("parameter-became-required", parameter(), parameter(required=True), "request", "breaking"),
    ("parameter-became-optional", parameter(required=True), parameter(), "request", "compatible"),
    ("parameter-moved", parameter(), parameter(**{"in": "header"}), "request", "breaking"),
    ("parameter-serialization-changed", parameter(), parameter(style="spaceDelimited"), "request", "breaking"),
    (
        "parameter-serialization-changed",
        parameter(schema={"type": "array", "items": TEXT}),
        parameter(schema={"type": "array", "items": TEXT}, explode=False),
        "request",
        "breaking",
    ),
    ("parameter-serialization-changed", parameter(), parameter(allowReserved=True), "request", "breaking"),
    ("fact-changed", parameter(), parameter(allowEmptyValue=True), "request", "look"),
    ("deprecated", parameter(), parameter(deprecated=True), "request", "look"),
    (
        "body-renamed",
        *(sent({"$ref": f"#/components/schemas/{name}"}, **{name: PET}) for name in ("A", "B")),
        "request",
        "compatible",
    ),
    (
        "body-renamed",
        *(answered({"$ref": f"#/components/schemas/{name}"}, **{name: PET}) for name in ("A", "B")),
        "response",
        "compatible",
    ),
    ("body-added", document(), with_body(), "request", "compatible"),
    ("required-body-added", document(), with_body(required=True), "request", "breaking"),
    ("body-removed", with_body(), document(), "request", "breaking"),
    ("body-became-required", with_body(), with_body(required=True), "request", "breaking"),
    ("body-became-optional", with_body(required=True), with_body(), "request", "compatible"),
    (
        "media-type-removed",
        with_body(content={"a/b": {}, "a/c": {}}),
        with_body(content={"a/b": {}}),
        "request",
        "breaking",
    ),
    (
        "media-type-added",
        with_body(content={"a/b": {}}),
        with_body(content={"a/b": {}, "a/c": {}}),
        "request",
        "compatible",
    ),
    ("media-type-removed", with_response(content={"a/b": {}}), with_response(), "response", "breaking"),
    ("media-type-added", with_response(), with_response(content={"a/b": {}}), "response", "look"),
    (
        "fact-changed",
        with_body(content={"a/b": {}}),
        with_body(content={"a/b": {"encoding": {"x": {}}}}),
        "request",
        "look",
    ),
    ("status-removed", document(), document({"responses": {}}), "response", "breaking"),
    (
        "error-status-removed",
        document({"responses": {"200": {"description": ""}, "default": {"description": ""}}}),
        document(),
        "response",
        "look",
    ),
    (
        "status-added",
        document(),
        document({"responses": {"200": {"description": ""}, "201": {"description": ""}}}),
        "response",
        "look",
    ),
    (
        "status-widened",
        document(),
        document({"responses": {"2XX": {"description": ""}}}),
        "response",
        "look",
    ),
    (
        "status-narrowed",
        document({"responses": {"2XX": {"description": ""}}}),
        document(),
        "response",
        "compatible",
    ),
    ("fact-changed", document(), document({"responses": {"200": {}, "x-y": 1}}), "response", "look"),
    ("fact-changed", with_response(), with_response(links={"l": {}}), "response", "look"),
    ("header-removed", with_response(headers=HEADER), with_response(), "response", "breaking"),
    ("header-added", with_response(), with_response(headers=HEADER), "response", "compatible"),
    (
        "header-became-required",
        with_response(headers=HEADER),
        with_response(headers={"x-a": {"schema": TEXT, "required": True}}),
        "response",
        "compatible",
    ),
    (
        "header-became-optional",
        with_response(headers={"X-A": {"schema": TEXT, "required": True}}),
        with_response(headers=HEADER),
        "response",
        "breaking",
    ),
    (
        "type-changed",
        with_response(headers=HEADER),
        with_response(headers={"X-A": {"schema": NUMBER}}),
        "response",
        "breaking",
    ),
    ("deprecated", document(), document({"deprecated": True}), "", "look"),
    ("no-longer-deprecated", document({"deprecated": True}), document(), "", "compatible"),
    ("fact-changed", document(), document({"x-y": 1}), "", "look"),
    ("fact-changed", document(), document({"callbacks": {}}), "", "look"),
]

ROWS = DOCUMENT_ROWS + [
    (kind, make(old), make(new), direction, severity)
    for kind, old, new, request, response in SCHEMA_ROWS
    for make, direction, severity in ((sent, "request", request), (answered, "response", response))
]


@pytest.mark.parametrize(
    ("kind", "old", "new", "direction", "severity"), ROWS, ids=[f"{row[3]}-{row[0]}" for row in ROWS]
)
def test_each_row_of_the_table(kind, old, new, direction, severity):
    before = copy.deepcopy((old, new))
    changes = compare(old, new)
    beside = "alternative-added" if kind.endswith("-overlap") else ""
    assert [row for row in told(changes) if row[1] != beside] == [(direction, kind, severity)]
    assert all(change.path and change.message and change.operations for change in changes)
    assert (old, new) == before
    assert compare(old, old) == compare(new, new) == []


def test_every_row_has_a_test():
    rows = {
        (kind, direction)
        for kind, rule in RULES.items()
        for direction, severity in (("request", rule.request), ("response", rule.response), ("", rule.neither))
        if severity
    }
    assert rows == {(kind, direction) for kind, _, _, direction, _ in ROWS}


def test_the_page_in_the_docs_is_the_table():
    page = (ROOT / "docs" / "when-x-changes.md").read_text(encoding="utf-8")
    shown = [line for line in page.splitlines() if line.startswith("| `")]
    expected = [
        f"| `{kind}` | {_shown(rule.request)} | {_shown(rule.response)} | {_shown(rule.neither)} | {rule.why} |"
        for kind, rule in RULES.items()
    ]
    assert shown == expected


def _shown(severity):
    return SHOWN[severity] if severity else "-"


def test_noise_is_no_change(published, cut_document, shuffled):
    # One test for all seeds: reading the document takes longer than comparing it.
    for seed in range(200):
        noisy = shuffled(published, random.Random(seed))
        assert compare(cut_document, cut(noisy, OURS)) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", range(5))
def test_noise_hides_no_change(published, cut_document, shuffled, seed):
    published["components"]["schemas"]["User"]["properties"]["name"] = NUMBER
    (change,) = compare(cut_document, cut(shuffled(published, random.Random(seed)), OURS))
    assert (change.path, change.kind) == ("components User.name", "type-changed")


def test_prose_is_no_change(cut_document):
    corrected = copy.deepcopy(cut_document)
    operation = corrected["paths"]["/2/chat/conversations/{id}"]["get"]
    operation["responses"]["200"]["description"] = operation["summary"] = "Prose"
    corrected["components"]["schemas"]["User"].update(description="Prose", example={}, title="Prose")
    corrected["info"].update(version="9", title="Another")
    assert compare(cut_document, corrected) == []


REFERENCE = {"$ref": "#/components/schemas/Pet"}
INHERITED = {"$ref": "#/components/schemas/Cat"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(answered(PET), answered(REFERENCE, Pet=PET), id="a component made"),
        pytest.param(
            answered({"type": "array", "items": REFERENCE}, Pet=PET),
            answered({"type": "array", "items": {"$ref": "#/components/schemas/Animal"}}, Animal=PET),
            id="a component renamed",
        ),
        pytest.param(
            answered(PET),
            answered({"allOf": [{**PET, "properties": {"name": TEXT}}, {"properties": {"age": NUMBER}}]}),
            id="spread over allOf",
        ),
        pytest.param(answered(PET), answered(one_of(PET)), id="an alternative of one"),
        pytest.param(answered({**TEXT, "nullable": True}), answered({"type": ["null", "string"]}), id="null in 3.1"),
        pytest.param(
            answered({**REFERENCE, "nullable": True}, Pet=PET),
            answered({"anyOf": [REFERENCE, {"type": "null"}]}, Pet=PET),
            id="null beside a reference",
        ),
        pytest.param(
            answered({**NUMBER, "minimum": 1, "exclusiveMinimum": True}),
            answered({**NUMBER, "exclusiveMinimum": 1}),
            id="exclusive bounds in 3.1",
        ),
        pytest.param(answered({**TEXT, "enum": ["a"]}), answered({**TEXT, "const": "a"}), id="const"),
        pytest.param(answered({"type": "array"}), answered({"type": "array", "minItems": 0}), id="no bound"),
        pytest.param(answered(PET), answered({**PET, "additionalProperties": True}), id="other members"),
        pytest.param(answered({"type": "array", "items": {}}), answered({"type": "array", "items": True}), id="true"),
        pytest.param(parameter(), parameter(style="form", explode=True, required=False), id="what holds anyway"),
        pytest.param(
            parameter(),
            document(
                {"parameters": [{"$ref": "#/components/parameters/P"}]},
                components={"parameters": {"P": {"name": "p", "in": "query", "schema": TEXT}}},
            ),
            id="a component of a parameter",
        ),
        pytest.param(
            with_security({"Key": []}),
            with_security({"Renamed": []}, components={"securitySchemes": {"Renamed": KEY}}),
            id="a security scheme renamed",
        ),
        pytest.param(with_security({"Key": []}), document(security=[{"Key": []}]), id="security moved to the document"),
        pytest.param(with_security({"OAuth": ["a", "b"]}), with_security({"OAuth": ["b", "a"]}), id="scopes reordered"),
        pytest.param(document(openapi="3.0.0"), document(openapi="3.0.3"), id="a patch of OpenAPI"),
    ],
)
def test_another_way_of_writing_it_is_no_change(old, new):
    assert compare(old, new) == compare(new, old) == []


def both_ways(pet):
    """Two operations that use a component in both directions, in several places."""
    made = document(
        {"requestBody": content(REFERENCE), "responses": {"200": {"description": "", **content(REFERENCE)}}}
    )
    made["components"]["schemas"] = {
        "Pet": pet,
        "Pair": {"type": "object", "properties": {"a": REFERENCE, "b": REFERENCE}},
    }
    pair = {"description": "", **content({"$ref": "#/components/schemas/Pair"})}
    made["paths"]["/b"] = {"get": {"operationId": "other", "responses": {"200": pair, "default": pair}}}
    return made


def test_a_change_in_a_shared_component_is_told_once_for_each_direction():
    changes = compare(both_ways(PET), both_ways({**PET, "required": ["age"]}))
    assert [(change.path, change.direction, change.severity, change.operations) for change in changes] == [
        ("components Pet.age", "request", "breaking", ("op",)),
        ("components Pet.age", "response", "compatible", ("op", "other")),
    ]


def test_a_change_in_what_others_inherit_is_told_at_its_source():
    def inheriting(pet, **schemas):
        cat = {"allOf": [REFERENCE, {"type": "object", "properties": {"purrs": {"type": "boolean"}}}]}
        both = {"type": "object", "properties": {"cat": INHERITED, "dog": {"allOf": [REFERENCE]}}}
        return answered(both, Pet=pet, Cat=cat, **schemas)

    changes = compare(inheriting(PET), inheriting({**PET, "properties": {"name": TEXT}}))
    assert [change.path for change in changes] == ["components Pet.age"]


def test_a_change_of_a_shared_parameter_is_told_once():
    def sharing(**fields):
        made = document({"parameters": [{"$ref": "#/components/parameters/P"}]})
        made["paths"]["/b"] = {"get": {**made["paths"]["/a"]["get"], "operationId": "other"}}
        made["components"]["parameters"] = {"P": {"name": "p", "in": "query", "schema": TEXT, **fields}}
        return made

    (change,) = compare(sharing(), sharing(required=True))
    assert (change.path, change.operations) == ("query p", ("op", "other"))


def test_an_operation_of_its_own_is_named_in_the_path():
    nested = {"type": "object", "properties": {"data": {"type": "array", "items": PET}}}
    changed = {"type": "object", "properties": {"data": {"type": "array", "items": {**PET, "required": ["age"]}}}}
    (change,) = compare(answered(nested), answered(changed))
    assert change.path == "GET /a 200 application/json data[].age"
    (change,) = compare(parameter(), parameter(required=True))
    assert change.path == "GET /a query p"


@pytest.mark.parametrize(
    "recursive",
    [
        {"Pet": {"type": "object", "properties": {"parent": REFERENCE}}},
        {
            "Pet": {"type": "object", "properties": {"cat": INHERITED}},
            "Cat": {"allOf": [REFERENCE, {"properties": {"friend": {"not": INHERITED}}}]},
        },
        {"Pet": {"oneOf": [{"type": "array", "items": REFERENCE}, {"type": "string"}]}},
        {"Pet": {"type": "array", "items": REFERENCE}},
        {
            "Pet": {
                "type": "object",
                "properties": {"kind": TEXT},
                "discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat"}},
            },
            "Cat": {"allOf": [REFERENCE, {"properties": {"mother": REFERENCE}}]},
        },
    ],
)
def test_schemas_that_refer_to_themselves_come_to_an_end(recursive):
    old = answered(REFERENCE, **recursive)
    assert compare(old, old) == []
    new = copy.deepcopy(old)
    new["components"]["schemas"]["Pet"].setdefault("properties", {})["z"] = TEXT
    assert "components Pet.z" in [change.path for change in compare(old, new)]
    # Written out once more inline, so that references never stand at the same step on both sides.
    unrolled = answered(recursive["Pet"], **recursive)
    assert compare(old, unrolled) == []


def test_an_array_of_something_that_became_the_something_is_compared_further():
    old = answered({"type": "object", "properties": {"data": {"type": "array", "items": REFERENCE}}}, Pet=PET)
    new = answered({"type": "object", "properties": {"data": REFERENCE}}, Pet={**PET, "properties": {"name": TEXT}})
    assert [(change.path, change.kind) for change in compare(old, new)] == [
        ("GET /a 200 application/json data", "type-changed"),
        ("components Pet.age", "member-removed"),
    ]


def test_alternatives_are_paired_by_what_they_are():
    changes = compare(answered(one_of(PET, TEXT)), answered(one_of(TEXT, {**PET, "required": ["age"]}, NUMBERED)))
    assert told(changes) == [
        ("response", "alternative-added", "look"),
        ("response", "alternatives-reordered", "look"),
        ("response", "member-became-required", "compatible"),
    ]


def test_what_a_discriminator_tells_apart_are_alternatives():
    kinds = {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"}
    told_apart = {"discriminator": {"propertyName": "name", "mapping": kinds}}
    cat = {"type": "object", "properties": {**PET["properties"], "purrs": {"type": "boolean"}}}
    changed = {**cat, "properties": {**PET["properties"], "purrs": TEXT}}
    old = answered(REFERENCE, Pet={**PET, **told_apart}, Cat=cat, Dog=PET)
    references = [{"$ref": reference} for reference in kinds.values()]
    new = answered(REFERENCE, Pet={"oneOf": references, **told_apart}, Cat=changed, Dog=PET)
    assert [(change.path, change.kind) for change in compare(old, new)] == [
        ("components Cat.purrs", "type-changed"),
        ("components Pet", "alternatives-may-overlap"),
        ("components Pet", "alternative-removed"),
    ]
    new = copy.deepcopy(new)
    del new["components"]["schemas"]["Pet"]["discriminator"]["mapping"]["dog"]
    assert ("response", "discriminator-changed", "look") in told(compare(old, new))


def test_other_types_all_round_break_both_directions():
    for make in (sent, answered):
        assert "breaking" in {change.severity for change in compare(make(TEXT), make(one_of(NUMBER, PET)))}


@pytest.mark.parametrize(
    ("old", "new", "pair"),
    [
        ({"message_ttl_msec": TEXT}, {"message_ttl_ms": NUMBER}, ("message_ttl_msec", "message_ttl_ms")),
        (
            {"tweets": {"type": "array", "items": PET}, "x": TEXT},
            {"posts": {"type": "array", "items": PET}, "y": NUMBER},
            ("tweets", "posts"),
        ),
        ({"colour": TEXT}, {"color": TEXT}, ("colour", "color")),
    ],
)
def test_a_removed_and_an_added_member_may_be_one_renamed(old, new, pair):
    changes = compare(answered({"type": "object", "properties": old}), answered({"type": "object", "properties": new}))
    hints = {(change.kind, change.path.split(" ")[-1]): change.hint for change in changes if change.hint}
    assert hints == {
        ("member-removed", pair[0]): f"perhaps renamed to {pair[1]}",
        ("member-added", pair[1]): f"perhaps renamed from {pair[0]}",
    }


def test_things_that_are_not_alike_are_no_rename():
    old, new = ({"type": "object", "properties": {name: TEXT}} for name in ("group_name", "locale"))
    assert not any(change.hint for change in compare(answered(old), answered(new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (answered(NUMBER), answered({"type": "number"}), "type was integer, is number"),
        (answered({**TEXT, "pattern": "^a"}), answered({**TEXT, "pattern": "b"}), 'pattern was "^a", is "b"'),
        (answered({**NUMBER, "maximum": 5}), answered({**NUMBER, "maximum": 4}), "maximum was 5, is 4"),
        (answered(NUMBER), answered({**NUMBER, "exclusiveMinimum": 4}), "minimum was none, is 4 (exclusive)"),
        (answered(one_of(TEXT, PET)), answered(one_of(TEXT, PET, NUMBER)), "type was string or object, is"),
        (parameter(), parameter(**{"in": "header"}), "was in query, is in header"),
        (with_security({"OAuth": ["a"]}), with_security({"OAuth": ["a", "b"]}), "OAuth now asks for the scope b"),
        (
            with_security({"OAuth": ["a"]}),
            with_security({"Key": []}),
            "OAuth (a) is no longer a way to authenticate",
        ),
        (document(path="/a/{x}"), document(path="/a/{y}"), "operation moved: {x} in its path became {y}"),
        (document(), document({"x-y": ["\x1b[2J", "a" * 400]}), 'x-y was none, is ["\\u001b[2J", "aaa'),
    ],
)
def test_messages_tell_what_was_and_what_is(old, new, message):
    change = compare(old, new)[0]
    assert change.message.startswith(message)
    assert change.message.isprintable() and len(change.message) < 250


def test_values_and_parameters_may_be_renamed_too():
    enum = parameter(schema={**TEXT, "enum": ["pinned_tweet_id", "name"]})
    renamed = parameter(schema={**TEXT, "enum": ["pinned_post_id", "name"]})
    assert [change.hint for change in compare(enum, renamed)] == [
        'perhaps renamed to "pinned_post_id"',
        'perhaps renamed from "pinned_tweet_id"',
    ]
    changes = compare(parameter(name="user_fields"), parameter(name="user.fields"))
    assert [change.hint for change in changes] == ["perhaps renamed to user.fields", "perhaps renamed from user_fields"]


#: a document in which every keyword stands that has a meaning to the comparison
DENSE = document(
    {
        "tags": ["A"],
        "security": [{"OAuth": ["a"]}, {"Key": []}],
        "servers": [{"url": "https://x", "variables": {"v": {"default": "a", "enum": ["a", "b"]}}}],
        "parameters": [
            {"name": "p", "in": "query", "required": True, "schema": {"type": "array", "items": TEXT}, "explode": False}
        ],
        "requestBody": {"required": True, **content({"$ref": "#/components/schemas/Any"})},
        "responses": {
            "200": {"description": "", "headers": HEADER, **content({"$ref": "#/components/schemas/Any"})},
            "default": {"description": "", **content({"type": "object", "additionalProperties": NUMBER})},
        },
        "x-y": {"z": [1]},
    },
    schemas={
        "Any": {
            "oneOf": [{"$ref": "#/components/schemas/Pet"}, {"type": "array", "items": TEXT, "minItems": 1}],
            "discriminator": {"propertyName": "kind", "mapping": {"pet": "#/components/schemas/Pet"}},
        },
        "Pet": {
            "allOf": [{"$ref": "#/components/schemas/Named"}, {"anyOf": [{"required": ["age"]}, {"maxProperties": 3}]}],
            "properties": {
                "age": {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "multipleOf": 2, "format": "int32"},
                "kind": {"type": "string", "enum": ["pet", "cat"], "default": "pet", "nullable": True},
                "tags": {"type": "array", "items": {"not": NUMBER}, "uniqueItems": True, "maxItems": 4},
                "old": {"type": "boolean", "deprecated": True, "readOnly": True},
            },
        },
        "Named": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string", "pattern": "^a", "maxLength": 9, "x-z": {"deep": [1, 2]}}},
        },
    },
)
#: what a document cannot do without, what is no fact, and what stands in for one operation or component as a whole
NOT_FREE = {"in", "$ref", "openapi", "info", "title", "version", "description", "paths", "/a", "get", "operationId"}
NOT_FREE |= {"name", "components", "schemas", "securitySchemes", "Any", "Pet", "Named"}


def facts(node, path=()):
    """Yield the way to every member and item."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from facts(value, (*path, key))


def without(path):
    """Give the dense document without the fact at a path."""
    changed = copy.deepcopy(DENSE)
    owner = changed
    for key in path[:-1]:
        owner = owner[key]
    del owner[path[-1]]
    return changed


FREE = [path for path in facts(DENSE) if path[-1] not in NOT_FREE and "securitySchemes" not in path]


@pytest.mark.parametrize("path", FREE, ids=str)
def test_no_fact_is_dropped(path):
    changed = without(path)
    assert compare(DENSE, changed)
    assert compare(changed, DENSE)


def test_a_reference_to_nothing_is_refused():
    with pytest.raises(DocumentError, match="points to nothing"):
        compare(document(), answered(REFERENCE))


# the command


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.codegen]\noperations = ["op", "other"]\n')
    return Tree(tmp_path)


@pytest.fixture
def run_diff(tree, capsys):
    def run(old, new, *options):
        names = []
        for name, given in (("old.json", old), ("new.json", new)):
            (tree.root / name).write_text(json.dumps(given))
            names.append(str(tree.root / name))
        code = diff(tree, *names, *options)
        return code, capsys.readouterr().out

    return run


LOOK = answered({**PET, "properties": {**PET["properties"], "age": {**NUMBER, "default": 1}}})
BREAKING = answered({"type": "object", "properties": {"name": TEXT, "ages": NUMBER}})


@pytest.mark.parametrize(
    ("new", "fail_on", "code"),
    [
        (answered(PET), None, 0),
        (answered(PET), "compatible", 0),
        (LOOK, None, 0),
        (LOOK, "breaking", 0),
        (LOOK, "look", 1),
        (LOOK, "compatible", 1),
        (BREAKING, None, 0),
        (BREAKING, "breaking", 1),
        (BREAKING, "look", 1),
        (answered({**PET, "required": ["age"]}), "look", 0),
        (answered({**PET, "required": ["age"]}), "compatible", 1),
    ],
)
def test_the_exit_code_of_diff(run_diff, new, fail_on, code):
    assert run_diff(answered(PET), new, "text", fail_on)[0] == code


def test_identical_documents_are_no_change(run_diff):
    assert run_diff(document(), document(), "text", "compatible") == (0, "no change\n")
    assert run_diff(document(), document(), "markdown") == (0, "- No change.\n")
    empty = {"changes": [], "summary": {"breaking": 0, "look": 0, "compatible": 0}}
    assert json.loads(run_diff(document(), document(), "json")[1]) == empty


def test_the_text_of_diff(run_diff):
    new = copy.deepcopy(BREAKING)
    new["paths"]["/a"]["get"].update(tags=["A"], parameters=[{"name": "p", "in": "query", "schema": TEXT}])
    assert run_diff(answered(PET), new)[1] == (
        "breaking:\n"
        "  response  GET /a 200 application/json age   the member is gone; perhaps renamed to ages\n"
        "compatible:\n"
        '            GET /a                            tags were [], are ["A"]: no effect\n'
        "  response  GET /a 200 application/json ages  the member is new and optional; perhaps renamed from age\n"
        "  request   GET /a query p                    the parameter is new and optional\n"
        "1 breaking, 0 need a look, 3 compatible\n"
    )


def test_the_markdown_of_diff(run_diff):
    new = answered(REFERENCE, Pet={**PET, "properties": {**PET["properties"], "k`": {**TEXT, "pattern": "^[a]*$"}}})
    old = answered(REFERENCE, Pet={**PET, "properties": {**PET["properties"], "k`": TEXT}})
    assert run_diff(old, new, "markdown")[1] == (
        '- **compatible**, response: `` components Pet."k`" ``: pattern is new: "^\\[a\\]\\*$" (op)\n'
    )
    assert run_diff(document(), document(paths={}), "markdown")[1] == (
        "- **breaking**: `GET /a`: op is gone from the document\n"
    )


def test_the_json_of_diff(run_diff):
    assert json.loads(run_diff(answered(PET), BREAKING, "json")[1]) == {
        "changes": [
            {
                "path": "GET /a 200 application/json age",
                "direction": "response",
                "kind": "member-removed",
                "severity": "breaking",
                "message": "the member is gone",
                "hint": "perhaps renamed to ages",
                "operations": ["op"],
                "area": "answers",
            },
            {
                "path": "GET /a 200 application/json ages",
                "direction": "response",
                "kind": "member-added",
                "severity": "compatible",
                "message": "the member is new and optional",
                "hint": "perhaps renamed from age",
                "operations": ["op"],
                "area": "answers",
            },
        ],
        "summary": {"breaking": 1, "look": 0, "compatible": 1},
    }


def test_an_operation_that_a_document_lacks_is_a_change_and_no_error(run_diff):
    code, text = run_diff(document(), document({"operationId": "notOurs"}, path="/c"), "text", "breaking")
    assert code == 1 and "op is gone" in text
    code, text = run_diff(document(paths={}), document(), "text", "breaking")
    assert code == 0 and "op is new" in text


def test_an_operation_under_a_new_name_is_found_by_its_place(run_diff):
    _, text = run_diff(document(), document({"operationId": "notOurs"}))
    assert "operationId was op, is notOurs" in text


def test_what_is_none_of_ours_is_no_change(run_diff):
    new = document()
    new["paths"]["/x"] = {"get": {"operationId": "notOurs", **content({"$ref": "#/nowhere"})}}
    assert run_diff(document(), new) == (0, "no change\n")


@pytest.mark.parametrize(
    ("content_of_new", "message"),
    [
        ("{", "is not JSON"),
        ('{"swagger": "2.0"}', "is not an OpenAPI 3 document"),
        ('{"openapi": "3.0.0", "paths": []}', "'paths' is no object"),
        (json.dumps(answered(REFERENCE)), "points to nothing"),
        (json.dumps(answered({"type": "no such type"})), "is not valid OpenAPI"),
    ],
)
def test_diff_refuses_what_cannot_be_compared(tree, content_of_new, message):
    for name, text in (("old.json", json.dumps(document())), ("new.json", content_of_new)):
        (tree.root / name).write_text(text)
    with pytest.raises(DocumentError, match=message) as caught:
        diff(tree, str(tree.root / "old.json"), str(tree.root / "new.json"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("new", "version", "bump"),
    [
        (answered(PET), "1.2.3", None),
        (BREAKING, "1.2.3", "major"),
        (LOOK, "1.2.3", "minor"),
        (answered({**PET, "required": ["age"]}), "1.2.3", "minor"),
        (BREAKING, "0.1.0", "minor"),
        (LOOK, "0.1.0", "minor"),
        (answered({**PET, "required": ["age"]}), "0.1.0", "patch"),
    ],
)
def test_the_version_bump_that_changes_call_for(new, version, bump):
    assert proposed_bump(compare(answered(PET), new), version) == bump


def test_many_operations_are_counted_and_not_listed():
    change = Change("components Pet", "response", "null-allowed", "breaking", "m", operations=("a", "b", "c", "d"))
    assert "(4 operations)" in as_text([change]) and "(4 operations)" in as_markdown([change])
    assert '"d"' in as_json([change])
    assert summary([change]) == {"breaking": 1, "look": 0, "compatible": 0}
    assert list(summary([])) == list(SEVERITIES)
