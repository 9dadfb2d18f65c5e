"""Set-up, import and server: done once, done again without a change, and whole after whatever breaks."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import yaml

from etl.errors import ConfigurationError
from etl.services.superset import assets
from etl.settings import PROJECT_ROOT
from tests.superset.conftest import Site
from tests.watching import watching_processes


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
    site.dashboards("--force")
    assert counts(site) == wanted()


def edit(file: Path, **changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8")) | changes
    file.write_text(assets.dump(document), "utf-8")
    return document


def test_everything_of_the_files_is_there_and_a_second_call_changes_nothing(site: Site) -> None:
    service = site.service
    started = time.monotonic()
    again = site.dashboards()
    assert time.monotonic() - started < 30
    assert again["changed"] == []
    assert site.service == service, "the same server"
    assert counts(site) == wanted()
    assert site.dashboards("--force")["changed"] == ["imported"]
    assert counts(site) == wanted()


def test_passwords_are_printed_once_and_kept_for_the_owner_only(site: Site) -> None:
    told = site.etl("dashboards").stdout
    assert str(site.folder / "sign-in.json") in told
    assert not any(password in told for password in site.passwords.values())
    for name in ("sign-in.json", "secret_key", "connections.json", "reader.password", "metadata.password"):
        assert (site.folder / name).stat().st_mode & 0o777 == 0o600
    assert "default" not in site.passwords["admin"]
    assert min(map(len, site.passwords.values())) >= 16


def test_a_lost_password_is_made_anew(site: Site) -> None:
    old = site.passwords
    (site.folder / "sign-in.json").unlink()
    told = site.etl("dashboards").stdout
    assert all(password in told for password in site.passwords.values())
    assert not set(old.values()) & set(site.passwords.values())
    assert site.client("viewer").get("/api/v1/me/").json()["result"]["username"] == "viewer"


def test_status_names_the_address(site: Site) -> None:
    import json

    told = json.loads(site.etl("status", "--json").stdout)["services"]["superset"]
    assert told["reachable"] is True
    assert told["url"] == site.service.endpoint


def test_an_export_of_what_was_imported_gives_the_files(site: Site) -> None:
    before = assets.read(assets.FOLDER)
    assert site.etl("dashboards", "--export").stdout.endswith("Nothing was edited: the files are as they were.\n")
    assert assets.read(assets.FOLDER) == before


def test_an_edit_in_the_browser_comes_back_as_a_small_difference(site: Site, copied: Path) -> None:
    from etl import services
    from etl.services import superset
    from tests.stack import quiet

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
        assert own.json()["result"]["uuid"] in uuids if "uuid" in own.json()["result"] else True
        assert "mine" in {chart["slice_name"] for chart in admin.all("chart", "slice_name")}
    finally:
        assert admin.request("DELETE", f"/api/v1/chart/{own.json()['id']}").status == 200


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        ("dashboards", {"dashboard_title": ["no", "text"]}, "dashboard_title"),
        ("dashboards", {"unknown": 1}, "unknown"),
        ("charts", {"viz_type": None}, "viz_type"),
        ("charts", {"dataset_uuid": "0b5c0000-0000-4000-8000-000000000000"}, "dataset_uuid"),
        ("datasets", {"columns": "none"}, "columns"),
    ],
)
def test_a_faulty_file_is_an_error_that_names_it_and_nothing_is_imported(
    site: Site, copied: Path, kind: str, changes: dict[str, Any], told: str
) -> None:
    file = sorted((copied / kind).rglob("*.yaml"))[0]
    edit(file, **changes)
    for other in sorted((copied / "dashboards").glob("*.yaml")):
        if other != file:
            edit(other, dashboard_title="Must not be seen")
    with pytest.raises(ConfigurationError) as refused:
        site.up(copied, force=True)
    assert file.name in str(refused.value)
    assert told in str(refused.value)
    titles = {found["dashboard_title"] for found in site.client("admin").all("dashboard", "dashboard_title")}
    assert "Must not be seen" not in titles


def test_a_killed_server_is_started_again_at_the_same_address(site: Site) -> None:
    service = site.service
    process = service.process()
    assert process is not None
    workers = process.children()
    process.kill()
    process.wait(20)
    assert site.etl("status").stdout.count("superset")
    assert site.dashboards()["changed"] == ["started"]
    assert site.service.pid != service.pid
    assert site.service.endpoint == service.endpoint
    assert not [worker for worker in workers if worker.is_running()]


def test_a_state_file_that_names_somebody_elses_process_harms_nobody(site: Site) -> None:
    import json

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
            lost.wait(20)
    assert site.dashboards()["url"]


def test_down_leaves_no_process_and_the_next_call_finds_everything(site: Site) -> None:
    site.etl("down")
    left = [
        process.pid
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("ETL_HOME") == str(site.home)
    ]
    assert left == []
    assert not (site.folder / "connections.json").exists()
    with watching_processes() as seen:
        assert site.dashboards()["changed"] == ["started"]
    assert counts(site) == wanted()
    secrets = [*site.passwords.values(), *((site.folder / f"{n}.password").read_text() for n in ("reader", "metadata"))]
    lines = b"\n".join(seen.command_lines)
    assert b"gunicorn" in lines, "it would have been seen"
    assert not [secret for secret in secrets if secret.encode() in lines]


def test_no_secret_stands_in_the_project_the_logs_or_the_metadata(site: Site) -> None:
    with watching_processes() as seen:
        (site.folder / "sign-in.json").unlink()
        site.dashboards("--force")
    secrets = [*site.passwords.values(), (site.folder / "secret_key").read_text()]
    secrets += [(site.folder / f"{name}.password").read_text() for name in ("reader", "metadata")]
    assert b"manage.py" in b"\n".join(seen.command_lines)
    looked_at = [path for path in (PROJECT_ROOT / "superset").rglob("*") if path.is_file()]
    texts = [path.read_bytes() for path in [*looked_at, *site.folder.glob("*.log")]] + list(seen.command_lines)
    with psycopg.connect(_metadata(site)) as connection:
        texts += [str(connection.execute("SELECT d::text FROM dbs AS d").fetchall()).encode()]
        texts += [str(connection.execute("SELECT u::text FROM ab_user AS u").fetchall()).encode()]
    assert not [secret for secret in secrets for text in texts if secret.encode() in text]


def _metadata(site: Site) -> str:
    import json

    told: str = json.loads((site.folder / "connections.json").read_text("utf-8"))["metadata"]
    return told.replace("+psycopg2", "")
