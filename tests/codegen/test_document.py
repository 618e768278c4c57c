"""The cut: just what our operations reach, facts only, in an order that depends on the facts alone."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest

from codegen.document import cut, operations, prune, relax_answers
from codegen.errors import DocumentError
from codegen.tree import Tree

OURS = Tree(Path(__file__).resolve().parents[2]).operation_ids()


def small(**schemas):
    """A document with one operation, whose answer is the schema Answer."""
    schema = {"$ref": "#/components/schemas/Answer"}
    answer = {"description": "Prose", "content": {"application/json": {"schema": schema}}}
    return {
        "openapi": "3.0.0",
        "info": {"title": "t", "version": "1", "description": "Prose"},
        "paths": {"/a/{id}": {"get": {"operationId": "getA", "responses": {"200": answer}}}},
        "components": {"schemas": schemas},
    }


def test_a_cut_of_what_x_publishes_is_our_openapi_yaml(published, cut_document):
    assert cut(published, OURS) == cut_document


def test_a_cut_is_its_own_cut(cut_document):
    again = cut(cut_document, OURS)
    assert again == cut_document
    assert repr(again) == repr(cut_document)  # the order too


@pytest.mark.parametrize("seed", range(20))
def test_reordering_what_has_no_order_changes_nothing(published, cut_document, shuffled, seed):
    again = cut(shuffled(published, random.Random(seed)), OURS)
    assert repr(again) == repr(cut_document)


def test_the_argument_is_left_as_it_was(published):
    before = copy.deepcopy(published)
    cut(published, OURS)
    assert published == before


def test_prose_goes_and_properties_that_are_called_like_prose_stay():
    names = ("description", "example", "title", "summary")
    properties = {name: {"type": "string", "description": "Prose"} for name in names}
    nested = {"properties": {"type": "object", "title": "Prose", "properties": {"properties": {"type": "string"}}}}
    answer = {"type": "object", "description": "Prose", "properties": {**properties, **nested}, "required": ["title"]}
    schema = cut(small(Answer=answer), ["getA"])["components"]["schemas"]["Answer"]
    assert schema == {
        "type": "object",
        "required": ["title"],
        "properties": {
            **{name: {"type": "string"} for name in properties},
            "properties": {"type": "object", "properties": {"properties": {"type": "string"}}},
        },
    }


def test_references_are_followed_wherever_they_stand():
    document = small(
        Answer={
            "oneOf": [{"$ref": "#/components/schemas/A"}],
            "discriminator": {
                "propertyName": "k",
                "mapping": {"m": "#/components/schemas/Mapped", "n": "Named"},
            },
        },
        A={"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/B"}]}},
        B={"additionalProperties": {"$ref": "#/components/schemas/C~1slash"}},
        Mapped={"type": "object"},
        Named={"not": {"$ref": "#/components/schemas/A"}},
        Unreached={"type": "object"},
        **{"C/slash": {"type": "string"}},
    )
    reached = cut(document, ["getA"])["components"]["schemas"]
    assert sorted(reached) == ["A", "Answer", "B", "C/slash", "Mapped", "Named"]


def test_schemas_that_refer_to_themselves_are_no_trouble():
    document = small(Answer={"properties": {"next": {"$ref": "#/components/schemas/Answer"}}})
    assert cut(document, ["getA"])["components"]["schemas"] == document["components"]["schemas"]


def test_orders_that_mean_something_are_kept():
    one_of = [{"type": "string"}, {"type": "integer"}, {"type": "array", "items": {}}]
    document = small(Answer={"oneOf": one_of})
    document["servers"] = [{"url": "https://z"}, {"url": "https://a"}]
    again = cut(document, ["getA"])
    assert again["components"]["schemas"]["Answer"]["oneOf"] == one_of
    assert [server["url"] for server in again["servers"]] == ["https://z", "https://a"]


def test_doubles_in_sets_go():
    document = small(Answer={"type": "string", "enum": ["b", "a", "b"]})
    assert cut(document, ["getA"])["components"]["schemas"]["Answer"]["enum"] == ["a", "b"]


def test_parameters_of_the_path_stay_and_other_methods_go():
    document = small(Answer={})
    item = document["paths"]["/a/{id}"]
    item["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    item["put"] = {"operationId": "putA", "responses": {}}
    assert sorted(cut(document, ["getA"])["paths"]["/a/{id}"]) == ["get", "parameters"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["paths"].pop("/a/{id}"), "operation getA is not in the document"),
        (lambda d: d["paths"].update({"/b": d["paths"]["/a/{id}"]}), "stands twice: GET /a/{id} and GET /b"),
        (lambda d: d["components"]["schemas"].clear(), "'#/components/schemas/Answer' points to nothing"),
        (
            lambda d: d["components"]["schemas"].update(Answer={"$ref": "other.yaml#/X"}),
            "'other.yaml#/X' is not of the form #/…; only local references can be followed (at components",
        ),
        (
            lambda d: d["components"]["schemas"].update(
                Answer={"properties": {"p": {"$ref": "#/components/schemas/Gone"}}}
            ),
            "'#/components/schemas/Gone' points to nothing (at components.schemas.Answer.properties.p)",
        ),
        (
            lambda d: d["paths"]["/a/{id}"]["get"].update(security=[{"NoSuchScheme": []}]),
            "'#/components/securitySchemes/NoSuchScheme' points to nothing",
        ),
    ],
)
def test_what_cannot_be_cut_is_refused_with_its_place(change, message):
    document = small(Answer={})
    change(document)
    with pytest.raises(DocumentError) as caught:
        cut(document, ["getA"])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_prune_takes_out_what_nothing_reaches_any_more():
    document = small(Answer={}, Orphan={"$ref": "#/components/schemas/Answer"})
    assert sorted(prune(document)["components"]["schemas"]) == ["Answer"]


def test_answers_may_lack_anything_and_requests_may_not(cut_document):
    before, after = cut_document, relax_answers(cut_document)
    assert before["components"]["schemas"]["UserPublicMetrics"]["required"]
    assert "required" not in after["components"]["schemas"]["UserPublicMetrics"]
    assert after["components"]["schemas"]["MarkChatConversationReadRequest"]["required"] == ["seen_until_sequence_id"]
    parameters = [[operation["parameters"] for _, _, operation in operations(document)] for document in (before, after)]
    assert parameters[0] == parameters[1]


@pytest.mark.parametrize(
    ("given", "relaxed"),
    [
        ({"type": "array", "items": {}, "nullable": True}, {"type": "array", "items": {}}),
        ({"type": ["object", "null"], "properties": {}}, {"type": "object", "properties": {}}),
        ({"type": "string", "nullable": True}, {"type": "string", "nullable": True}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
    ],
)
def test_null_for_an_object_is_a_misfit_and_for_a_text_a_value(given, relaxed):
    document = small(Answer={"properties": {"member": given}})
    answer = relax_answers(document)["components"]["schemas"]["Answer"]
    assert answer == {"properties": {"member": relaxed}}


def test_a_property_named_required_is_not_taken_for_the_keyword():
    document = small(Answer={"required": ["required"], "properties": {"required": {"type": "boolean"}}})
    answer = relax_answers(document)["components"]["schemas"]["Answer"]
    assert answer == {"properties": {"required": {"type": "boolean"}}}
