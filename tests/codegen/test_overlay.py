"""The overlay does what OpenAPI Overlay 1.0 says, and complains where the specification would keep silent."""

from __future__ import annotations

import copy

import pytest

from codegen.errors import OverlayError
from codegen.overlay import apply

DOCUMENT = {"a": {"b": 1, "list": [{"n": 1}, {"n": 2}, {"n": 3}]}, "c": {"b": 2}}


def overlay(*actions, **fields):
    given = [{"description": "because", **action} for action in actions]
    return {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "actions": given, **fields}


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([{"target": "$.a", "update": {"b": 9, "x": {"y": 1}}}], {"a": {**DOCUMENT["a"], "b": 9, "x": {"y": 1}}}),
        ([{"target": "$.a.list", "update": {"n": 4}}], {"a": {"b": 1, "list": [{"n": n} for n in (1, 2, 3, 4)]}}),
        ([{"target": "$", "update": {"a": {"list": [5]}}}], {"a": {"b": 1, "list": [{"n": 1}, {"n": 2}, {"n": 3}, 5]}}),
        ([{"target": "$.a.list[?@.n < 3]", "remove": True}], {"a": {"b": 1, "list": [{"n": 3}]}}),
        ([{"target": "$.a['list', 'b']", "remove": True}], {"a": {}}),
        ([{"target": "$[?@.b]", "update": {"z": 0}}], {"a": {**DOCUMENT["a"], "z": 0}, "c": {"b": 2, "z": 0}}),
        (
            [{"target": "$.a", "update": {"new": {"p": 1}}}, {"target": "$.a.new", "update": {"q": 2}}],
            {"a": {**DOCUMENT["a"], "new": {"p": 1, "q": 2}}},
        ),
    ],
)
def test_actions(actions, expected):
    before = copy.deepcopy(DOCUMENT)
    assert apply(DOCUMENT, overlay(*actions)) == {**DOCUMENT, **expected}
    assert before == DOCUMENT


def test_an_update_is_not_shared_between_the_places_it_goes_to():
    corrected = apply(DOCUMENT, overlay({"target": "$.*", "update": {"x": {}}}))
    corrected["a"]["x"]["changed"] = True
    assert corrected["c"]["x"] == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "overlay: 1.0.0"),
        ({"overlay": "2.0.0"}, "overlay: 1.0.0"),
        (overlay(info={"title": "t"}), "'title' and 'version'"),
        (overlay(), "at least one action"),
        (overlay({"update": {}}), "overlay action 1 must be an object with a JSONPath"),
        (overlay({"target": "$.a", "update": {}, "when": 1}), "overlay action 1 has unknown fields: when"),
        (overlay({"target": "$.a", "update": {}, "description": " "}), "overlay action 1 gives no reason"),
        (overlay({"target": "$.a"}), "either 'update' or 'remove: true'"),
        (overlay({"target": "$.a", "update": {}, "remove": True}), "either 'update' or 'remove: true'"),
        (overlay({"target": "$.a[", "update": {}}), "overlay action 1: target '$.a[' is not a JSONPath"),
        (overlay({"target": "$.nothing", "update": {}}), "target '$.nothing' matches nothing"),
        (overlay({"target": "$.a.list[?@.n == 7]", "remove": True}), "matches nothing"),
        (overlay({"target": "$.a.b", "update": {}}), "matches a int and updates it by a dict"),
        (overlay({"target": "$.a", "update": 3}), "matches a dict and updates it by a int"),
        (overlay({"target": "$", "remove": True}), "would remove the whole document"),
        (overlay({"target": "$.a", "remove": True}, {"target": "$.a", "update": {}}), "overlay action 2"),
    ],
)
def test_what_cannot_be_applied_is_refused(given, message):
    with pytest.raises(OverlayError) as caught:
        apply(DOCUMENT, given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
