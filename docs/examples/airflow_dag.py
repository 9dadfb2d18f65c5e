"""A cycle every five minutes as an Airflow DAG: the four notebooks, one task each.

Airflow and the project do not share an environment. The notebooks run in the project's environment, through the Jupyter kernel
`notebook-etl` (docs/scheduling.md says how to install it). Needs apache-airflow-providers-papermill.
"""

from datetime import datetime, timedelta
from pathlib import Path

from airflow import DAG
from airflow.decorators import task
from airflow.providers.papermill.operators.papermill import PapermillOperator

PROJECT = Path("/opt/notebook-etl")
HOME = PROJECT  # ETL_HOME, if it is another folder
FEED = "sensor_readings"
# Shared by all tasks of a run, retries included. A cycle id contains no colons; the feed's name keeps it unique among feeds.
CYCLE = "{{ run_id | replace(':', '') }}-" + FEED[:16]

with DAG(
    dag_id=f"etl_{FEED}",
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # one cycle takes everything that waits, so missed ones need no catching up
    max_active_runs=1,  # no overlap
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
) as dag:

    @task
    def make_folder(cycle: str) -> None:
        """Papermill does not create the folder that it writes to."""
        (HOME / "output" / "runs" / cycle).mkdir(parents=True, exist_ok=True)

    previous = make_folder(CYCLE)
    # Other programs fill the topic; put "1_produce" in front to replay a file, or to simulate.
    for notebook in ("2_consume", "3_merge", "4_load"):
        job = PapermillOperator(
            task_id=notebook,
            input_nb=str(PROJECT / "notebooks" / f"{notebook}.ipynb"),
            output_nb=f"{HOME}/output/runs/{CYCLE}/{notebook}.ipynb",
            parameters={"feed": FEED, "cycle_id": CYCLE},
            kernel_name="notebook-etl",
            language_name="python",
        )
        previous >> job
        previous = job
