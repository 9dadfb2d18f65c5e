"""A contract compared with the tables that exist: what will be changed, and what is refused.

The only place that compares the two. `etl.database.schema.ensure` makes the changes while a load holds the feed's lock;
before each job, and for `feeds check`, they are only looked at. docs/contracts.md has the table of what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, Table

from etl.contract.model import EvolvedContract
from etl.database.schema.changes import Changes
from etl.database.schema.comparison.catalogue import Catalogue
from etl.database.schema.comparison.columns import added, altered, require_own
from etl.database.schema.comparison.derived import derived_changes, wanted_windows, window_changes
from etl.database.schema.comparison.keys import other_indexes, other_key
from etl.database.schema.comparison.views import view_changes, without_views_that_must_stay
from etl.database.schema.feed_table import require_fits
from etl.database.schema.windows import window_tables
from etl.errors import ContractError


def require_possible(connection: Connection, contract: EvolvedContract) -> bool:
    """Refuse a contract to which the existing tables cannot be changed; for jobs, before they do anything.

    Returns whether the database lacks something that the contract asks for.

    :raises ContractError: naming column and remedy; with all that is refused.
    """
    return compare(connection, contract).require_allowed().is_any


def compare(connection: Connection, contract: EvolvedContract, derived: Iterable[Table] = ()) -> Changes:
    """What a contract asks of the database. Nothing is changed.

    :param derived: the tables of what follows from the feed's rows; its windows, which can change in place, may be among them.
    :raises ContractError: the database product cannot hold what it asks for.
    """
    return _changes(Catalogue(connection, contract, derived))


def _changes(catalogue: Catalogue) -> Changes:
    if not catalogue.is_there:
        _require_fit(catalogue, [catalogue.table, *window_tables(catalogue.contract), *catalogue.derived])
        return Changes(
            catalogue.contract,
            catalogue.table,
            create=True,
            windows=window_changes(catalogue, ()),
            **view_changes(catalogue, is_other=True),
            **derived_changes(catalogue),
            refused=tuple(catalogue.refused),
        )
    require_own(catalogue)
    alter = tuple(altered(catalogue))
    add = () if catalogue.refused else tuple(added(catalogue))
    key = other_key(catalogue)
    drop, make = other_indexes(catalogue)
    windows = window_changes(catalogue, tuple(column.name for column in add))
    _require_fit(catalogue, [catalogue.table, *wanted_windows(catalogue), *catalogue.derived])
    is_other = bool(drop or make or windows.is_any or any(column.is_other_kind for column in alter))
    changes = Changes(
        catalogue.contract,
        catalogue.table,
        add=add,
        alter=alter,
        key=key,
        replaces_key=key is not None and str(key.name) in catalogue.unique,
        drop_indexes=drop,
        make_indexes=make,
        windows=windows,
        **view_changes(catalogue, is_other=is_other),
        **derived_changes(catalogue),
    )
    changes = without_views_that_must_stay(catalogue, changes)
    return replace(changes, refused=tuple(catalogue.refused))


def _require_fit(catalogue: Catalogue, tables: Iterable[Table]) -> None:
    try:
        require_fits(catalogue.product, catalogue.contract, tables)
    except ContractError as error:
        catalogue.refused += error.problems
