"""Commands of the read API: serve it, and make, list and revoke its tokens.

Operations are imported where they are called (see `etl.cli`).
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.cli.console import AsJson, Tell, console, print_json, progress

if TYPE_CHECKING:
    from rich.table import Table

    from etl.settings import Settings

app = typer.Typer(invoke_without_command=True)
token = typer.Typer(help="Make, list and revoke tokens of the API.", no_args_is_help=True)
app.add_typer(token, name="token")

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
NameArgument = Annotated[str, typer.Argument(help="Name of the token: who uses it.", show_default=False)]


@app.callback()
def api(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the read API until Ctrl-C, or manage its tokens."""
    if context.invoked_subcommand is not None:
        return
    from etl.api.app import create_app
    from etl.api.engines import reading_engine
    from etl.api.server import address, listen, make_server
    from etl.settings import Settings

    with progress() as tell:
        settings = _as_reader(Settings.load(), tell)
    if not settings.api_database_url:
        console.print("ETL_API_DATABASE_URL is not set: it reads with the loader's role.", soft_wrap=True)
    # A wrong setting is an error of this command, not of each request.
    reading_engine(settings).dispose()
    with listen(host, port) as listening:
        server = make_server(create_app(settings))
        console.print(f"The API listens on {address(listening)}; /docs shows what it has.", soft_wrap=True)
        console.print("Every request needs a token: `python -m etl api token new NAME` makes one.", soft_wrap=True)
        if host not in _LOOPBACK:
            console.print(
                "Tokens and readings travel unencrypted: put a proxy with TLS before it (docs/security.md).",
                soft_wrap=True,
            )
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


def _as_reader(settings: Settings, tell: Tell) -> Settings:
    """The settings with a database role that can only read, where the database is the embedded one, which is started."""
    from etl import services
    from etl.services.superset.databases import embedded_reader
    from etl.services.superset.server import folder
    from etl.settings import Settings

    if settings.api_database_url or not settings.database_is_embedded:
        return settings
    services.up_postgres(settings, tell)
    settings = Settings.load()
    url = embedded_reader(settings, folder(settings)).render_as_string(hide_password=False)
    return Settings.load(api_database_url=url)


@token.command("new")
def token_new(
    name: NameArgument,
    raw: Annotated[bool, typer.Option("--raw", help="It may also read the texts of rejected rows.")] = False,
    expires: Annotated[
        str | None, typer.Option("--expires", help="After what time it ends, such as 12h or 90d; default: never.")
    ] = None,
) -> None:
    """Make a token and print it. It is shown once: the database has only its SHA-256."""
    from etl.api import tokens
    from etl.database.schema.migrations import connected
    from etl.settings import Settings

    scopes = [tokens.Scope.READ, *([tokens.Scope.RAW] if raw else [])]
    with connected(Settings.load(), "api") as connection:
        made = tokens.new(connection, name, scopes, expires)
    # Alone on standard output, so that it can be piped.
    typer.echo("It is shown only now. Requests give it as `Authorization: Bearer TOKEN`.", err=True)
    typer.echo(made)


@token.command("list")
def token_list(as_json: AsJson = False) -> None:
    """List all tokens: who made them when, what they may do, when they end and were last used."""
    from etl.api import tokens
    from etl.cli.report.tables import print_tables
    from etl.database.schema.migrations import connected
    from etl.settings import Settings

    with connected(Settings.load(), "api") as connection:
        found = tokens.list_tokens(connection)
    if as_json:
        print_json(found)
    elif found:
        print_tables(_table(found))
    else:
        console.print("There is no token. `python -m etl api token new NAME` makes one.")


def _table(found: list[dict[str, Any]]) -> Table:
    from rich.text import Text

    from etl.cli.report.tables import new_table
    from etl.contract.durations import moment

    columns = ("name", "scopes", "created_at", "created_by", "expires_at", "revoked_at", "last_used_at")
    shown = new_table(*(name.removesuffix("_at").replace("_", " ") for name in columns))
    for row in found:
        values = (moment(row[name]) if isinstance(row[name], datetime) else row[name] or "" for name in columns)
        shown.add_row(*map(Text, values))
    return shown


@token.command("revoke")
def token_revoke(name: NameArgument) -> None:
    """End a token at once."""
    from etl.api import tokens
    from etl.database.schema.migrations import connected
    from etl.settings import Settings

    with connected(Settings.load(), "api") as connection:
        tokens.revoke(connection, name)
    console.print(f"The token {name} is revoked.", markup=False, soft_wrap=True)


@app.command("docs", hidden=True)
def docs() -> None:
    """Print docs/api.md: examples, and a reference made from the OpenAPI document with the packaged feeds."""
    from etl.api.app import create_app
    from etl.api.document.page import page
    from etl.settings import Settings

    typer.echo(page(create_app(Settings.load(feeds="")).openapi()), nl=False)
