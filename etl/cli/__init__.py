"""The groups of sub-commands of `python -m etl`, and what all commands share."""
