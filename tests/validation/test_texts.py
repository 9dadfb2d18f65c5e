from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etl.validation.texts import decode_raw, encode_raw


def test_raw_bytes_come_back() -> None:
    assert decode_raw(r"\x00ff") == b"\x00\xff"
    assert decode_raw("{}") == b"{}"
    assert decode_raw(r"\null") is None


@given(st.binary())
def test_any_bytes_come_back(message: bytes) -> None:
    assert decode_raw(encode_raw(message)) == message
