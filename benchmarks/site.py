"""
A real Airflow and an emulator, started for one comparison, and what a DAG run on them took.

DAGs come one by one: each is a file of its own that appears when it is needed, so that no run pays for the
DAGs of another. What a run did is read from Airflow's database, where reading costs the services nothing.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import sqlite3
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow_provider_batch.client.account import AccountSettings, SharedKey
from airflow_provider_batch.client.session import BatchSession
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import drive, tasks_of
from airflow_provider_batch.emulator.routes.control_requests import KEY_HEADER
from airflow_provider_batch.operators.effects import WorkerEffects
from benchmarks.cpu import CpuSeconds, by_service
from demo.airflow_services import AirflowServices
from demo.emulator_service import CONNECTION_ID, EmulatorService
from demo.processes import Service, Services
from demo.waiting import wait_for

_log = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parent.parent
CACHE = PROJECT / ".demo"
#: connection of the official operator
OFFICIAL_CONNECTION_ID = "azure_batch_default"
#: seconds without work that tell what the services cost when idle
IDLE_SECONDS = 15.0
#: Airflow's own report that its late note of a worker's end hit a task that had gone on
LATE_REPORT = "finished with state"
_WORKER_START = re.compile(r"method=PATCH path=/execution/task-instances/\S+/run query= status_code=200")
EMULATOR = "batch-emulator"

_OPTIONS = {
    "PYTHONPATH": str(PROJECT),
    # Each DAG is parsed once.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "86400",
}

_IMAGE = {
    "imageReference": {
        "publisher": "canonical",
        "offer": "0001-com-ubuntu-server-jammy",
        "sku": "22_04-lts",
        "version": "latest",
    },
    "nodeAgentSKUId": "batch.node.ubuntu 22.04",
}


@dataclass(frozen=True)
class Row:
    """One task instance after the run; times in seconds since the epoch."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int
    start: float
    end: float


@dataclass(frozen=True)
class Run:
    """
    What one DAG run took.

    :param makespan: seconds from its start to its end, as Airflow noted them.
    :param cpu: CPU seconds by service, those of an idle Airflow subtracted.
    :param workers: tasks that were started in a worker process.
    :param requests: requests to Batch by operation.
    :param late_reports: how often the executor's report of a worker's end met a task that had gone on.
    """

    dag_id: str
    run_id: str
    state: str
    makespan: float
    cpu: CpuSeconds
    workers: int
    requests: Counter[str]
    late_reports: int
    rows: Sequence[Row]

    @property
    def states(self) -> Counter[str]:
        """How many task instances ended how."""
        return Counter(str(row.state) for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """Everything but the single task instances."""
        return {
            "dag_id": self.dag_id,
            "state": self.state,
            "makespan_s": round(self.makespan, 2),
            "cpu_s": {name: round(seconds, 2) for name, seconds in self.cpu.items()},
            "workers": self.workers,
            "requests": dict(sorted(self.requests.items())),
            "late_reports": self.late_reports,
            "states": dict(self.states),
        }


class WatchedServices(Services):
    """Services that can be looked up by name."""

    def __init__(self, log_folder: Path) -> None:
        super().__init__(log_folder)
        self.by_name: dict[str, Service] = {}

    def __enter__(self) -> WatchedServices:
        return self

    def start(self, name: str, command: Sequence[str], **options: Any) -> Service:
        """
        Start a service; see :meth:`demo.processes.Services.start`.

        :param name: its name.
        :param command: argument list.
        :param options: the other parameters.
        """
        service = self.by_name[name] = super().start(name, command, **options)
        return service


class Site:
    """
    An Airflow with an emulated Batch account. Make one with :func:`open_site`.

    :param folder: gets everything that the services write.
    :param services: starts and ends the processes.
    :param options: options of Airflow, by the names of their environment variables.
    """

    def __init__(self, folder: Path, services: WatchedServices, options: Mapping[str, str]) -> None:
        self.folder = folder
        self._services = services
        self._dags = folder / "dags"
        self._dags.mkdir()
        self.emulator = EmulatorService(services, folder / "nodes")
        self.emulator.start()
        connection = self.emulator.connection
        self._key = str(connection["password"])
        self.airflow = AirflowServices(
            folder / "airflow",
            self._dags,
            services,
            cache_folder=CACHE,
            connections={
                CONNECTION_ID: connection,
                OFFICIAL_CONNECTION_ID: {**connection, "conn_type": "azure_batch"},
            },
        )
        self.airflow.environment.update({**_OPTIONS, **options})
        account = AccountSettings(self.emulator.url, SharedKey(str(connection["login"]), self._key))
        self._session = BatchSession(account)
        self._idle: CpuSeconds = CpuSeconds(float)

    def start(self) -> None:
        """Start Airflow, and find out what it costs when it has nothing to do."""
        self.airflow.start()
        self.airflow.wait_until_healthy()

    def close(self) -> None:
        """Close the session with the emulator."""
        self._session.close()

    def warm_up(self, source: str) -> None:
        """
        Run a DAG that counts for nothing: on its first call each service makes its API, which takes seconds.

        :param source: text of the file of a DAG ``warm``.
        """
        self.add_dag("warm", source)
        self.airflow.rest.trigger("warm", {}, "warm")
        state = self._follow("warm", "warm", 300.0)
        if state != "success":
            raise RuntimeError(f"the run that warms the services up: {state}")

    def measure_idle(self) -> None:
        """Find out what Airflow costs a second while it has nothing to do."""
        before, began = self.cpu(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        after, seconds = self.cpu(), time.monotonic() - began
        self._idle = CpuSeconds(float, {name: (after[name] - before[name]) / seconds for name in after})

    def add_pool(self, batch_pool_id: str, *, nodes: int = 1, slots: int = 1) -> None:
        """
        Create a pool and wait until its nodes are idle.

        :param batch_pool_id: its id.
        :param nodes: how many nodes.
        :param slots: task slots of each.
        """
        self._session.send(
            requests.create_pool(
                {
                    "id": batch_pool_id,
                    "vmSize": "standard_d64s_v5",
                    "virtualMachineConfiguration": _IMAGE,
                    "targetDedicatedNodes": nodes,
                    "taskSlotsPerNode": slots,
                }
            )
        )

        def ready() -> bool:
            pool = self._session.send(requests.get_pool(batch_pool_id)).json
            return pool.get("currentDedicatedNodes") == nodes and pool["allocationState"] == "steady"

        wait_for(ready, f"the nodes of pool {batch_pool_id}", limit_seconds=120)

    def batch_tasks(self, batch_job_id: str) -> dict[str, Mapping[str, Any]]:
        """Return all tasks of a job by id."""
        return dict(drive(tasks_of(batch_job_id), WorkerEffects(self._session, _log)))

    def add_dag(self, dag_id: str, source: str) -> None:
        """
        Let Airflow know a DAG.

        :param dag_id: its id.
        :param source: text of its file.
        """
        (self._dags / f"{dag_id}.py").write_text(source)
        self.airflow.wait_for_dag(dag_id)
        self.airflow.rest.unpause(dag_id)

    def run(self, dag_id: str, run_id: str, *, limit_seconds: float) -> Run:
        """
        Run a DAG and return what it took.

        :param dag_id: the DAG.
        :param run_id: a run id that was not used before.
        :param limit_seconds: longest time; what is not over then is marked as failed.
        """
        self.reset_requests()
        cpu, workers, reports = self.cpu(), self._workers(), self._late_reports()
        began = time.monotonic()
        self.airflow.rest.trigger(dag_id, {}, run_id)
        state = self._follow(dag_id, run_id, limit_seconds)
        # The workers that end now belong to the run.
        time.sleep(1.0)
        seconds = time.monotonic() - began
        now = self.cpu()
        spent = CpuSeconds(float, {name: now[name] - cpu[name] - seconds * self._idle[name] for name in now})
        with closing(self._database()) as database:
            start, end = database.execute(
                "SELECT start_date, end_date FROM dag_run WHERE dag_id = ? AND run_id = ?", (dag_id, run_id)
            ).fetchone()
        return Run(
            dag_id,
            run_id,
            state,
            _seconds(end or _now_text()) - _seconds(start),
            spent,
            self._workers() - workers,
            self.requests(),
            self._late_reports() - reports,
            self.rows(dag_id, run_id),
        )

    def _follow(self, dag_id: str, run_id: str, limit_seconds: float) -> str:
        deadline = time.monotonic() + limit_seconds
        while True:
            self._services.check()
            with closing(self._database()) as database:
                query = "SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?"
                (state,) = database.execute(query, (dag_id, run_id)).fetchone()
            if state in ("success", "failed"):
                return str(state)
            if time.monotonic() > deadline:
                self.airflow.rest.set_run_state(dag_id, run_id, "failed")
                return f"{state} after {limit_seconds:.0f} s"
            time.sleep(0.5)

    def rows(self, dag_id: str, run_id: str) -> list[Row]:
        """Task instances of a run."""
        with closing(self._database()) as database:
            found = database.execute(
                "SELECT task_id, map_index, state, try_number, start_date, end_date FROM task_instance"
                " WHERE dag_id = ? AND run_id = ?",
                (dag_id, run_id),
            ).fetchall()
        return [Row(*row[:4], *(_seconds(text) if text else 0.0 for text in row[4:])) for row in found]

    def first_lines(self, dag_id: str, run_id: str) -> dict[str, float]:
        """When each unmapped task of a run wrote its first line from the triggerer, by task id."""
        folder = self.airflow.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        found: dict[str, float] = {}
        for log in folder.glob("task_id=*/attempt=1.log.trigger.*.log"):
            with log.open() as lines:
                first = json.loads(next(lines))
            found[log.parent.name.removeprefix("task_id=")] = _seconds(first["timestamp"])
        return found

    def cpu(self) -> CpuSeconds:
        """CPU seconds of each of Airflow's services so far, with all that it started."""
        services = self._services.by_name
        return by_service({name: services[name].popen.pid for name in services if name != EMULATOR})

    def requests(self) -> Counter[str]:
        """Requests to Batch by operation since the last reset."""
        with urllib.request.urlopen(f"{self.emulator.url}/_emulator/requests", timeout=10) as answer:  # noqa: S310
            return Counter(json.load(answer)["operations"])

    def reset_requests(self) -> None:
        """Count requests to Batch anew."""
        url = f"{self.emulator.url}/_emulator/requests"
        call = urllib.request.Request(url, method="DELETE", headers={KEY_HEADER: self._key})  # noqa: S310
        urllib.request.urlopen(call, timeout=10).close()  # noqa: S310

    def _workers(self) -> int:
        return len(_WORKER_START.findall(self._log("api-server")))

    def _late_reports(self) -> int:
        return self._log("scheduler").count(LATE_REPORT)

    def _log(self, name: str) -> str:
        return self._services.by_name[name].log_text()

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.airflow.home}/airflow.db?mode=ro", uri=True, timeout=30)


@contextmanager
def open_site(options: Mapping[str, str], keep: Path | None = None) -> Iterator[Site]:
    """
    Start an Airflow and an emulator; they end with the block.

    :param options: options of Airflow, by the names of their environment variables.
    :param keep: folder that gets the logs of all services and tasks.
    """
    with tempfile.TemporaryDirectory(prefix="batch-benchmark-") as name:
        folder = Path(name)
        with WatchedServices(folder / "services") as services:
            site = Site(folder, services, options)
            try:
                site.start()
                yield site
            finally:
                site.close()
                if keep is not None:
                    shutil.copytree(folder / "services", keep / "services", dirs_exist_ok=True)
                    shutil.copytree(site.airflow.home / "logs", keep / "logs", dirs_exist_ok=True)


def _now_text() -> str:
    return datetime.now(timezone.utc).isoformat()


def _seconds(text: str) -> float:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()
