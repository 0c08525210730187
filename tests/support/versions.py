"""The program as it was before, so that an update from one version to the next can be tried."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from tests.support.server import ServerError

__all__ = ["earlier_program"]

ROOT = Path(__file__).parents[2]

BEFORE = "c45b0ca6c10576e8c6d9549ebae12780c50a8427"
"""What stands for the version before until there is a tag: the last state with tables of revision 0010, and rows of state that know of no aliases."""


def earlier_program(directory: Path) -> Path:
    """Put the program of the newest tag before this commit (without one: of `BEFORE`) into ``directory`` and return its root.

    Raises `ServerError` where this is no checkout, or its history does not reach back so far.
    """
    tagged = subprocess.run(["git", "describe", "--tags", "--abbrev=0", "HEAD^"], cwd=ROOT, capture_output=True, text=True, check=False)
    revision = tagged.stdout.strip() or BEFORE
    packed = subprocess.run(["git", "archive", revision, "--", ":!sinks/console/web"], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        raise ServerError(f"revision {revision} is not here: {packed.stderr.decode().strip()}")
    root = directory / "earlier"
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(root, filter="data")
    return root
