"""JSON documents: strict parsing, ASCII output."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from starlette.responses import JSONResponse


def strict_loads(text: bytes, **_parameters: str) -> Any:
    """Parse a JSON document strictly by RFC 8259.

    :param text: the document.
    :param _parameters: parameters of the media type, ignored, as JSON defines none.
    :return: the value.
    :raises ValueError: for invalid JSON, ``NaN``, ``Infinity``, and too deeply nested documents.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the document is nested too deeply") from None


def is_json_object(value: Any) -> bool:
    """Return whether a value can be sent as a JSON object.

    :param value: any value.
    :return: whether it is a mapping of JSON values.
    """
    try:
        return isinstance(value, Mapping) and json.dumps(value, allow_nan=False) is not None
    except (TypeError, ValueError, RecursionError):
        return False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class AsciiJSONResponse(JSONResponse):
    """JSON response in ASCII."""

    def render(self, content: Any) -> bytes:
        """Serialize the document.

        :param content: the value.
        :return: its bytes.
        """
        # A request may contain a lone surrogate ("\ud800"), which UTF-8 cannot encode in a quote of it.
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")
