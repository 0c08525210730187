"""What Grafana would at most log: `python -m config.grafana.check [FOLDER]` says what is wrong with provisioning and dashboards, a sentence each.

Grafana starts with files that it cannot use, and simply does not show what they hold. FOLDER is laid out as this one; this one unless told.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.errors import ConfigError, did_you_mean
from config.yaml_lines import read_yaml, validate

__all__ = ["check"]

Uid = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,40}$")]
_BUILT_IN = re.compile(r"__\w+")
_VARIABLE = re.compile(r"\$(?:\{(\w+)[^}]*\}|(\w+))")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Source(_Data):
    """A data source as Grafana's provisioning has it; of the keys those that one without a password needs."""

    name: str
    uid: Uid
    type: Literal["prometheus"]
    access: Literal["proxy", "direct"] = "proxy"
    url: str
    orgId: int = 1  # noqa: N815 - Grafana's names, here and below
    isDefault: bool = False  # noqa: N815
    editable: bool = False
    version: int = 1
    jsonData: dict[str, Any] = Field(default_factory=dict)  # noqa: N815


class _Sources(_Data):
    apiVersion: Literal[1]  # noqa: N815
    datasources: list[_Source]
    deleteDatasources: list[dict[str, Any]] = Field(default_factory=list)  # noqa: N815
    prune: bool = False


class _Place(_Data):
    path: str
    foldersFromFilesStructure: bool = False  # noqa: N815


class _Provider(_Data):
    """A folder of dashboards."""

    name: str
    type: Literal["file"]
    options: _Place
    orgId: int = 1  # noqa: N815
    folder: str = ""
    folderUid: Uid | None = None  # noqa: N815
    disableDeletion: bool = False  # noqa: N815
    updateIntervalSeconds: Annotated[int, Field(ge=1)] = 10  # noqa: N815
    allowUiUpdates: bool = False  # noqa: N815


class _Providers(_Data):
    apiVersion: Literal[1]  # noqa: N815
    providers: list[_Provider]


def check(folder: Path) -> list[str]:
    """Return what is wrong with ``provisioning`` and ``dashboards`` of a folder, each with file and key; nothing where all is right."""
    said = []
    for part, model in (("datasources", _Sources), ("dashboards", _Providers)):
        files = sorted((folder / "provisioning" / part).glob("*.y*ml"))
        said += [] if files else [f"{folder / 'provisioning' / part}: there is no file that says which {part} there are"]
        for path in files:
            try:
                document = read_yaml(path)
                read = validate(model, document)
            except ConfigError as error:
                said += str(error).splitlines()
                continue
            said += [str(document.error(("datasources", *place), sentence)) for place, sentence in _sources(read)] if isinstance(read, _Sources) else []
    uids: dict[str, str] = {}
    for path in sorted((folder / "dashboards").glob("*.json")):
        said += [f"{path}: {sentence}" for sentence in _dashboard(path, uids)]
    return said + ([] if uids else [f"{folder / 'dashboards'}: there is no dashboard"])


def _sources(read: _Sources) -> Iterator[tuple[tuple[int, str], str]]:
    names: set[str] = set()
    for number, source in enumerate(read.datasources):
        address = urlsplit(source.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            yield (number, "url"), "expected http://HOST:PORT"
        if source.name in names:
            yield (number, "name"), f"{source.name} stands twice"
        if source.isDefault and any(each.isDefault for each in read.datasources[:number]):
            yield (number, "isDefault"), "only one can be asked where nothing else is said"
        names.add(source.name)


def _dashboard(path: Path, uids: dict[str, str]) -> Iterator[str]:
    try:
        read = json.loads(path.read_bytes())
        uid, panels = read["uid"], read["panels"]
        variables = {each["name"]: each for each in read["templating"]["list"]}
    except ValueError as error:
        yield f"not JSON: {error}"
        return
    except (KeyError, TypeError) as error:
        yield f"no dashboard: {error} is missing" if isinstance(error, KeyError) else "no dashboard: expected an object with uid, panels and templating"
        return
    if uid in uids:
        yield f"uid: {uid} is that of {uids[uid]}, too; Grafana shows one of them"
    uids.setdefault(uid, path.name)
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", str(uid)):
        yield f"uid: {uid}: expected at most 40 letters, digits, - and _"
    sources = {f"${{{name}}}" for name, each in variables.items() if (each.get("type"), each.get("query")) == ("datasource", "prometheus")}
    for panel in panels:
        where = f"panel {panel.get('title', '?')}"
        if panel.get("datasource", {}).get("uid") not in sources:
            yield f"{where}: datasource: expected a variable of this dashboard that chooses a Prometheus"
        if not panel.get("targets"):
            yield f"{where}: asks for nothing"
        for target in panel.get("targets", ()):
            asked = {braced or bare for braced, bare in _VARIABLE.findall(target.get("expr", ""))}
            for name in sorted(asked - variables.keys()):
                if not _BUILT_IN.fullmatch(name):
                    yield f"{where}: ${name} is no variable of this dashboard{did_you_mean(name, variables)}"


def _main(arguments: Sequence[str]) -> int:
    said = check(Path(arguments[0]) if arguments else Path(__file__).parent)
    sys.stderr.writelines(f"Error: {sentence}\n" for sentence in said)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
