"""docs/api.md: examples that people wrote (examples.md), and a reference made from the OpenAPI document."""
