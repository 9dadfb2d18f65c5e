"""The views upon a feed's tables: which must be made again, and whose views must not lose anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etl.database.schema.changes import Changes
from etl.database.schema.comparison.catalogue import Catalogue
from etl.database.schema.views import is_packaged, view_columns, view_names


def view_changes(catalogue: Catalogue, *, is_other: bool) -> dict[str, Any]:
    """Which of the views built from the contract are outdated, and which have to be created.

    :param is_other: whether their tables change without a change of column names.
    """
    wanted = view_columns(catalogue.contract, catalogue.table)
    present = {
        name: set(catalogue.columns[name]) for name in view_names(catalogue.contract.table) if name in catalogue.columns
    }
    outdated = [name for name, columns in present.items() if is_other or columns != wanted.get(name)]
    make = [name for name in wanted if name in outdated or name not in present]
    return {"outdated_views": tuple(outdated), "make_views": tuple(make)}


def without_views_that_must_stay(catalogue: Catalogue, changes: Changes) -> Changes:
    """Refuse changes that users' views do not survive: they would lose a column, or hold rows.

    Views that would only gain columns, and cannot, stay as they are: a column that schema evolution adds must not stop the
    feed.
    """
    if not changes.names_with_views:
        return changes
    wanted = view_columns(catalogue.contract, catalogue.table) | {
        table.name: {column.name for column in table.columns}
        for table in (*changes.windows.make, *changes.make_derived)
    }
    lost = {
        (name, column)
        for name in (
            *changes.outdated_views,
            *changes.windows.drop,
            *(table.name for table in changes.drop_derived),
        )
        for column in set(catalogue.columns[name]) - wanted.get(name, set())
    }
    user_views = [
        view
        for view in catalogue.product.views_upon(catalogue.connection, changes.names_with_views)
        if view.name not in view_names(catalogue.table.name) and not is_packaged(view.name)
    ]
    grow = (set(catalogue.columns[name]) < wanted.get(name, set()) for name in changes.outdated_views)
    only_grow = changes.names_with_views == [*changes.outdated_views] and all(grow)
    if only_grow and not all(view.can_be_put_back for view in user_views):
        return replace(changes, outdated_views=(), make_views=())
    for view in user_views:
        if missed := sorted(view.reads & lost):
            catalogue.refuse(
                f"view {view.name} reads {missed[0][1]!r} of {missed[0][0]}, which the contract no longer has.",
                f"Drop or change the view {view.name} first, or take the change back.",
            )
        elif not view.can_be_put_back:
            catalogue.refuse(
                f"the materialized view {view.name} depends on what has to be changed.",
                f"Drop {view.name}, run `python -m etl init`, and make it again.",
            )
    return changes
