"""docs/api.md: made from the OpenAPI document; every route and every field of an answer is in it."""

from __future__ import annotations

from etl.api.app import create_app
from etl.api.document.page import page
from etl.settings import PROJECT_ROOT, Settings


def test_the_page_is_made_from_the_openapi_document() -> None:
    made = page(create_app(Settings.load(feeds="")).openapi())
    written = (PROJECT_ROOT / "docs" / "api.md").read_text("utf-8")
    assert written == made, "make it again: python -m etl api docs > docs/api.md"


def test_a_route_has_its_parameters_its_answers_and_its_errors() -> None:
    made = page(DOCUMENT)
    begin = made.index("### `GET /things/{name}`")
    assert made[begin : made.index("## Answers")] == ROUTE


def test_answers_are_listed_with_their_fields_but_not_the_columns_of_feeds() -> None:
    made = page(DOCUMENT)
    assert made[made.index("### `Colour`") :] == ANSWERS


DOCUMENT = {
    "paths": {
        "/things/{name}": {
            "get": {
                "description": "A thing,\nor several.",
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
                    {
                        "name": "limit",
                        "in": "query",
                        "description": "most | of them",
                        "schema": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 10_000}, {"type": "null"}]},
                    },
                    {
                        "name": "colour",
                        "in": "query",
                        "schema": {"$ref": "#/components/schemas/Colour"},
                    },
                    {"name": "size", "in": "query", "schema": {"type": "number", "minimum": 0, "default": 2.5}},
                ],
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Thing"}},
                            "text/csv": {},
                        }
                    },
                    "404": {},
                    "401": {},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "description": "One thing.",
                "properties": {
                    "made": {"type": "string", "format": "date-time", "description": "when"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Reading"}},
                    "units": {"type": "object", "additionalProperties": {"type": "string"}},
                    "kind": {"const": "thing"},
                },
            },
            "Colour": {"enum": ["red", "green"], "type": "string"},
            "Reading": {"description": "A reading.", "anyOf": [{"$ref": "#/components/schemas/tanks_reading"}]},
            "tanks_reading": {"properties": {"level": {"type": "number"}}},
            "ValidationError": {"properties": {}},
        }
    },
}
ROUTE = """\
### `GET /things/{name}`

A thing, or several.

| parameter | type | default | meaning |
|---|---|---|---|
| `name` | text | required |  |
| `limit` | whole number, 1 to 10,000 or null |  | most \\| of them |
| `colour` | [Colour](#colour) |  |  |
| `size` | number, from 0 | `2.5` |  |

Answers `application/json` ([Thing](#thing)), `text/csv`; errors: 401, 404.

"""
ANSWERS = """\
### `Colour`

One of `red`, `green`.

### `Reading`

A reading.

### `Thing`

One thing.

| field | type | meaning |
|---|---|---|
| `made` | time | when |
| `parts` | list of [Reading](#reading) |  |
| `units` | object of text |  |
| `kind` | `thing` |  |
"""
