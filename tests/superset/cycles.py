"""Cycles of several feeds in one process, so that Spark starts once: `python -m tests.superset.cycles FEED[=MESSAGES]…`."""

from __future__ import annotations

import sys

from etl.audit import new_cycle_id
from etl.consume import consume
from etl.contract import load_contract
from etl.load import load
from etl.merge import merge
from etl.produce import produce
from etl.settings import Settings

MESSAGES = 1_500
BAD_SHARE = 0.05


def main() -> None:
    settings = Settings.load()
    for argument in sys.argv[1:]:
        feed, _, messages = argument.partition("=")
        contract, cycle = load_contract(feed, settings), new_cycle_id()
        # Without a seed the last reading is of now, and charts of the last hours have something to show.
        produce(
            settings,
            contract,
            cycle_id=cycle,
            messages=int(messages or MESSAGES),
            bad_share=BAD_SHARE,
            create_topic=True,
        )
        for job in (consume, merge, load):
            job(settings, contract, cycle_id=cycle)


if __name__ == "__main__":
    main()
