"""A contract for people: as tables, as plain values for JSON, and as a section of docs/feeds.md."""
