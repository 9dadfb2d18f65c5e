"""Results for people, a file per kind: lines for the terminal, a section of docs/benchmarks.md, a picture."""
