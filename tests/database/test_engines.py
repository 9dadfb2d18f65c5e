"""What a process that runs jobs for weeks holds of databases: nothing, once it has let go of them."""

from __future__ import annotations

import gc
import weakref

from sqlalchemy import inspect

from etl.database import dispose, make_engine, transaction
from tests.support.stack import Project


def test_nothing_is_left_of_an_engine_that_is_disposed_of(project: Project) -> None:
    engine = make_engine(project.settings)
    with transaction(engine) as connection:
        assert (None, "etl_log") in inspect(connection).get_multi_columns()
    dialect = weakref.ref(engine.dialect)
    dispose(engine)
    del engine, connection
    gc.collect()
    assert dialect() is None
