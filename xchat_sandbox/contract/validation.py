"""Validation of requests by openapi-core, with the checks that OpenAPI itself does not make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.security.factories import SecurityProviderFactory
from openapi_core.security.providers import BaseProvider
from starlette.datastructures import QueryParams

from xchat_sandbox.contract.errors import explain, is_media_type_error
from xchat_sandbox.contract.operation import Operation, RequestValues
from xchat_sandbox.request_log import REDACTED, is_secret
from xchat_sandbox.wire.json_documents import strict_loads
from xchat_sandbox.wire.problems import InvalidValue, invalid_request, unsupported_media_type


class RequestValidator:
    """Validator of the requests to all operations of a document.

    :param document: the parsed OpenAPI 3.0 document.
    :raises openapi_core.exceptions.OpenAPIError: if it is not an OpenAPI document.
    :raises openapi_spec_validator.OpenAPIValidationError: if it is an invalid one.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        config = Config(
            security_provider_factory=_NoOpSecurityFactory(),
            extra_media_type_deserializers={"application/json": strict_loads},
        )
        self._unmarshaller = OpenAPI.from_dict(document, config=config).request_unmarshaller
        self._host_url: str = document["servers"][0]["url"]

    def validate(
        self, operation: Operation, path: Mapping[str, str], query: str, body: bytes, media_type: str
    ) -> RequestValues:
        """Validate a request.

        :param operation: the operation that was called.
        :param path: the path parameters, percent-decoded.
        :param query: the raw query string.
        :param body: the request body.
        :param media_type: the media type of the body, without parameters; empty if there was none.
        :return: the values of the request.
        :raises ProblemError: 415 for a body of another media type, 400 for any other mismatch.
        """
        request = _Request(
            operation=operation,
            parameters=RequestParameters(query=QueryParams(query), path=path),
            body=body,
            content_type=media_type,
            host_url=self._host_url,
        )
        result = self._unmarshaller.unmarshal(request)
        if any(is_media_type_error(error) for error in result.errors):
            raise unsupported_media_type(operation.media_types)
        errors = [*_query_key_errors(operation, query), *explain(result.errors, request.parameters)]
        if errors:
            raise invalid_request(errors)
        return RequestValues(result.parameters.path, result.parameters.query, result.body)


@dataclass
class _Request:
    """Request in the form that openapi-core expects."""

    operation: Operation
    parameters: RequestParameters
    body: bytes | None
    content_type: str
    host_url: str
    path: str = field(init=False)
    path_pattern: str = field(init=False)
    method: str = field(init=False)

    def __post_init__(self) -> None:
        # The route is known already: with the template as the path, openapi-core does not search for it.
        self.path = self.path_pattern = self.operation.path
        self.method = self.operation.method.lower()


class _NoOpSecurityFactory(SecurityProviderFactory):
    """Security factory that checks nothing: the pipeline has authenticated the token already."""

    def create(self, scheme: Any) -> BaseProvider:
        return _NoOpProvider(scheme)


class _NoOpProvider(BaseProvider):
    def __call__(self, _parameters: RequestParameters) -> None:
        return None


def _query_key_errors(operation: Operation, query: str) -> list[InvalidValue]:
    # OpenAPI allows both: it ignores undeclared keys, and reads one of several equal keys.
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
