"""A feed's data contract: where its readings come from, what they must look like, and into which table they go.

A contract is a file of the Open Data Contract Standard v3.1 (https://bitol-io.github.io/open-data-contract-standard/).
What the standard lacks is in `customProperties`, which `etl.contract.properties` reads. A key or value that is not understood is
an error: a rule that is silently ignored is worse than none.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog
import yaml

from etl.contract.document import SUFFIX, ContractReader
from etl.contract.model import Column, Contract, EventTime
from etl.contract.problems import combine
from etl.contract.todo import open_questions
from etl.contract.yaml_lines import YamlLines, read_yaml
from etl.errors import ContractError
from etl.settings import Settings

__all__ = [
    "Column",
    "Contract",
    "EventTime",
    "contract_files",
    "load_contract",
    "load_contracts",
    "own_folders",
    "parse_contract",
    "read_contract",
    "read_contracts",
    "sound_contracts",
]

log = structlog.get_logger("contract")

_DECIDE = "Write your decision in place of TODO."

PACKAGED = Path(__file__).resolve().parent / "feeds"
"""The folder of the packaged contracts."""
OWN_FOLDER = "contracts"
"""The folder below ETL_HOME that needs no setting."""


def own_folders(settings: Settings) -> tuple[Path, ...]:
    """The folders of the user's contracts: those of ETL_FEEDS, then `contracts/` of ETL_HOME if it exists."""
    own = settings.home / OWN_FOLDER
    return (*settings.feeds, *([own] if own.is_dir() else []))


def contract_folders(settings: Settings) -> tuple[Path, ...]:
    """The folders that are searched for contracts. A user's folders come first, so that they can replace a packaged feed."""
    return (*own_folders(settings), PACKAGED)


def contract_files(settings: Settings) -> dict[str, Path]:
    """Feed name → file of every contract; nothing is parsed.

    :raises ContractError: a folder of ETL_FEEDS does not exist.
    """
    files: dict[str, Path] = {}
    for folder in contract_folders(settings):
        if not folder.is_dir():
            raise ContractError(
                f"The contract folder {folder} does not exist.",
                remedy=f"Correct ETL_FEEDS, or create the folder. {os.pathsep!r} separates the folders of ETL_FEEDS,"
                " so that no folder with it in its name can be given.",
            )
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            files.setdefault(path.name.removesuffix(SUFFIX), path)
    return files


def load_contract(feed: str, settings: Settings) -> Contract:
    """The contract of one feed.

    :raises ContractError: there is no such feed, or its file is not valid.
    """
    files = contract_files(settings)
    if feed not in files:
        raise ContractError(
            f"There is no feed {feed!r}.",
            remedy=f"Known feeds: {', '.join(sorted(files))}."
            f" Add {feed}{SUFFIX} to {OWN_FOLDER}/ or a folder of ETL_FEEDS for a new one.",
        )
    return read_contract(files[feed])


def load_contracts(settings: Settings) -> dict[str, Contract]:
    """Every feed, by name.

    :raises ContractError: a contract is not valid.
    """
    return {feed: read_contract(path) for feed, path in sorted(contract_files(settings).items())}


def read_contracts(settings: Settings) -> tuple[dict[str, Contract], list[ContractError]]:
    """Every feed whose contract is valid, by name, and the errors of the others."""
    sound, wrong = dict[str, Contract](), list[ContractError]()
    for feed, path in sorted(contract_files(settings).items()):
        try:
            sound[feed] = read_contract(path)
        except ContractError as error:
            wrong += error.problems
    return sound, wrong


def sound_contracts(settings: Settings) -> dict[str, Contract]:
    """Every feed whose contract is valid; an invalid file is reported in the log and does not affect other feeds."""
    sound, wrong = read_contracts(settings)
    for error in wrong:
        log.warning("a contract cannot be used", cause=error.cause, remedy=error.remedy)
    return sound


def read_contract(path: Path) -> Contract:
    """Read one contract file.

    :raises ContractError: with file, line, place and remedy, and with all errors that can be found at once.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{path.name} cannot be read: {error}", remedy="Give a readable file in UTF-8.") from None
    return parse_contract(text, path)


def parse_contract(text: str, path: Path) -> Contract:
    """The contract in a text, as if it were the content of that file; see `read_contract`."""
    if not path.name.endswith(SUFFIX):
        raise ContractError(
            f"{path.name} is not the name of a contract file.", remedy=f"Name it like its feed: NAME{SUFFIX}."
        )
    try:
        document, lines = read_yaml(text), YamlLines(text)
    except yaml.YAMLError as error:
        raise ContractError(f"{path.name} is not YAML: {_in_one_line(error)}", remedy="Correct the file.") from None
    twice = [
        ContractError(f"{path.name}: line {line}: {key!r} is in one object twice", remedy="Remove one.")
        for line, key in lines.repeated()
    ]
    if twice:
        raise combine(twice)
    undecided = [
        ContractError(f"{path.name}: line {question.line}: {question.place} is TODO: {question.text}", remedy=_DECIDE)
        for question in open_questions(text, lines)
    ]
    if undecided:
        raise combine(undecided)
    return ContractReader(path, lines).contract(document)


def _in_one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return " ".join(str(error).split())
