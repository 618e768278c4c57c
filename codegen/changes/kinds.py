"""
What kinds of change there are between two OpenAPI documents, and how bad each is: one table.

A class depends on the direction. In a request the document says what X takes, so a tighter rule breaks those
who send; in a response it says what X sends, so a looser rule may surprise those who read.
``docs/when-x-changes.md`` shows the same table to people, and a test holds the two together.
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
    "operation-removed": Rule(None, None, _B, "{old} is gone from the document", "calls to it will fail"),
    "operation-added": Rule(None, None, _C, "{new} is new in the document", "nobody calls it yet"),
    "operation-moved": Rule(None, None, _B, "operation moved from {old} to {new}", "calls go to the old place"),
    "operation-renamed": Rule(
        None, None, _B, "operationId was {old}, is {new}", "the generated function gets another name"
    ),
    "path-variable-renamed": Rule(
        None,
        None,
        _L,
        "operation moved: {{{old}}} in its path became {{{new}}}",
        "same URL, but an argument gets another name",
    ),
    "tags-changed": Rule(
        None,
        None,
        _C,
        "tags were {old}, are {new}: no effect",
        "generated functions stand in one module, whatever the tags",
    ),
    "servers-changed": Rule(None, None, _B, "servers were {old}, are {new}", "calls and tokens go to the old host"),
    "openapi-version-changed": Rule(
        None, None, _L, "OpenAPI was {old}, is {new}", "the same words can mean something else, and tools lag behind"
    ),
    "security-scope-added": Rule(
        None, None, _B, "{name} now asks for the scope {new}", "people must sign in again; no other scheme helps them"
    ),
    "security-scope-removed": Rule(
        None, None, _C, "{name} no longer asks for the scope {old}", "tokens with more scopes than needed are good"
    ),
    "security-alternative-removed": Rule(
        None, None, _B, "{old} is no longer a way to authenticate", "whoever used it is locked out"
    ),
    "security-alternative-added": Rule(
        None, None, _C, "{new} is a new way to authenticate", "the other ways stay as they are"
    ),
    "security-scheme-changed": Rule(
        None, None, _L, "security scheme {name} was {old}, is {new}", "our own sign-in may have to follow"
    ),
    # parameters
    "parameter-added": Rule(
        _C, None, None, "the parameter is new and optional", "who does not send it is served as ever"
    ),
    "required-parameter-added": Rule(_B, None, None, "the parameter is new and required", "calls lack it"),
    "parameter-removed": Rule(_B, None, None, "the parameter is gone", "we may be sending it"),
    "parameter-became-required": Rule(_B, None, None, "was optional, is required", "calls may lack it"),
    "parameter-became-optional": Rule(_C, None, None, "was required, is optional", "who sends it goes on"),
    "parameter-moved": Rule(_B, None, None, "was in {old}, is in {new}", "we send it in the old place"),
    "parameter-serialization-changed": Rule(
        _B, None, None, "{name} was {old}, is {new}", "the same value must be written in another way"
    ),
    # bodies, answers and their media types
    "body-renamed": Rule(
        _C, _C, None, "{old} is called {new} now: renamed, no effect", "generated classes are named after the operation"
    ),
    "body-added": Rule(_C, None, None, "a body is new and optional", "who does not send it is served as ever"),
    "required-body-added": Rule(_B, None, None, "a body is new and required", "calls lack it"),
    "body-removed": Rule(_B, None, None, "the body is gone", "we may be sending it"),
    "body-became-required": Rule(_B, None, None, "was optional, is required", "calls may lack it"),
    "body-became-optional": Rule(_C, None, None, "was required, is optional", "who sends it goes on"),
    "status-removed": Rule(None, _B, None, "the answer is gone", "success looks different now"),
    "error-status-removed": Rule(
        None, _L, None, "the answer is gone", "readers of problems must cope with any status, but may expect this one"
    ),
    "status-added": Rule(None, _L, None, "the answer is new", "is it one that callers must tell apart?"),
    "status-widened": Rule(None, _L, None, "{old} became {new}", "are there others that callers must tell apart?"),
    "status-narrowed": Rule(None, _C, None, "{old} became {new}", "fewer answers than readers are ready for"),
    "header-removed": Rule(None, _B, None, "the header is gone", "readers rely on it"),
    "header-added": Rule(None, _C, None, "the header is new", "readers pass over what they do not know"),
    "header-became-optional": Rule(None, _B, None, "was required, is optional", "readers rely on it"),
    "header-became-required": Rule(None, _C, None, "was optional, is required", "readers get more than they ask for"),
    "media-type-removed": Rule(
        _B, _B, None, "the media type is gone", "we may be sending it; readers may understand no other"
    ),
    "media-type-added": Rule(_C, _L, None, "the media type is new", "X chooses what it sends: can we read it?"),
    # members of objects
    "member-removed": Rule(_B, _B, None, "the member is gone", "we may be sending it; readers rely on it"),
    "member-added": Rule(_C, _C, None, "the member is new and optional", "nobody has to send it, anybody may read it"),
    "required-member-added": Rule(_B, _C, None, "the member is new and required", "requests lack it"),
    "member-became-required": Rule(_B, _C, None, "was optional, is required", "requests may lack it"),
    "member-became-optional": Rule(_C, _B, None, "was required, is optional", "readers rely on it"),
    "other-members-forbidden": Rule(
        _B, _C, None, "other members were allowed ({old}), are forbidden", "we may be sending some"
    ),
    "other-members-removed": Rule(
        _B, _B, None, "members of any name ({old}) are gone", "a map was all that the object was for"
    ),
    "other-members-allowed": Rule(
        _C, _C, None, "other members were forbidden, are allowed ({new})", "readers pass over what they do not know"
    ),
    "other-members-constrained": Rule(
        _B, _C, None, "other members were of any kind, are {new}", "we may be sending another kind"
    ),
    "other-members-unconstrained": Rule(
        _C, _L, None, "other members were {old}, are of any kind", "readers of the map know one kind"
    ),
    # values
    "type-changed": Rule(_B, _B, None, "type was {old}, is {new}", "no code for the one takes the other"),
    "type-widened": Rule(_C, _B, None, "type was {old}, is {new}", "readers know just the old ones"),
    "type-narrowed": Rule(_B, _C, None, "type was {old}, is {new}", "we may be sending what is taken no longer"),
    "null-allowed": Rule(_C, _B, None, "null was forbidden, is allowed", "readers do not expect it"),
    "null-forbidden": Rule(_B, _C, None, "null was allowed, is forbidden", "we may be sending it"),
    "enum-value-added": Rule(_C, _L, None, "{new} is a new value", "readers may have no branch for it"),
    "enum-value-removed": Rule(_B, _C, None, "{old} is no longer a value", "we may be sending it"),
    "enum-appeared": Rule(_B, _C, None, "was any value, is one of {new}", "we may be sending another"),
    "enum-disappeared": Rule(_C, _L, None, "was one of {old}, is any value", "readers may have no branch for others"),
    "pattern-added": Rule(_B, _C, None, "pattern is new: {new}", "we may be sending what does not match"),
    "pattern-changed": Rule(
        _B, _L, None, "pattern was {old}, is {new}", "no machine can tell whether it is tighter or looser"
    ),
    "pattern-removed": Rule(_C, _L, None, "pattern {old} is gone", "readers may take the value apart by it"),
    "format-added": Rule(
        _B, _L, None, "format is new: {new}", "texts are checked, and generated code makes another type of them"
    ),
    "format-changed": Rule(_B, _L, None, "format was {old}, is {new}", "as when one is new"),
    "format-removed": Rule(_C, _L, None, "format {old} is gone", "readers get a plain text where they had a type"),
    "bound-tightened": Rule(_B, _C, None, "{name} was {old}, is {new}", "we may be sending what is now too much"),
    "bound-loosened": Rule(_C, _L, None, "{name} was {old}, is {new}", "readers may have made room for less"),
    "bound-changed": Rule(_B, _L, None, "{name} was {old}, is {new}", "neither tighter nor looser, just different"),
    "default-changed": Rule(_L, _L, None, "default was {old}, is {new}", "who leaves it out gets something else"),
    # composition
    "alternative-added": Rule(_C, _L, None, "{new} is a new alternative", "readers may have no branch for it"),
    "alternative-removed": Rule(_B, _C, None, "{old} is no longer an alternative", "we may be sending it"),
    "alternatives-overlap": Rule(
        _B, _L, None, "some values now fit both {old} and {new}", "oneOf refuses a value that fits two alternatives"
    ),
    "alternatives-may-overlap": Rule(
        _L, _L, None, "some values may now fit both {old} and {new}", "as above, but no machine can tell"
    ),
    "alternatives-reordered": Rule(
        _L, _L, None, "alternatives were {old}, are {new}", "generated code tries them in their order"
    ),
    "composition-changed": Rule(
        _L, _L, None, "alternatives were {old}, are {new}", "too tangled to be told; somebody must compare"
    ),
    "discriminator-changed": Rule(
        _L, _L, None, "discriminator: {name} was {old}, is {new}", "alternatives are told apart in another way"
    ),
    # marks
    "deprecated": Rule(_L, _L, _L, "is deprecated now", "it will go one day"),
    "no-longer-deprecated": Rule(_C, _C, _C, "is no longer deprecated", "it stays"),
    "access-changed": Rule(
        _L, _L, None, "{name} was {old}, is {new}", "a member now belongs to requests only, or to answers only"
    ),
    "fact-changed": Rule(
        _L, _L, _L, "{name} was {old}, is {new}", "a fact that this comparison knows nothing about; never dropped"
    ),
}
