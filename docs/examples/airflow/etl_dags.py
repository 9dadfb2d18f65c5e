"""Cycles of a feed as Airflow DAGs, one task per notebook: `etl_FEED` processes, `etl_FEED_simulated` sends readings first.

Airflow and the project do not share an environment. The notebooks run in the project's environment, through the Jupyter kernel
`notebook-etl`. docs/scheduling.md says how to install it, how to make the pool, and what the environment must contain.
"""

import os
import re
import shlex
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG, Param, chain, task

FEED = "sensor_readings"
PROJECT = Path(os.environ.get("ETL_PROJECT") or "/opt/notebook-etl")  # the folder with notebooks/ and .venv/
HOME = Path(os.environ.get("ETL_HOME") or PROJECT)  # from the environment, because the jobs read it there, too
CYCLE = "{{ cycle_id(run_id) }}"  # equal for all tasks of a run, and for their retries


def cycle_id(run_id: str) -> str:
    """At most 64 letters, digits and `. _ + -`. Runs of other feeds may have the same id, so the feed's name is added."""
    return (re.sub(r"\+00:00|[^\w.+-]", "", run_id) + f"-{FEED}")[:64]


@task
def make_folder(cycle: str) -> None:
    """Papermill does not create the folder that it writes to."""
    (HOME / "output" / "runs" / cycle).mkdir(parents=True, exist_ok=True)


@task.bash(cwd=str(PROJECT), do_xcom_push=False)
def explain(cycle: str) -> str:
    """What the cycle read, what became of it, and why a job failed, in the task's log."""
    return shlex.join([str(PROJECT / ".venv" / "bin" / "python"), "-m", "etl", "explain", cycle])


def job(notebook: str, **parameters: str) -> PapermillOperator:
    return PapermillOperator(
        task_id=notebook,
        input_nb=str(PROJECT / "notebooks" / f"{notebook}.ipynb"),
        output_nb=f"{HOME}/output/runs/{CYCLE}/{notebook}.ipynb",
        parameters={"feed": FEED, "cycle_id": CYCLE, **parameters},
        kernel_name="notebook-etl",
        language_name="python",
        log_output=True,
        pool=f"etl_{FEED}",  # one slot: the tasks of both DAGs take turns, where max_active_tasks limits only one DAG
        retries=2,
        retry_delay=timedelta(minutes=1),
        execution_timeout=timedelta(minutes=30),
    )


def cycle(dag_id: str, *, schedule: str | None = None, simulate: bool = False) -> DAG:
    """A cycle of the feed. What comes before `2_consume` is the only difference between the two DAGs."""
    with DAG(
        dag_id,
        schedule=schedule,
        start_date=datetime(2026, 1, 1),
        catchup=False,  # one cycle takes everything that waits, so missed ones need no catching up
        max_active_runs=1,  # no overlap
        params={"messages": Param(10_000, type="integer", minimum=1)} if simulate else None,
        render_template_as_native_obj=True,  # a number stays a number
        user_defined_macros={"cycle_id": cycle_id},
    ) as dag:
        folder = make_folder(CYCLE)
        produced = [job("1_produce", messages="{{ params.messages }}")] if simulate else []
        jobs = [*produced, *(job(notebook) for notebook in ("2_consume", "3_merge", "4_load"))]
        # A teardown runs after a failed job, too, and does not decide whether the run has succeeded.
        chain(folder, *jobs, explain(CYCLE).as_teardown(setups=folder))
    return dag


process = cycle(f"etl_{FEED}", schedule="*/5 * * * *")
simulated = cycle(f"etl_{FEED}_simulated", simulate=True)  # begun by hand
