"""Where benchmarks run: Kafka and PostgreSQL of their own in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etl import services
from etl.contract import Contract, load_contract, load_contracts
from etl.settings import PROJECT_ROOT, Settings

FEED = "sensor_readings"


@dataclass(frozen=True)
class Arena:
    """Services that are up, with the tables made."""

    home: Path
    settings: Settings
    env: dict[str, str]
    """For processes: nothing of the user's own settings."""

    @property
    def contract(self) -> Contract:
        return load_contract(FEED, self.settings)

    def etl(self, *arguments: str) -> str:
        """Run a command of ours and return what it printed."""
        command = [sys.executable, "-m", "etl", *arguments]
        done = subprocess.run(command, env=self.env, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def arena() -> Iterator[Arena]:
    """Services on free ports, with the data of nobody else."""
    jars = Settings.load().jars_folder
    with tempfile.TemporaryDirectory(prefix="etl-benchmark-") as folder:
        home = Path(folder)
        env = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
        env |= {"ETL_HOME": folder, "ETL_JARS": str(jars)}

        def settings() -> Settings:
            return Settings.load(home=home, jars=jars, kafka_bootstrap="", database_url="")

        try:
            services.up(settings(), load_contracts(settings()), lambda _: None)
            found = Arena(home, settings(), env)
            found.etl("init")
            yield found
        finally:
            services.down(settings(), lambda _: None, delete_data=True)
