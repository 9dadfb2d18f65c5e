"""Tokens in a real database: made once, looked up by their hash, ended."""

from __future__ import annotations

import hashlib

import pytest

from etl.api import tokens
from etl.api.tokens import Refused, Scope
from etl.database.schema.migrations import connected
from etl.errors import ConfigurationError
from tests.support.api import new_token
from tests.support.stack import Project

PAST = "2020-01-01T00:00:00+00:00"


def verify(project: Project, text: str) -> tokens.Token:
    with connected(project.settings, "test") as connection:
        return tokens.verify(connection, text)


def test_a_token_is_found_by_its_text_and_the_database_does_not_have_it(project: Project) -> None:
    text = new_token(project.settings, "grafana", Scope.RAW, Scope.READ)
    assert text.startswith("etl_")
    assert len(text) > 40
    found = verify(project, text)
    assert (found.name, found.scopes) == ("grafana", frozenset({Scope.READ, Scope.RAW}))
    rows = project.sql("SELECT name, sha256, scopes, created_by FROM etl_api_token")
    assert [row[:3] for row in rows] == [("grafana", hashlib.sha256(text.encode()).hexdigest(), "read raw")]
    assert rows[0][3]
    with connected(project.settings, "test") as connection:
        (listed,) = tokens.list_tokens(connection)
    assert "sha256" not in listed
    assert listed["expires_at"] is None


@pytest.mark.parametrize("text", ["", "etl_", "etl_" + "x" * 43, "\udcff", "\x00", "' OR 1=1 --"])
def test_another_text_is_refused(project: Project, text: str) -> None:
    new_token(project.settings)
    with pytest.raises(Refused, match="not known"):
        verify(project, text)


def test_a_token_ends_when_it_expires_or_is_revoked(project: Project) -> None:
    lasting = new_token(project.settings, "lasting", lifetime="1h")
    expired = new_token(project.settings, "expired", lifetime="90d")
    revoked = new_token(project.settings, "revoked")
    assert project.value("SELECT count(*) FROM etl_api_token WHERE expires_at > created_at") == 2
    project.sql(f"UPDATE etl_api_token SET expires_at = '{PAST}' WHERE name = 'expired'")
    with connected(project.settings, "test") as connection:
        tokens.revoke(connection, "revoked")
    assert verify(project, lasting).name == "lasting"
    with pytest.raises(Refused, match="expired"):
        verify(project, expired)
    with pytest.raises(Refused, match="revoked"):
        verify(project, revoked)


def test_a_name_is_that_of_one_token_until_it_is_revoked(project: Project) -> None:
    first = new_token(project.settings, "powerbi")
    with pytest.raises(ConfigurationError, match="There is a token 'powerbi'"):
        new_token(project.settings, "powerbi")
    with connected(project.settings, "test") as connection:
        tokens.revoke(connection, "powerbi")
    second = new_token(project.settings, "powerbi")
    with pytest.raises(Refused):
        verify(project, first)
    assert verify(project, second).name == "powerbi"
    with connected(project.settings, "test") as connection:
        tokens.revoke(connection, "powerbi")
        with pytest.raises(ConfigurationError, match="no token 'powerbi'"):
            tokens.revoke(connection, "powerbi")


@pytest.mark.parametrize(
    ("name", "lifetime"), [(" ", None), ("x" * 129, None), ("a", "soon"), ("a", "0d"), ("a", "-1d")]
)
def test_a_wrong_name_or_lifetime_makes_none(project: Project, name: str, lifetime: str | None) -> None:
    with pytest.raises(ConfigurationError) as refused:
        new_token(project.settings, name, lifetime=lifetime)
    assert refused.value.remedy
    assert project.value("SELECT count(*) FROM etl_api_token") == 0


def test_the_commands_make_list_and_revoke(project: Project) -> None:
    assert "There is no token." in project.etl("api", "token", "list").stdout
    made = project.etl("api", "token", "new", "grafana", "--raw", "--expires", "30d")
    text = made.stdout.strip()
    assert "shown only now" in made.stderr
    assert verify(project, text).scopes == {Scope.READ, Scope.RAW}
    listed = project.etl("api", "token", "list").stdout
    assert "grafana" in listed
    assert text not in listed
    assert project.etl("api", "token", "new", "grafana", expect=2).stdout == ""
    project.etl("api", "token", "revoke", "grafana")
    with pytest.raises(Refused, match="revoked"):
        verify(project, text)
    assert '"revoked_at": "2' in project.etl("api", "token", "list", "--json").stdout
