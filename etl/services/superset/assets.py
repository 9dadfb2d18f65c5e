"""The dashboards as code: files in superset/assets, linked by uuid, and their canonical form.

Superset assigns different numbers on every machine. An export is converted to the form of the files, so that an import and an
export give no difference, and an edit a small one: numbers, file names, order and values that Superset fills in by itself
come from the existing files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from etl.database import Product
from etl.errors import ConfigurationError
from etl.settings.packaged import packaged

FOLDER = packaged("superset", "assets")
SCHEMA = "public"
"""The datasets' schema in the files; an import replaces it by the product's schema, and an export restores it."""
KINDS = ("databases", "datasets", "charts", "dashboards")
_METADATA = "metadata.yaml"
# What the pages write into a chart and compute again: numbers of this machine, and the state of the screen when it was saved.
_VOLATILE_PARAMS = ("datasource", "slice_id", "dashboards", "dashboardId", "url_params", "extra_form_data")
_VOLATILE_FILTER = ("chartsInScope", "tabsInScope")
_VOLATILE_METADATA = ("global_chart_configuration", "shared_label_colors", "map_label_colors", "color_scheme_domain")

# The parser written in C, if PyYAML has it: ten times as fast.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Document = dict[str, Any]


@dataclass(frozen=True)
class Bundle:
    """The files of the assets: their text by their path in the folder."""

    files: Mapping[str, str]

    @property
    def sha256(self) -> str:
        content = "".join(f"{path}\0{text}\0" for path, text in sorted(self.files.items()))
        return hashlib.sha256(content.encode()).hexdigest()

    def documents(self, kind: str) -> dict[str, Document]:
        """The parsed files of a kind by path.

        :raises ConfigurationError: a file is not YAML, or has no uuid.
        """
        return {path: _parsed(path, text) for path, text in self.files.items() if path.startswith(f"{kind}/")}

    def uuids(self) -> dict[str, list[str]]:
        """The uuids by kind."""
        return {kind: sorted(str(doc["uuid"]) for doc in self.documents(kind).values()) for kind in KINDS}

    def paths(self) -> dict[str, str]:
        """Path by uuid."""
        return {str(doc["uuid"]): path for kind in KINDS for path, doc in self.documents(kind).items()}


def read(folder: Path) -> Bundle:
    """The assets of a folder."""
    return Bundle(
        {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.rglob("*.yaml"))}
    )


def write(folder: Path, bundle: Bundle) -> list[str]:
    """Make a folder contain exactly a bundle; returns the paths that changed."""
    before = read(folder).files
    for path in before.keys() - bundle.files.keys():
        (folder / path).unlink()
    changed = [path for path, text in bundle.files.items() if before.get(path) != text]
    for path in changed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(bundle.files[path], "utf-8")
    return sorted([*changed, *(before.keys() - bundle.files.keys())])


def for_product(bundle: Bundle, product: Product) -> Bundle:
    """The files for a database product: with its schema and its driver's connection options. The SQL is the same for all."""
    files = dict(bundle.files)
    for path, document in bundle.documents("databases").items():
        parameters = {"connect_args": dict(product.dashboard_arguments)}
        _put(files, path, document, {"extra": (document.get("extra") or {}) | {"engine_params": parameters}})
    for path, document in bundle.documents("datasets").items():
        if document.get("schema") == SCHEMA:
            _put(files, path, document, {"schema": product.schema})
    return Bundle(files)


def _put(files: dict[str, str], path: str, document: Document, changes: Document) -> None:
    if document | changes != document:
        files[path] = dump(document | changes)


def with_target(bundle: Bundle, url: str) -> dict[str, str]:
    """The files for the import into Superset: with the address of the real database, without password."""
    files = dict(bundle.files)
    for path, document in bundle.documents("databases").items():
        files[path] = dump(document | {"sqlalchemy_uri": url})
    return files


def normalised(exported: Mapping[str, str], current: Bundle, schema: str = SCHEMA) -> Bundle:
    """An export in the form of the files, without what belongs to databases that are not in the files.

    :param schema: the product's schema, which `for_product` put into the datasets.
    """
    new = Bundle({path: text for path, text in exported.items() if path.startswith(KINDS)})
    existing = {str(doc["uuid"]): doc for kind in KINDS for doc in current.documents(kind).values()}
    databases = {str(doc["uuid"]) for doc in current.documents("databases").values()}
    datasets = {str(doc["uuid"]) for doc in new.documents("datasets").values() if doc["database_uuid"] in databases}
    is_included: dict[str, Callable[[Document], bool]] = {
        "databases": lambda doc: doc["uuid"] in databases,
        "datasets": lambda doc: doc["uuid"] in datasets,
        "charts": lambda doc: doc.get("dataset_uuid") in datasets,
        "dashboards": lambda doc: True,
    }
    paths = _Paths(current)
    files = {_METADATA: current.files[_METADATA]} if _METADATA in current.files else {}
    for kind in KINDS:
        for _, document in sorted(new.documents(kind).items(), key=lambda item: str(item[1]["uuid"])):
            if is_included[kind](document):
                before = existing.get(str(document["uuid"]), {})
                if kind == "datasets" and document.get("schema") == schema:
                    document["schema"] = SCHEMA
                files[paths.of(kind, document)] = dump(_CLEAN[kind](document, before))
    return Bundle(files)


def dump(document: Document) -> str:
    """YAML in the form of the files: the document's top-level keys in Superset's order, those below in alphabetical order."""
    ordered = {key: _sorted(value) for key, value in document.items()}
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


# --- names -----------------------------------------------------------------------------------------------------------


class _Paths:
    """A path for each document: its existing path, or else one made from its title."""

    def __init__(self, current: Bundle) -> None:
        self._known = current.paths()
        self._taken = set(self._known.values())

    def of(self, kind: str, document: Document) -> str:
        if existing := self._known.get(str(document["uuid"])):
            return existing
        title = document.get("dashboard_title") or document.get("slice_name") or document.get("table_name") or "new"
        folder = "datasets/etl" if kind == "datasets" else kind
        stem = re.sub(r"[^a-z0-9]+", "_", str(title).lower()).strip("_") or "new"
        path = f"{folder}/{stem}.yaml"
        if path in self._taken:
            path = f"{folder}/{stem}_{str(document['uuid'])[:8]}.yaml"
        self._taken.add(path)
        return path


# --- what is left of an export ---------------------------------------------------------------------------------------


def _clean_database(document: Document, before: Document) -> Document:
    # This machine's connection is not part of the dashboards.
    extra = (document.get("extra") or {}) | {"engine_params": (before.get("extra") or {}).get("engine_params")}
    return document | {"sqlalchemy_uri": before["sqlalchemy_uri"], "extra": extra}


def _clean_dataset(document: Document, _: Document) -> Document:
    by_name = {"columns": "column_name", "metrics": "metric_name"}
    for part, name in by_name.items():
        document[part] = sorted(document.get(part) or [], key=lambda entry: str(entry[name]))
    return document


def _clean_chart(document: Document, _: Document) -> Document:
    params = document.get("params") or {}
    # A saved query context names a dataset by a number, which an import does not rewrite.
    return document | {
        "params": {key: value for key, value in params.items() if key not in _VOLATILE_PARAMS},
        "query_context": None,
    }


def _clean_dashboard(document: Document, before: Document) -> Document:
    position = document.get("position") or {}
    numbers = _numbers(position, before.get("position") or {})
    for chart in _charts(position):
        chart["chartId"] = numbers[chart["chartId"]]
    metadata = {k: v for k, v in (document.get("metadata") or {}).items() if k not in _VOLATILE_METADATA}
    for native_filter in metadata.get("native_filter_configuration") or []:
        for name in _VOLATILE_FILTER:
            native_filter.pop(name, None)
        _renumber_scope(native_filter.get("scope"), numbers)
    metadata["chart_configuration"] = _cross_filters(metadata.get("chart_configuration") or {}, numbers)
    for name in ("expanded_slices", "timed_refresh_immune_slices", "filter_scopes"):
        if not metadata.get(name):
            metadata.pop(name, None)
    if immune := metadata.get("timed_refresh_immune_slices"):
        metadata["timed_refresh_immune_slices"] = sorted(numbers[number] for number in immune if number in numbers)
    return document | {"position": position, "metadata": metadata}


def _charts(position: Document) -> list[Document]:
    return [item["meta"] for item in position.values() if isinstance(item, dict) and item.get("type") == "CHART"]


def _numbers(position: Document, before: Document) -> dict[int, int]:
    """The number of each chart in the files by its number in the export: its existing number, or the next free one."""
    number_by_uuid = {chart["uuid"]: int(chart["chartId"]) for chart in _charts(before)}
    following = max(number_by_uuid.values(), default=0) + 1
    numbers = {}
    for chart in sorted(_charts(position), key=lambda chart: str(chart["uuid"])):
        if chart["uuid"] not in number_by_uuid:
            number_by_uuid[chart["uuid"]] = following
            following += 1
        numbers[int(chart["chartId"])] = number_by_uuid[chart["uuid"]]
    return numbers


def _cross_filters(configuration: Document, numbers: Mapping[int, int]) -> Document:
    """Only charts whose cross-filter is not the default: without an entry Superset uses `global`."""
    kept = {}
    for number, entry in configuration.items():
        scope = (entry.get("crossFilters") or {}).get("scope")
        if int(number) in numbers and scope not in (None, "global"):
            entry["id"] = numbers[int(number)]
            entry["crossFilters"].pop("chartsInScope", None)
            _renumber_scope(scope, numbers)
            kept[str(numbers[int(number)])] = entry
    return kept


def _renumber_scope(scope: Any, numbers: Mapping[int, int]) -> None:
    if isinstance(scope, dict) and scope.get("excluded"):
        scope["excluded"] = sorted(numbers[number] for number in scope["excluded"] if number in numbers)


_CLEAN = {
    "databases": _clean_database,
    "datasets": _clean_dataset,
    "charts": _clean_chart,
    "dashboards": _clean_dashboard,
}


# --- YAML ------------------------------------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, so that a change of a query is a change of a line."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value, key=str)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _parsed(path: str, text: str) -> Document:
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"superset/assets/{path}{line} is not YAML.", remedy="Correct the file.") from None
    if not isinstance(document, dict) or not document.get("uuid"):
        raise ConfigurationError(f"superset/assets/{path} has no uuid.", remedy="Give it one that no other file has.")
    return document
