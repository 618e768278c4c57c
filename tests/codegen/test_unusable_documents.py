"""Documents that cannot be used: one line and exit code 2, whatever is wrong with them, and never a traceback."""

from __future__ import annotations

import copy
import json
import random

import pytest
import yaml

from codegen.__main__ import UNUSABLE
from codegen.changes import compare
from codegen.errors import DocumentError
from codegen.serialization import parse

REFERENCE = "#/components/{}/{}"


def refer(section, name):
    return {"$ref": REFERENCE.format(section, name)}


def small():
    """A document with an object of every kind that can be referred to."""
    cat = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string", "enum": ["cat"]}}}
    dog = {"allOf": [refer("schemas", "Cat"), {"additionalProperties": {"type": "integer", "multipleOf": 0.1}}]}
    pet = {
        "oneOf": [refer("schemas", "Cat"), refer("schemas", "Dog"), {"type": "array", "items": {"type": "string"}}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat", "dog": REFERENCE.format("schemas", "Dog")}},
    }
    content = {"application/json": {"schema": refer("schemas", "Pet")}}
    return {
        "openapi": "3.0.0",
        "info": {"title": "t", "version": "1"},
        "security": [{"OAuth": ["a"]}],
        "servers": [{"url": "https://x"}],
        "paths": {
            "/a": {
                "post": {
                    "operationId": "getChatConversation",
                    "tags": ["T"],
                    "parameters": [refer("parameters", "P")],
                    "requestBody": refer("requestBodies", "B"),
                    "responses": {"200": refer("responses", "R")},
                    "callbacks": {"c": {"{$request.body#/url}": {"post": {"responses": {"200": {"description": ""}}}}}},
                }
            },
            "/b": {"post": {"operationId": "markChatConversationRead", "responses": {"200": {"description": ""}}}},
        },
        "components": {
            "schemas": {"Cat": cat, "Dog": dog, "Pet": pet},
            "parameters": {"P": {"name": "p", "in": "query", "schema": {"type": "string", "default": "a"}}},
            "requestBodies": {"B": {"content": content}},
            "headers": {"H": {"schema": {"type": "integer"}}},
            "responses": {"R": {"description": "", "headers": {"X-H": refer("headers", "H")}, "content": content}},
            "securitySchemes": {
                "OAuth": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": "https://t", "scopes": {"a": "", "b": ""}}},
                }
            },
        },
    }


def refused(project, text):
    """Give a text to each command as the new document and as the old one; return the lines on stderr."""
    project.path("good.json").write_text(json.dumps(small()))
    project.path("bad.yaml").write_text(text)
    project.select("getChatConversation", "markChatConversationRead")
    bad, good = str(project.path("bad.yaml")), str(project.path("good.json"))
    before = project.snapshot()
    lines = []
    for command in (["diff", good, bad], ["diff", bad, good], ["sync", bad]):
        done = project.call(*command)
        assert (done.returncode, done.stdout) == (UNUSABLE, ""), command
        assert done.stderr.startswith(f"codegen {command[0]}: ") and done.stderr.count("\n") == 1
        lines.append(done.stderr)
    assert project.snapshot() == before
    return lines


@pytest.mark.parametrize(
    ("section", "circle"),
    [
        ("schemas", {"Pet": {"allOf": [refer("schemas", "Pet")]}}),
        ("schemas", {"Pet": {"allOf": [refer("schemas", "Cat")]}, "Cat": {"allOf": [refer("schemas", "Pet")]}}),
        ("schemas", {"Pet": {"oneOf": [refer("schemas", "Pet")]}}),
        ("schemas", {"Pet": {"anyOf": [{"type": "string"}, {"oneOf": [refer("schemas", "Pet")]}]}}),
        ("schemas", {"Pet": {"not": refer("schemas", "Pet")}}),
        ("schemas", {"Pet": refer("schemas", "Cat"), "Cat": refer("schemas", "Pet")}),
        (
            "schemas",
            {"Pet": {"allOf": [{"properties": {"a": {"$ref": "#/components/schemas/Pet/allOf/0/properties/a"}}}]}},
        ),
        ("parameters", {"P": refer("parameters", "P")}),
        ("parameters", {"P": refer("parameters", "Q"), "Q": refer("parameters", "P")}),
        ("requestBodies", {"B": refer("requestBodies", "B")}),
        ("responses", {"R": refer("responses", "S"), "S": refer("responses", "R")}),
        ("headers", {"H": refer("headers", "H")}),
        ("securitySchemes", {"OAuth": refer("securitySchemes", "OAuth")}),
    ],
)
def test_circles_of_references(project, section, circle):
    document = small()
    document["components"][section].update(circle)
    assert all("references go in a circle: #/" in line for line in refused(project, json.dumps(document)))


POST = "paths./a.post"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("paths", [], "'paths' is no object"),
        ("info", [], "info is [], expected an object"),
        ("components", None, "components is None, expected an object"),
        ("components.schemas", [], "components.schemas is [], expected an object"),
        ("components.schemas.Cat", None, "components.schemas.Cat is None, expected an object, true or false"),
        ("components.schemas.Cat.required", "kind", "Cat.required is 'kind', expected a list of texts"),
        ("components.schemas.Cat.required", True, "Cat.required is True, expected a list of texts"),
        ("components.schemas.Cat.properties", ["kind"], "Cat.properties is ['kind'], expected an object"),
        ("components.schemas.Cat.properties.kind", 5, "properties.kind is 5, expected an object, true or false"),
        ("components.schemas.Cat.properties.kind.enum", "cat", "kind.enum is 'cat', expected a list"),
        ("components.schemas.Cat.type", {"a": 1}, "Cat.type is {'a': 1}, expected a text or a list of texts"),
        ("components.schemas.Cat.maxProperties", "9", "Cat.maxProperties is '9', expected a number"),
        ("components.schemas.Dog.allOf", {}, "Dog.allOf is {}, expected a list"),
        ("components.schemas.Dog.allOf.1.additionalProperties.multipleOf", 0, "expected a number above 0"),
        ("components.schemas.Pet.discriminator", "kind", "Pet.discriminator is 'kind', expected an object"),
        ("components.schemas.Pet.discriminator.mapping", {"a": []}, "expected an object that holds texts"),
        ("components.schemas.Pet.oneOf.0", {"$ref": 5}, "$ref is 5, expected a text"),
        ("components.schemas.Pet.oneOf.0", refer("parameters", "P"), "points to parameter, expected schema"),
        ("components.schemas.Pet.oneOf.0", {"$ref": "#/info"}, "points to info, expected schema"),
        ("components.schemas.Pet.oneOf.0", {"$ref": "#/components/schemas/Cat/type"}, "points to no object of OpenAPI"),
        ("components.parameters.P", {"in": "query"}, "expected an object with 'name'"),
        ("components.parameters.P.in", "body", "P.in is 'body', expected query, querystring, header, path or cookie"),
        (f"{POST}.parameters", {}, "parameters is {}, expected a list"),
        (f"{POST}.parameters.0", refer("schemas", "Cat"), "points to schema, expected parameter"),
        (f"{POST}.responses", [], "responses is [], expected an object"),
        (f"{POST}.responses.200", None, "200 is None, expected an object"),
        (f"{POST}.requestBody", None, "requestBody is None, expected an object"),
        (f"{POST}.tags", "T", "tags is 'T', expected a list of texts"),
        (f"{POST}.security", {"OAuth": []}, "security is {'OAuth': []}, expected a list of objects"),
        ("components.responses.R.content", ["application/json"], "content is ['application/json'], expected an object"),
        ("components.responses.R.headers", [], "headers is [], expected an object"),
        ("components.securitySchemes.OAuth.flows", [], "flows is [], expected an object"),
        ("security", "OAuth", "security is 'OAuth', expected a list of objects"),
        ("openapi", "3.7.0", "is OpenAPI 3.7.0; supported are 3.0, 3.1, 3.2"),
        ("openapi", 3, "is not an OpenAPI 3 document: openapi: 3"),
    ],
)
def test_values_of_another_type_than_openapi_says(project, path, value, message):
    # The validator would pass over some of them in OpenAPI 3.1.
    document = {**small(), "openapi": "3.1.0"}
    keys = path.split(".")
    owner = document
    for key in keys[:-1]:
        owner = owner[int(key)] if isinstance(owner, list) else owner[key]
    owner[int(keys[-1]) if isinstance(owner, list) else keys[-1]] = value
    assert all(message in line for line in refused(project, json.dumps(document)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"openapi": "3.0.0", "openapi": "3.0.0"}', "an object has the key 'openapi' twice"),
        ("openapi: 3.0.0\nopenapi: 3.0.0", 'found duplicate key "openapi"'),
        ("openapi: 3.0.0\npaths: {200: {}, '200': {}}", 'found duplicate key "200"'),
        ("openapi: 3.0.0\n? [a]\n: b", "a key is not a text at line 2, column 3"),
        ("openapi: 3.0.0\npaths: &a {b: *a}", "nested deeper than 100 levels"),
        ('{"openapi": ' * 5000, "nested deeper than 100 levels"),
        ("openapi: " + "[" * 5000, "nested deeper than 100 levels"),
        ('{"openapi": NaN}', "has a number that JSON readers cannot hold"),
        ("openapi: 1e999", "has a number that JSON readers cannot hold"),
        ("openapi: " + "9" * 5000, "is not YAML"),
        ("openapi: !!binary aGk=", "could not determine a constructor for the tag"),
        ("openapi: !!int x", "is not YAML"),
        ('{"openapi": "\\ud800"}', "has a text that is not Unicode"),
        (
            "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
            "its aliases multiply them",
        ),
        ("- openapi", "holds a list, not an object"),
        ("", "holds a NoneType, not an object"),
    ],
)
def test_texts_that_hold_no_document(project, text, message):
    assert all(message in line for line in refused(project, text))


def test_a_name_with_a_line_break_stays_on_the_line(project):
    document = small()
    document["components"]["schemas"]["Cat"]["properties"]["a\nb\x1b"] = {"type": 5}
    assert all("a\\nb\\x1b.type is 5" in line for line in refused(project, json.dumps(document)))


@pytest.mark.parametrize("source", ["http://[::1", "http://\x00/", "a\x00b", "no such file", "https://"])
def test_sources_that_cannot_be_read(project, source):
    done = project.call("sync", source)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (UNUSABLE, "", 1)


def test_schemas_that_refer_to_each_other_over_thousands_of_steps():
    def chain(last):
        schemas = {f"S{n}": {"type": "object", "properties": {"p": refer("schemas", f"S{n + 1}")}} for n in range(3000)}
        document = small()
        document["components"]["schemas"] |= {**schemas, "S3000": {"type": last}, "Pet": refer("schemas", "S0")}
        return document

    with pytest.raises(DocumentError, match="refer to each other over too many steps"):
        compare(chain("string"), chain("integer"))


def test_keys_of_yaml_are_texts(project):
    text = yaml.safe_dump(small()).replace("'200':", "200:")
    assert "\n        200:" in text
    project.path("unquoted.yaml").write_text(text)
    project.path("quoted.json").write_text(json.dumps(small()))
    done = project.call("diff", str(project.path("quoted.json")), str(project.path("unquoted.yaml")))
    assert (done.returncode, done.stdout) == (0, "no change\n")
    keys = b"200: a\ntrue: a\nnull: a\n~: a\n1.50: a\n2020-01-01: a\n.nan: a\nno: a\n"
    assert list(parse(keys, "keys")) == ["200", "true", "null", "~", "1.50", "2020-01-01", ".nan", "no"]


def test_an_alias_is_the_same_as_the_value_written_out(project):
    text = "a: &x {q: [1]}\nb: *x\nc: {<<: *x, r: 2}\n"
    assert parse(text.encode(), "x") == {"a": {"q": [1]}, "b": {"q": [1]}, "c": {"q": [1], "r": 2}}


JUNK = [
    *(None, True, 0, -1, 1.5, "", "x", "a\nb", [], {}, [None], ["a"], {"a": None}, [[]]),
    *(refer("schemas", "Pet"), refer("schemas", "Nope"), refer("parameters", "P"), {"$ref": 5}, {"$ref": "#/paths"}),
    *({"$ref": "#/components/schemas/Pet/oneOf/2/items"}, {"$ref": "#/paths/~1a/post/responses/200"}),
    *({"oneOf": []}, {"enum": []}, {"const": None}, {"properties": {"a": True}}, {"pattern": "[", "default": "x"}),
]
KEYS = [
    *("$ref", "allOf", "oneOf", "anyOf", "not", "type", "enum", "required", "properties", "items", "$defs", "default"),
    *("additionalProperties", "discriminator", "mapping", "parameters", "content", "schema", "headers", "responses"),
    *("requestBody", "security", "servers", "callbacks", "links", "200", "2XX", "in", "name", "style", "x-y", "format"),
    *("minimum", "exclusiveMinimum", "multipleOf", "readOnly", "nullable", "tags", "operationId", "flows", "scopes"),
]


def places(node, path=()):
    yield path
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(value, (*path, key))


def mutated(rng):
    """Change one to three places of a document: take them away, put junk or another place's value there."""
    document = small()
    for _ in range(rng.choice([1, 1, 2, 3])):
        path = rng.choice([path for path in places(document) if path])
        owner = document
        for key in path[:-1]:
            owner = owner[key]
        value, way = owner[path[-1]], rng.random()
        if way < 0.2:
            del owner[path[-1]]
        elif way < 0.4 and isinstance(value, dict):
            value[rng.choice(KEYS)] = copy.deepcopy(rng.choice(JUNK))
        elif way < 0.5 and isinstance(value, list):
            value.append(copy.deepcopy(rng.choice(JUNK)))
        else:
            owner[path[-1]] = copy.deepcopy(rng.choice(JUNK))
    return document


@pytest.mark.parametrize("seed", range(3))
def test_no_mutation_of_a_document_ends_in_a_traceback(seed):
    rng = random.Random(seed)
    outcomes = {"compared": 0, "refused": 0}
    for _ in range(200):
        document = mutated(rng)
        if not isinstance(document.get("paths"), dict) or not isinstance(document.get("openapi"), str):
            continue  # refused before there is anything to compare
        try:
            compare(small(), document)
            compare(document, small())
            outcomes["compared"] += 1
        except DocumentError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


@pytest.mark.parametrize("version", ["3.0.0", "3.1.0"])
def test_no_mutation_ends_a_command_in_a_traceback(project, version):
    rng = random.Random(version)
    project.path("good.json").write_text(json.dumps({**small(), "openapi": version}))
    for _ in range(15):
        project.path("new.json").write_text(json.dumps({**mutated(rng), "openapi": version}))
        done = project.call("diff", str(project.path("good.json")), str(project.path("new.json")))
        assert (done.returncode, done.stderr.count("\n")) in {(0, 0), (UNUSABLE, 1)}
        assert bool(done.stdout) == (done.returncode == 0)
