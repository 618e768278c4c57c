"""The pipeline on the documents that X has published, where they lie beside the project."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from codegen import overlay
from codegen.document import cut, operations
from codegen.generate import generate_client, verify_client
from codegen.serialization import parse, to_yaml
from codegen.stable_names import with_stable_names
from codegen.tree import Tree

ROOT = Path(__file__).resolve().parents[2]
UPSTREAM = ROOT.parent / "shared" / "upstream"
OURS = Tree(ROOT).operation_ids()

pytestmark = [
    pytest.mark.upstream,
    pytest.mark.skipif(not UPSTREAM.is_dir(), reason="X's documents are not beside the project"),
]


@pytest.fixture(params=["openapi-2.164.json", "openapi-2.166.json", "openapi-2.167.json"])
def upstream(request):
    return parse((UPSTREAM / request.param).read_bytes(), request.param)


def test_200_shuffles_give_the_same_bytes(upstream, shuffled):
    expected = to_yaml(cut(upstream, OURS), "")
    for seed in range(200):
        assert to_yaml(cut(shuffled(upstream, random.Random(seed)), OURS), "") == expected


def test_the_overlay_fits(upstream):
    corrections = parse((ROOT / "codegen" / "overlay.yaml").read_bytes(), "overlay.yaml")
    unmatched: list[str] = []
    overlay.apply(with_stable_names(cut(upstream, OURS)), corrections, unmatched.append)
    assert unmatched == []


def test_our_openapi_yaml_is_the_cut_of_the_version_that_it_names():
    committed = parse((ROOT / "openapi.yaml").read_bytes(), "openapi.yaml")
    published = parse((UPSTREAM / f"openapi-{committed['info']['version']}.json").read_bytes(), "X's document")
    assert cut(published, OURS) == committed


def test_all_chat_operations_make_a_client_that_passes_every_check(upstream, tmp_path):
    chat = [operation["operationId"] for _, _, operation in operations(upstream) if "Chat" in operation.get("tags", [])]
    assert len(chat) > len(OURS)
    package = tmp_path / "xchat_client"
    generate_client(cut(upstream, chat), ROOT / "codegen" / "templates", package, "# banner")
    verify_client(package)
    functions = {path.stem for path in package.glob("api/*/*.py")}
    assert {"send_chat_message", "get_chat_conversation_events", "mark_chat_conversation_read"} <= functions
