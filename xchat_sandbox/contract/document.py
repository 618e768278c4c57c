"""The contract: the OpenAPI document that requests are validated against.

Parameters, scopes, members and problem types all come from the document, so a document with other names makes a
sandbox with other names.
"""

from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from xchat_sandbox.contract.accepted_requests import AcceptedRequests
from xchat_sandbox.contract.operation import GET_CONVERSATION, Operation, RequestValues
from xchat_sandbox.contract.validation import RequestValidator
from xchat_sandbox.wire.problems import ABOUT_BLANK

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_USER_SECURITY = "OAuth2UserToken"
_PROBLEM_BASE = "https://api.x.com/2/problems/"
# Members of every user: since version 2.167, X's document requires none.
_USER_MEMBERS = frozenset({"id", "name", "username"})


class Contract:
    """OpenAPI document, as the sandbox reads it.

    :param document: the parsed OpenAPI 3.0 document.
    :raises openapi_core.exceptions.OpenAPIError: if it is not an OpenAPI document.
    :raises openapi_spec_validator.OpenAPIValidationError: if it is an invalid one.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = _with_strict_ends(document)
        self._validator = RequestValidator(self._document)
        self._accepted: dict[str, AcceptedRequests] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> "Contract":
        """Read a contract from a file.

        :param path: a YAML or JSON file; None for the packaged document.
        :return: the contract.
        :raises OSError: if the file cannot be read.
        :raises yaml.YAMLError: if it is neither YAML nor JSON.
        :raises openapi_core.exceptions.OpenAPIError: if it is not an OpenAPI document.
        :raises openapi_spec_validator.OpenAPIValidationError: if it is an invalid one.
        """
        return _packaged_contract() if path is None else cls(yaml.safe_load(path.read_bytes()))

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """The operations, by operationId."""
        return {
            operation["operationId"]: self._operation(path, item, method)
            for path, item in self._document["paths"].items()
            for method, operation in item.items()
            if method in _METHODS
        }

    @cached_property
    def scopes(self) -> frozenset[str]:
        """All scopes that a token can be granted."""
        flows = self._document["components"]["securitySchemes"][_USER_SECURITY]["flows"].values()
        offered = frozenset(scope for flow in flows for scope in flow["scopes"])
        return offered.union(*(operation.scopes for operation in self.operations.values()))

    @cached_property
    def conversation_members(self) -> frozenset[str]:
        """The members that every conversation in an answer has."""
        return self._required_members("data")

    @cached_property
    def user_members(self) -> frozenset[str]:
        """The members that every expanded user in an answer has."""
        return self._required_members("includes", "users") or _USER_MEMBERS

    def _required_members(self, *path: str) -> frozenset[str]:
        # The document may leave out any member, and with it all that is nested in the member.
        schema = self._answer_schema(GET_CONVERSATION)
        for name in path:
            schema = self._object_schema(schema.get("properties", {}).get(name, {}))
        return frozenset(schema.get("required", ()))

    def problem_type(self, kind: str) -> str:
        """Return the type URI of a problem.

        :param kind: the last segment of the type URI, or ``about:blank``.
        :return: the contract's URI with that last segment, or one made from X's base URI.
        """
        if kind == ABOUT_BLANK:
            return kind
        return next((uri for uri in self.problem_types if uri.endswith(f"/{kind}")), f"{_PROBLEM_BASE}{kind}")

    @cached_property
    def problem_types(self) -> Mapping[str, str]:
        """The schema references of the problem types that the contract lists, by type URI."""
        response = self._resolved(self._definition(GET_CONVERSATION)["responses"].get("default", {}))
        content = response.get("content", {}).get("application/problem+json", {})
        schema = self._resolved(content.get("schema", {}))
        mapping: Mapping[str, str] = schema.get("discriminator", {}).get("mapping", {})
        return mapping

    def read(
        self, operation: Operation, path: Mapping[str, str], query: str, body: bytes, content_type: str
    ) -> RequestValues:
        """Validate a request.

        :param operation: the operation that was called.
        :param path: the path parameters, percent-decoded.
        :param query: the raw query string.
        :param body: the request body.
        :param content_type: the Content-Type header; empty if there was none.
        :return: the values of the request.
        :raises ProblemError: 415 for a body of another media type, 400 for any other mismatch.
        """
        # openapi-core fails on parameters without a value; JSON defines none, so all are dropped.
        media_type = content_type.partition(";")[0].strip().lower()
        accepted = self._accepted_requests(operation)
        if known := accepted.read(path, query, body, media_type):
            return RequestValues(path, *known)
        values = self._validator.validate(operation, path, query, body, media_type)
        accepted.remember(query, values.query)
        return values

    def _accepted_requests(self, operation: Operation) -> AcceptedRequests:
        accepted = self._accepted.get(operation.operation_id)
        if accepted is None:
            body = self._resolved(self._definition(operation.operation_id).get("requestBody", {})).get("content", {})
            paths = [
                each for each in self._parameters(operation.path, operation.method.lower()) if each["in"] == "path"
            ]
            accepted = self._accepted[operation.operation_id] = AcceptedRequests(
                {parameter["name"]: parameter["schema"] for parameter in paths},
                body,
                self._document["components"],
            )
        return accepted

    def _parameters(self, path: str, method: str) -> list[Mapping[str, Any]]:
        item = self._document["paths"][path]
        return [self._resolved(each) for each in (*item.get("parameters", ()), *item[method].get("parameters", ()))]

    def _definition(self, operation_id: str) -> Mapping[str, Any]:
        operation = self.operations[operation_id]
        definition: Mapping[str, Any] = self._document["paths"][operation.path][operation.method.lower()]
        return definition

    def _operation(self, path: str, item: Mapping[str, Any], method: str) -> Operation:
        definition = item[method]
        query = [each for each in self._parameters(path, method) if each["in"] == "query"]
        requirements = definition.get("security", self._document.get("security", ()))
        return Operation(
            operation_id=definition["operationId"],
            method=method.upper(),
            path=path,
            scopes=frozenset().union(*(requirement.get(_USER_SECURITY, ()) for requirement in requirements)),
            exploded={parameter["name"]: parameter.get("explode", True) for parameter in query},
            media_types=tuple(self._resolved(definition.get("requestBody", {})).get("content", ())),
        )

    def _answer_schema(self, operation_id: str) -> Mapping[str, Any]:
        responses = self._definition(operation_id)["responses"]
        success: Mapping[str, Any] = next(
            (response for status, response in responses.items() if str(status).startswith("2")), {}
        )
        content = self._resolved(success).get("content", {})
        schema: Mapping[str, Any] = next(
            (each.get("schema", {}) for media_type, each in content.items() if "json" in media_type), {}
        )
        return self._object_schema(schema)

    def _object_schema(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        schema = self._resolved(schema)
        if "oneOf" in schema:
            return self._object_schema(schema["oneOf"][0])
        return self._object_schema(schema["items"]) if schema.get("type") == "array" else schema

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            steps = node["$ref"].removeprefix("#/").split("/")
            node = self._document
            for step in steps:
                node = node[step]
        return node


def _with_strict_ends(node: Any) -> Any:
    # "$" matches only at the very end in OpenAPI's regular expressions, but also before a final line break in Python's.
    if isinstance(node, Mapping):
        return {
            key: f"{value}(?!\\n)"
            if key == "pattern" and isinstance(value, str) and value.endswith("$")
            else _with_strict_ends(value)
            for key, value in node.items()
        }
    return [_with_strict_ends(each) for each in node] if isinstance(node, list) else node


@cache
def _packaged_contract() -> Contract:
    return Contract(yaml.safe_load((files("xchat_sandbox.contract") / "openapi.yaml").read_bytes()))
