"""Kafka as the jobs ask about it: connections, topics and their offsets. The jobs themselves read and write the messages."""

from etl.storage.kafka.connection import admin, client_config, failure, hurried, refusal, refused, unreachable
from etl.storage.kafka.topics import Topic, create, describe

__all__ = [
    "Topic",
    "admin",
    "client_config",
    "create",
    "describe",
    "failure",
    "hurried",
    "refusal",
    "refused",
    "unreachable",
]
