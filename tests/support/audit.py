"""`make audit`: asks whether weaknesses of what is installed, and of what the console's pages are made of, are known.

Ends with 1 where one is, or where it is not clear what was told. Where the service does not answer, or does not know what it was asked
about, a line begins with `skipped:`, which is no other word for passed.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

__all__ = ["SILENT"]

SILENT = re.compile(
    r"\b(ServiceError|ConnectionError|ConnectTimeout|ReadTimeout|HTTPError|JSONDecodeError|ProxyError|SSLError|MaxRetryError)\b"
    r"|audit endpoint returned an error|\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ERR_SOCKET_TIMEOUT)\b"
)
"""What the tools say, in their last words, where nobody answers; where they found something they say that in JSON."""


def main() -> None:
    """Ask for the program, then for the pages."""
    parser = argparse.ArgumentParser(prog="audit")
    parser.add_argument("--site", required=True, help="folder with the program's dependencies")
    parser.add_argument("--web", type=Path, required=True, help="folder with the lock file of the console's pages")
    parser.add_argument("--osv", help="address of a service that answers as OSV does, instead of PyPI")
    parser.add_argument("--npm", help="address of a registry of npm packages, instead of the one that is set")
    parser.add_argument("--timeout", type=int, default=20, help="seconds")
    asked = parser.parse_args()
    where = ["-s", "osv", "--osv-url", asked.osv] if asked.osv else []
    asks = ["-m", "pip_audit", "--path", asked.site, "--skip-editable", "--progress-spinner", "off", "--timeout", str(asked.timeout), "-f", "json", *where]
    program = _program(subprocess.run([sys.executable, *asks], capture_output=True, text=True, check=False))
    registry = [f"--registry={asked.npm}"] if asked.npm else []
    limits = ["--fetch-retries=0", f"--fetch-timeout={1000 * asked.timeout}"]
    pages = _pages(subprocess.run(["npm", "audit", "--omit", "dev", "--json", *limits, *registry], cwd=asked.web, capture_output=True, text=True, check=False))
    sys.exit(0 if program and pages else 1)


def _program(ended: "subprocess.CompletedProcess[str]") -> bool:
    try:
        told = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        return _silent("the program's dependencies", ended)
    weak = [f"{each['name']} {each['version']}: {', '.join(found['id'] for found in each['vulns'])}" for each in told if each.get("vulns")]
    unknown = sum("skip_reason" in each for each in told)
    return _tell("the program's dependencies", len(told), weak, unknown)


def _pages(ended: "subprocess.CompletedProcess[str]") -> bool:
    try:
        told = json.loads(ended.stdout)
        weak, asked = told["vulnerabilities"], told["metadata"]["dependencies"]["prod"]
    except (ValueError, KeyError):
        return _silent("what the console's pages are made of", ended)
    return _tell("what the console's pages are made of", asked, [f"{name}: {each['severity']}" for name, each in weak.items()], 0)


def _tell(what: str, asked: int, weak: list[str], unknown: int) -> bool:
    print(f"{what}: {asked - unknown} of {asked} answered, weaknesses are known of {len(weak)}", *weak, sep="\n  ")
    if unknown:
        print(f"skipped: {unknown} of {asked} of {what} are not known to the service")
    return not weak


def _silent(what: str, ended: "subprocess.CompletedProcess[str]") -> bool:
    said = ended.stdout + ended.stderr
    if SILENT.search(said):
        print(f"skipped: the service that knows weaknesses of {what} does not answer")
        return True
    print(f"it is not clear what was told of {what}:\n{said}")
    return False


if __name__ == "__main__":
    main()
