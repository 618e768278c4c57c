"""
What the generated client needs of the corrected document: pure functions, dict in, dict out.

The sandbox is held to all that X documents. The client reads successes alone, and reads problems of any type as what
they have in common, so the rest would only be classes that nobody uses.
"""

from __future__ import annotations

import copy
import re

from codegen.document import Document, operations, parameters, prune, relax_answers
from codegen.references import followed

__all__ = ["client_view"]


def client_view(document: Document) -> Document:
    """
    Reduce a document to what the client is made of.

    :param document: an OpenAPI document; it is not changed
    :return: the document without error answers, its discriminated schemas each one object, and with no member of an
        answer required
    """
    reduced = copy.deepcopy(document)
    for _, _, operation in operations(reduced):
        responses = operation.get("responses", {})
        if any(status.startswith("2") for status in responses):
            operation["responses"] = {status: node for status, node in responses.items() if status.startswith("2")}
    for schema in reduced.get("components", {}).get("schemas", {}).values():
        if isinstance(schema, dict) and "discriminator" in schema:
            _make_one_object(reduced, schema)
    _share_names(reduced)
    return relax_answers(prune(reduced))


def _share_names(document: Document) -> None:
    """Make one schema, ``<Parameter>Name``, of the names that a list takes, where all operations take the same ones."""
    lists: dict[str, list[Document]] = {}
    for path, _, operation in operations(document):
        for parameter in parameters(document, path, operation):
            schema = followed(document, parameter.get("schema", {}))
            if "enum" in followed(document, schema.get("items", {})):
                lists.setdefault(parameter["name"], []).append(schema)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for parameter_name, found in lists.items():
        name = "".join(word.capitalize() for word in re.findall("[A-Za-z0-9]+", parameter_name)) + "Name"
        items = [followed(document, schema["items"]) for schema in found]
        if name not in schemas and all(item == items[0] for item in items):
            schemas[name] = items[0]
            for schema in found:
                schema["items"] = {"$ref": f"#/components/schemas/{name}"}


def _make_one_object(document: Document, schema: Document) -> None:
    """
    Merge the members of all alternatives of a schema into it, each optional.

    The generator reads such a value as the first alternative, whatever its type says, so its class would be a lie.
    """
    alternatives = [followed(document, node) for word in ("oneOf", "anyOf") for node in schema.pop(word, ())]
    mapping = schema.pop("discriminator").get("mapping", {})
    if not alternatives and not mapping:
        return
    members = schema.setdefault("properties", {})
    for alternative in alternatives:
        for name, member in alternative.get("properties", {}).items():
            # A type's own values say nothing of the others'.
            known = {key: value for key, value in member.items() if key != "enum"} if isinstance(member, dict) else {}
            members[name] = known if members.get(name, known) == known else {}
    schema["type"] = "object"
    schema.pop("required", None)
