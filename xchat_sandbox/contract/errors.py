"""Explanation of openapi-core's errors to the sender of an invalid request."""

from collections.abc import Iterable
from typing import Any

from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.media_types.exceptions import MediaTypeDeserializeError
from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
from openapi_core.validation.request.exceptions import ParameterValidationError
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue

from xchat_sandbox.wire.problems import InvalidValue

# Messages quote the value, which may be as long as a request.
_MAX_LENGTH = 300


def is_media_type_error(error: Exception) -> bool:
    """Return whether an error is about the media type of the body.

    :param error: an error of openapi-core.
    :return: whether the operation does not accept the media type.
    """
    return isinstance(error.__cause__, MediaTypeNotFound)


def explain(errors: Iterable[Exception], parameters: RequestParameters) -> list[InvalidValue]:
    """Explain the errors of openapi-core.

    :param errors: the errors.
    :param parameters: the parameters of the request.
    :return: at least one reason for each error.
    """
    return [reason for error in errors for reason in _reasons(error, parameters)]


def _reasons(error: Exception, parameters: RequestParameters) -> list[InvalidValue]:
    cause = error.__cause__
    found = list(cause.schema_errors) if isinstance(cause, InvalidSchemaValue) else [cause or error]
    if isinstance(error, ParameterValidationError):
        sent = parameters[error.location].get(error.name)
        values = {error.name: [] if sent is None else [str(sent)]}
        return [InvalidValue(_shortened(_message(each)), values) for each in found]
    return [InvalidValue(_shortened(_message(each)), _body_member(each)) for each in found]


def _message(error: Any) -> str:
    if isinstance(error, MediaTypeDeserializeError):
        # The message of this error quotes the body, and fails if it is not UTF-8.
        return f"the body is not {error.mimetype}"
    if getattr(error, "validator", None) == "pattern":
        # The pattern in openapi-core's message differs from the contract's: see _with_strict_ends.
        return f"{error.instance!r} does not have the form of this value"
    return str(getattr(error, "message", error))


def _body_member(error: Any) -> dict[str, list[str]]:
    path = [str(step) for step in getattr(error, "absolute_path", ())]
    if not path:
        return {}
    return {".".join(path): [_shortened(str(error.instance))]}


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."
