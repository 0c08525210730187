"""Files that grow: read to their end again and again, over rotation and restarts, each line once and after a kill at least once."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import BinaryIO, NamedTuple

__all__ = ["Follower"]

_CHUNK = 4 * 1024 * 1024
"""Bytes that are handed on at once; what is longer than that without an end of line is cut."""
_HEAD = 256
_LINGER = 5.0
"""Seconds for which a file is read on after it was renamed or deleted: who writes to it may not know yet."""

Identity = tuple[int, int]


class _Position(NamedTuple):
    """How far a file was read; ``head`` is a digest of its first ``headed`` bytes, which tells it from another one in its place."""

    offset: int
    head: str
    headed: int


class _Open:
    """A file that is read on, whatever it is called by now."""

    def __init__(self, path: Path, stream: BinaryIO, position: _Position | None) -> None:
        self.path = path
        self.stream = stream
        self.gone_since: float | None = None
        self.offset = position.offset if position is not None and self._is(position) else 0

    def _is(self, position: _Position) -> bool:
        return self.size >= position.offset and self._head(position.headed) == position.head

    @property
    def size(self) -> int:
        """Return the bytes of the file now."""
        return os.fstat(self.stream.fileno()).st_size

    @property
    def identity(self) -> Identity:
        """Return what names the file, whatever it is called."""
        found = os.fstat(self.stream.fileno())
        return found.st_dev, found.st_ino

    @property
    def position(self) -> _Position:
        """Return how far it was read."""
        headed = min(_HEAD, self.offset)
        return _Position(self.offset, self._head(headed), headed)

    def lines(self, *, ended: bool) -> bytes:
        """Return the next whole lines; of a file that has ``ended`` what is left too."""
        if self.size < self.offset:
            self.offset = 0  # emptied and written anew
        self.stream.seek(self.offset)
        data = self.stream.read(_CHUNK)
        if not ended and len(data) < _CHUNK:
            data = data[: data.rfind(b"\n") + 1]
        elif (end := data.rfind(b"\n") + 1) and len(data) == _CHUNK:
            data = data[:end]
        self.offset += len(data)
        return data

    def _head(self, size: int) -> str:
        self.stream.seek(0)
        return hashlib.sha256(self.stream.read(size)).hexdigest()


class Follower:
    """Follows ``paths``, files and what lies in directories (names that begin with a dot aside).

    ``take`` gets the name of a file and its next whole lines; ``confirm`` returns when all that was taken is safe, and then ``positions`` is written, so
    that another follower goes on from there.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        positions: Path,
        take: Callable[[str, bytes], None],
        confirm: Callable[[], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Raises ``ValueError`` where ``positions`` is there and holds none."""
        self._paths = paths
        self._file = positions
        self._take = take
        self._confirm = confirm
        self._clock = clock
        self._known = _read(positions)
        self._open: dict[Identity, _Open] = {}
        for path in self._siblings():
            if _identity(path) in self._known:
                self._begin(path)

    def round(self) -> int:
        """Take what has come since the last round; return how many bytes that was."""
        taken = 0
        current = {identity: path for path in self._followed() if (identity := _identity(path)) is not None}
        for identity, path in current.items():
            if identity not in self._open:
                self._begin(path)
        for identity, file in list(self._open.items()):
            if identity in current:
                file.gone_since = None
            elif file.gone_since is None:
                file.gone_since = self._clock()
            over = file.gone_since is not None and self._clock() - file.gone_since >= _LINGER
            while lines := file.lines(ended=over):
                taken += len(lines)
                self._take(str(file.path), lines)
            if over:
                file.stream.close()
                del self._open[identity]
        if taken or {*self._open} != {*self._known}:
            self._confirm()
            self._known = {identity: file.position for identity, file in self._open.items()}
            _write(self._file, self._known)
        return taken

    def close(self) -> None:
        """Close the files."""
        for file in self._open.values():
            file.stream.close()
        self._open.clear()

    def _begin(self, path: Path) -> None:
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            return  # renamed in this moment: the next round finds it
        found = os.fstat(stream.fileno())
        identity = found.st_dev, found.st_ino
        self._open[identity] = _Open(path, stream, self._known.get(identity))

    def _followed(self) -> Iterator[Path]:
        for path in self._paths:
            if path.is_dir():
                yield from (each for each in sorted(path.iterdir()) if self._is_log(each))
            else:
                yield path

    def _is_log(self, path: Path) -> bool:
        return path.is_file() and not path.name.startswith(".") and path.absolute() != self._file.absolute()

    def _siblings(self) -> Iterator[Path]:
        """Yield all files beside those that are followed: one that was renamed while nobody followed is among them."""
        for directory in {path if path.is_dir() else path.absolute().parent for path in self._paths}:
            yield from (each for each in sorted(directory.iterdir()) if each.is_file())


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _read(file: Path) -> dict[Identity, _Position]:
    if not file.exists():
        return {}
    try:
        rows = json.loads(file.read_bytes())
        return {
            (int(device), int(inode)): _Position(int(offset), str(head), int(headed))
            for device, inode, offset, head, headed in rows
        }
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: holds no positions; take it away to begin at the beginning") from error


def _write(file: Path, positions: Mapping[Identity, _Position]) -> None:
    """Replace the file at once: whoever is killed leaves the old one or the new one."""
    rows = [[*identity, *position] for identity, position in positions.items()]
    new = file.with_name(f".{file.name}.new")
    with new.open("wb") as stream:
        stream.write(json.dumps(rows).encode())
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
