"""How many messages wait: estimated before anything is started, and whether too many are left when a job ends."""

from __future__ import annotations

from etl.audit.incidents.finding import Finding, Kind, Look
from etl.contract.reader import Contract
from etl.errors import EtlError, TopicMissing
from etl.settings import Settings
from etl.storage import kafka as broker
from etl.storage.checkpoint import checkpoint_folder, read_checkpoint


def at_most(settings: Settings, contract: Contract) -> int | None:
    """An upper limit of the messages that wait in a feed's topics; None where Kafka does not answer soon."""
    # The jobs are more patient.
    hurried = broker.hurried(settings)
    try:
        return sum(_in_topic(hurried, contract, name) for name in contract.source.topics)
    except EtlError:
        return None


def _in_topic(settings: Settings, contract: Contract, name: str) -> int:
    """What Spark's checkpoint has not passed. Manifests and the ledger may show that some of it is read: then it is less."""
    try:
        topic = broker.describe(settings, name)
    except TopicMissing:
        return 0
    checkpoint = read_checkpoint(checkpoint_folder(settings, contract.feed, topic.id), topic.name)
    passed = checkpoint.offsets if checkpoint else {}
    return sum(end - max(passed.get(part, 0), topic.beginning.get(part, 0)) for part, end in topic.end.items())


def look_at(contract: Contract, unread: int) -> Look:
    """Compare what was unread when a job ended with the contract's `backlog`; without one, nothing is too much.

    :param unread: messages, or files that were still being written.
    """
    most = contract.alerts.backlog
    if most is None or unread <= most:
        return Look(Kind.BACKLOG)
    finding = Finding(
        f"{unread:,} messages or files of {contract.source.name} were unread when the job ended; the contract allows {most:,}.",
        remedy="Let cycles begin more often, or read for longer (`time_box_seconds` of the notebook). If so much waits as a rule,"
        " give the feed a higher `backlog` under `alerts` of the contract.",
    )
    return Look(Kind.BACKLOG, (finding,))
