"""The documentation says what is true of this tree: pages made from code, links, commands, settings, files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.documents.reference import DOCS, PAGES, examples, leaves
from tests.documents.site import build, wrong_links
from tests.documents.typed import DOCUMENTS, blocks, calls, named, parse, unknown_settings

ROOT = DOCS.parent
DATA: dict[str, Callable[[str], Any]] = {"json": json.loads, "yaml": lambda text: list(yaml.safe_load_all(text))}
OWN = {"SEAMWATCH_COMPILE", "SEAMWATCH_DIALOGUES", "SEAMWATCH_SCREENSHOTS"}
"""Variables of the build and of the tests."""


def title(document: Path) -> str:
    """Return a document's path in this tree."""
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("name", PAGES)
def test_pages_made_from_code_are_as_the_code_is(name: str) -> None:
    """What `make docs` would write is what stands there."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "make docs"


def test_nothing_in_the_reference_is_left_unexplained() -> None:
    """Every setting, and every key that all rules share, has a meaning."""
    assert not re.findall(r"^.*\|  \|$", PAGES["reference/settings.md"](), re.MULTILINE)
    shared = PAGES["reference/rules.md"]().partition("## What all rules share")[2]
    assert not re.findall(r"^.*\|  \|$", shared, re.MULTILINE)


def test_the_site_is_built_strictly_and_leads_everywhere(tmp_path: Path) -> None:
    """Zensical warns of nothing, each link of each built page leads to a page and a heading, nothing is loaded from elsewhere, and every page is reached."""
    site = build(tmp_path)
    assert list(wrong_links(site)) == []
    found = {site / "index.html"}
    while True:
        linked = {
            (page.parent / link).resolve()
            for page in found
            for link in re.findall(r'href="?([\w./-]+\.html)', page.read_text(encoding="utf-8"))
        }
        if linked <= found:
            break
        found |= linked
    assert {page for page in site.rglob("*.html") if page.name != "404.html"} == found


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "CHANGELOG.md"], ids=title)
def test_links_beside_the_site_lead_somewhere(document: Path) -> None:
    """What README and changelog link to is there."""
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_each_block_is_run_read_or_excused(document: Path) -> None:
    """A block is shell that a test runs (tests/real/test_documents.py), shell with a reason why none does, data that can be read, or output."""
    for block in blocks(document):
        assert block.language in {"sh", "text", "python", "diff", *DATA}, block
        assert block.reason is None or block.language == "sh", block
        if block.language in DATA:
            DATA[block.language](block.text)
    assert not re.findall(
        r"^    (?:\$ )?(?:seamwatch|make|python|docker|pip) .*$", document.read_text(encoding="utf-8"), re.MULTILINE
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_each_command_that_a_document_names_exists(document: Path) -> None:
    """Commands in blocks are understood to their last word; of those in sentences there are the command and its options. Targets of make exist."""
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for block in blocks(document):
        for words in calls(block.text) if block.language == "sh" else ():
            parse(words, whole=True)
    for words in named(document):
        parse(words, whole=False)
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)) <= targets


@pytest.mark.parametrize("words", [words for words, _ in leaves()], ids=lambda words: " ".join(words) or "seamwatch")
def test_examples_in_the_help_are_understood(words: tuple[str, ...]) -> None:
    """Each example that `--help` gives is a command line of the program."""
    command = dict(leaves())[words]
    for line in examples(command):
        for call in calls(line):
            parse(call, whole=True)


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_settings_and_files_that_a_document_names_exist(document: Path) -> None:
    """Each variable is a setting, and each path of this tree is there."""
    text = document.read_text(encoding="utf-8")
    assert unknown_settings(text) <= OWN
    for path in re.findall(
        r"`((?:agents|benchmarks|config|docs|models|seamwatch|sinks|streams|tests)/[\w./@-]*\w)", text
    ):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_services_that_a_document_calls_in_docker_compose_are_in_its_file(document: Path) -> None:
    """Where there is no engine to try it: whose log a document shows is a service of `docker-compose.yml`."""
    services = yaml.safe_load((DOCS.parent / "docker-compose.yml").read_text())["services"]
    named = re.findall(r"^docker compose logs (?:--tail \d+ )?(\S+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= services.keys()
