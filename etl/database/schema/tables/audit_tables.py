"""The audit tables, as queries use them. The migrations under `sql/` create them in a database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    text,
)

from etl.database import DOUBLE, MOMENT, text_of
from etl.database.schema.sensor_name import SENSOR_LENGTH

# As PostgreSQL names them by itself; SQL Server would make up a name of random digits.
NAMES = {"pk": "%(table_name)s_pkey"}
metadata = MetaData(naming_convention=NAMES)


def only(condition: str, of_sql_server: str = "") -> dict[str, Any]:
    """An index of the few rows for which this holds.

    :param of_sql_server: the condition as SQL Server has it, where it is another.
    """
    return {"postgresql_where": text(condition), "mssql_where": text(of_sql_server or condition)}


etl_log = Table(
    "etl_log",
    metadata,
    Column("log_id", BigInteger, Identity(), primary_key=True),
    Column("cycle_id", text_of(64), nullable=False),
    Column("feed", text_of(64), nullable=False),
    Column("job_name", text_of(16), nullable=False, comment="produce, consume, merge or load"),
    Column("status", text_of(16), nullable=False, comment="RUNNING, SUCCESS or FAILED"),
    Column("start_time", MOMENT, nullable=False),
    Column("end_time", MOMENT),
    Column("duration_seconds", DOUBLE),
    Column("records_read", BigInteger, nullable=False, server_default=text("0")),
    Column("records_processed", BigInteger, nullable=False, server_default=text("0")),
    Column("records_rejected", BigInteger, nullable=False, server_default=text("0")),
    Column("records_duplicate", BigInteger, nullable=False, server_default=text("0")),
    Column("records_late", BigInteger, nullable=False, server_default=text("0")),
    Column(
        "records_conflicting",
        BigInteger,
        nullable=False,
        server_default=text("0"),
        comment="same key as an earlier row, other values",
    ),
    Column("error_type", text_of(128)),
    Column("error_message", text_of(2000), comment="no row data and no secret"),
    Column("notebook", text_of(400), comment="the executed notebook, relative to ETL_HOME"),
    Column("notebook_sha256", text_of(64), comment="of the notebook as committed, before it ran"),
    Column("parameters", JSON),
    Column("host", text_of(255)),
    Column("pid", Integer),
    Column("heartbeat_at", MOMENT),
    Column("code_version", text_of(64)),
    Column("undone_at", MOMENT, comment="when what it loaded was removed"),
    Column("notes", JSON, comment="what a reader should know beyond the numbers"),
    Column("last_event_time", MOMENT, comment="of the readings that a load brought"),
    Column("by_hand", Boolean, nullable=False, server_default=false(), comment="whether its cycle was begun by hand"),
    Column("executed_sha256", text_of(64), comment="of the executed copy, when its cycle ended"),
    Index("ix_etl_log_watermark", "feed", "last_event_time"),
    Index("ix_etl_log_start_time", "start_time"),
    Index("ix_etl_log_cycle_id", "cycle_id"),
    Index("ix_etl_log_feed_status", "feed", "status"),
    Index("ix_etl_log_feed", "feed", "log_id"),
    Index("ix_etl_log_feed_job", "feed", "job_name", "log_id"),
    Index("ix_etl_log_by_hand", "feed", "log_id", **only("by_hand", "by_hand = 1")),
    Index("ix_etl_log_failed", "start_time", **only("status = 'FAILED'")),
    comment="One row per job of a cycle",
)

etl_source = Table(
    "etl_source",
    metadata,
    Column("source_id", Integer, Identity(), primary_key=True),
    Column("feed", text_of(64), nullable=False),
    Column("name", text_of(400), nullable=False, comment="topic or file name"),
    Column("identity", text_of(128), nullable=False, comment="topic id or SHA-256 of the file"),
    Column("first_seen", MOMENT, nullable=False),
    Column("header", JSON, comment="of a CSV file: the names of its columns"),
    UniqueConstraint("feed", "name", "identity", name="uq_etl_source"),
    comment="Where rows came from, once, instead of long texts in every row",
)

etl_file = Table(
    "etl_file",
    metadata,
    Column("file_id", BigInteger, Identity(), primary_key=True),
    Column("feed", text_of(64), nullable=False),
    Column("file_name", text_of(400), nullable=False),
    Column("sha256", text_of(64), nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("offset_ranges", JSON, nullable=False, comment="per partition: first, next, rows"),
    Column("archived_at", MOMENT, nullable=False),
    Column("loaded_at", MOMENT, nullable=False),
    Column("log_id", BigInteger, nullable=False),
    Column("undone_at", MOMENT, comment="when what it loaded was removed"),
    Column("kind", text_of(16), nullable=False, server_default="archive", comment="archive or landing"),
    Column("moved_to", text_of(1000), comment="where `prune --to` has put it, without login"),
    Column("moved_at", MOMENT),
    UniqueConstraint("source_id", "sha256", name="uq_etl_file"),
    Index("ix_etl_file_feed", "feed", "file_name"),
    Index("ix_etl_file_log_id", "log_id"),
    Index("ix_etl_file_sha256", "sha256"),
    Index("ix_etl_file_undone", "feed", **only("undone_at IS NOT NULL")),
    comment="The ledger: every archive and landing file that was loaded, exactly once",
)

etl_feed = Table(
    "etl_feed",
    metadata,
    Column("feed", text_of(64), primary_key=True),
    Column("table_name", text_of(64), nullable=False),
    Column("source", text_of(400), nullable=False, comment="topic or landing folder"),
    Column("sensors", Integer, comment="how many ought to report"),
    Column("interval_seconds", DOUBLE, comment="and how often"),
    Column("freshness_seconds", DOUBLE, comment="how old the newest reading may be"),
    Column("description", text_of(400)),
    Column("windows", JSON, comment="what its tables of windows were computed with, by table and size"),
    comment="What the contracts promise, for dashboards",
)

etl_column = Table(
    "etl_column",
    metadata,
    Column("feed", text_of(64), primary_key=True),
    Column("column_name", text_of(64), primary_key=True),
    Column("type", text_of(16), nullable=False),
    Column("path", JSON, nullable=False, comment="where its values stand in a message or file"),
    Column("log_id", BigInteger, nullable=False, comment="the load that took it up"),
    Column("added_at", MOMENT, nullable=False),
    comment="Columns that a feed gained beyond its contract",
)

etl_quality = Table(
    "etl_quality",
    metadata,
    Column("log_id", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", text_of(128), primary_key=True),
    Column("feed", text_of(64), nullable=False),
    Column("dimension", text_of(16), nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    comment="Per load and rule, how many values were checked and how many failed",
)

etl_quality_score = Table(
    "etl_quality_score",
    metadata,
    Column("log_id", BigInteger, primary_key=True, autoincrement=False),
    Column("feed", text_of(64), nullable=False),
    Column("score", DOUBLE, nullable=False, comment="0 to 100; docs/quality.md"),
    Column("completeness", DOUBLE, nullable=False),
    Column("validity", DOUBLE, nullable=False),
    Column("uniqueness", DOUBLE, nullable=False),
    Column("timeliness", DOUBLE, nullable=False),
    Column("age_seconds", DOUBLE, comment="of the newest reading, when it was loaded"),
    Column("sensors_expected", Integer),
    Column("sensors_seen", Integer),
    Column("readings_expected", BigInteger),
    Column("readings_seen", BigInteger),
    Column("lateness_mean_seconds", DOUBLE, comment="of the late rows among those that were loaded"),
    Column("lateness_max_seconds", DOUBLE),
    Index("ix_etl_quality_score_feed", "feed", "log_id"),
    comment="One score per load, with its components",
)

etl_anomaly = Table(
    "etl_anomaly",
    metadata,
    Column("anomaly_id", BigInteger, Identity(), primary_key=True),
    Column("log_id", BigInteger, nullable=False),
    Column("feed", text_of(64), nullable=False),
    Column("sensor", text_of(SENSOR_LENGTH), nullable=False),
    Column("measure", text_of(64), nullable=False),
    Column("event_time", MOMENT, nullable=False),
    Column("value", DOUBLE),
    Column("expected_low", DOUBLE),
    Column("expected_high", DOUBLE),
    Column("score", DOUBLE, nullable=False),
    Column("kind", text_of(16), nullable=False, comment="outlier, stuck or gap"),
    Index("ix_etl_anomaly_log_id", "log_id"),
    Index("ix_etl_anomaly_feed_time", "feed", "event_time"),
    Index("ix_etl_anomaly_time", "event_time"),
    comment="Readings that do not fit what their sensor sent before",
)

etl_rejected_row = Table(
    "etl_rejected_row",
    metadata,
    Column("rejected_id", BigInteger, Identity(), primary_key=True),
    Column("log_id", BigInteger, nullable=False),
    Column("feed", text_of(64), nullable=False),
    Column("source_id", Integer, nullable=False),
    Column("source_partition", Integer, nullable=False),
    Column("source_offset", BigInteger, nullable=False),
    Column("source_item", Integer, nullable=False),
    Column(
        "raw",
        text_of(None),
        nullable=False,
        comment=r"the message; \x… are its bytes where it is no text, \null a null",
    ),
    Column("raw_rebuilt", Boolean, nullable=False, comment="made from the columns, not the message itself"),
    Column("reason", text_of(32), nullable=False),
    Column("problems", JSON, nullable=False, comment="every column, value and rule that failed"),
    Column("status", text_of(16), nullable=False, server_default="QUARANTINED"),
    Column("replayed_by", BigInteger, comment="the log_id of the replay that loaded it"),
    Column("decided_at", MOMENT),
    Column("note", text_of(400), comment="who discarded or changed it, and why"),
    Column("beside_message", JSON(none_as_null=True), comment="values that were not in the message, such as its key"),
    UniqueConstraint("source_id", "source_partition", "source_offset", "source_item", name="uq_etl_rejected_row"),
    Index("ix_etl_rejected_row_log_id", "log_id"),
    Index("ix_etl_rejected_row_replayed_by", "replayed_by"),
    Index("ix_etl_rejected_row_feed_status", "feed", "status", "reason"),
    Index("ix_etl_rejected_row_status", "status", "reason"),
    comment="Quarantine: every rejected row with its text and why",
)

etl_set_aside = Table(
    "etl_set_aside",
    metadata,
    Column("set_aside_id", BigInteger, Identity(), primary_key=True),
    Column("feed", text_of(64), nullable=False),
    Column("kind", text_of(16), nullable=False, comment="landing, batch or archive"),
    Column("name", text_of(400), nullable=False, comment="of the file or folder"),
    Column("status", text_of(16), nullable=False, comment="FAILING, SET_ASIDE, RETRIED or RESOLVED"),
    Column("attempts", Integer, nullable=False, comment="failed ones in a row"),
    Column("cause", text_of(2000), nullable=False, comment="no row data and no secret"),
    Column("first_failed_at", MOMENT, nullable=False),
    Column("last_failed_at", MOMENT, nullable=False),
    Column("set_aside_at", MOMENT),
    Column("log_id", BigInteger, nullable=False, comment="the job that failed last, or set it aside"),
    Column("decided_at", MOMENT, comment="when it was retried, or turned out well"),
    UniqueConstraint("feed", "kind", "name", name="uq_etl_set_aside"),
    Index("ix_etl_set_aside_log_id", "log_id"),
    comment="Files that a job could not process, with the cause",
)

etl_setting = Table(
    "etl_setting",
    metadata,
    Column("name", text_of(64), primary_key=True),
    Column("value", text_of(400), nullable=False, comment="no secret"),
    comment="Settings that views need: api_url, the address of the read API",
)

SHARED = ("etl_anomaly", "etl_file", "etl_rejected_row")
"""Tables in which a load or an undo may change thousands of rows at once, while loads of other feeds use them."""
