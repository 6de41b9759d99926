"""
What it costs to add 10,000 tasks to a job, beside the vendor SDK's ``create_tasks`` with the same bodies.

Run it with ``python benchmarks/launch_10000.py``; ``--help`` tells of smaller runs. It starts an emulator of
its own. The shape is that of a mapped Airflow task between two others: tasks with integer ids that depend on
one, and one that depends on their range. The pool has no nodes, so nothing runs.

Both ways run in alternating pairs, each on a new job. Times are of this process and of what it waits for; the
SDK's models are made before its time starts. Memory is measured in a further pair, since counting it is slow.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import math
import statistics
import sys
import tempfile
import time
import tracemalloc
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for demo, which is not installed

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential

from airflow_provider_batch.client.account import AccountSettings, SharedKey
from airflow_provider_batch.client.session import BatchSession
from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.collection import MAX_TASKS, Added, add_tasks
from airflow_provider_batch.domain.flow import drive
from airflow_provider_batch.exceptions import BatchNotFoundError
from airflow_provider_batch.operators.effects import WorkerEffects
from demo.emulator_service import EmulatorService
from demo.processes import Services, exit_on_sigterm

EXTRA_REQUESTS = 5
"""Requests that a launch may need beyond those that carry the tasks."""
WALL_RATIO = 1.2
"""How long it may take beside the SDK."""

_POOL = {
    "id": "no-nodes",
    "vmSize": "standard_d2s_v5",
    "virtualMachineConfiguration": {
        "imageReference": {
            "publisher": "canonical",
            "offer": "0001-com-ubuntu-server-jammy",
            "sku": "22_04-lts",
            "version": "latest",
        },
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    },
    "targetDedicatedNodes": 0,
}

Body = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What adding the tasks once took; seconds and bytes."""

    wall: float
    cpu: float
    peak: int
    operations: Counter[str]


class Account:
    """
    The emulator's account, with a session of ours and a client of the SDK.

    :param url: where the emulator listens.
    :param name: name of the account.
    :param key: key of the account.
    """

    def __init__(self, url: str, name: str, key: str) -> None:
        self._url = url
        self.session = BatchSession(AccountSettings(url, SharedKey(name, key)))
        self.vendor = BatchClient(url, AzureNamedKeyCredential(name, key), use_env_settings=False)
        self.effects = WorkerEffects(self.session, logging.getLogger(__name__))
        self._jobs = 0
        self.session.send(requests.create_pool(_POOL))

    @contextmanager
    def job(self) -> Iterator[str]:
        """A new job, gone with its tasks at the end: each run finds the emulator as the others did."""
        self._jobs += 1
        job_id = f"launch-{self._jobs}"
        body = {"id": job_id, "poolInfo": {"poolId": _POOL["id"]}, "usesTaskDependencies": True}
        self.session.send(requests.create_job(body))
        yield job_id
        self.session.send(requests.delete_job(job_id))
        while self._exists(job_id):
            time.sleep(0.05)

    def _exists(self, job_id: str) -> bool:
        try:
            self.session.send(requests.get_job(job_id, ("id",)))
        except BatchNotFoundError:
            return False
        return True

    def operations(self) -> Counter[str]:
        """How often each operation was asked for so far."""
        with urllib.request.urlopen(f"{self._url}/_emulator/requests", timeout=10) as answer:  # noqa: S310
            return Counter(json.load(answer)["operations"])

    def close(self) -> None:
        """Close all connections."""
        self.session.close()
        self.vendor.close()


def fan_out_and_in(count: int) -> list[Body]:
    """
    Return the tasks of a launch: one, so many beside each other that depend on it, and a last one.

    :param count: how wide.
    """
    before = {"taskIds": ["split-0a1b2c3d"]}

    def task(task_id: str, map_index: int) -> Body:
        environment = {
            "AIRFLOW_CTX_DAG_ID": "film",
            "AIRFLOW_CTX_DAG_RUN_ID": "scheduled__2026-01-01T00:00:00+00:00",
            "AIRFLOW_CTX_TASK_ID": "film.frame",
            "AIRFLOW_CTX_MAP_INDEX": str(map_index),
            "AIRFLOW_BATCH_OWNER": "0123456789ab",
        }
        return {
            "id": task_id,
            "commandLine": f"/bin/bash -c 'render --frame {map_index} --out /mnt/film/{map_index}.png'",
            "environmentSettings": [{"name": name, "value": value} for name, value in environment.items()],
            "constraints": {"maxTaskRetryCount": 0},
        }

    frames = [{**task(str(number), number - 1), "dependsOn": before} for number in range(1, count + 1)]
    merge = {"dependsOn": {"taskIdRanges": [{"start": 1, "end": count}]}}
    return [task("split-0a1b2c3d", -1), *frames, {**task("merge-4e5f6a7b", -1), **merge}]


def measured(account: Account, add: Callable[[str], None], *, memory: bool) -> Run:
    """
    Add tasks to a new job and say what it took.

    :param account: where.
    :param add: adds them to the job of the id that it is given.
    :param memory: measure the memory, which makes the times meaningless.
    """
    with account.job() as job_id:
        gc.collect()
        before = account.operations()
        if memory:
            tracemalloc.start()
        wall, cpu = time.perf_counter(), time.process_time()
        add(job_id)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return Run(wall, cpu, peak, account.operations() - before)


def ours(account: Account, tasks: list[Body], *, memory: bool = False) -> Run:
    """
    Add the tasks with the provider's flow.

    :param account: where.
    :param tasks: what.
    :param memory: see :func:`measured`.
    """

    def add(job_id: str) -> None:
        added: Added = drive(add_tasks(job_id, tasks), account.effects)
        assert added.added == len(tasks), added

    return measured(account, add, memory=memory)


def vendors(account: Account, tasks: list[Body], *, memory: bool = False) -> Run:
    """
    Add the tasks with the SDK.

    :param account: where.
    :param tasks: what.
    :param memory: see :func:`measured`.
    """
    collection = [models.BatchTaskCreateOptions(task) for task in tasks]

    def add(job_id: str) -> None:
        result = account.vendor.create_tasks(job_id, collection)
        assert len(result.result_values or ()) == len(tasks)

    return measured(account, add, memory=memory)


@dataclass(frozen=True)
class Comparison:
    """Runs in pairs, and one pair for the memory."""

    tasks: int
    ours: list[Run]
    vendors: list[Run]
    memory: tuple[Run, Run]

    @property
    def wall_ratios(self) -> list[float]:
        """Our time by the SDK's, of each pair."""
        return [a.wall / b.wall for a, b in zip(self.ours, self.vendors, strict=True)]

    @property
    def requests(self) -> int:
        """Most requests that one of our runs sent."""
        return max(run.operations.total() for run in self.ours)

    @property
    def most_requests(self) -> int:
        """Most that it may send."""
        return math.ceil(self.tasks / MAX_TASKS) + EXTRA_REQUESTS

    def bars(self) -> dict[str, bool]:
        """What has to hold, and whether it does."""
        ratio = statistics.median(self.wall_ratios)
        return {
            f"{self.requests} requests, at most {self.most_requests}": self.requests <= self.most_requests,
            f"{ratio:.2f} of the SDK's time, at most {WALL_RATIO}": ratio <= WALL_RATIO,
        }

    def table(self) -> str:
        """Medians side by side."""

        def row(name: str, form: str, a: float, b: float) -> str:
            return f"{name:<32}{form.format(a):>12}{form.format(b):>12}{a / b if b else math.nan:>9.2f}"

        walls = (statistics.median(run.wall for run in runs) for runs in (self.ours, self.vendors))
        cpus = (statistics.median(run.cpu for run in runs) for runs in (self.ours, self.vendors))
        first = self.ours[0].operations, self.vendors[0].operations
        lines = [
            f"{self.tasks} tasks, {len(self.ours)} pairs",
            f"{'':<32}{'provider':>12}{'SDK':>12}{'ratio':>9}",
            row("wall, s", "{:.2f}", *walls),
            row("CPU of the client, s", "{:.2f}", *cpus),
            row("peak growth of memory, MB", "{:.1f}", *(run.peak / 1e6 for run in self.memory)),
            *(
                row(name, "{:.0f}", *(counts[name] for counts in first))
                for name in sorted(first[0] | first[1])
            ),
            f"wall ratio of each pair: {', '.join(f'{ratio:.2f}' for ratio in self.wall_ratios)}",
        ]
        return "\n".join(lines)


def compare(account: Account, count: int, pairs: int) -> Comparison:
    """
    Run both ways.

    :param account: where.
    :param count: how wide the fan-out is.
    :param pairs: how often each.
    """
    tasks = fan_out_and_in(count)
    runs: dict[Callable[..., Run], list[Run]] = {ours: [], vendors: []}
    for pair in range(pairs):
        for way in list(runs)[:: -1 if pair % 2 else 1]:
            runs[way].append(way(account, tasks))
    memory = (ours(account, tasks, memory=True), vendors(account, tasks, memory=True))
    return Comparison(len(tasks), runs[ours], runs[vendors], memory)


@contextmanager
def emulator_account() -> Iterator[Account]:
    """An account of an emulator that ends with the block."""
    with tempfile.TemporaryDirectory() as folder, Services(Path(folder) / "log") as services:
        emulator = EmulatorService(services, Path(folder) / "nodes")
        emulator.start()
        connection = emulator.connection
        account = Account(emulator.url, str(connection["login"]), str(connection["password"]))
        try:
            yield account
        finally:
            account.close()


def main() -> int:
    """Run the comparison; the status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description="Add many tasks with the provider and with the vendor SDK.")
    parser.add_argument("tasks", nargs="?", type=int, default=10_000, help="width of the fan-out (10000)")
    parser.add_argument("--pairs", type=int, default=3, help="how often each way runs (3)")
    options = parser.parse_args()
    exit_on_sigterm()
    with emulator_account() as account:
        comparison = compare(account, options.tasks, options.pairs)
    print(comparison.table())
    bars = comparison.bars()
    for text, met in bars.items():
        print(f"{'ok    ' if met else 'MISSED'} {text}")
    return 0 if all(bars.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
