"""Alternatives of a ``oneOf`` that take the same values: each was fine alone, and together they refuse requests."""

from __future__ import annotations

import pytest

from codegen.changes import compare

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def component(name):
    return {"$ref": f"#/components/schemas/{name}"}


def sent(schema, **schemas):
    body = {"content": {"application/json": {"schema": schema}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/a": {"post": {"operationId": "op", "requestBody": body, "responses": {}}}},
        "components": {"schemas": schemas},
    }


def one_of(*schemas, **beside):
    return {"oneOf": list(schemas), **beside}


def having(*required, **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


def kind(value):
    return having("kind", kind={"type": "string", "const": value})


def worst(old, new):
    return min((change.severity for change in compare(old, new)), key=("breaking", "look", "compatible").index)


def overlaps(old, new):
    return [(change.kind, change.severity) for change in compare(old, new) if "overlap" in change.kind]


CERTAIN = [("alternatives-overlap", "breaking")]
UNCLEAR = [("alternatives-may-overlap", "look")]

A, B = having("a", a=TEXT), having("b", b=TEXT)
ARRAY = {"type": "array", "items": TEXT}

APART = [
    (TEXT, NUMBER),
    (kind("a"), kind("b")),
    (having("kind", kind={"enum": ["a", "c"]}), having("kind", kind={"enum": ["b", "d"]})),
    # one of them requires the member, and the other lets it have another value only
    (kind("a"), having(kind={"const": "b"})),
    (having("a", a=TEXT), having("a", a=NUMBER)),
    (having("a", a=kind("x")), having("a", a=kind("y"))),
    (A, {**having(b=TEXT), "additionalProperties": False}),
    (A, {**having(b=TEXT), "additionalProperties": NUMBER}),
    (A, having(a=False)),
    (A, having(a={"not": {}})),
    ({"enum": ["a"]}, {"enum": ["b", 1]}),
    ({"enum": [1, True]}, {"enum": ["1", False]}),
    ({"enum": ["a"]}, NUMBER),
    ({"type": "string", "maxLength": 3}, {"type": "string", "minLength": 4}),
    ({"type": "number", "maximum": 3}, {"type": "number", "exclusiveMinimum": 3}),
    ({"type": "array", "items": TEXT, "minItems": 1}, {"type": "array", "items": NUMBER}),
    (kind("a"), one_of(kind("b"), kind("c"))),
    (kind("a"), {"allOf": [kind("b"), A]}),
]
OVERLAPPING = [
    (A, B),
    (A, A),
    (TEXT, TEXT),
    (NUMBER, {"type": "number"}),
    (TEXT, {"type": "string", "pattern": "^a"}),
    (TEXT, {"type": "string", "enum": ["a"]}),
    ({"enum": ["a", "b"]}, {"enum": ["b", "c"]}),
    ({"type": "string", "maxLength": 3}, {"type": "string", "minLength": 3}),
    ({"type": "number", "maximum": 3}, {"type": "number", "minimum": 2}),
    (ARRAY, {"type": "array", "items": NUMBER}),
    ({**ARRAY, "minItems": 1}, {"type": "array", "items": {"type": "string", "maxLength": 4}, "maxItems": 3}),
    (having("a", a=A), having("a", a=B)),
    (A, {**having(a=TEXT, b=TEXT), "additionalProperties": False}),
    ({"required": ["a"]}, {"required": ["b"]}),
    ({}, TEXT),
    (A, {"allOf": [B, having("c", c=NUMBER)]}),
]
UNDECIDED = [
    ({"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}),
    ({"type": "string", "format": "date"}, {"type": "string", "format": "uuid"}),
    ({"type": "integer", "multipleOf": 4}, {"type": "integer", "multipleOf": 6}),
    (A, {"type": "object", "not": {"required": ["a"]}}),
    (A, {"type": "object", "patternProperties": {"^a": NUMBER}}),
    (A, {**having(b=TEXT), "maxProperties": 1}),
    ({"type": ["string", "null"], "enum": ["a", None]}, {"type": ["string", "null"], "enum": ["b", None]}),
]


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        *((pair, []) for pair in APART),
        *((pair, CERTAIN) for pair in OVERLAPPING),
        *((pair, UNCLEAR) for pair in UNDECIDED),
    ],
    ids=str,
)
def test_two_alternatives(pair, expected):
    for first, second in (pair, pair[::-1]):
        assert overlaps(sent(one_of(first)), sent(one_of(first, second))) == expected


@pytest.mark.parametrize("old", [A, one_of(A), {"anyOf": [A]}])
def test_one_alternative_becomes_two(old):
    assert overlaps(sent(old), sent(one_of(A, B))) == CERTAIN
    assert worst(sent(one_of(kind("a"))), sent(one_of(kind("a"), kind("b")))) == "compatible"
    assert worst(sent(kind("a")), sent(one_of(kind("a"), kind("b")))) == "compatible"


def test_one_alternative_with_a_discriminator_becomes_two():
    def pet(*names):
        mapping = {name.lower(): f"#/components/schemas/{name}" for name in names}
        return one_of(*map(component, names), discriminator={"propertyName": "kind", "mapping": mapping})

    schemas = {"Cat": kind("cat"), "Dog": kind("dog")}
    old, new = (
        sent(component("Pet"), Pet=pet("Cat"), **schemas),
        sent(component("Pet"), Pet=pet("Cat", "Dog"), **schemas),
    )
    assert [change.kind for change in compare(old, new)] == ["discriminator-changed", "alternative-added"]
    # Schemas that a discriminator alone tells apart: those who check the schemas refuse what fits both.
    schemas = {"Cat": having("kind", kind=TEXT), "Dog": having("kind", "barks", kind=TEXT, barks={"type": "boolean"})}
    old, new = (
        sent(component("Pet"), Pet=pet("Cat"), **schemas),
        sent(component("Pet"), Pet=pet("Cat", "Dog"), **schemas),
    )
    assert overlaps(old, new) == UNCLEAR


def test_the_same_alternative_listed_twice():
    assert overlaps(sent(one_of(TEXT, A)), sent(one_of(TEXT, A, A))) == CERTAIN
    once, twice = one_of(component("A"), TEXT), one_of(component("A"), TEXT, component("A"))
    (change,) = [change for change in compare(sent(once, A=A), sent(twice, A=A)) if "overlap" in change.kind]
    assert change.message == "some values now fit both A and A"


@pytest.mark.parametrize(
    ("loosened", "expected"),
    [
        (having("kind", kind=TEXT), CERTAIN),
        (having("kind", kind={"type": "string", "enum": ["a", "b"]}), CERTAIN),
        (having("kind", kind={"type": "string", "pattern": "^a"}), UNCLEAR),
        (having("kind", kind={"type": "string", "enum": ["a", "c"]}), []),
    ],
)
def test_an_alternative_that_is_looser_than_before(loosened, expected):
    assert overlaps(sent(one_of(kind("a"), kind("b"))), sent(one_of(loosened, kind("b")))) == expected


def test_what_all_alternatives_have_in_common_counts():
    common = {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False}
    old = sent({**common, **one_of({"required": ["a"]}, {"maxProperties": 0})})
    new = sent({**common, **one_of({"required": ["a"]}, {"maxProperties": 0}, {"required": ["b"]})})
    assert overlaps(old, new) == []


def test_alternatives_that_overlapped_before_are_no_news():
    assert compare(sent(one_of(A, B)), sent(one_of(A, B))) == []
    assert overlaps(sent(one_of(A, B)), sent(one_of(A, having("b", b=TEXT, c=TEXT)))) == []


def test_any_of_takes_what_fits_several():
    assert worst(sent({"anyOf": [A, TEXT]}), sent({"anyOf": [A, TEXT, B, A]})) == "compatible"
    assert overlaps(sent({"anyOf": [A, B]}), sent(one_of(A, B))) == CERTAIN


def test_a_member_that_is_not_sent_tells_nothing_apart():
    read_only = [having("kind", kind={"const": value, "readOnly": True}) for value in "ab"]
    assert overlaps(sent(one_of(read_only[0], TEXT)), sent(one_of(read_only[0], TEXT, read_only[1]))) == CERTAIN
