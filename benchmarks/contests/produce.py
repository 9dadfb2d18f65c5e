"""Who sends messages fastest?"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import data
from benchmarks.arena import Arena
from benchmarks.contest import Contender, Contest, Outcome, run_program
from benchmarks.environment import CONTENDERS


def contest(arena: Arena, python: Path, rows: int) -> Contest:
    """Ready messages into a topic of four partitions, acknowledged by all replicas."""
    with arena.ground(tables=False) as ground:
        file = data.write_messages(ground.contract, rows, arena.home / f"messages-{rows}.tsv")

    def ours() -> Outcome:
        with arena.ground(tables=False) as ground:
            done = run_program([sys.executable, "-m", "benchmarks.ours", "produce", str(rows)], ground.env)
            return replace(done, rows=ground.messages())

    def other(client: str) -> Outcome:
        with arena.ground(tables=False) as ground:
            command = [str(python), str(CONTENDERS / "produce.py"), client, arena.settings.kafka(), ground.topic]
            return replace(run_program([*command, str(file)], ground.env), rows=ground.messages())

    return Contest(
        "produce",
        "Produce",
        f"{rows:,} prepared messages into a topic, each acknowledged",
        [
            Contender("1_produce", ours, "kafka-python, idempotent, every acknowledgement checked", is_ours=True),
            Contender("kafka-python", lambda: other("kafka-python"), "its defaults"),
            Contender("aiokafka", lambda: other("aiokafka"), "its defaults, acks=all"),
            Contender("confluent-kafka", lambda: other("confluent-kafka"), "librdkafka, in C; its defaults"),
        ],
        rows,
    )
