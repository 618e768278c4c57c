"""Fast path for valid requests: openapi-core takes milliseconds for each, and load tests send thousands.

The fast path only accepts requests. Any other request goes to openapi-core, which decides and explains its errors. The
fast path checks the same schemas, and accepts a query string only after openapi-core has accepted it.
"""

from collections.abc import Mapping
from typing import Any

from openapi_schema_validator import OAS30WriteValidator, oas30_format_checker

from xchat_sandbox.wire.json_documents import strict_loads

_JSON = "application/json"
# Clients repeat few query strings; this bounds the memory for clients that do not.
_MAX_QUERIES = 1_000


class AcceptedRequests:
    """Fast path for the requests to one operation.

    :param path: the schema of each path parameter.
    :param body: the request body by its media types; empty for an operation that takes no body.
    :param components: the components that the schemas refer to.
    """

    def __init__(
        self, path: Mapping[str, Any], body: Mapping[str, Mapping[str, Any]], components: Mapping[str, Any]
    ) -> None:
        # Path parameters are strings; those of another type need a cast, so they are left to openapi-core.
        texts = {name: {"allOf": [{"type": "string"}, schema]} for name, schema in path.items()}
        self._path = {name: _validator(schema, components) for name, schema in texts.items()}
        self._takes_body = bool(body)
        self._json = _validator(body[_JSON]["schema"], components) if _JSON in body else None
        self._queries: dict[str, Mapping[str, Any]] = {}

    def remember(self, query: str, values: Mapping[str, Any]) -> None:
        """Remember a query string that openapi-core has accepted.

        :param query: the raw query string.
        :param values: its parameters.
        """
        if len(self._queries) < _MAX_QUERIES:
            self._queries[query] = values

    def read(
        self, path: Mapping[str, str], query: str, body: bytes, media_type: str
    ) -> tuple[Mapping[str, Any], Any] | None:
        """Validate a request.

        :param path: the path parameters, percent-decoded.
        :param query: the raw query string.
        :param body: the request body.
        :param media_type: its media type.
        :return: the query parameters and the body; None if openapi-core must decide.
        """
        known = self._queries.get(query)
        if known is None or path.keys() != self._path.keys():
            return None
        if not all(self._path[name].is_valid(value) for name, value in path.items()):
            return None
        if not self._takes_body:
            return known, None
        if self._json is None or media_type != _JSON:
            return None
        try:
            document = strict_loads(body)
        except ValueError:
            return None
        return (known, document) if self._json.is_valid(document) else None


def _validator(schema: Mapping[str, Any], components: Mapping[str, Any]) -> OAS30WriteValidator:
    whole = {"allOf": [schema], "components": components}
    return OAS30WriteValidator(whole, format_checker=oas30_format_checker)
