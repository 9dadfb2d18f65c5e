"""Results for readers, one file per kind: lines for the terminal, a section of docs/benchmarks.md, a picture."""
