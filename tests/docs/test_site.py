"""The site builds without a warning and without a network, and its pages load nothing from foreign hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# The attributes that a browser fetches without being asked to; of links, those to style sheets, icons and the like.
LOADS = {
    *(("audio", "src"), ("embed", "src"), ("iframe", "src"), ("img", "src"), ("img", "srcset"), ("link", "href")),
    *(("object", "data"), ("script", "src"), ("source", "src"), ("source", "srcset"), ("video", "src")),
}
# A server that is not there.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    proxies = {name: NOWHERE for scheme in ("http", "https", "all") for name in (f"{scheme}_proxy", f"{scheme}_PROXY")}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, **proxies, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Loaded(HTMLParser):
    """The addresses that a page loads from."""

    def __init__(self, page):
        super().__init__()
        self.addresses = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "link" and found.get("rel") in {"canonical", "prev", "next"}:
            return
        self.addresses += [value for name, value in attrs if (tag, name) in LOADS and value]
        self.addresses += re.findall(r"url\(([^)]*)\)", found.get("style") or "")


def foreign(addresses):
    return [address for address in addresses if re.match(r"\s*['\"]?(?:[a-z][a-z0-9+.-]*:)?//", address, re.IGNORECASE)]


def test_no_page_loads_from_a_foreign_host(site):
    pages = {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert {"index.html", "quick-start.html", "reference/operators.html"} <= set(pages)
    loaded = {name: Loaded(page).addresses for name, page in pages.items()}
    assert all(loaded.values())
    assert {name: found for name, addresses in loaded.items() if (found := foreign(addresses))} == {}
    # What the theme would load for diagrams is on a foreign host.
    assert [name for name, page in pages.items() if 'class="mermaid"' in page] == []


def test_no_style_sheet_loads_from_a_foreign_host(site):
    sheets = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert sheets
    addresses = [address for sheet in sheets for address in re.findall(r"url\(([^)]*)\)|@import\s+([^;]*)", sheet)]
    assert foreign([part for both in addresses for part in both]) == []


def test_the_first_screen_is_that_of_the_readme(site):
    page = re.sub(r"<[^>]*>", "", (site / "index.html").read_text(encoding="utf-8"))
    assert "Apache Airflow provider for X Chat." in page
    assert "make demo" in page
    assert "8<" not in page
    assert "8&lt;" not in page
    assert "Supported versions" not in page


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere_where_the_files_are_read(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith(("http", "#"))]
    assert [target for target in targets if not (page.parent / target.partition("#")[0]).exists()] == []


def test_the_reference_has_every_operator_with_its_parameters(site):
    page = (site / "reference" / "operators.html").read_text(encoding="utf-8")
    for name in (
        "GetChatConversationOperator",
        "GetChatConversationsOperator",
        "MarkConversationReadOperator",
        "RefreshXChatTokenOperator",
    ):
        assert name in page
    assert ":param" not in page
    assert "seen_until_sequence_id" in page
