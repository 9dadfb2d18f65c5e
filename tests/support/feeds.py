"""Feeds that a test writes itself, as a user does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from etl.contract.reader import Contract, load_contract
from tests.support.stack import Project, with_admin


def topic_feed(
    project: Project, name: str, columns: Mapping[str, Mapping[str, Any]], *, form: str = "json", **properties: Any
) -> Contract:
    """The contract of a feed whose messages are in a topic, which exists and is named like the project's and the feed.

    :param columns: name → the column in the words of the standard; `custom` has its custom properties.
    :param properties: custom properties of the feed.
    """
    topic = f"{project.topic}-{name}"
    with_admin(project.stack.kafka, lambda admin: admin.create_topics({topic: {}}, wait_for_metadata=True))
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": name,
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "servers": [
            {
                "server": "stream",
                "type": "kafka",
                "host": "ETL_KAFKA_BOOTSTRAP",
                "format": form,
                "customProperties": [{"property": "topic", "value": topic}],
            }
        ],
        "schema": [
            {
                "name": name,
                "physicalName": name,
                "logicalType": "object",
                "properties": [_column(column, said) for column, said in columns.items()],
            }
        ],
        "customProperties": _listed(properties),
    }
    (project.settings.feeds[0] / f"{name}.odcs.yaml").write_text(yaml.safe_dump(document), "utf-8")
    return load_contract(name, project.settings)


def _column(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    column = {"name": name, "logicalType": "string", **said}
    custom = column.pop("custom", {})
    return column | ({"customProperties": _listed(custom)} if custom else {})


def _listed(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in properties.items()]
