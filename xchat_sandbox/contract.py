"""The contract: the OpenAPI document that requests are held against.

Everything the sandbox knows about parameters, scopes, members and problem types comes from here, so that a
document with other names makes a sandbox with other names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.security.factories import SecurityProviderFactory
from openapi_core.security.providers import BaseProvider
from starlette.datastructures import QueryParams

from xchat_sandbox.accepted_requests import AcceptedRequests
from xchat_sandbox.contract_errors import explain, media_type_refused
from xchat_sandbox.json_wire import strict_loads
from xchat_sandbox.problems import ABOUT_BLANK, InvalidValue, invalid_request, unsupported_media_type
from xchat_sandbox.request_log import REDACTED, is_secret

GET_CONVERSATION = "getChatConversation"
MARK_READ = "markChatConversationRead"

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_USER_SECURITY = "OAuth2UserToken"
_PROBLEM_BASE = "https://api.x.com/2/problems/"
# What X shows of a user in any case; since version 2.167 its document requires no member.
_USER_MEMBERS = frozenset({"id", "name", "username"})


@dataclass(frozen=True)
class Operation:
    """One operation of the contract.

    :param operation_id: its operationId.
    :param method: the HTTP method, in upper case.
    :param path: the path template.
    :param scopes: the OAuth 2.0 scopes a user's token needs.
    :param exploded: for each query parameter, whether its key is repeated for each value of a list.
    :param media_types: the media types of the request body; none if it takes no body.
    """

    operation_id: str
    method: str
    path: str
    scopes: frozenset[str]
    exploded: Mapping[str, bool]
    media_types: tuple[str, ...]


@dataclass(frozen=True)
class RequestValues:
    """What a request that matches the contract says.

    :param path: the path parameters.
    :param query: the query parameters; lists are lists.
    :param body: the request body; None for an operation without one.
    """

    path: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Any = None


class Contract:
    """An OpenAPI document, and what the sandbox reads from it.

    :param document: the parsed OpenAPI 3.0 document.
    :raises openapi_core.exceptions.OpenAPIError: if it is not an OpenAPI document.
    :raises openapi_spec_validator.OpenAPIValidationError: if it is one, but not a valid one.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        document = self._document = _with_strict_ends(document)
        config = Config(
            security_provider_factory=_TokensAreCheckedElsewhere(),
            extra_media_type_deserializers={"application/json": strict_loads},
        )
        openapi = OpenAPI.from_dict(document, config=config)
        self._unmarshaller = openapi.request_unmarshaller
        self._accepted: dict[str, AcceptedRequests] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> "Contract":
        """Read a contract from a file.

        :param path: a YAML or JSON file; None for the one that comes with the package.
        :returns: the contract.
        :raises OSError: if the file cannot be read.
        :raises yaml.YAMLError: if it is neither YAML nor JSON. What is not a contract is refused as in the
            constructor.
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
        """Every scope that a token can be granted."""
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

    def _required_members(self, *way: str) -> frozenset[str]:
        # The document may leave out any member, and with it what it says of what is below.
        schema = self._answer_schema(GET_CONVERSATION)
        for name in way:
            schema = self._object_schema(schema.get("properties", {}).get(name, {}))
        return frozenset(schema.get("required", ()))

    def problem_type(self, kind: str) -> str:
        """Complete the type of a problem.

        :param kind: the last segment of the type URI, or ``about:blank``.
        :returns: the URI as the contract has it, if it knows one that ends so.
        """
        if kind == ABOUT_BLANK:
            return kind
        return next((uri for uri in self.problem_types if uri.endswith(f"/{kind}")), f"{_PROBLEM_BASE}{kind}")

    @cached_property
    def problem_types(self) -> Mapping[str, str]:
        """The schema that the contract names for each type of problem, as a reference."""
        response = self._resolved(self._definition(GET_CONVERSATION)["responses"].get("default", {}))
        content = response.get("content", {}).get("application/problem+json", {})
        schema = self._resolved(content.get("schema", {}))
        mapping: Mapping[str, str] = schema.get("discriminator", {}).get("mapping", {})
        return mapping

    def read(
        self, operation: Operation, path: Mapping[str, str], query: str, body: bytes, content_type: str
    ) -> RequestValues:
        """Hold a request against the contract.

        :param operation: the operation that was called.
        :param path: the path parameters, percent-decoded.
        :param query: the raw query string.
        :param body: the request body.
        :param content_type: the Content-Type header; empty if there was none.
        :returns: the values of the request.
        :raises ProblemError: 400 for a request that does not match, and 415 if what does not match is the
            media type of the body: RFC 9110 has a status for this, which tells a client more than 400.
        """
        # openapi-core trips over parameters without a value, and JSON defines none.
        media_type = content_type.partition(";")[0].strip().lower()
        accepted = self._accepted_requests(operation)
        if values := accepted.read(path, query, body, media_type):
            return RequestValues(path, *values)
        request = _Request(
            operation=operation,
            parameters=RequestParameters(query=QueryParams(query), path=path),
            body=body,
            content_type=media_type,
            host_url=self._document["servers"][0]["url"],
        )
        result = self._unmarshaller.unmarshal(request)
        if any(media_type_refused(error) for error in result.errors):
            raise unsupported_media_type(operation.media_types)
        errors = [*_query_key_errors(operation, query), *explain(result.errors, request.parameters)]
        if errors:
            raise invalid_request(errors)
        accepted.remember(query, result.parameters.query)
        return RequestValues(result.parameters.path, result.parameters.query, result.body)

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


@dataclass
class _Request:
    """A request in the form that openapi-core asks for."""

    operation: Operation
    parameters: RequestParameters
    body: bytes | None
    content_type: str
    host_url: str
    path: str = field(init=False)
    path_pattern: str = field(init=False)
    method: str = field(init=False)

    def __post_init__(self) -> None:
        # The route is known already; with the template for a path openapi-core has nothing left to guess.
        self.path = self.path_pattern = self.operation.path
        self.method = self.operation.method.lower()


class _TokensAreCheckedElsewhere(SecurityProviderFactory):
    def create(self, scheme: Any) -> BaseProvider:
        return _Satisfied(scheme)


class _Satisfied(BaseProvider):
    def __call__(self, _parameters: RequestParameters) -> None:
        return None


def _query_key_errors(operation: Operation, query: str) -> list[InvalidValue]:
    # Neither fault exists in OpenAPI's eyes: it ignores what it does not declare, and takes one of many.
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(REDACTED if is_secret(name) else value)
    unknown = [
        InvalidValue(f"{name!r} is not one of {sorted(operation.exploded)}", {name: values[name]})
        for name in values
        if name not in operation.exploded
    ]
    repeated = [
        InvalidValue(f"{name!r} must be given once, with comma-separated values", {name: values[name]})
        for name, exploded in operation.exploded.items()
        if not exploded and len(values.get(name, ())) > 1
    ]
    return unknown + repeated


def _with_strict_ends(node: Any) -> Any:
    # In OpenAPI's dialect of regular expressions "$" is the very end; in Python's a line break may follow.
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
    return Contract(yaml.safe_load((files("xchat_sandbox") / "openapi.yaml").read_bytes()))
