"""`make notes`: what a release says of itself is what the changelog says of its version, and a signature proves who said it."""

import json
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Later.\n\n## [1.2.0] - 2026-03-02\n\n- Now.\n\n## 1.2.0-rc1\n\n- Tried.\n\n## 11.2.0\n\n- Other.\n"

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("make", "ssh-keygen"))), reason="there is no make or no ssh-keygen")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a tree of which only the Makefile and a changelog are there."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def make(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `make notes`."""
    return subprocess.run([shutil.which("make") or "", "-s", "notes", *words], cwd=tree, capture_output=True, text=True, check=False)


def verified(tree: Path, notes: str) -> bool:
    """Tell whether ssh-keygen takes the signature for that of the project's key."""
    (tree / "allowed_signers").write_text(f"release {(tree / 'key.pub').read_text()}")
    verify = [shutil.which("ssh-keygen") or "", "-Y", "verify", "-f", "allowed_signers", "-I", "release", "-n", "seamwatch-release", "-s", "dist/notes.md.sig"]
    return subprocess.run(verify, cwd=tree, input=notes, capture_output=True, text=True, check=False).returncode == 0


def test_notes_of_a_version_are_signed_and_can_be_checked(tree: Path) -> None:
    """They hold what stands below the version and no other, and the digests of the lists of what is in it; one letter more, and the signature is none."""
    subprocess.run([shutil.which("ssh-keygen") or "", "-q", "-t", "ed25519", "-N", "", "-f", tree / "key"], check=True)
    (tree / "dist").mkdir()
    for name in ("seamwatch", "seamwatch-console"):
        (tree / "dist" / f"{name}.cdx.json").write_text("{}")
    ended = make(tree, "VERSION=1.2.0", "KEY=key")
    assert ended.returncode == 0, ended.stderr
    notes = (tree / "dist" / "notes.md").read_text()
    assert notes.startswith("## 1.2.0 - 2026-03-02\n\n- Now.\n")
    for name in ("seamwatch", "seamwatch-console"):
        assert f"SBOM {name}.cdx.json, SHA-256: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n" in notes
    assert not [word for word in ("Later", "Tried", "Other") if word in notes]
    assert verified(tree, notes)
    assert not verified(tree, notes + ".")


def test_pages_have_the_program_s_version() -> None:
    """What is listed of the console's pages stands under the version of the program that brings them."""
    program = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    web = ROOT / "sinks" / "console" / "web"
    pages, locked = (json.loads((web / name).read_text()) for name in ("package.json", "package-lock.json"))
    assert (pages["version"], locked["version"], locked["packages"][""]["version"]) == (program,) * 3


def test_without_a_key_it_is_said_that_nothing_is_signed(tree: Path) -> None:
    """The notes are written, without a signature; of a version that the changelog does not know there are none."""
    ended = make(tree)
    assert ended.returncode == 0, ended.stderr
    assert "not signed" in ended.stdout
    assert (tree / "dist" / "notes.md").read_text() == "## Unreleased\n\n- Later.\n\n"
    assert not (tree / "dist" / "notes.md.sig").exists()
    unknown = make(tree, "VERSION=9.9.9")
    assert unknown.returncode != 0
    assert "The changelog has nothing of 9.9.9." in unknown.stderr
