"""Whether the assets fit together. Superset silently leaves out a chart or a filter whose reference is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from etl.errors import ConfigurationError
from etl.services.superset.assets import KINDS, Bundle, Document

_SHOWN = 10


def require_sound(bundle: Bundle) -> None:
    """Check every reference between the files.

    :raises ConfigurationError: names each file and what is wrong in it.
    """
    if problems := list(_problems(bundle)):
        more = f"\n… and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ConfigurationError(
            "The dashboards are faulty:\n" + "\n".join(problems[:_SHOWN]) + more,
            remedy="Correct the files in superset/assets; nothing was imported.",
        )


def _problems(bundle: Bundle) -> Iterator[str]:
    if "metadata.yaml" not in bundle.files:
        yield "metadata.yaml is missing."
    documents = {kind: bundle.documents(kind) for kind in KINDS}
    by_uuid = {kind: {str(doc["uuid"]): doc for doc in by_path.values()} for kind, by_path in documents.items()}
    if len(documents["databases"]) != 1:
        yield f"databases/ has {len(documents['databases'])} files; it must be one."
    counts = Counter(str(doc["uuid"]) for by_path in documents.values() for doc in by_path.values())
    for path, doc in ((path, doc) for by_path in documents.values() for path, doc in by_path.items()):
        if counts[str(doc["uuid"])] > 1:
            yield f"{path}: uuid {doc['uuid']} is in {counts[str(doc['uuid'])]} files."
    for kind, key, target in (("datasets", "database_uuid", "databases"), ("charts", "dataset_uuid", "datasets")):
        for path, doc in documents[kind].items():
            if doc.get(key) not in by_uuid[target]:
                yield f"{path}: {key} {doc.get(key)!r} is in no file of {target}/."
    for path, doc in documents["dashboards"].items():
        yield from (f"{path}: {problem}" for problem in _of_dashboard(doc, by_uuid["charts"], by_uuid["datasets"]))


def _of_dashboard(doc: Document, charts: dict[str, Document], datasets: dict[str, Document]) -> Iterator[str]:
    position = doc.get("position") or {}
    items = {name: item for name, item in position.items() if isinstance(item, dict)}
    placed = {name: item.get("meta") or {} for name, item in items.items() if item.get("type") == "CHART"}
    if not placed:
        yield "it has no charts."
    numbers = Counter(meta.get("chartId") for meta in placed.values())
    for name, meta in placed.items():
        if not isinstance(meta.get("chartId"), int):
            yield f"{name} has no chartId."
        elif numbers[meta["chartId"]] > 1:
            yield f"{name} has a chartId, {meta['chartId']}, that another chart has."
        if meta.get("uuid") not in charts:
            yield f"{name}: uuid {meta.get('uuid')!r} is in no file of charts/."
    children = Counter(child for item in items.values() for child in item.get("children") or [])
    for name in items:
        if name not in ("ROOT_ID", "HEADER_ID") and children[name] != 1:
            yield f"{name} is in {children[name]} rows; it must be in one."
    yield from (f"{child} is placed but does not exist." for child in children if child not in items)
    for native_filter in (doc.get("metadata") or {}).get("native_filter_configuration") or []:
        yield from _of_filter(native_filter, datasets)


def _of_filter(native_filter: dict[str, Any], datasets: dict[str, Document]) -> Iterator[str]:
    for target in native_filter.get("targets") or []:
        if not target:
            continue
        name, column = native_filter.get("name"), (target.get("column") or {}).get("name")
        dataset = datasets.get(str(target.get("datasetUuid")))
        if dataset is None:
            yield f"filter {name}: datasetUuid {target.get('datasetUuid')!r} is in no file of datasets/."
        elif column not in _columns(dataset):
            yield f"filter {name}: {dataset['table_name']} has no column {column!r}."


def _columns(dataset: Document) -> set[str]:
    """Names of a dataset's columns. Superset itself checks whether they are well-formed."""
    entries = dataset.get("columns")
    named = entries if isinstance(entries, list) else []
    return {str(entry.get("column_name")) for entry in named if isinstance(entry, dict)}
