from __future__ import annotations

import json
from collections import Counter

from tests.support.simulated import CONTRACTS, made, rows_of


def test_device_events_hold_one_to_four_of_fifty_devices() -> None:
    messages = made(CONTRACTS["device_events"], 400)
    sizes = Counter(len(json.loads(message.value or b"")["data"]["devices"]) for message in messages)
    assert set(sizes) == {1, 2, 3, 4}
    rows = rows_of(CONTRACTS["device_events"], messages)
    assert len({row["device_id"] for row in rows}) == 50
    states = Counter(row["status"] for row in rows)
    assert states["SUCCESS"] > 0.9 * len(rows)
    assert set(states) == {"SUCCESS", "ERROR", "STANDBY"}


def test_bad_device_events_come_in_every_shape() -> None:
    texts = [message.value or b"" for message in made(CONTRACTS["device_events"], 4_000, bad_share=0.3)]
    for part in (b'"devices":[]', b'"data":{}', b'"devices":"none"', b"BROKEN", b'"hot"', b"publisher restarted"):
        assert any(part in text for text in texts), part
    assert any(b'"status":"SUCCESS"},' in text and b'"BROKEN"' in text for text in texts), "good beside bad"
    assert any(b"eventId" not in text and b"devices" in text for text in texts)
    assert len(texts) - len(set(texts)) > 50, "resent"


def test_events_of_different_runs_differ_in_their_id() -> None:
    ids = [
        {row["event_id"] for row in rows_of(CONTRACTS["device_events"], made(CONTRACTS["device_events"], 500, seed=s))}
        for s in (1, 2)
    ]
    assert not ids[0] & ids[1]
