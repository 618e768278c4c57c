"""What differs in how an operation wants its callers to authenticate."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from codegen.changes.findings import Finding, Place, shown_name
from codegen.changes.schema_view import show
from codegen.document import Document, fingerprint

__all__ = ["security_findings"]

#: a Security Requirement Object: for each scheme, the scopes that it asks for
_Requirement = dict[str, frozenset[str]]

_NOWHERE = Place("")


def security_findings(
    old_document: Document, old: Document, new_document: Document, new: Document
) -> Iterator[Finding]:
    """
    Compare the security of two versions of an operation.

    :param old_document: the old document
    :param old: the Operation Object in it
    :param new_document: the new document
    :param new: the Operation Object in it
    :return: findings without a place
    """
    old_schemes, new_schemes = _schemes(old_document), _schemes(new_document)
    called = _renamed(old_schemes, new_schemes)
    before = [
        {called.get(name, name): scopes for name, scopes in requirement.items()}
        for requirement in _requirements(old_document, old)
    ]
    after = _requirements(new_document, new)
    yield from _compare_requirements(before, after)
    for name, scheme in old_schemes.items():
        current = called.get(name, name)
        if current in _asked(before) and current in _asked(after) and current in new_schemes:
            scopes = _asked(before)[current] & _asked(after)[current]
            yield from _compare_schemes(current, _facts(scheme, scopes), _facts(new_schemes[current], scopes))


def _requirements(document: Document, operation: Document) -> list[_Requirement]:
    # Nothing asked is one alternative: to ask for nothing.
    given = operation.get("security", document.get("security")) or [{}]
    return [{name: frozenset(scopes) for name, scopes in requirement.items()} for requirement in given]


def _schemes(document: Document) -> dict[str, Document]:
    return dict(document.get("components", {}).get("securitySchemes", {}))


def _renamed(old: dict[str, Document], new: dict[str, Document]) -> dict[str, str]:
    """Find schemes that just got another name."""
    return {
        gone: come
        for gone, scheme in old.items()
        if gone not in new
        for come, other in new.items()
        if come not in old and _facts(scheme, ()) == _facts(other, ())
    }


def _asked(requirements: list[_Requirement]) -> _Requirement:
    asked: _Requirement = {}
    for requirement in requirements:
        for name, scopes in requirement.items():
            asked[name] = asked.get(name, frozenset()) | scopes
    return asked


def _compare_requirements(before: list[_Requirement], after: list[_Requirement]) -> Iterator[Finding]:
    met = [requirement for requirement in after if requirement in before]
    for requirement in before:
        if requirement in after:
            continue
        # People are signed in with one scheme and cannot change over, so each has to be good by itself.
        same_schemes = [other for other in after if other.keys() == requirement.keys()]
        if not same_schemes:
            yield Finding("security-alternative-removed", _NOWHERE, old=_shown(requirement))
            continue
        nearest = min(same_schemes, key=lambda other: sum(len(other[name] - requirement[name]) for name in other))
        met.append(nearest)
        for name in nearest:
            for scope in sorted(nearest[name] - requirement[name]):
                yield Finding("security-scope-added", _NOWHERE, new=shown_name(scope), name=shown_name(name))
            for scope in sorted(requirement[name] - nearest[name]):
                yield Finding("security-scope-removed", _NOWHERE, old=shown_name(scope), name=shown_name(name))
    for requirement in after:
        if requirement not in met:
            yield Finding("security-alternative-added", _NOWHERE, new=_shown(requirement))


def _shown(requirement: _Requirement) -> str:
    shown = [
        shown_name(name) + (f" ({', '.join(map(shown_name, sorted(scopes)))})" if scopes else "")
        for name, scopes in requirement.items()
    ]
    return " with ".join(shown) or "no authentication"


def _compare_schemes(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Finding]:
    for fact in sorted(before.keys() | after.keys()):
        if (fact in before) != (fact in after) or fingerprint(before.get(fact)) != fingerprint(after.get(fact)):
            was, now = (show(facts[fact]) if fact in facts else "none" for facts in (before, after))
            yield Finding("security-scheme-changed", _NOWHERE, was, now, f"{shown_name(name)}: {fact}")


def _facts(scheme: Document, scopes: Collection[str]) -> dict[str, Any]:
    """Spread a scheme out; of the scopes only those that matter, as the rest is told by the requirements."""
    facts = {name: value for name, value in scheme.items() if name != "flows"}
    for flow_name, flow in scheme.get("flows", {}).items():
        facts |= {f"{flow_name} {name}": value for name, value in flow.items() if name != "scopes"}
        facts[f"{flow_name} scopes"] = sorted(scope for scope in flow.get("scopes", {}) if scope in scopes)
    return facts
