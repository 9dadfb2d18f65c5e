"""A user's own database, as Superset reads it: with a read-only user, given or created, and never with the loader's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL

from etl.database import Product, database_url, make_engine, product_named, product_of_url, read_url, transaction
from etl.errors import ConfigurationError, EtlError
from etl.services.process import Progress
from etl.services.superset.keys import secret
from etl.settings import Settings

READER = "etl_reader"
_EMBEDDED = "postgresql"
_LOADERS_SETTING, _SETTING = "ETL_DATABASE_URL", "ETL_SUPERSET_DATABASE_URL"
_METADATA_SETTING = "ETL_SUPERSET_METADATA_URL"
_TABLE = "etl_log"
_STATEMENT_SECONDS = 60.0
_SECRET = ("password", "pwd")
_PASSWORD_FILE = "reader.password"  # noqa: S105 - a file's name


def metadata(settings: Settings) -> URL | None:
    """The user's own database for Superset's metadata; None if they are in the embedded server.

    :raises ConfigurationError: the setting is no URL of a PostgreSQL database.
    """
    if not settings.superset_metadata_url:
        return None
    with _naming_setting(_METADATA_SETTING):
        url = read_url(settings.superset_metadata_url.get_secret_value())
    if product_of_url(url).name != _EMBEDDED:
        raise ConfigurationError(
            f"{_METADATA_SETTING}: Superset's metadata can only be in PostgreSQL.",
            remedy=f"Set it to {product_named(_EMBEDDED).example}, or unset it: then the embedded PostgreSQL has them.",
        )
    return url


def product_of_data(settings: Settings) -> Product:
    """The product that holds the data of the dashboards.

    :raises ConfigurationError: a setting is not the URL of a supported database.
    """
    if given := _given(settings):
        return product_of_url(given)
    return product_named(_EMBEDDED) if settings.database_is_embedded else product_of_url(database_url(settings))


def reader(settings: Settings, folder: Path, tell: Progress) -> URL | None:
    """The database's URL with a read-only user and the password; None if the data are in the embedded server.

    If no user is given, and the loader may create users in its product, one is created; its password is kept in `folder`.

    :raises ConfigurationError: none is given and none may be created, or the given one may write.
    """
    if given := _given(settings):
        with _naming_setting(_SETTING):
            _require_reader(settings, given)
        return given
    return None if settings.database_is_embedded else _made(settings, folder, tell)


def look(settings: Settings) -> str:
    """The user with which Superset would read a user's own database, in words; nothing is changed. Empty if it is embedded.

    :raises EtlError: it could not: the given user may not read or may write, or a driver is missing.
    """
    if given := _given(settings):
        with _naming_setting(_SETTING):
            _require_reader(settings, given)
        return f"it reads {product_of_url(given).title} as {given.username or 'the login of this process'}"
    if settings.database_is_embedded:
        return ""
    url = database_url(settings)
    product = product_of_url(url)
    product.dashboard_url(url)
    return f"it reads {product.title} with a read-only user: {_SETTING}, or one created if the loader may create it"


def _given(settings: Settings) -> URL | None:
    if not settings.superset_database_url:
        return None
    with _naming_setting(_SETTING):
        return _password_apart(read_url(settings.superset_database_url.get_secret_value()))


def _made(settings: Settings, folder: Path, tell: Progress) -> URL:
    loader = database_url(settings)
    product = product_of_url(loader)
    file = folder / _PASSWORD_FILE
    if file.exists():
        existing = product.as_user(loader, READER, secret(file))
        if _signs_in(settings, existing):
            _require_reader(settings, existing)
            return existing
    engine = make_engine(settings, application="superset")
    try:
        with transaction(engine) as connection:
            made = product.make_reader(connection, READER, secret(file))
    finally:
        engine.dispose()
    if not made:
        raise ConfigurationError(
            f"{_LOADERS_SETTING} is your own database, and Superset does not get the loader's rights.",
            remedy=_remedy(product),
        )
    tell(f"created the read-only user {READER} in {product.title}; the password is in {file}")
    url = product.as_user(loader, READER, secret(file))
    _require_reader(settings, url)
    return url


def _remedy(product: Product) -> str:
    return (
        "Give Superset a read-only user (docs/security.md has the complete SQL): "
        f"{product.reader_sql} then {_SETTING}={product.example.replace('user', READER, 1)}."
    )


def _require_reader(settings: Settings, url: URL) -> None:
    """Check that a user may read and not write, and that this program and Superset have a driver."""
    product = product_of_url(url)
    product.dashboard_url(url)
    engine = make_engine(settings, application="superset", statement_seconds=_STATEMENT_SECONDS, url=url)
    try:
        with transaction(engine) as connection:
            rights = product.rights_on(connection, _TABLE)
    finally:
        engine.dispose()
    who, where = f"User {url.username!r}", f"{_TABLE} in {url.host}:{url.port or product.port}/{url.database}"
    if rights is None:
        raise ConfigurationError(
            f"{who} finds no table {where}.",
            remedy=f"Run `python -m etl init` first, or let it read: {product.reader_sql}",
        )
    if not rights.read:
        raise ConfigurationError(f"{who} may not read {where}.", remedy=_remedy(product))
    if rights.write:
        raise ConfigurationError(f"{who} may write to {where}.", remedy=_remedy(product))


def _signs_in(settings: Settings, url: URL) -> bool:
    engine = make_engine(settings, application="superset", url=url)
    try:
        with transaction(engine):
            return True
    except ConfigurationError:
        return False
    finally:
        engine.dispose()


def _password_apart(url: URL) -> URL:
    """The URL with its password before the host, not among the options: those are stored in Superset's metadata."""
    names = [name for name in url.query if name.lower() in _SECRET]
    passwords = [url.query[name] for name in names]
    password = url.password or next((value for value in passwords if isinstance(value, str)), None)
    return url._replace(password=password).difference_update_query(names)


@contextmanager
def _naming_setting(setting: str) -> Iterator[None]:
    """Make errors about a URL name the setting that it comes from."""
    try:
        yield
    except EtlError as error:
        cause, remedy = (text.replace(_LOADERS_SETTING, setting) for text in (error.cause, error.remedy))
        raise type(error)(cause, remedy=remedy) from None
