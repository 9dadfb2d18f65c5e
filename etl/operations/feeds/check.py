"""Are contract files sound, do they fit the database, and what would they change in it? Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from etl.contract.model import EvolvedContract
from etl.contract.reader import Contract, read_contract, read_contracts
from etl.database import product_in
from etl.database.schema.changes import Changes
from etl.database.schema.feed_table import feed_table, require_fits, with_added_columns
from etl.database.schema.migrations import connected
from etl.database.schema.views import made_names
from etl.errors import ContractError, EtlError, ServiceUnavailable
from etl.jobs.load.derived import registry
from etl.jobs.load.tables import changes_for
from etl.settings import Settings

_NOT_RUNNING = (
    "No database is running, so the file alone was checked. `python -m etl up` starts one; a check then also says what the next"
    " load would change in its tables."
)


@dataclass(frozen=True)
class CheckedContracts:
    """The result of a check."""

    sound: tuple[Contract, ...]
    wrong: tuple[ContractError, ...]
    """Every error of the other files."""
    changes: Mapping[str, Changes]
    """Feed → what its next load changes in the tables; empty where the database could not be asked."""
    not_compared: str = ""
    """Why the database was not asked, and what to do, in sentences."""


def check_contracts(settings: Settings, files: Iterable[Path]) -> CheckedContracts:
    """Read contract files and compare the sound ones with the database, if one answers."""
    existing, _ = read_contracts(settings)
    wrong: list[ContractError] = []
    sound: list[Contract] = []
    for file in files:
        try:
            contract = read_contract(file)
            _require_own_names(contract, existing)
            evolved = EvolvedContract.of(contract)
            require_fits(product_in(settings), contract, [feed_table(evolved), *registry.tables(evolved)])
        except ContractError as error:
            wrong += error.problems
        else:
            sound.append(contract)
    changes, not_compared = _compare_all(settings, sound)
    refused = {feed for feed, change in changes.items() if change.refused}
    wrong += [error for feed in changes for error in changes[feed].refused]
    return CheckedContracts(
        tuple(contract for contract in sound if contract.feed not in refused), tuple(wrong), changes, not_compared
    )


def _compare_all(settings: Settings, contracts: list[Contract]) -> tuple[dict[str, Changes], str]:
    if not contracts:
        return {}, ""
    if not _has_database(settings):
        return {}, _NOT_RUNNING
    try:
        with connected(settings, "check") as connection:
            changes = {
                contract.feed: changes_for(connection, with_added_columns(connection, contract))
                for contract in contracts
            }
            return changes, ""
    except EtlError as error:
        return {}, f"Not compared with the database: {' '.join(filter(None, [error.cause, error.remedy]))}"


def _has_database(settings: Settings) -> bool:
    """Whether there is one that can be asked: the embedded one is not running before the first run, or after `down`."""
    try:
        settings.database()
    except ServiceUnavailable:
        return False
    return True


def _require_own_names(contract: Contract, existing: Mapping[str, Contract]) -> None:
    """Refuse a contract whose table, or whose views, another feed has."""
    own = made_names(contract)
    for feed, other in existing.items():
        if feed == contract.feed:
            continue
        clash = f"the table {contract.table} is that of feed {other.feed}"
        if other.table != contract.table:
            shared = sorted(own & made_names(other))
            clash = f"{shared[0]} would belong to feed {other.feed} as well" if shared else ""
        if clash:
            raise ContractError(
                f"{contract.file.name}: {clash}", remedy="Give the feed another table: schema[0].physicalName."
            )
