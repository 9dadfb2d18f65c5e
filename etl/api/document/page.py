"""The contents of docs/api.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]

EXAMPLES = Path(__file__).with_name("examples.md")
_REFERENCE = """\
## Reference

Times are ISO 8601, in UTC where they have no offset. Where an answer has several media types, the header `Accept` chooses. Every
error is a [ProblemDocument](#problemdocument) (`application/problem+json`).
"""
_ANSWERS = """\
## Answers

Fields of the answers in JSON. The columns of a feed's readings are those of its contract ([feeds](feeds.md)).
"""
_WORDS = {"string": "text", "object": "object", "null": "null"}
_FORMATS = {"date-time": "time", "date": "day"}
_OF_FASTAPI = {"HTTPValidationError", "ValidationError"}
"""Schemas that no route answers with, because errors are problem documents."""


def page(document: Json) -> str:
    """Examples, then every route and the fields of every answer.

    :param document: as `FastAPI.openapi` returns it.
    """
    routes = [
        "\n".join(_route(method, path, operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    schemas = document.get("components", {}).get("schemas", {})
    answers = ["\n".join(_schema(name, schemas[name])) for name in _shown(schemas)]
    return "\n".join([EXAMPLES.read_text("utf-8"), _REFERENCE, *routes, _ANSWERS, *answers])


def _route(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    yield f"{_text(operation.get('description') or operation.get('summary', ''))}\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | type | default | meaning |"
        yield "|---|---|---|---|"
        for parameter in parameters:
            schema = parameter["schema"]
            default = "required" if parameter.get("required") else _shown_default(schema)
            meaning = parameter.get("description") or schema.get("description", "")
            yield _row(f"`{parameter['name']}`", _type(schema), default, _text(meaning))
        yield ""
    answers = [
        f"`{media}`" + (f" ({_type(content['schema'])})" if _is_named(content.get("schema", {})) else "")
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for media, content in answer.get("content", {}).items()
    ]
    errors = sorted(status for status in operation["responses"] if not status.startswith("2"))
    yield f"Answers {', '.join(answers) or 'without a body'}; errors: {', '.join(errors) or 'none'}.\n"


def _shown(schemas: Json) -> list[str]:
    """The names of the schemas of answers; the columns of each feed have a page of their own."""
    of_feeds = {_name(each) for each in schemas.get("Reading", {}).get("anyOf", ())}
    return sorted({*schemas} - of_feeds - _OF_FASTAPI)


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f"### `{name}`\n"
    if description := schema.get("description"):
        yield f"{_text(description)}\n"
    if "enum" in schema:
        yield f"One of {_type(schema)}.\n"
    if properties := schema.get("properties"):
        yield "| field | type | meaning |"
        yield "|---|---|---|"
        for field, value in properties.items():
            yield _row(f"`{field}`", _type(value), _text(value.get("description", "")))
        yield ""


def _type(schema: Json) -> str:
    """A JSON Schema in words: `text or null`, `list of [Window](#window)`, `whole number, 1 to 10000`."""
    if "$ref" in schema:
        return f"[{_name(schema)}](#{_name(schema).lower()})"
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(map(_type, choices)))
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{value}`" for value in values)
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    inner = schema.get("additionalProperties")
    if kind == "object" and isinstance(inner, Mapping) and inner:
        return f"object of {_type(inner)}"
    word = {"integer": "whole number", **_WORDS}.get(kind, kind or "anything")
    return f"{_FORMATS.get(schema.get('format', ''), word)}{_limits(schema)}"


def _limits(schema: Json) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    if low is not None:
        return f", from {low:,}"
    return "" if high is None else f", up to {high:,}"


def _shown_default(schema: Json) -> str:
    default = schema.get("default")
    return "" if default is None else f"`{default}`"


def _is_named(schema: Json) -> bool:
    """Whether the page has a section about it, or about what it lists."""
    return "$ref" in schema or "$ref" in schema.get("items", {})


def _name(schema: Json) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Text on one line, which a table of Markdown can hold."""
    return " ".join(text.split()).replace("|", r"\|")
