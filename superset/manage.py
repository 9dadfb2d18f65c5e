"""Changes Superset from inside: reads one job as JSON from stdin, writes its result as JSON to stdout.

Run by `python -m etl dashboards` with the Python of Superset's own virtual environment. A job goes over stdin and not over
the command line because it holds passwords. Keys of a job, done in this order, each optional:

    prepare   roles (Flask-AppBuilder's format; `includes` names another one whose permissions it has, too): bring the metadata
              database up to date and set these roles
    users     {name: {"role": …, "password": …}}: create them, or give them this password
    import    {path: text}: the files of the assets; they replace what is there
    obsolete  {"charts": [uuid, …], "dashboards": …, "datasets": …}: remove these
    connect   {"uuid": …, "url": …}: where the database of the assets really is
    export    true: give the files of all assets

The result has `present` (uuids by kind), `errors` (texts), and `files` after an export.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

_KINDS = ("databases", "datasets", "charts", "dashboards")


class _Errors(logging.Handler):
    """Collects logged errors: Superset skips some faulty assets and continues."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def _models() -> dict[str, Any]:
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    return {"databases": Database, "datasets": SqlaTable, "charts": Slice, "dashboards": Dashboard}


def _escaped(configuration: Any) -> Any:
    """Alembic's configuration, which takes a percent sign in the path of the virtual environment as it is."""
    defaults = configuration.file_config.defaults()
    defaults["here"] = defaults["here"].replace("%", "%%")
    return configuration


def _prepare(roles: list[dict[str, Any]]) -> None:
    from flask_migrate import upgrade
    from superset.extensions import migrate

    import superset
    from superset import appbuilder, db, security_manager

    migrate.configure(_escaped)
    # A relative name: the other one would be interpreted before it can be escaped.
    os.chdir(Path(superset.__file__).parents[1])
    upgrade(directory="superset/migrations")
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    permissions = {role["name"]: role["permissions"] for role in roles}
    for wanted in roles:
        role = security_manager.add_role(wanted["name"])
        # Exactly these permissions: Flask-AppBuilder's import of a role only adds.
        role.permissions = [
            security_manager.add_permission_view_menu(entry["permission"]["name"], entry["view_menu"]["name"])
            for entry in [*permissions.get(wanted.get("includes"), ()), *wanted["permissions"]]
        ]
    db.session.commit()


def _set_users(users: dict[str, dict[str, str]]) -> None:
    from superset import db, security_manager

    for name, user in users.items():
        role = security_manager.find_role(user["role"])
        if role is None:
            raise RuntimeError(f"There is no role {user['role']}.")
        found = security_manager.find_user(username=name)
        if found:
            found.roles = list({*found.roles, role})
            security_manager.reset_password(found.id, user["password"])
            continue
        address = f"{name}@localhost"
        if not security_manager.add_user(name, name.capitalize(), "ETL", address, role, user["password"]):
            raise RuntimeError(f"User {name} could not be created.")
    db.session.commit()


def _import(files: dict[str, str], errors: list[str]) -> bool:
    """Import all or nothing; errors are added to `errors`."""
    from superset.commands.exceptions import CommandException
    from superset.commands.importers.v1.assets import ImportAssetsCommand

    try:
        ImportAssetsCommand(files).run()
    except CommandException as error:
        errors.extend(_told(error))
        return False
    return True


def _told(error: BaseException) -> list[str]:
    """The errors, by file if Superset names it; Superset wraps them into an error with fewer details."""
    from superset.commands.exceptions import CommandInvalidError

    while not isinstance(error, CommandInvalidError) and error.__cause__ is not None:
        error = error.__cause__
    if not isinstance(error, CommandInvalidError):
        return [f"{type(error).__name__}: {error}"]
    messages = error.normalized_messages()
    return [f"{file}: {json.dumps(told, default=str)}" for file, told in messages.items()] or [str(error)]


def _remove(obsolete: dict[str, list[str]]) -> None:
    from superset.models.slice import Slice

    from superset import db

    models = _models()
    for kind in ("dashboards", "charts", "datasets"):
        for found in db.session.query(models[kind]).filter(models[kind].uuid.in_(obsolete.get(kind, []))):
            # A user's own chart may use it.
            if kind != "datasets" or not db.session.query(Slice).filter_by(datasource_id=found.id).count():
                db.session.delete(found)
    db.session.commit()


def _connect(target: dict[str, str]) -> None:
    from superset import db

    database = db.session.query(_models()["databases"]).filter_by(uuid=target["uuid"]).one_or_none()
    if database and database.sqlalchemy_uri != target["url"]:
        database.set_sqlalchemy_uri(target["url"])
        db.session.commit()


def _export() -> dict[str, str]:
    from superset.commands.export.assets import ExportAssetsCommand

    return {name: text() for name, text in ExportAssetsCommand().run()}


def _present() -> dict[str, list[str]]:
    from superset import db

    return {kind: sorted(str(uuid) for (uuid,) in db.session.query(model.uuid)) for kind, model in _models().items()}


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job inside an application context."""
    from superset.utils.core import override_user

    from superset import security_manager

    result: dict[str, Any] = {"errors": []}
    if "prepare" in job:
        _prepare(job["prepare"])
    if "users" in job:
        _set_users(job["users"])
    with override_user(security_manager.find_user(username="admin")):
        imported = True
        if "import" in job:
            logged = _Errors()
            logging.getLogger().addHandler(logged)
            imported = _import(job["import"], result["errors"])
            logging.getLogger().removeHandler(logged)
            result["errors"] += [text for text in logged.texts if imported]
        if "obsolete" in job and imported:
            _remove(job["obsolete"])
        if "connect" in job:
            _connect(job["connect"])
        if job.get("export"):
            result["files"] = _export()
    result["present"] = _present()
    return result


def main() -> None:
    """Run the job from stdin."""
    job = json.load(sys.stdin)
    # Superset also prints to stdout; only the result may go there.
    answer = os.dup(1)
    os.dup2(2, 1)
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        result = run(job)
    with os.fdopen(answer, "w", encoding="utf-8") as out:
        json.dump(result, out)


if __name__ == "__main__":
    main()
