"""`seamwatch` for scripts that call it dozens of times: a server imports the program once and forks for each call, which saves a second of processor each.

`python -m tests.support.forked SOCKET` serves; a script calls this file by its path with `-S`, so that the caller itself loads nothing.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress

_PRELOADED = (
    "alembic.command", "fastapi", "kafka", "psycopg", "rich.table", "seamwatch.backtest", "seamwatch.console", "seamwatch.delivering", "seamwatch.doctor",
    "seamwatch.insight", "seamwatch.reporting", "seamwatch.topic", "seamwatch.worker", "uvicorn",
)  # fmt: skip
_FAILED = 70


def serve(path: str) -> None:
    """Answer calls at a Unix socket until told to stop; each has the directory, variables and files of its caller."""
    import importlib
    import threading

    for name in _PRELOADED:
        importlib.import_module(name)
    assert threading.active_count() == 1  # a fork takes no other thread along
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(16)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                os._exit(_attend(connection))
            connection.close()


def _attend(connection: socket.socket) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    content, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    arguments, directory, environment = json.loads(content)
    child = os.fork()
    if child == 0:
        connection.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        os._exit(_run(arguments))
    connection.sendall(f"{child}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(BrokenPipeError):  # the caller was killed
        connection.sendall(f"{code}\n".encode())
    return 0


def _run(arguments: list[str]) -> int:
    from seamwatch.__main__ import main

    sys.argv = ["seamwatch", *arguments]
    code: object = _FAILED
    try:
        main()
    except SystemExit as error:
        code = error.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


def call(path: str, arguments: list[str]) -> int:
    """Call the program as a process of this one's own would run; signals that ask to stop are handed on."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        content = json.dumps([arguments, os.getcwd(), dict(os.environ)])  # noqa: PTH109  # pathlib is not loaded
        socket.send_fds(connection, [content.encode()], [0, 1, 2])
        answers = connection.makefile()
        child = int(answers.readline())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: os.kill(child, number))
        code = int(answers.readline())
        return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    sys.exit(call(sys.argv[1], sys.argv[2:]))
