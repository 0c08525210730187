"""The site: `docs/`, built strictly by Zensical into `build/docs/site`, and what is wrong with its links."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.documents.reference import DOCS

__all__ = ["SITE", "Broken", "build", "wrong_links"]

STAGE = DOCS.parent / "build" / "docs"
SITE = STAGE / "site"


class Broken(Exception):
    """The site cannot be built, and why."""


def build(stage: Path = STAGE) -> Path:
    """Build the site below ``stage`` and return its folder; raise `Broken` for any warning.

    The pages are copied there: Zensical wants its configuration above them, and would take an earlier site among them for pages.
    """
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(DOCS, stage / "docs", ignore=shutil.ignore_patterns("*.toml"))
    shutil.copy(DOCS / "zensical.toml", stage)
    ended = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=stage, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        raise Broken(re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout.partition("Traceback")[0]))
    return stage / "site"


class _Page(HTMLParser):
    """What a page links to, what it loads, and where it can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        for name in {"href", "src", "data"} & given.keys():
            (self.links if tag == "a" else self.loads).append(given[name])


def wrong_links(site: Path) -> Iterator[str]:
    """Yield what leads nowhere, from page to place, whatever the builder thinks of it, and what would be loaded from elsewhere."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads and not link.startswith("data:"):
                    yield f"{path.relative_to(site)} loads {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (target in pages and unquote(parts.fragment) not in pages[target].anchors):
                yield f"{path.relative_to(site)}: {link}"
    for sheet in site.rglob("*.css"):
        for link in re.findall(r"url\(['\"]?((?:https?:)?//[^)'\"]+)", sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(site)} loads {link}"
