"""Sends the messages beside this file to Kafka, each with the MQTT topic as its key, as a bridge from MQTT does."""

import os
from pathlib import Path

from kafka import KafkaProducer

MESSAGES = Path(__file__).with_name("messages.tsv")

producer = KafkaProducer(bootstrap_servers=os.environ["ETL_KAFKA_BOOTSTRAP"])
for line in MESSAGES.read_text("utf-8").splitlines():
    key, value = line.split("\t")
    producer.send("zigbee2mqtt", key=key.encode(), value=value.encode())
producer.flush()
