"""Set-up, import and server: done once, done again without a change, and whole after whatever breaks."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import yaml
from sqlalchemy import make_url

from etl import services
from etl.errors import ConfigurationError
from etl.services import superset
from etl.services.superset import assets
from etl.settings import PROJECT_ROOT
from tests.superset.client import Client
from tests.superset.conftest import Site
from tests.support.stack import quiet
from tests.support.watching import watching_processes


def counts(site: Site) -> dict[str, int]:
    client = site.client("admin")
    return {kind: len(client.all(kind)) for kind in ("dashboard", "chart", "dataset")}


def wanted() -> dict[str, int]:
    uuids = assets.read(assets.FOLDER).uuids()
    return {kind: len(uuids[f"{kind}s"]) for kind in ("dashboard", "chart", "dataset")}


@pytest.fixture
def copied(site: Site, tmp_path: Path) -> Any:
    """A copy of the assets to spoil; the right ones are there again afterwards."""
    shutil.copytree(assets.FOLDER, tmp_path / "assets")
    yield tmp_path / "assets"
    site.up(assets.FOLDER)
    assert counts(site) == wanted()


def edit(file: Path, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8")) | changes
    file.write_text(assets.dump(document), "utf-8")
    return document


def test_everything_of_the_files_is_there_and_a_second_call_changes_nothing(site: Site) -> None:
    service = site.service
    assert site.dashboards()["changed"] == []
    assert site.service == service, "the same server"
    assert counts(site) == wanted()


def test_passwords_are_printed_once_and_kept_for_the_owner_only(site: Site) -> None:
    told = site.etl("dashboards").stdout
    assert str(site.folder / "sign-in.json") in told
    assert not any(password in told for password in site.passwords.values())
    for name in ("sign-in.json", "secret_key", "connections.json", "reader.password", "metadata.password"):
        assert (site.folder / name).stat().st_mode & 0o777 == 0o600
    assert "default" not in site.passwords["admin"]
    assert min(map(len, site.passwords.values())) >= 16


def test_an_export_of_what_was_imported_gives_the_files(site: Site, copied: Path) -> None:
    database = services.up_postgres(site.settings, quiet)
    assert superset.export(site.settings, database, quiet, folder=copied) == []
    assert assets.read(copied) == assets.read(assets.FOLDER)


def test_an_edit_in_the_browser_comes_back_as_a_small_difference(site: Site, copied: Path) -> None:
    site.up(copied)
    admin = site.client("admin")
    chart = admin.all("chart", "slice_name", "uuid")[0]
    changed = admin.request("PUT", f"/api/v1/chart/{chart['id']}", {"slice_name": "Renamed"})
    assert changed.status == 200, changed.text
    before = assets.read(copied)
    database = services.up_postgres(site.settings, quiet)
    path = before.paths()[chart["uuid"]]
    assert superset.export(site.settings, database, quiet, folder=copied) == [path]
    old, new = before.files[path].splitlines(), assets.read(copied).files[path].splitlines()
    assert [line for line in new if line not in old] == ["slice_name: Renamed"]
    assert len(new) == len(old)
    assert site.up(copied).changed == (), "what was exported needs no import"


def test_a_chart_that_left_the_files_is_removed_and_one_made_in_the_browser_stays(site: Site, copied: Path) -> None:
    admin = site.client("admin")
    dataset = admin.all("dataset")[0]["id"]
    own = admin.post(
        "/api/v1/chart/",
        {"slice_name": "mine", "viz_type": "table", "datasource_id": dataset, "datasource_type": "table"},
    )
    assert own.status == 201, own.text
    file, document = next(iter(sorted(assets.read(copied).documents("dashboards").items())))
    position = document["position"]
    name, item = next((name, item) for name, item in position.items() if name.startswith("CHART"))
    gone = item["meta"]["uuid"]
    users = [
        path
        for path, other in assets.read(copied).documents("dashboards").items()
        if any(isinstance(i, dict) and (i.get("meta") or {}).get("uuid") == gone for i in other["position"].values())
    ]
    assert users == [file], "no other dashboard shows it"
    del position[name]
    for other in position.values():
        if isinstance(other, dict) and name in (other.get("children") or []):
            other["children"].remove(name)
    edit(copied / file, position=position)
    (copied / assets.read(copied).paths()[gone]).unlink()
    try:
        assert site.up(copied).changed == ("imported",)
        uuids = {chart["uuid"] for chart in admin.all("chart", "uuid")}
        assert gone not in uuids
        assert "mine" in {chart["slice_name"] for chart in admin.all("chart", "slice_name")}
    finally:
        assert admin.request("DELETE", f"/api/v1/chart/{own.json()['id']}").status == 200


def test_faulty_files_are_an_error_that_names_each_and_nothing_is_imported(site: Site, copied: Path) -> None:
    faults: dict[str, dict[str, Any]] = {
        "dashboards": {"dashboard_title": ["no", "text"]},
        "charts": {"viz_type": None},
        "datasets": {"table_name": None},
    }
    files = {kind: sorted((copied / kind).rglob("*.yaml")) for kind in faults}
    # One is sound but changed: it must not be imported either.
    edit(files["charts"][1], slice_name="Must not be seen")
    for kind, changes in faults.items():
        edit(files[kind][0], **changes)
    with pytest.raises(ConfigurationError) as refused:
        site.up(copied, force=True)
    for kind, changes in faults.items():
        assert re.search(f"{files[kind][0].name}.*{next(iter(changes))}", str(refused.value)), kind
    names = {chart["slice_name"] for chart in site.client("admin").all("chart", "slice_name")}
    assert "Must not be seen" not in names


def test_a_killed_server_is_started_again_at_the_same_address(site: Site) -> None:
    service = site.service
    process = service.process()
    assert process is not None
    workers = process.children()
    process.kill()
    process.wait(120)
    told = json.loads(site.etl("status", "--json").stdout)["services"]["superset"]
    assert told["reachable"] is False
    assert site.dashboards()["changed"] == ["started"]
    assert site.service.pid != service.pid
    assert site.service.endpoint == service.endpoint
    assert not [worker for worker in workers if worker.is_running()]


def test_a_state_file_that_names_somebody_elses_process_harms_nobody(site: Site) -> None:
    state = site.home / ".services" / "superset.json"
    told = json.loads(state.read_text("utf-8"))
    service = site.service
    bystander = psutil.Popen(["sleep", "600"])
    try:
        state.write_text(json.dumps(told | {"pid": bystander.pid}), "utf-8")
        site.etl("dashboards")
        assert bystander.is_running()
        assert bystander.status() != psutil.STATUS_ZOMBIE
    finally:
        bystander.kill()
        bystander.wait(10)
        # The one whose number was lost by this test.
        if (lost := service.process()) is not None:
            lost.terminate()
            lost.wait(120)
    assert counts(site) == wanted()


def test_down_leaves_no_process_and_the_next_call_finds_everything(site: Site) -> None:
    site.etl("down")
    left = [
        process.pid
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("ETL_HOME") == str(site.home)
    ]
    assert left == []
    assert not (site.folder / "connections.json").exists()
    assert site.dashboards()["changed"] == ["started"]
    assert counts(site) == wanted()


def test_a_lost_password_is_replaced_and_no_secret_is_anywhere_else(site: Site) -> None:
    old = site.passwords
    (site.folder / "sign-in.json").unlink()
    server = site.service.process()
    assert server is not None
    server.terminate()
    with watching_processes() as seen:
        told = site.etl("dashboards", "--force").stdout
    assert all(password in told for password in site.passwords.values()), "printed, because they are new"
    assert not set(old.values()) & set(site.passwords.values())
    assert site.client("viewer").get("/api/v1/me/").json()["result"]["username"] == "viewer"
    assert Client(site.service.endpoint).sign_in("viewer", old["viewer"]).status == 401

    secrets = [*site.passwords.values(), (site.folder / "secret_key").read_text()]
    secrets += [(site.folder / f"{name}.password").read_text() for name in ("reader", "metadata")]
    lines = b"\n".join(seen.command_lines)
    assert b"manage.py" in lines
    assert b"gunicorn" in lines, "they would have been seen"
    looked_at = [path for path in (PROJECT_ROOT / "superset").rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in [*looked_at, *site.folder.glob("*.log")]] + [lines]
    metadata = json.loads((site.folder / "connections.json").read_text("utf-8"))["metadata"]
    with psycopg.connect(metadata.replace("+psycopg2", "")) as connection:
        for table in ("dbs", "ab_user", "notebook_etl.memory", "logs"):
            texts.append(str(connection.execute(f"SELECT t::text FROM {table} AS t").fetchall()).encode())
    assert not [secret for secret in secrets for text in texts if secret.encode() in text]


def wait_for(server: subprocess.Popen[str]) -> str:
    """Its address, as soon as it answers there."""
    while True:
        assert server.poll() is None
        time.sleep(0.1)
        for connection in psutil.Process(server.pid).net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                url = f"http://127.0.0.1:{connection.laddr.port}"
                # It listens before its workers have started: then nobody may answer in time.
                with contextlib.suppress(OSError):
                    if Client(url).get("/health").status == 200:
                        return url


@pytest.mark.postgresql
def test_in_the_foreground_the_process_becomes_the_server_and_ends_on_sigterm(site: Site) -> None:
    """As in a container; here with the databases of the site, for which nothing is left to do."""
    told = json.loads((site.folder / "connections.json").read_text("utf-8"))
    data = make_url(told["data"]["url"]).set(password=told["data"]["password"], query={}, drivername="postgresql")
    env = {
        "ETL_SUPERSET_METADATA_URL": told["metadata"].replace("+psycopg2", ""),
        "ETL_SUPERSET_DATABASE_URL": data.render_as_string(hide_password=False),
    }
    command = [sys.executable, "-m", "etl", "dashboards", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, env={**site.env, **env}, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as run:
        try:
            url = wait_for(run)
            assert "gunicorn" in psutil.Process(run.pid).cmdline()
            assert not set(env) & set(psutil.Process(run.pid).environ())
            assert Client(url).sign_in("admin", site.passwords["admin"]).status == 200
        finally:
            run.terminate()
        assert run.wait(120) == 0
        assert run.stdout is not None
        printed = run.stdout.read()
    assert str(site.folder / "sign-in.json") in printed
    assert not [password for password in site.passwords.values() if password in printed]
