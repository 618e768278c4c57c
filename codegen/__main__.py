"""The commands: ``python -m codegen sync DOCUMENT | generate | check | document``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codegen import pipeline
from codegen.errors import CodegenError
from codegen.tree import Tree, exclusive

UNUSABLE = 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sync = commands.add_parser("sync", help="cut X's document to our operations and write openapi.yaml")
    sync.add_argument("document", metavar="DOCUMENT", help="path or URL of X's OpenAPI document, JSON or YAML")
    commands.add_parser("generate", help="generate the client from openapi.yaml and the overlay")
    commands.add_parser("check", help="fail, with a diff, when the tree is not what generate would write")
    commands.add_parser("document", help="print the corrected document: openapi.yaml with the overlay applied")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """
    Run one command.

    :param arguments: the command line without the program's name; by default that of the process
    :return: 0 when it is done, 1 when ``check`` found a difference, 2 when something cannot be used
    """
    options = _parser().parse_args(arguments)
    tree = Tree(Path(__file__).resolve().parent.parent)
    try:
        return _run(options, tree)
    except CodegenError as error:
        print(f"codegen {options.command}: {error}", file=sys.stderr)
        return UNUSABLE


def _run(options: argparse.Namespace, tree: Tree) -> int:
    match options.command:
        case "document":
            sys.stdout.buffer.write(pipeline.corrected_document(tree))
        case "sync":
            with exclusive(tree):
                pipeline.sync(tree, options.document)
        case "generate":
            with exclusive(tree):
                pipeline.generate(tree)
        case "check":
            with exclusive(tree):
                return 1 if pipeline.check(tree) else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
