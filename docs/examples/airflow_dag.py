"""A cycle every five minutes as an Airflow DAG: the four notebooks, one task each.

Airflow and the project do not share an environment. The notebooks run in the project's own, through the Jupyter kernel
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
# All tasks of a run, also repeated ones, share this. A cycle's name holds no colons; the feed makes it the feed's own.
CYCLE = "{{ run_id | replace(':', '') }}-" + FEED[:16]

with DAG(
    dag_id=f"etl_{FEED}",
    schedule="*/5 * * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,  # one cycle takes all that is there, so none needs to be made up for
    max_active_runs=1,  # no overlap
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
) as dag:

    @task
    def make_folder(cycle: str) -> None:
        """Papermill writes into a folder that is there."""
        (HOME / "output" / "runs" / cycle).mkdir(parents=True, exist_ok=True)

    previous = make_folder(CYCLE)
    # The topic is filled by others; put "1_produce" in front to replay a file, or to simulate.
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
