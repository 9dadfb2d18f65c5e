"""Everything that a feed has in the database, created and filled: its table, what follows from its rows, and its views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

from etl.contract.model import Contract, EvolvedContract
from etl.database import translate_error, try_lock_feed
from etl.database.schema.changes import Changes
from etl.database.schema.comparison.compare import compare
from etl.database.schema.ensure import create_tables, create_views
from etl.database.schema.feed_table import with_added_columns
from etl.database.schema.views import ensure_common_views
from etl.errors import AlreadyRunning, ConfigurationError, ContractError, EtlError, PermanentError, ServiceUnavailable
from etl.jobs.load.derived import registry


def changes_for(connection: Connection, contract: EvolvedContract) -> Changes:
    """What a contract asks of its feed's tables, including those of derived values. Nothing is changed."""
    return compare(connection, contract, registry.tables(contract))


def ensure_feed(connection: Connection, contract: EvolvedContract) -> Table:
    """Create what a feed lacks, change what its contract asks for, and compute what follows from the rows that are there.

    Returns the feed's table, with the types that it has. Right only under the feed's lock.

    :raises ContractError: the database cannot hold what it asks for, or must not change what is there; nothing is changed.
    """
    return _create(connection, changes_for(connection, contract))


def ensure_feeds(connection: Connection, contracts: Iterable[Contract]) -> None:
    """Create what these feeds lack, and the views over all of them. A feed that is refused does not stop the others.

    :raises EtlError: names the feeds that were refused. What was done for the others is lost if the transaction is rolled back.
    """
    if error := ensure_possible(connection, contracts):
        raise error


def ensure_possible(connection: Connection, contracts: Iterable[Contract]) -> EtlError | None:
    """Like `ensure_feeds`; returns what was refused, so that the others can be committed."""
    done, errors = list[EvolvedContract](), dict[str, EtlError]()
    for contract in contracts:
        try:
            done.append(_ensure_alone(connection, contract))
        except ServiceUnavailable:
            raise
        except EtlError as error:
            errors[contract.feed] = error
    ensure_common_views(connection, done, keep=errors)
    return _combined(errors) if errors else None


def _ensure_alone(connection: Connection, declared: Contract) -> EvolvedContract:
    """Create what one feed lacks; if that fails, what was done for other feeds stays."""
    try:
        with connection.begin_nested():
            is_free = try_lock_feed(connection, declared.feed)
            contract = with_added_columns(connection, declared)
            changes = changes_for(connection, contract).require_allowed()
            if changes.is_any and not is_free:
                raise AlreadyRunning(
                    f"Feed {contract.feed} is being loaded, and its table has to be changed.",
                    remedy="Wait until the load has ended; then run `python -m etl init` again.",
                )
            _create(connection, changes)
            return contract
    except DBAPIError as error:
        raise translate_error(error, connection.engine) from error


def _combined(errors: Mapping[str, EtlError]) -> EtlError:
    if len(errors) == 1:
        return next(iter(errors.values()))
    causes = " ".join(f"{feed}: {error.cause}" for feed, error in errors.items())
    remedy = " ".join(f"{feed}: {error.remedy}" for feed, error in errors.items() if error.remedy)
    kind = ContractError if all(isinstance(error, ConfigurationError) for error in errors.values()) else PermanentError
    return kind(f"{len(errors)} feeds were refused, the others are done. {causes}", remedy=remedy)


def _create(connection: Connection, changes: Changes) -> Table:
    created = create_tables(connection, changes)
    registry.fill(connection, created)
    create_views(connection, created)
    return created.table
