"""What a contract says beside its columns, as pairs of a word and a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from etl.contract.durations import format_duration
from etl.contract.every_column import missing_everywhere
from etl.contract.model import ROOT, Contract, EventTime
from etl.contract.rules.alerts import AlertRules
from etl.contract.rules.anomalies import AnomalyRules

_NAMES_SHOWN = 12
_UNKNOWN_KEYS = {
    "evolve": "are taken up as new nullable columns",
    "freeze": "are left out, and reported in the log",
    "discard": "set the row aside in the quarantine, with the reason unknown_key",
}
_ON_CONFLICT = {
    "quarantine": "goes to the quarantine, with the reason conflicting",
    "keepFirst": "is counted as conflicting, and left out",
    "keepLast": "is counted as conflicting, and takes the place of the earlier one",
}


def facts(contract: Contract) -> list[tuple[str, str]]:
    """The rest of a contract, without its columns, as pairs of a word and a sentence."""
    pairs = [
        ("from", contract.source.in_words),
        ("into", f"table {contract.table}"),
        ("key", f"{' and '.join(contract.primary_key)}" if contract.primary_key else "none"),
        ("sensor", " and ".join(contract.sensor)),
        ("event time", _event_time(contract)),
        *_message(contract),
    ]
    if windows := contract.windows:
        sizes = ", ".join(f"{contract.table}_{size}" for size, _ in windows.sizes)
        pairs.append(("windows", f"{sizes}: {few(windows.measures)} per {' and '.join(windows.key)}"))
    pairs.append(
        ("late", f"more than {format_duration(contract.lateness_seconds)} behind the newest reading loaded before")
    )
    pairs.append(("unknown keys", _unknown_keys(contract)))
    if contract.primary_key:
        pairs.append(
            ("conflict", f"a row with the key of an earlier one and other values {_ON_CONFLICT[contract.on_conflict]}")
        )
    return pairs + _promises(contract)


def few(names: Sequence[str]) -> str:
    """Names, of which many are cut: the first ones, the last one, and how many there are."""
    if len(names) <= _NAMES_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: _NAMES_SHOWN - 1])}, … {names[-1]} ({len(names):,} in all)"


def _event_time(contract: Contract) -> str:
    time = contract.event_time
    column = contract.column(time.column)
    formats, zone = column.formats or time.formats, column.timezone or time.timezone
    written = f"{time.column}, written as {', '.join(formats)}; without an offset it is {zone}"
    return f"{written}; {_accepted(time)}"


def _accepted(time: EventTime) -> str:
    earliest = time.earliest.isoformat(sep=" ").removesuffix("+00:00").removesuffix(" 00:00:00")
    return f"accepted from {earliest} to {format_duration(time.ahead_seconds)} ahead of this machine's clock"


def _message(contract: Contract) -> list[tuple[str, str]]:
    """Where the readings are in a message, and which texts are no values."""
    pairs = []
    if contract.envelope:
        pairs.append(("envelope", f"the reading is the object {'.'.join(contract.envelope)} of a message"))
    if contract.explode:
        array = "[].".join(".".join(level) for level in contract.explode)
        whole = array.replace(ROOT, "the message itself, which is an array", 1) if array.startswith(ROOT) else array
        pairs.append(("readings", f"elements of {whole}"))
    if missing := missing_everywhere(contract):
        pairs.append(("no value", f"{few(missing)}, in every column"))
    return pairs


def _unknown_keys(contract: Contract) -> str:
    most = f", at most {contract.max_new_columns} in all" if contract.unknown_keys == "evolve" else ""
    return f"{_UNKNOWN_KEYS[contract.unknown_keys]}{most}"


def _promises(contract: Contract) -> list[tuple[str, str]]:
    """Anomalies, fleet, latency, failure budget and limits of incidents, where the contract has them."""
    pairs = []
    if contract.anomalies:
        pairs.append(("anomalies", _anomalies(contract.anomalies)))
    if contract.fleet:
        every = format_duration(contract.fleet.interval_seconds)
        pairs.append(("fleet", f"{contract.fleet.sensors} sensors, each every {every}"))
    if contract.freshness_seconds:
        pairs.append(("latency", f"the newest reading is at most {format_duration(contract.freshness_seconds)} old"))
    if contract.failure_budget < 1:
        pairs.append(("failure budget", f"a load fails if more than {contract.failure_budget:.1%} of its rows are bad"))
    if limits := _alerts(contract.alerts):
        pairs.append(("alerts", "; ".join(limits)))
    return pairs


def _alerts(rules: AlertRules) -> list[str]:
    """The limits that are not the usual ones."""
    usual = AlertRules()
    limits = {
        "quiet_seconds": f"an incident is not opened again for {format_duration(rules.quiet_seconds)}",
        "backlog": f"more than {rules.backlog or 0:,} unread messages",
        "min_score": f"a quality score below {rules.min_score:g}",
        "rejected_share": f"more than {rules.rejected_share:.1%} of a load's rows rejected",
        "min_rejected": f"at least {rules.min_rejected:,} of them",
        "silent_intervals": f"a sensor without a reading for {rules.silent_intervals:g} intervals",
        "cycle_every_seconds": f"no cycle for three times {format_duration(rules.cycle_every_seconds or 0)}",
    }
    return [limit for name, limit in limits.items() if getattr(rules, name) != getattr(usual, name)]


def _anomalies(rules: AnomalyRules) -> str:
    sentence = (
        f"outliers in {few(rules.measures)} beyond a robust z-score of {rules.threshold:g}, against the"
        f" {rules.trailing} readings before each {format_duration(rules.block_seconds)} ({rules.minimum} at least)"
    )
    if rules.resolution:
        sentence += f", whose smallest step is {rules.resolution:g}"
    if rules.stuck_seconds:
        after = format_duration(rules.stuck_seconds)
        sentence += f"; stuck after {after} of equal values ({rules.stuck_readings} at least)"
    return sentence + (f"; a gap after {format_duration(rules.gap_seconds)}" if rules.gap_seconds else "")
