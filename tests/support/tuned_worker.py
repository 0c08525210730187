"""`seamwatch worker` with other stream settings than an installation has: `python -m tests.support.tuned_worker '{"max_poll_records": 7}'`."""

import dataclasses
import json
import sys

from config.settings import load_settings
from seamwatch import logs
from seamwatch.worker import Worker, leave, plan

if __name__ == "__main__":
    roles, tuned = sys.argv[1], json.loads(sys.argv[2])
    logs.configure("info")
    planned = plan(load_settings(), roles.split(",") if roles else None)
    leave(Worker(planned, streams=dataclasses.replace(planned.streams(), **tuned)).run())
