"""The command ``diff``: what changed for our operations from one document to another."""

from __future__ import annotations

import sys
from typing import Any

from codegen import document as documents
from codegen.changes import compare
from codegen.changes.kinds import SEVERITIES, Severity
from codegen.report import FORMATS, as_text, worst
from codegen.serialization import parse, read_source
from codegen.tree import Tree
from codegen.validation import checked_cut, require_openapi3

__all__ = ["diff"]


def diff(
    tree: Tree,
    old: str,
    new: str,
    output_format: str = "text",
    fail_on: Severity | None = None,
    *,
    verbose: bool = False,
) -> int:
    """
    Print what changed for our operations.

    An operation that one of the documents lacks is a change and no error, unlike in ``sync``.

    :param tree: the project's files, which say what our operations are
    :param old: path or URL of the old document
    :param new: path or URL of the new document
    :param output_format: a key of :data:`codegen.report.FORMATS`
    :param fail_on: the class that is not allowed, and with it those that are worse; None allows all
    :param verbose: whether the text lists each change, however many there are
    :return: 0 when nothing changed, or only what is allowed; 1 otherwise
    :raises DocumentError: when one of the documents cannot be used
    """
    whole = {name: require_openapi3(parse(read_source(name), name), name) for name in (old, new)}
    wanted = _operations_at_our_places(tree.operation_ids(), list(whole.values()))
    cuts = [checked_cut(whole[name], wanted & documents.operation_ids(whole[name]), name) for name in (old, new)]
    changes = compare(*cuts)
    sys.stdout.write(as_text(changes, verbose=verbose) if output_format == "text" else FORMATS[output_format](changes))
    found = worst(changes)
    if found is None or fail_on is None:
        return 0
    return int(SEVERITIES.index(found) <= SEVERITIES.index(fail_on))


def _operations_at_our_places(ours: list[str], whole: list[dict[str, Any]]) -> set[str]:
    """Take our operations, and whatever stands at the same path and method: it may be one of ours, renamed."""
    present = [
        (path, method, operation.get("operationId"))
        for document in whole
        for path, method, operation in documents.operations(document)
    ]
    places = {(path, method) for path, method, operation_id in present if operation_id in ours}
    return {name for path, method, name in present if isinstance(name, str) and (path, method) in places}
