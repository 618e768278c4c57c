"""The command ``sync``: from X's document to ``openapi.yaml``, with a report of what changed and a trail of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from codegen import document as documents
from codegen.changes import Change, compare
from codegen.errors import CodegenError
from codegen.generate import digest
from codegen.pipeline import require_generation
from codegen.progress import say
from codegen.report import as_entry, as_markdown, as_text, proposed_bump
from codegen.serialization import parse, read_source, to_yaml
from codegen.tree import Tree, replace_file
from codegen.validation import checked_cut, require_openapi3

__all__ = ["sync"]

_BANNER = """\
Cut from X's OpenAPI document to the operations that pyproject.toml names, by `python -m codegen sync`.
Facts only, in an order of their own. Nobody edits this file; corrections go into codegen/overlay.yaml."""

#: X writes the version as it likes; this much of it goes into texts and the name of a file
_VERSION_LENGTH = 30

_UNRELEASED = "## Unreleased"


def sync(tree: Tree, source: str, *, verbose: bool = False) -> None:
    """
    Write the cut of X's document to ``openapi.yaml``, report what changed, and note it in CHANGELOG.md.

    :param tree: the project's files
    :param source: path or URL of the document
    :param verbose: whether to list each change, however many there are
    :raises CodegenError: when the document cannot be used; then nothing is written
    """
    raw = read_source(source)
    cut = checked_cut(require_openapi3(parse(raw, source), source), tree.operation_ids(), source)
    data = to_yaml(cut, _BANNER)
    old = _present_cut(tree)
    version = cut["info"]["version"]
    if old is not None and _facts(cut) == _facts(old):
        sys.stdout.write(as_text([]))
        say(f"what version {version} says of our operations is what openapi.yaml has already")
        return
    require_generation(tree, cut, source)
    if old is None:
        say(f"openapi.yaml is new, with {', '.join(tree.operation_ids())}")
    elif changes := compare(old, cut):
        sys.stdout.write(as_text(changes, verbose=verbose))
        _note(tree, old["info"]["version"], version, changes, digest(data))
    else:
        say(f"version {version} says the same of our operations in another form")
    tree.record(source={"version": version, "digest": digest(raw)})
    replace_file(tree.document, data)
    say("openapi.yaml is written; now run 'python -m codegen generate'")


def _facts(cut: dict[str, Any]) -> bytes:
    # A mere new version number of X's says nothing about our operations.
    return to_yaml({key: value for key, value in cut.items() if key != "info"}, "")


def _present_cut(tree: Tree) -> dict[str, Any] | None:
    if not tree.document.is_file():
        return None
    present = parse(tree.document.read_bytes(), "openapi.yaml")
    return checked_cut(present, documents.operation_ids(present), "openapi.yaml")


def _note(tree: Tree, old: str, new: str, changes: list[Change], cut_digest: str) -> None:
    """Leave a trail in CHANGELOG.md, and all changes in a file beside it where they do not fit into an entry."""
    old, new = (re.sub(r"[^A-Za-z0-9.]+", "-", version)[:_VERSION_LENGTH] for version in (old, new))
    title = f"X's document, {old if old == new else f'{old} to {new}'}"
    details = tree.reports / f"{new}-{cut_digest.removeprefix('sha256:')[:8]}.md"
    told = as_entry(changes, tree.name(details))
    if tree.name(details) in told:
        replace_file(details, f"# {title}\n\n{as_markdown(changes)}".encode())
    entry = f"### {title}\n\n{told}\n{_proposal(tree, changes)}\n"
    replace_file(tree.changelog, _with_entry(tree, entry))


def _with_entry(tree: Tree, entry: str) -> bytes:
    """Put an entry on top of what is unreleased."""
    text = tree.changelog.read_text(encoding="utf-8") if tree.changelog.is_file() else "# Changelog\n"
    if not re.search(rf"^{_UNRELEASED}$", text, re.MULTILINE):
        title, _, rest = text.partition("\n")
        text = f"{title}\n\n{_UNRELEASED}\n{rest}"
    if entry in text:  # of a run that was killed before it wrote openapi.yaml
        return text.encode()
    return text.replace(f"{_UNRELEASED}\n", f"{_UNRELEASED}\n\n{entry}", 1).encode()


def _proposal(tree: Tree, changes: list[Change]) -> str:
    version = _own_version(tree.version_file)
    bump = proposed_bump(changes, version)
    if bump is None:
        return "These call for no new version."
    numbers = [int(number) for number in version.split(".")[:3]]
    place = ("major", "minor", "patch").index(bump)
    proposed = [*numbers[:place], numbers[place] + 1, *[0] * (2 - place)]
    return f"These call for a {bump} version: {version} to {'.'.join(map(str, proposed))}."


def _own_version(path: Path) -> str:
    found = re.search(r'^__version__ = "(\d+\.\d+\.\d+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise CodegenError(f'{path.name} has no line like __version__ = "1.2.3"')
    return found[1]
