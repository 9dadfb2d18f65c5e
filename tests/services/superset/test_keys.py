"""The passwords of the users."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import SecretStr

from etl.services.superset.keys import USERS, passwords, sign_in_file


def test_each_user_gets_a_password_once(tmp_path: Path) -> None:
    first, new = passwords(tmp_path)
    assert new
    assert first.keys() == USERS.keys()
    assert passwords(tmp_path) == (first, False)


def test_a_user_who_came_later_gets_one_and_the_others_keep_theirs(tmp_path: Path) -> None:
    sign_in_file(tmp_path).write_text(json.dumps({"admin": "a", "viewer": "b"}), "utf-8")
    later, new = passwords(tmp_path)
    assert new
    assert (later["admin"], later["viewer"]) == ("a", "b")
    assert len(later["analyst"]) >= 16
    assert json.loads(sign_in_file(tmp_path).read_text("utf-8")) == later
    assert sign_in_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_the_given_password_is_that_of_admin_and_the_others_keep_theirs(tmp_path: Path) -> None:
    first, _ = passwords(tmp_path)
    second, new = passwords(tmp_path, SecretStr("given"))
    assert new, "Superset has to get it"
    assert second == first | {"admin": "given"}
    assert passwords(tmp_path, SecretStr("given")) == (second, False)
    assert passwords(tmp_path) == (second, False)
