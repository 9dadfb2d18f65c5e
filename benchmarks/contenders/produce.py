"""Send prepared messages to a topic and wait until all replicas have each of them; prints seconds and rows as JSON.

`python produce.py kafka-python|aiokafka|confluent-kafka BOOTSTRAP TOPIC FILE`; FILE has a message a line: key, tab, value.
Each client has its own defaults, except that all wait for all replicas.
"""

import asyncio
import json
import sys
import time
from pathlib import Path


def read(file):
    with Path(file).open("rb") as lines:
        return [tuple(line.rstrip(b"\n").split(b"\t", 1)) for line in lines]


def kafka_python(bootstrap, topic, messages):
    from kafka import KafkaProducer

    began = time.perf_counter()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for future in [producer.send(topic, key=key, value=value) for key, value in messages]:
        future.get()
    producer.close()
    return time.perf_counter() - began


def aiokafka(bootstrap, topic, messages):
    from aiokafka import AIOKafkaProducer

    async def send():
        began = time.perf_counter()
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await producer.start()
        for future in [await producer.send(topic, key=key, value=value) for key, value in messages]:
            await future
        await producer.stop()
        return time.perf_counter() - began

    return asyncio.run(send())


def confluent_kafka(bootstrap, topic, messages):
    from confluent_kafka import Producer

    failed = []

    def acknowledged(error, message):
        if error is not None:
            failed.append(error)

    began = time.perf_counter()
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for key, value in messages:
        while True:
            try:
                producer.produce(topic, key=key, value=value, on_delivery=acknowledged)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush()
    if failed:
        raise RuntimeError(f"{len(failed)} messages failed: {failed[0]}")
    return time.perf_counter() - began


CLIENTS = {"kafka-python": kafka_python, "aiokafka": aiokafka, "confluent-kafka": confluent_kafka}

if __name__ == "__main__":
    client, bootstrap, topic, file = sys.argv[1:]
    messages = read(file)
    print(json.dumps({"seconds": CLIENTS[client](bootstrap, topic, messages), "rows": len(messages)}))
