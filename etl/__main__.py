"""`python -m etl`: the command line."""

from __future__ import annotations

from etl.cli.app import main

if __name__ == "__main__":
    main()
