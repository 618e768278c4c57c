"""
Table of the kinds of change between two OpenAPI documents, and the class of each.

A class depends on the direction. In a request, the document describes the values that X accepts, so a stricter rule
breaks senders. In a response, it describes the values that X sends, so a looser rule may surprise readers.
``docs/when-x-changes.md`` shows the same table, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["NO_EFFECT", "RULES", "SEVERITIES", "SHOWN", "Direction", "Rule", "Severity"]

Severity = Literal["breaking", "look", "compatible"]
Direction = Literal["request", "response", ""]

#: worst first
SEVERITIES: Final[tuple[Severity, ...]] = ("breaking", "look", "compatible")

#: what people read for each
SHOWN: Final[dict[Severity, str]] = {"breaking": "breaking", "look": "needs a look", "compatible": "compatible"}


@dataclass(frozen=True)
class Rule:
    """
    One row of the table.

    :param request: the class of such a change in what is sent; None where it cannot happen
    :param response: the class of such a change in what is read
    :param neither: the class of such a change to an operation as a whole
    :param message: what to tell about one such change; ``{old}``, ``{new}`` and ``{name}`` are filled in
    :param why: the reason for the classes
    """

    request: Severity | None
    response: Severity | None
    neither: Severity | None
    message: str
    why: str

    def severity(self, direction: Direction) -> Severity:
        """Give the class of such a change in one direction."""
        found = {"request": self.request, "response": self.response, "": self.neither}[direction]
        if found is None:
            raise LookupError(f"the table has no class for direction {direction!r}: {self.message}")
        return found


#: kinds of change that neither calls nor readers nor the generated client notice
NO_EFFECT: Final = frozenset({"body-renamed", "tags-changed"})

_B: Final = "breaking"
_L: Final = "look"
_C: Final = "compatible"

#: kind of change -> its classes and its words; the order is that of the page in docs/
RULES: Final[dict[str, Rule]] = {
    # the operation as a whole
    "operation-removed": Rule(None, None, _B, "{old} is gone from the document", "requests to it fail"),
    "operation-added": Rule(None, None, _C, "{new} is new in the document", "no code calls it yet"),
    "operation-moved": Rule(None, None, _B, "operation moved from {old} to {new}", "requests go to the old path"),
    "operation-renamed": Rule(None, None, _B, "operationId was {old}, is {new}", "the generated function is renamed"),
    "path-variable-renamed": Rule(
        None,
        None,
        _L,
        "operation moved: {{{old}}} in its path became {{{new}}}",
        "the URL is the same, but an argument is renamed",
    ),
    "tags-changed": Rule(
        None,
        None,
        _C,
        "tags were {old}, are {new}: no effect",
        "generated functions are in one module, for all tags",
    ),
    "servers-changed": Rule(None, None, _B, "servers were {old}, are {new}", "requests and tokens go to the old host"),
    "openapi-version-changed": Rule(
        None,
        None,
        _L,
        "OpenAPI was {old}, is {new}",
        "keywords can change their meaning, and tools support a new version late",
    ),
    "security-scope-added": Rule(
        None, None, _B, "{name} now asks for the scope {new}", "users must sign in again; no other scheme is available"
    ),
    "security-scope-removed": Rule(
        None, None, _C, "{name} no longer asks for the scope {old}", "tokens with additional scopes are valid"
    ),
    "security-alternative-removed": Rule(
        None, None, _B, "{old} is no longer a way to authenticate", "its users lose access"
    ),
    "security-alternative-added": Rule(
        None, None, _C, "{new} is a new way to authenticate", "the other schemes are unchanged"
    ),
    "security-scheme-changed": Rule(
        None, None, _L, "security scheme {name} was {old}, is {new}", "our sign-in may need a change"
    ),
    # parameters
    "parameter-added": Rule(_C, None, None, "the parameter is new and optional", "requests without it still work"),
    "required-parameter-added": Rule(
        _B, None, None, "the parameter is new and required", "existing requests do not have it"
    ),
    "parameter-removed": Rule(_B, None, None, "the parameter is gone", "we may send it"),
    "parameter-became-required": Rule(_B, None, None, "was optional, is required", "existing requests may not have it"),
    "parameter-became-optional": Rule(_C, None, None, "was required, is optional", "requests with it still work"),
    "parameter-moved": Rule(_B, None, None, "was in {old}, is in {new}", "we send it in the old location"),
    "parameter-serialization-changed": Rule(
        _B, None, None, "{name} was {old}, is {new}", "the same value is encoded in another way"
    ),
    # bodies, answers and their media types
    "body-renamed": Rule(
        _C, _C, None, "{old} is called {new} now: renamed, no effect", "generated classes are named after the operation"
    ),
    "body-added": Rule(_C, None, None, "a body is new and optional", "requests without it still work"),
    "required-body-added": Rule(_B, None, None, "a body is new and required", "existing requests do not have it"),
    "body-removed": Rule(_B, None, None, "the body is gone", "we may send it"),
    "body-became-required": Rule(_B, None, None, "was optional, is required", "existing requests may not have it"),
    "body-became-optional": Rule(_C, None, None, "was required, is optional", "requests with it still work"),
    "status-removed": Rule(None, _B, None, "the answer is gone", "a success has another status"),
    "error-status-removed": Rule(
        None, _L, None, "the answer is gone", "readers of errors must accept any status, but may expect this one"
    ),
    "status-added": Rule(None, _L, None, "the answer is new", "callers may need to distinguish it"),
    "status-widened": Rule(None, _L, None, "{old} became {new}", "callers may need to distinguish other statuses"),
    "status-narrowed": Rule(None, _C, None, "{old} became {new}", "X sends fewer statuses than readers accept"),
    "header-removed": Rule(None, _B, None, "the header is gone", "readers rely on it"),
    "header-added": Rule(None, _C, None, "the header is new", "readers ignore unknown names"),
    "header-became-optional": Rule(None, _B, None, "was required, is optional", "readers rely on it"),
    "header-became-required": Rule(None, _C, None, "was optional, is required", "readers get more than they need"),
    "media-type-removed": Rule(
        _B, _B, None, "the media type is gone", "we may send it; readers may not support another"
    ),
    "media-type-added": Rule(
        _C, _L, None, "the media type is new", "X chooses the media type, and readers may not support it"
    ),
    # members of objects
    "member-removed": Rule(_B, _B, None, "the member is gone", "we may send it; readers rely on it"),
    "member-added": Rule(
        _C, _C, None, "the member is new and optional", "requests without it still work; readers can ignore it"
    ),
    "required-member-added": Rule(_B, _C, None, "the member is new and required", "existing requests do not have it"),
    "member-became-required": Rule(_B, _C, None, "was optional, is required", "existing requests may not have it"),
    "member-became-optional": Rule(_C, _B, None, "was required, is optional", "readers rely on it"),
    "other-members-forbidden": Rule(
        _B, _C, None, "other members were allowed ({old}), are forbidden", "we may send some"
    ),
    "other-members-removed": Rule(_B, _B, None, "members of any name ({old}) are gone", "the object was only a map"),
    "other-members-allowed": Rule(
        _C, _C, None, "other members were forbidden, are allowed ({new})", "readers ignore unknown names"
    ),
    "other-members-constrained": Rule(
        _B, _C, None, "other members were of any kind, are {new}", "we may send another kind"
    ),
    "other-members-unconstrained": Rule(
        _C, _L, None, "other members were {old}, are of any kind", "readers of the map support one kind"
    ),
    # values
    "type-changed": Rule(_B, _B, None, "type was {old}, is {new}", "code for one type does not accept the other"),
    "type-widened": Rule(_C, _B, None, "type was {old}, is {new}", "readers support only the old types"),
    "type-narrowed": Rule(_B, _C, None, "type was {old}, is {new}", "we may send a type that is no longer accepted"),
    "null-allowed": Rule(_C, _B, None, "null was forbidden, is allowed", "readers do not expect it"),
    "null-forbidden": Rule(_B, _C, None, "null was allowed, is forbidden", "we may send it"),
    "enum-value-added": Rule(_C, _L, None, "{new} is a new value", "readers may not handle it"),
    "enum-value-removed": Rule(_B, _C, None, "{old} is no longer a value", "we may send it"),
    "enum-appeared": Rule(_B, _C, None, "was any value, is one of {new}", "we may send another value"),
    "enum-disappeared": Rule(_C, _L, None, "was one of {old}, is any value", "readers may not handle other values"),
    "pattern-added": Rule(_B, _C, None, "pattern is new: {new}", "we may send a value that does not match"),
    "pattern-changed": Rule(
        _B, _L, None, "pattern was {old}, is {new}", "a program cannot decide whether it is stricter or looser"
    ),
    "pattern-removed": Rule(_C, _L, None, "pattern {old} is gone", "readers may parse the value with it"),
    "format-added": Rule(
        _B, _L, None, "format is new: {new}", "texts are validated, and generated code uses another type"
    ),
    "format-changed": Rule(_B, _L, None, "format was {old}, is {new}", "as for a new format"),
    "format-removed": Rule(_C, _L, None, "format {old} is gone", "readers get a plain text in place of a typed value"),
    "bound-tightened": Rule(_B, _C, None, "{name} was {old}, is {new}", "we may send a value outside the new bound"),
    "bound-loosened": Rule(_C, _L, None, "{name} was {old}, is {new}", "readers may support only the old range"),
    "bound-changed": Rule(_B, _L, None, "{name} was {old}, is {new}", "the new bound is neither stricter nor looser"),
    "default-changed": Rule(_L, _L, None, "default was {old}, is {new}", "a missing value has another meaning"),
    # composition
    "alternative-added": Rule(_C, _L, None, "{new} is a new alternative", "readers may not handle it"),
    "alternative-removed": Rule(_B, _C, None, "{old} is no longer an alternative", "we may send it"),
    "alternatives-overlap": Rule(
        _B, _L, None, "some values now fit both {old} and {new}", "oneOf rejects a value that matches two alternatives"
    ),
    "alternatives-may-overlap": Rule(
        _L, _L, None, "some values may now fit both {old} and {new}", "as above, but a program cannot decide it"
    ),
    "alternatives-reordered": Rule(
        _L, _L, None, "alternatives were {old}, are {new}", "generated code tries them in order"
    ),
    "composition-changed": Rule(
        _L, _L, None, "alternatives were {old}, are {new}", "too complex to describe: compare the documents"
    ),
    "discriminator-changed": Rule(
        _L, _L, None, "discriminator: {name} was {old}, is {new}", "alternatives are distinguished in another way"
    ),
    # marks
    "deprecated": Rule(_L, _L, _L, "is deprecated now", "it will be removed later"),
    "no-longer-deprecated": Rule(_C, _C, _C, "is no longer deprecated", "it will stay"),
    "access-changed": Rule(
        _L, _L, None, "{name} was {old}, is {new}", "a member is now only in requests, or only in responses"
    ),
    "fact-changed": Rule(
        _L, _L, _L, "{name} was {old}, is {new}", "the comparison does not know this keyword, and still reports it"
    ),
}
