"""The socket on which the API listens."""

from __future__ import annotations

import socket

from etl.api.server import listen


def test_the_body_of_a_short_answer_does_not_wait_for_its_head() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()[:2]):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
