"""Links between the pages: their files and headings exist."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

OTHERS = (Path("ARCHITECTURE.md"), Path("CHANGELOG.md"))
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs build them."""
    text = re.sub(
        r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    seen: Counter[str] = Counter()
    names = set()
    for heading in headings:
        name = re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        names.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names


@pytest.mark.parametrize("page", (*PAGES, *OTHERS), ids=str)
def test_the_targets_of_links_exist(page: Path) -> None:
    broken = []
    for match in _LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
        file, _, anchor = match["target"].partition("#")
        if file.startswith(("http://", "https://")):
            continue
        target = page.parent / file if file else page
        if not (ROOT / target).exists() or (anchor and anchor not in anchors(target)):
            broken.append(match["target"])
    assert broken == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == Path("docs")], ids=str)
def test_a_page_links_only_to_pages_of_the_site(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [link for link in _LINK.findall(text) if link.startswith("..")] == []


def test_every_page_is_linked_and_in_the_navigation() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {page.name for page in PAGES if page.parent == Path("docs")}
    of_the_site_only = {"index.md", "reference.md"}
    assert {name for name in pages if f": {name}\n" not in navigation} == set()
    assert {name for name in pages - of_the_site_only if f"(docs/{name}" not in readme} == set()
