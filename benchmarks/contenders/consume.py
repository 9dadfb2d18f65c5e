"""Read a topic into CSV files with Spark as its guide shows it, with default settings; prints figures as JSON.

`python consume.py BOOTSTRAP TOPIC FOLDER`, the class path of the Kafka connector in SPARK_JARS. Reads what the topic holds,
prints `ready`, waits for a line, and reads what has arrived meanwhile; this second time counts.
"""

import json
import os
import sys
import time

bootstrap, topic, folder = sys.argv[1:]


def read(spark):
    from pyspark.sql.functions import col, from_json

    schema = "sensor_id string, temperature string, humidity string, timestamp string"
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    rows = messages.select(from_json(col("value").cast("string"), schema).alias("r"), "partition", "offset")
    query = (
        rows.select("r.*", "partition", "offset")
        .writeStream.format("csv")
        .option("path", f"{folder}/output")
        .option("checkpointLocation", f"{folder}/checkpoint")
        .option("header", True)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()


def timed(act):
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.config("spark.driver.extraClassPath", os.environ["SPARK_JARS"])
    start, spark = timed(builder.getOrCreate)
    first, _ = timed(lambda: read(spark))
    print("ready", flush=True)
    sys.stdin.readline()
    seconds, _ = timed(lambda: read(spark))
    print(json.dumps({"seconds": seconds, "session_seconds": start, "first_seconds": first}))
