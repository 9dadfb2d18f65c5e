"""Cycles of several feeds in one process, so that Spark starts once: `python -m tests.superset.cycles FEED[=MESSAGES]…`."""

from __future__ import annotations

import sys

from etl.audit.provenance import new_cycle_id
from etl.contract.reader import load_contract
from etl.jobs.consume.job import consume
from etl.jobs.load.job import load
from etl.jobs.merge.job import merge
from etl.jobs.produce.job import produce
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
