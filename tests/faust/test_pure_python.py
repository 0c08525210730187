"""Faust without its compiled parts, as it is installed where no wheel fits: other code hands out the records."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.services import KafkaServer

ROOT = Path(__file__).parents[2]


def _run(*arguments: str) -> None:
    command = [sys.executable, "-m", *arguments]
    environment = {**os.environ, "NO_CYTHON": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.real
def test_l6_a_stale_record_is_skipped_and_committed(kafka: KafkaServer, prefix: str, tmp_path: Path) -> None:
    """Faust's pure Python stream acknowledges a record of an earlier generation that it skips: it is lost. Ours is read again after the rebalance."""
    _run("tests.faust.pure_python", kafka.bootstrap, prefix, str(tmp_path))


@pytest.mark.slow
def test_batches_survive_rebalances() -> None:
    """Forced rebalances lose nothing and commit nothing that is not done, through the pure Python stream as through the compiled one."""
    _run("pytest", "-q", "-p", "no:cacheprovider", "tests/unit/streams/test_watch.py", "-k", "rebalances")
