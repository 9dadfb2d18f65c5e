"""The command line: a module for each group of commands, what they share, and in `report` what they print.

`--help` and shell completion import every module of commands. Such a module therefore imports an operation where it is called,
and at its top only what is quick: Typer, `etl.cli.console` and `etl.errors`.
"""
