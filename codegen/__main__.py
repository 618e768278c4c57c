"""The commands: ``python -m codegen sync DOCUMENT | generate | check | diff OLD NEW | document``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codegen import pipeline
from codegen.changes.kinds import SEVERITIES
from codegen.diff import diff
from codegen.errors import CodegenError
from codegen.report import FORMATS
from codegen.sync import sync
from codegen.tree import Tree, exclusive

ROOT = Path(__file__).resolve().parent.parent
UNUSABLE = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sync = commands.add_parser("sync", help="cut X's document to our operations and write openapi.yaml")
    sync.add_argument("document", metavar="DOCUMENT", help="path or URL of X's OpenAPI document, JSON or YAML")
    diff = commands.add_parser("diff", help="say what changed for our operations between two documents")
    diff.add_argument("old", metavar="OLD", help="path or URL")
    diff.add_argument("new", metavar="NEW", help="path or URL")
    diff.add_argument("--format", choices=FORMATS, default="text")
    diff.add_argument(
        "--fail-on", choices=SEVERITIES, help="exit with 1 when there is a change of this class, or worse"
    )
    for command in (sync, diff):
        command.add_argument("--verbose", action="store_true", help="list each change, however many there are")
    commands.add_parser("generate", help="generate the client from openapi.yaml and the overlay")
    commands.add_parser("check", help="fail, with a diff, when the tree is not what generate would write")
    commands.add_parser("document", help="print the corrected document: openapi.yaml with the overlay applied")
    return parser


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """
    Run one command.

    :param arguments: the command line without the program's name; by default that of the process
    :param root: the project's folder
    :return: 0 when it is done; 1 when ``check`` found a difference, or ``diff`` a change that ``--fail-on`` does not
        allow; 2 when something cannot be used
    """
    options = _parser().parse_args(arguments)
    tree = Tree(root)
    try:
        return _run(options, tree)
    except CodegenError as error:
        print(f"codegen {options.command}: {error}", file=sys.stderr)
        return UNUSABLE


def _run(options: argparse.Namespace, tree: Tree) -> int:
    match options.command:
        case "document":
            sys.stdout.buffer.write(pipeline.corrected_document(tree))
        case "diff":
            return diff(tree, options.old, options.new, options.format, options.fail_on, verbose=options.verbose)
        case "sync":
            with exclusive(tree):
                sync(tree, options.document, verbose=options.verbose)
        case "generate":
            with exclusive(tree):
                pipeline.generate(tree)
        case "check":
            with exclusive(tree):
                return 1 if pipeline.check(tree) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
