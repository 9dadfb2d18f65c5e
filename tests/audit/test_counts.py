from __future__ import annotations

import pytest

from etl.audit.counts import Counts
from etl.errors import BalanceError


def test_numbers_that_do_not_add_up_are_refused() -> None:
    Counts(read=10, processed=7, rejected=2, duplicate=1).require_balance("load")
    with pytest.raises(BalanceError, match="load: 10 read, but 7 processed"):
        Counts(read=10, processed=7, rejected=2).require_balance("load")
