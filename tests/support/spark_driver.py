"""Consumes on request, with one Spark session for all requests, as a kernel that is kept does.

Each line of standard input is a JSON object of settings for one job; each job is answered by a line that begins with ANSWER.
"""

from __future__ import annotations

import json
import os
import sys

from etl.contract.reader import load_contract
from etl.errors import EtlError
from etl.jobs.consume.job import consume
from etl.settings import Settings

ANSWER = "ANSWER "

if __name__ == "__main__":
    for line in sys.stdin:
        os.environ.update(json.loads(line))
        settings = Settings.load()
        try:
            done = consume(settings, load_contract("sensor_readings", settings))
            answer: dict[str, object] = {
                "read": done.counts.read,
                "unparsable": done.counts.rejected,
                "backlog": done.backlog,
            }
        except EtlError as error:
            answer = {"error": type(error).__name__, "told": str(error)}
        print(ANSWER + json.dumps(answer), flush=True)
