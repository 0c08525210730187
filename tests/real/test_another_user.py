"""The commands of the image, natively: as a user without rights, with nothing that can be written, secrets in files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.services import KafkaServer
from tests.support.workers import CUSTOMER_KEY, HASH_KEY, ROOT, Installation, stored, until
from tests.unit.seamwatch.support import asked_twice

USER = "10001"
ALONE = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", 'mount -o remount,bind,ro / && cd / && exec setpriv "$@"', "sh"]
WITHOUT_RIGHTS = ["--reuid", USER, "--regid", USER, "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"]


class ReadOnly(Installation):
    """Runs every command as the image does: another user, a file system that is read-only."""

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a command."""
        return [*ALONE, *WITHOUT_RIGHTS, *super().command(*arguments)]


def refused() -> str:
    """Return why that cannot be had here, empty where it can."""
    if os.geteuid() or not shutil.which("unshare") or not shutil.which("setpriv"):
        return "only root can become another user"
    tried = subprocess.run(
        [*ALONE, *WITHOUT_RIGHTS, sys.executable, "-c", "import seamwatch, faust"], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    return tried.stderr[-300:] if tried.returncode else ""


def test_the_image_s_commands_run_as_another_user_on_a_read_only_tree(kafka: KafkaServer, database_url: str, prefix: str, tmp_path: Path) -> None:
    """Tables, topics, worker and doctor by a user who owns nothing and can write nowhere: a finding is stored; no secret is in the list of processes."""
    if why := refused():
        pytest.skip(f"no other user on a read-only tree: {why}")
    shared = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path  # noqa: S108  # pytest's own directories are root's alone
    secrets = {"HASH_KEY": HASH_KEY, "CUSTOMER_KEY": CUSTOMER_KEY, "DATABASE": database_url.replace("seamwatch@", "seamwatch:hunter2-and-more@")}
    files = {name: shared / f"{prefix}-{name}" for name in secrets}
    for name, value in secrets.items():
        files[name].write_text(value)
        os.chown(files[name], int(USER), int(USER))
        files[name].chmod(0o400)
    installation = ReadOnly(tmp_path, kafka.bootstrap, database_url, prefix, **{name: f"file:{path}" for name, path in files.items()})
    try:
        installation.run("db", "upgrade")
        installation.run("topics", "create")
        worker = installation.start().wait_ready()
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        assert f"Uid:\t{USER}\t{USER}\t{USER}\t{USER}" in status
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        told = Path(f"/proc/{worker.process.pid}/cmdline").read_bytes() + Path(f"/proc/{worker.process.pid}/environ").read_bytes()
        installation.produce(asked_twice("c-1"))
        until(lambda: bool(stored(database_url, "SELECT id FROM findings")), told=worker.tail)
        assert worker.stop()[0] == 0
        told += worker.log.read_bytes()
        assert not [name for name, secret in secrets.items() if secret.encode() in told]
        assert b"hunter2" not in told
    finally:
        installation.end()
        for path in files.values():
            path.unlink()
