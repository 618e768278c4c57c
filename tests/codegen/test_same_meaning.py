"""Documents that mean the same to callers although they differ, and changes that only look like worse ones."""

from __future__ import annotations

import copy
import json

import pytest

from codegen.changes import compare
from codegen.document import cut, prune, relax_answers
from codegen.errors import DocumentError

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
VERSIONS = ["3.0.3", "3.1.1", "3.2.0"]


def document(operation, *, openapi="3.1.0", **components):
    operation = {"operationId": "op", "responses": {"200": {"description": ""}}, **operation}
    return {
        "openapi": openapi,
        "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"post": operation}},
        "components": components,
    }


def sent(schema, media_type="application/json", **schemas):
    return document({"requestBody": {"content": {media_type: {"schema": schema}}}}, schemas=schemas)


def answered(schema, media_type="application/json", **schemas):
    return document({"responses": {"200": {"content": {media_type: {"schema": schema}}}}}, schemas=schemas)


def answers(**schemas):
    responses = {status: {"content": {"application/json": {"schema": schema}}} for status, schema in schemas.items()}
    return document({"responses": {status.strip("_"): answer for status, answer in responses.items()}})


def with_header(name, location="parameters", **fields):
    if location == "parameters":
        return document({"parameters": [{"name": name, "in": "header", "schema": TEXT, **fields}]})
    return document({"responses": {"200": {"headers": {name: {"schema": TEXT, **fields}}}}})


def pet(*required, **properties):
    return {"type": "object", "properties": {"name": TEXT, **properties}, "required": list(required)}


def told(old, new):
    return [(change.path.split(" ")[-1], change.kind, change.severity) for change in compare(old, new)]


READ_ONLY, WRITE_ONLY = {**TEXT, "readOnly": True}, {**TEXT, "writeOnly": True}


@pytest.mark.parametrize(("make", "hidden"), [(sent, READ_ONLY), (answered, WRITE_ONLY)])
def test_members_that_belong_to_the_other_direction(make, hidden):
    changed = [
        pet(),
        pet(a=hidden),
        pet("a", a=hidden),
        pet("a", a={**hidden, "type": "integer", "maximum": 3}),
        pet("a", a={"allOf": [{"$ref": "#/components/schemas/Marked"}]}),
    ]
    for old in changed:
        for new in changed:
            assert compare(make(old, Marked=hidden), make(new, Marked=hidden)) == []


@pytest.mark.parametrize(("make", "shown"), [(answered, READ_ONLY), (sent, WRITE_ONLY)])
def test_in_their_own_direction_such_members_count(make, shown):
    assert told(make(pet(a=shown)), make(pet())) == [("a", "member-removed", "breaking")]
    assert told(sent(pet()), sent(pet("a", a=WRITE_ONLY))) == [("a", "required-member-added", "breaking")]


def test_a_member_that_comes_into_requests_counts():
    assert told(sent(pet("a", a=READ_ONLY)), sent(pet("a", a=TEXT))) == [
        ("a", "member-became-required", "breaking"),
        ("a", "access-changed", "look"),
    ]
    assert told(sent(pet("a", a=TEXT)), sent(pet("a", a=READ_ONLY))) == [
        ("a", "access-changed", "look"),
        ("a", "member-became-optional", "compatible"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("application/json", "Application/JSON"),
        ("application/json", "application/json; charset=utf-8"),
        ("application/json", 'application/json;charset="ISO-8859-1"'),
        ("application/problem+json", "application/problem+json;Charset=UTF-8"),
        ("text/plain", "text/plain; charset=UTF-8"),
        ("multipart/form-data; boundary=a; x=b", "multipart/form-data;x=b;boundary=a"),
    ],
)
@pytest.mark.parametrize("make", [sent, answered])
def test_media_types_in_another_form(make, old, new):
    assert compare(make(TEXT, old), make(TEXT, new)) == compare(make(TEXT, new), make(TEXT, old)) == []
    assert [kind for _, kind, _ in told(make(TEXT, old), make(NUMBER, new))] == ["type-changed"]


def test_a_media_type_listed_in_two_forms():
    both = document(
        {"requestBody": {"content": {key: {"schema": TEXT} for key in ["a/json", "a/json; charset=utf-8"]}}}
    )
    assert compare(both, sent(TEXT, "a/json")) == compare(sent(TEXT, "a/json"), both) == []
    assert told(both, sent(NUMBER, "a/json"))[0][1] == "type-changed"


def test_a_charset_that_says_something_counts():
    kinds = {kind for _, kind, _ in told(sent(TEXT, "text/plain"), sent(TEXT, "text/plain; charset=iso-8859-1"))}
    assert kinds == {"media-type-removed", "media-type-added"}


def test_a_parameter_of_a_media_type_in_another_form():
    def parameter(media_type):
        return document({"parameters": [{"name": "p", "in": "query", "content": {media_type: {"schema": TEXT}}}]})

    assert compare(parameter("application/json"), parameter("Application/json; charset=utf-8")) == []


def test_statuses_and_ranges():
    assert told(answers(_200=TEXT), answers(_2XX=TEXT)) == [("2XX", "status-widened", "look")]
    assert told(answers(_2XX=TEXT), answers(_200=TEXT)) == [("200", "status-narrowed", "compatible")]
    assert told(answers(_200=TEXT, _404=TEXT), answers(_200=TEXT, _4XX=NUMBER)) == [
        ("application/json", "type-changed", "breaking"),
        ("4XX", "status-widened", "look"),
    ]
    assert told(answers(_200=TEXT, _2XX=TEXT), answers(_2XX=TEXT)) == []
    assert told(answers(_2XX=TEXT), answers(_2XX=TEXT, _201=TEXT)) == []
    assert told(answers(_200=TEXT), answers(_4XX=TEXT)) == [
        ("200", "status-removed", "breaking"),
        ("4XX", "status-added", "look"),
    ]
    (change,) = compare(answers(_200=TEXT, _201=TEXT), answers(_2XX=TEXT))
    assert change.message == "200, 201 became 2XX"


@pytest.mark.parametrize("name", ["Accept", "content-type", "Authorization"])
def test_parameters_that_openapi_ignores(name):
    plain = document({})
    assert compare(plain, with_header(name, required=True)) == compare(with_header(name), plain) == []
    assert compare(with_header(name), with_header(name, schema=NUMBER)) == []
    query = copy.deepcopy(with_header(name))
    query["paths"]["/a"]["post"]["parameters"][0]["in"] = "query"
    assert told(query, plain) == [(name, "parameter-removed", "breaking")]


def test_the_header_of_answers_that_openapi_ignores():
    plain = document({"responses": {"200": {}}})
    assert compare(with_header("Content-Type", "headers"), plain) == []
    assert told(with_header("Accept", "headers"), plain) == [("accept", "header-removed", "breaking")]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (0.1, 0.3, "bound-tightened"),
        (0.01, 0.07, "bound-tightened"),
        (0.1, 0.01, "bound-loosened"),
        (1e-7, 1e-9, "bound-loosened"),
        (1, 1e300, "bound-tightened"),
        (0.3, 0.2, "bound-changed"),
    ],
)
def test_steps_are_compared_as_they_are_written(old, new, kind):
    steps = [sent({"type": "number", "multipleOf": step}) for step in (old, new)]
    assert [change.kind for change in compare(*steps)] == [kind]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({**TEXT, "format": "binary"}, {**TEXT, "contentMediaType": "application/octet-stream"}),
        ({**TEXT, "format": "byte"}, {**TEXT, "contentEncoding": "base64"}),
        ({**TEXT, "format": "base64"}, {**TEXT, "contentEncoding": "base64"}),
        ({"type": "number", "default": 1, "enum": [1, 2]}, {"type": "number", "default": 1.0, "enum": [2, 1.0]}),
    ],
)
def test_other_words_for_the_same_values(old, new):
    both = pet(a=old), pet(a=new)
    for make in (sent, answered):
        assert compare(*map(make, both)) == compare(*map(make, both[::-1])) == []


def test_bytes_of_a_known_media_type():
    old, new = pet(a={**TEXT, "format": "binary"}), pet(a={**TEXT, "contentMediaType": "image/png"})
    assert told(sent(old), sent(new)) == [("a", "fact-changed", "look")]
    assert (
        told(sent(pet(a=TEXT)), sent(pet(a={**TEXT, "contentMediaType": "application/json"})))[0][1] == "fact-changed"
    )


@pytest.mark.parametrize("media_type", ["application/octet-stream", "image/png"])
def test_content_that_is_bytes_needs_no_schema(media_type):
    assert compare(sent({**TEXT, "format": "binary"}, media_type), sent({}, media_type)) == []


@pytest.mark.parametrize(
    ("old", "new"), [({"default": 1}, {"default": True}), ({"x-y": None}, {}), ({"x-y": 0}, {"x-y": False})]
)
def test_values_that_only_python_holds_for_equal_differ(old, new):
    assert compare(sent({**pet(), **old}), sent({**pet(), **new}))
    assert compare(document(old), document(new))


# references


POINTED = "#/components/schemas/X/properties/y"


def pointing(reference, **y):
    x = {"type": "object", "properties": {"y": {"type": "object", "properties": {"z": TEXT}, **y}}}
    return answered({"$ref": reference}, X=x, Unreached={})


def test_a_reference_below_a_schema_becomes_one_to_a_component():
    made = cut(pointing(POINTED), ["op"])
    assert made["components"]["schemas"] == {"X_properties_y": {"type": "object", "properties": {"z": TEXT}}}
    assert cut(made, ["op"]) == made == prune(made)
    assert relax_answers(made) == made
    written_out = answered({"type": "object", "properties": {"z": TEXT}})
    assert compare(pointing(POINTED), written_out) == compare(written_out, pointing(POINTED)) == []
    assert told(pointing(POINTED), pointing(POINTED, required=["z"])) == [
        ("X_properties_y.z", "member-became-required", "compatible")
    ]


@pytest.mark.parametrize(
    "reference",
    [
        "#/paths/~1b/get/responses/200/content/application~1json/schema",
        "#/paths/~1b/get/parameters/0/schema",
        "#/components/schemas/X/$defs/Y",
        "#/components/schemas/X/%24defs/Y",
        "#/components/schemas/X/allOf/1",
        "#/components/schemas/A%20B",
        "#/components/schemas/A B",
    ],
)
def test_references_to_any_place_where_a_schema_stands(reference):
    made = answered({"$ref": reference})
    schema = {"type": "object", "properties": {"n": {"$ref": "#/components/schemas/N"}}}
    made["components"]["schemas"] = {
        "X": {"$defs": {"Y": schema}, "allOf": [{}, schema]},
        "A B": schema,
        "N": NUMBER,
    }
    made["paths"]["/b"] = {
        "get": {
            "operationId": "other",
            "parameters": [{"name": "p", "in": "query", "schema": schema}],
            "responses": {"200": {"description": "", "content": {"application/json": {"schema": schema}}}},
        }
    }
    expected = answered({"type": "object", "properties": {"n": NUMBER}})
    assert compare(cut(made, ["op"]), expected) == []
    assert "/b" not in cut(made, ["op"])["paths"]


def test_references_to_other_objects_than_schemas():
    answer = {"description": "", "headers": {"X-A": {"schema": TEXT}}}
    made = document({"responses": {"200": answer, "201": {"$ref": "#/paths/~1a/post/responses/200"}}})
    assert cut(made, ["op"])["components"]["responses"] == {"paths_a_post_responses_200": {**answer}}
    assert compare(made, document({"responses": {"200": answer, "201": answer}})) == []


def test_mappings_of_discriminators_point_below_schemas_too():
    def mapped(target):
        x = {"$defs": {"Cat": pet("kind", kind=TEXT)}}
        discriminator = {"propertyName": "kind", "mapping": {"cat": target}}
        both = {"oneOf": [{"$ref": "#/components/schemas/X/$defs/Cat"}, NUMBER], "discriminator": discriminator}
        return answered(both, X=x)

    made = cut(mapped("#/components/schemas/X/$defs/Cat"), ["op"])
    schema = made["paths"]["/a"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["discriminator"]["mapping"] == {"cat": "#/components/schemas/X_defs_Cat"}
    with pytest.raises(DocumentError, match="points to nothing"):
        cut(mapped("#/components/schemas/X/$defs/Dog"), ["op"])


def test_names_made_from_places_take_nobody_elses():
    made = pointing(POINTED)
    made["components"]["schemas"]["X_properties_y"] = NUMBER
    made["paths"]["/a"]["post"]["requestBody"] = {
        "content": {"a/json": {"schema": {"$ref": "#/components/schemas/X_properties_y"}}}
    }
    assert sorted(cut(made, ["op"])["components"]["schemas"]) == ["X_properties_y", "X_properties_y_"]


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_of_openapi(project, cut_document, version):
    cut_document["openapi"] = version
    project.path("x.json").write_text(json.dumps(cut_document))
    done = project.call("diff", str(project.path("x.json")), str(project.path("x.json")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "no change\n", "")


def test_content_that_is_a_stream_is_compared_too():
    def stream(item):
        content = {"application/jsonl": {"itemSchema": {"$ref": "#/components/schemas/Item"}}}
        return document(
            {"responses": {"200": {"description": "", "content": content}}}, openapi="3.2.0", schemas={"Item": item}
        )

    assert told(stream(TEXT), stream(NUMBER)) == [("Item", "type-changed", "breaking")]


def test_schemas_below_fields_without_a_rule_count():
    def called_back(item):
        body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}
        post = {"requestBody": body, "responses": {"200": {"description": ""}}}
        return document({"callbacks": {"c": {"{$request.body#/url}": {"post": post}}}}, schemas={"Item": item})

    assert [change.kind for change in compare(called_back(TEXT), called_back(NUMBER))] == ["fact-changed"]
