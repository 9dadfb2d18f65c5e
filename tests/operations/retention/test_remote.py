from __future__ import annotations

import pytest

from etl.errors import ConfigurationError, EtlError, SetupError
from etl.operations.retention.remote import Remote


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nothing://folder", "protocol 'nothing'"),
        ("simplecache::s3://bucket", "not supported"),
        ("ftp://user:c4n4ry@host@other/folder", "not supported"),
        ("s3://bucket/folder?key=c4n4ry", "not supported"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_and_not_shown(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refused:
        Remote(url)
    assert "c4n4ry" not in str(refused.value)


def test_a_package_that_is_missing_is_named() -> None:
    # Of the packages for protocols only fsspec's own are installed for tests.
    with pytest.raises(SetupError, match=r"s3://bucket/folder needs a package that is not installed: Install s3fs"):
        Remote("s3://bucket/folder")


@pytest.mark.parametrize("login", ["user:c4n4ry", "user:c4n4ry/with:slashes", ":c4n4ry"])
def test_a_login_is_never_shown(login: str) -> None:
    with pytest.raises(EtlError) as refused:
        Remote(f"ftp://{login}@127.0.0.1:1/folder")
    assert "c4n4ry" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None, "nor by what caused it"
