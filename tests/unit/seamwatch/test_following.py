"""Files that grow: whatever is done to them, each of their lines is taken, and none twice while nobody is killed."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seamwatch.following import Follower


class Followed:
    """A log, the one who follows it, and what was taken of it."""

    def __init__(self, directory: Path, whole_directory: bool = False) -> None:
        self.log = directory / "logs" / "queue.log"
        self.log.parent.mkdir()
        self.log.touch()
        self.positions = directory / "positions.json"
        self.paths = [self.log.parent if whole_directory else self.log]
        self.taken: list[bytes] = []
        self.safe = 0
        self.now = 0.0
        self.written = 0
        self.follower = self.start()

    def start(self) -> Follower:
        """Begin to follow, as a program that was started anew does."""
        self.follower = Follower(self.paths, self.positions, self.take, self.confirm, lambda: self.now)
        return self.follower

    def restart(self) -> None:
        """End, and begin again."""
        self.follower.close()
        self.start()

    def take(self, file: str, lines: bytes) -> None:
        """Take lines."""
        assert Path(file).parent == self.log.parent
        self.taken += lines.splitlines()

    def confirm(self) -> None:
        """Note that what was taken is safe."""
        self.safe = len(self.taken)

    def write(self, count: int = 1, end: str = "\n") -> None:
        """Append so many lines."""
        with self.log.open("a") as stream:
            for _ in range(count):
                self.written += 1
                stream.write(f"line {self.written}{end}")

    def rotate(self) -> None:
        """Rename the log, and those that were renamed before, and begin a new one."""
        for number in range(9, 0, -1):
            older = self.log.with_name(f".queue.{number}")
            if older.exists():
                older.replace(self.log.with_name(f".queue.{number + 1}"))
        self.log.replace(self.log.with_name(".queue.1"))
        self.log.touch()

    def truncate(self) -> None:
        """Empty the log where it is, as `copytruncate` does."""
        self.log.write_bytes(b"")

    def lines(self) -> list[bytes]:
        """Return all lines that were written."""
        return [b"line %d" % number for number in range(1, self.written + 1)]


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    """An empty log that is followed."""
    return Followed(tmp_path)


def test_what_is_appended_is_taken_once(followed: Followed) -> None:
    """Lines come as they are written, a line without its end waits for it, and quiet rounds take nothing."""
    followed.write(3)
    assert followed.follower.round() > 0
    assert followed.follower.round() == 0
    followed.write(end="")
    assert followed.follower.round() == 0
    with followed.log.open("a") as stream:
        stream.write(" goes on\n")
    followed.follower.round()
    assert followed.taken == [b"line 1", b"line 2", b"line 3", b"line 4 goes on"]


def test_a_log_that_is_rotated_loses_nothing(followed: Followed) -> None:
    """What is written to the old file before and after it was renamed is taken, then the new one is; its last line may lack an end."""
    followed.write(2)
    followed.follower.round()
    followed.write(2)
    old = followed.log.open("a")
    followed.rotate()
    followed.write(1)
    followed.follower.round()
    old.write("late")
    old.close()
    followed.follower.round()
    followed.now += 10
    followed.follower.round()
    assert followed.taken == [*followed.lines()[:4], b"line 5", b"late"]


def test_a_log_that_is_emptied_is_read_from_its_beginning(followed: Followed) -> None:
    """Shorter than what was read of it, or as long with another beginning after a restart: it is another log."""
    followed.write(5)
    followed.follower.round()
    followed.truncate()
    followed.write(1)
    followed.follower.round()
    assert followed.taken == followed.lines()
    followed.follower.close()
    followed.truncate()
    followed.write(50)
    followed.start().round()
    assert followed.taken == followed.lines()


def test_one_that_starts_again_goes_on_from_what_was_safe(followed: Followed) -> None:
    """After a kill, lines that were taken and not confirmed come again, those that were confirmed do not, also of a log that was rotated meanwhile."""
    followed.write(3)
    followed.follower.round()
    followed.write(2)
    followed.follower._confirm = pytest.fail
    with pytest.raises(pytest.fail.Exception):
        followed.follower.round()
    followed.rotate()
    followed.write(2)
    followed.taken.clear()
    followed.start().round()
    assert sorted(followed.taken) == followed.lines()[3:]


def test_all_files_of_a_directory_are_followed(tmp_path: Path) -> None:
    """Files that appear later are read from their beginning; hidden ones, and the positions themselves, are not read."""
    followed = Followed(tmp_path, whole_directory=True)
    followed.positions = followed.log.parent / "positions.json"
    followed.restart()
    followed.write(1)
    followed.follower.round()
    (followed.log.parent / "other.log").write_text("other 1\n")
    (followed.log.parent / ".hidden").write_text("hidden\n")
    followed.follower.round()
    followed.follower.round()
    assert followed.taken == [b"line 1", b"other 1"]


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": 1}', b'[["a", 1, 2, "x", 3]]', b"\xff"])
def test_a_file_that_holds_no_positions_is_refused(followed: Followed, content: bytes) -> None:
    """A file of another kind in the place of the positions is named, and never overwritten."""
    followed.positions.write_bytes(content)
    with pytest.raises(ValueError, match=r"positions\.json: holds no positions"):
        followed.start()
    assert followed.positions.read_bytes() == content


STEPS: dict[str, Callable[[Followed], object]] = {
    "write": lambda followed: followed.write(3),
    "round": lambda followed: followed.follower.round(),
    "rotate": Followed.rotate,
    "wait": lambda followed: setattr(followed, "now", followed.now + 10),
    "restart": Followed.restart,
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=25))
def test_any_story_ends_with_every_line_once(story: list[str]) -> None:
    """However writing, rotating, following and restarting alternate, every line is taken, and none twice, if each log was seen before it was renamed."""
    with TemporaryDirectory() as directory:
        followed = Followed(Path(directory))
        for step in story:
            if step == "rotate":
                followed.follower.round()
            STEPS[step](followed)
        followed.follower.round()
        assert sorted(followed.taken) == sorted(followed.lines())
        followed.follower.close()
