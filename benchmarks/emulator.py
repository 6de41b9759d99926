"""
How fast the emulator is: start-up, requests, tasks, and 100,000 tasks on 1,000 nodes without processes.

Run it with ``python -m benchmarks.emulator``; names of measurements choose some, ``--help`` lists them. It
starts emulators of its own on free ports, and takes about two minutes.

The client is as cheap as one can be: it keeps its connections, signs each address once, and reads no answer
beyond its length. It runs on the same machine, so the emulator has what it leaves.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psutil

from airflow_provider_batch.emulator.clock import ManualClock
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.execution.simulated import SimulatedExecutor
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.tasks import TaskSpec
from airflow_provider_batch.emulator.testing import EmulatorProcess
from airflow_provider_batch.emulator.wire.signature import SignedRequest, sign, string_to_sign

MEGABYTE = 1_000_000
_VERSION = "api-version=2025-06-01"
_COLLECTION = 100
_LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: str


class Client:
    """
    One connection to an emulator.

    :param emulator: where to.
    """

    def __init__(self, emulator: EmulatorProcess) -> None:
        self._emulator = emulator
        self._connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=60)
        self._signed: dict[tuple[str, str], dict[str, str]] = {}

    def get(self, path: str, query: str = "") -> bytes:
        """Read something; requests for the same address carry the same signature."""
        target = f"{path}?{_VERSION}{query}"
        headers = self._signed.get(("GET", target))
        if headers is None:
            headers = self._signed["GET", target] = self._headers("GET", target, None)
        return self._send("GET", target, None, headers)

    def post(self, path: str, body: Any) -> bytes:
        """Create something."""
        content, target = json.dumps(body).encode(), f"{path}?{_VERSION}"
        return self._send("POST", target, content, self._headers("POST", target, content))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _send(self, method: str, target: str, content: bytes | None, headers: dict[str, str]) -> bytes:
        self._connection.request(method, target, content, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {target}: {answer.status} {text!r}")
        return text

    def _headers(self, method: str, target: str, content: bytes | None) -> dict[str, str]:
        headers = {"ocp-date": formatdate(usegmt=True)}
        length = ""
        if content is not None:
            length = str(len(content))
            headers |= {
                "content-type": "application/json; odata=minimalmetadata",
                "content-length": length,
            }
        address = urlsplit(target)
        request = SignedRequest(method, address.path, parse_qsl(address.query), headers)
        name, key = self._emulator.account_name, self._emulator.account_key
        text = string_to_sign(request, name, content_length=length, lower_names=False)
        return {**headers, "authorization": f"SharedKey {name}:{sign(text, key)}"}


def begin(emulator: EmulatorProcess, *, nodes: int, slots: int) -> Client:
    """Make a pool and a job, and wait for the nodes."""
    client = Client(emulator)
    image = {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts"}
    client.post(
        "/pools",
        {
            "id": "pool",
            "vmSize": "standard_d2s_v5",
            "virtualMachineConfiguration": {
                "imageReference": image,
                "nodeAgentSKUId": "batch.node.ubuntu 22.04",
            },
            "targetDedicatedNodes": nodes,
            "taskSlotsPerNode": slots,
        },
    )
    client.post("/jobs", {"id": "job", "poolInfo": {"poolId": "pool"}})
    wait(lambda: b'"idle":%d' % nodes in client.get("/nodecounts"))
    return client


def add(client: Client, number: int, command_line: str) -> None:
    """Add tasks, 100 in each request."""
    for first in range(0, number, _COLLECTION):
        ids = range(first, min(first + _COLLECTION, number))
        tasks = [{"id": str(task_id), "commandLine": command_line} for task_id in ids]
        client.post("/jobs/job/addtaskcollection", {"value": tasks})


def wait_for_tasks(client: Client, number: int) -> None:
    """Return when so many tasks have succeeded."""

    def are_done() -> bool:
        return int(json.loads(client.get("/jobs/job/taskcounts"))["taskCounts"]["succeeded"]) == number

    wait(are_done)


def wait(condition: Callable[[], bool]) -> None:
    """Return when something holds."""
    end = time.monotonic() + _LIMIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the emulator did not get there")
        time.sleep(0.05)


def memory(pid: int) -> float:
    """Megabytes that a process holds."""
    return float(psutil.Process(pid).memory_info().rss) / MEGABYTE


def cpu(emulator: EmulatorProcess) -> float:
    """CPU seconds that an emulator has used so far, without those of its tasks."""
    times = psutil.Process(emulator.process.pid).cpu_times()
    return float(times.user + times.system)


def start_up(folder: Path) -> list[Figure]:
    """From the start of the process to its first answer."""
    seconds, held = [], 0.0
    for number in range(5):
        began = time.monotonic()
        with EmulatorProcess.start(folder / str(number)) as emulator:
            with urllib.request.urlopen(f"{emulator.url}/_emulator/health", timeout=10) as answer:  # noqa: S310
                answer.read()
            seconds.append(time.monotonic() - began)
            held = memory(emulator.process.pid)
    return [
        Figure("start to first answer, median of 5", f"{statistics.median(seconds):.2f} s"),
        Figure("memory after that", f"{held:.0f} MB"),
    ]


def requests(folder: Path) -> list[Figure]:
    """GET of a task, and a list of 100 tasks, from one client and from eight at once."""
    figures = []
    with EmulatorProcess.start(folder) as emulator:
        client = begin(emulator, nodes=0, slots=1)
        add(client, _COLLECTION, "true")
        client.close()
        for what, path in (("get a task", "/jobs/job/tasks/50"), ("list 100 tasks", "/jobs/job/tasks")):
            for clients in (1, 8):
                rate, used = _rate(emulator, path, clients, requests_each=2000 // clients)
                name = f"{what}, {clients} client{'s' * (clients > 1)}"
                figures.append(Figure(name, f"{rate:.0f}/s, {used * 1000:.2f} ms CPU each"))
    return figures


def _rate(emulator: EmulatorProcess, path: str, clients: int, requests_each: int) -> tuple[float, float]:
    """Requests per second, and CPU seconds of the emulator for each."""
    ready = threading.Barrier(clients + 1)

    def ask() -> None:
        client = Client(emulator)
        client.get(path)  # the connection, and what is made on first use, do not count
        ready.wait()
        for _ in range(requests_each):
            client.get(path)
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    ready.wait()
    began, used = time.monotonic(), cpu(emulator)
    for thread in threads:
        thread.join()
    number = clients * requests_each
    return number / (time.monotonic() - began), (cpu(emulator) - used) / number


def real_tasks(folder: Path) -> list[Figure]:
    """500 tasks that run ``true``."""
    with EmulatorProcess.start(folder) as emulator:
        client = begin(emulator, nodes=1, slots=4)
        began = time.monotonic()
        add(client, 500, "true")
        wait_for_tasks(client, 500)
        seconds = time.monotonic() - began
        client.close()
    return [Figure("500 real tasks, 4 at once", f"{seconds:.1f} s, {500 / seconds:.0f}/s")]


def simulated_tasks(folder: Path) -> list[Figure]:
    """10,000 tasks of one simulated second on 100 nodes, over HTTP."""
    arguments = ("--executor", "simulated", "--simulated-seconds", "1", "--time-scale", "1000")
    with EmulatorProcess.start(folder, arguments=arguments) as emulator:
        client = begin(emulator, nodes=100, slots=1)
        before, used = memory(emulator.process.pid), cpu(emulator)
        began = time.monotonic()
        add(client, 10_000, "true")
        added = time.monotonic()
        wait_for_tasks(client, 10_000)
        seconds, used = time.monotonic() - began, cpu(emulator) - used
        grown = memory(emulator.process.pid) - before
        client.close()
    return [
        Figure("10,000 simulated tasks over HTTP, added", f"{added - began:.1f} s"),
        Figure("... and done", f"{seconds:.1f} s, {used:.1f} s CPU"),
        Figure("... memory that they take", f"{grown:.0f} MB"),
    ]


def simulated_engine(_folder: Path) -> list[Figure]:
    """100,000 tasks on 1,000 nodes, without HTTP; in a process of its own, so that its memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        added, cpu, grown = pool.apply(run_engine, (100_000, 1_000))
    return [
        Figure("100,000 simulated tasks on 1,000 nodes, added", f"{added:.1f} s"),
        Figure("... run, CPU", f"{cpu:.1f} s, {100_000 / cpu:.0f}/s"),
        Figure("... memory per 10,000 tasks", f"{grown / 10:.0f} MB"),
    ]


def run_engine(tasks: int, nodes: int) -> tuple[float, float, float]:
    """
    Add and run simulated tasks of 10 to 100 s.

    :return: seconds to add, CPU seconds to run, megabytes that were added.
    """
    engine = Engine(clock=ManualClock(), executor=_ten_to_hundred, run_timers=False)
    try:
        engine.create_pool(PoolSpec("pool", {}, "standard_d2s_v5", target_dedicated_nodes=nodes))
        engine.advance(60)
        engine.create_job(JobSpec("job", {}, "pool"))
        before, began = memory(psutil.Process().pid), time.process_time()
        for number in range(tasks):
            engine.add_task("job", TaskSpec(str(number), {}, Command("true")))
        added = time.process_time()
        while _succeeded(engine) < tasks:
            engine.advance(60)
        return added - began, time.process_time() - added, memory(psutil.Process().pid) - before
    finally:
        engine.close()


def _ten_to_hundred(reports: Any, later: Any) -> SimulatedExecutor:
    return SimulatedExecutor(reports, later, "10..100")


def _succeeded(engine: Engine) -> int:
    with engine.reading() as state:
        return state.job("job").counts.tasks.succeeded


MEASUREMENTS: dict[str, Callable[[Path], list[Figure]]] = {
    "start-up": start_up,
    "requests": requests,
    "real-tasks": real_tasks,
    "simulated-tasks": simulated_tasks,
    "simulated-engine": simulated_engine,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("measurement", nargs="*", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    options = parser.parse_args(arguments)
    unknown = set(options.measurement) - set(MEASUREMENTS)
    if unknown:
        parser.error(f"there is no measurement {min(unknown)}")
    for name in options.measurement or MEASUREMENTS:
        with tempfile.TemporaryDirectory(prefix="batch-emulator-bench-") as folder:
            for figure in MEASUREMENTS[name](Path(folder)):
                sys.stdout.write(f"| {figure.what} | {figure.value} |\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
