"""The program as `setup.py` compiles it, in a folder of its own: whoever puts that folder first on the path runs it."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["compiled"]

_ROOT = Path(__file__).parents[2]
_ROOMS = ("agents", "config", "models", "seamwatch", "sinks", "streams")
_KEPT = 86_400
"""Seconds after which the program of other sources is removed."""

_BESIDE = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


def compiled() -> Path | None:
    """Return the folder of the compiled program, made once for each state of the sources; None without a C compiler.

    Raises ``RuntimeError`` with the end of what the build said where it fails.
    """
    if not shutil.which(os.environ.get("CC", "cc")):
        return None
    sources = sorted(each for room in _ROOMS for each in (_ROOT / room).rglob("*") if each.is_file() and each.suffix != ".pyc")
    digest = hashlib.sha256(sys.version.encode())
    for each in (*sources, *(_ROOT / name for name in _BESIDE)):
        digest.update(str(each.relative_to(_ROOT)).encode() + b"\0" + each.read_bytes())
    home = _ROOT / ".cache" / "compiled"
    folder = home / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    home.mkdir(parents=True, exist_ok=True)
    for old in home.iterdir():  # but not what another checkout with this cache is running
        if time.time() - old.stat().st_mtime > _KEPT:
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home) as made:
        copy = Path(made, "source")
        for room in _ROOMS:
            shutil.copytree(_ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _BESIDE:
            shutil.copy(_ROOT / name, copy)
        build = subprocess.run(
            [sys.executable, "setup.py", "-q", "build", "--build-lib", Path(made, "program")],
            cwd=copy,
            env={**os.environ, "SEAMWATCH_COMPILE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if build.returncode:
            raise RuntimeError(f"the program cannot be compiled: {build.stdout[-3000:]}")
        if not folder.is_dir():  # somebody else may have been faster
            Path(made, "program").rename(folder)
    return folder
