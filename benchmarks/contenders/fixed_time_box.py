"""As in tutorials: a consumer that runs for a fixed time, `pandas.concat`, `to_sql`; one notebook each.

`python fixed_time_box.py FOLDER BOOTSTRAP TOPIC TABLE SECONDS` writes the notebooks into a folder and runs them one after the
other with papermill's command line, as their schedulers do. The database's URL is in DATABASE_URL, the class path of Spark's
Kafka connector in SPARK_JARS.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat

CONSUME = """
import os, time
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json
spark = (
    SparkSession.builder.appName("consumer").config("spark.driver.extraClassPath", os.environ["SPARK_JARS"]).getOrCreate()
)
schema = "sensor_id int, temperature double, humidity double, timestamp string"
stream = (
    spark.readStream.format("kafka").option("kafka.bootstrap.servers", bootstrap)
    .option("subscribe", topic).option("startingOffsets", "earliest").load()
    .select(from_json(col("value").cast("string"), schema).alias("r")).select("r.*")
)
query = (
    stream.writeStream.format("csv").option("path", f"{folder}/output").option("header", True)
    .option("checkpointLocation", f"{folder}/checkpoint").start()
)
time.sleep(seconds)
query.stop()
spark.stop()
"""
MERGE = """
from pathlib import Path
import pandas as pd
parts = sorted(Path(folder, "output").glob("part-*.csv"))
pd.concat([pd.read_csv(part) for part in parts if part.stat().st_size]).to_csv(f"{folder}/merged.csv", index=False)
"""
LOAD = """
import os
import pandas as pd
from sqlalchemy import create_engine
frame = pd.read_csv(f"{folder}/merged.csv")
frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True, errors="coerce")
# What was not readable has no value, and the table takes none without.
frame = frame.dropna().astype({"sensor_id": int})
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
frame.to_sql(table, engine, if_exists="append", index=False)
"""

if __name__ == "__main__":
    folder, bootstrap, topic, table, seconds = sys.argv[1:]
    values = {"folder": folder, "bootstrap": bootstrap, "topic": topic, "table": table}
    for name, code in (("consume", CONSUME), ("merge", MERGE), ("load", LOAD)):
        parameters = nbformat.v4.new_code_cell(
            "\n".join([*(f"{key} = {value!r}" for key, value in values.items()), f"seconds = {float(seconds)}"]),
            metadata={"tags": ["parameters"]},
        )
        notebook = nbformat.v4.new_notebook(cells=[parameters, nbformat.v4.new_code_cell(code)])
        notebook.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "Python 3"}
        path = Path(folder, f"{name}.ipynb")
        path.write_text(nbformat.writes(notebook), "utf-8")
        command = [
            sys.executable,
            "-m",
            "papermill",
            "--no-progress-bar",
            str(path),
            str(path.with_suffix(".out.ipynb")),
        ]
        subprocess.run(command, check=True, env=os.environ)
    print(json.dumps({}))
