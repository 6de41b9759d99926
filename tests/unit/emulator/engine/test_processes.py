"""The engine with real processes and real time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies, TaskIdRange
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.states import TaskState
from airflow_provider_batch.emulator.model.tasks import TaskSpec
from tests.unit.emulator.execution.processes import wait_until_gone

WAIT_SECONDS = 30.0

#: an emulator that starts a task with a child and with a stray, tells their numbers, and waits to be killed
EMULATOR = """
import sys, time
from pathlib import Path
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.jobs import JobSpec
from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.tasks import TaskSpec

engine = Engine(Path(sys.argv[1]), machine_settings=MachineSettings(node_start_seconds=0.0))
engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1))
engine.create_job(JobSpec("j", {}, "p"))
line = "/bin/sh -c 'trap \\"\\" TERM; sleep 1000 & a=$!; setsid sleep 1000 & echo $$ $a $!; wait'"
engine.add_task("j", TaskSpec("t", {}, Command(line)))
while True:
    time.sleep(0.02)
    with engine.reading() as state:
        if state.task("j", "t").run_id is None:
            continue
    found = list(engine.task_files("j", "t").root.glob("stdout.txt"))
    if found and found[0].read_text().endswith("\\n"):
        print(found[0].read_text(), flush=True)
        time.sleep(1000)
"""


def _wait(engine: Engine, condition: Callable[[State], bool]) -> None:
    waiting = threading.Event()
    for _ in range(int(WAIT_SECONDS / 0.02)):
        with engine.reading() as state:
            if condition(state):
                return
        waiting.wait(0.02)
    raise AssertionError("waited in vain")


def test_graph_of_real_tasks_runs_in_order(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "root", machine_settings=MachineSettings(node_start_seconds=0.1))
    try:
        engine.create_pool(
            PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=2, task_slots_per_node=2)
        )
        engine.create_job(JobSpec("j", {}, "p", uses_task_dependencies=True))
        shared = tmp_path / "order"
        last = Command(f"/bin/sh -c 'wc -l < {shared}'")
        parents = TaskDependencies(task_id_ranges=(TaskIdRange(1, 8),))
        engine.add_task("j", TaskSpec("last", {}, last, depends_on=parents))
        for number in range(1, 9):
            command = Command(f"/bin/sh -c 'echo {number} >> {shared}'")
            engine.add_task("j", TaskSpec(str(number), {}, command))
        _wait(engine, lambda state: state.task("j", "last").state is TaskState.COMPLETED)
        assert b"".join(engine.task_files("j", "last").read("stdout.txt")).strip() == b"8"
        with engine.reading() as state:
            assert state.job("j").counts.tasks.succeeded == 9
    finally:
        engine.close()


def test_no_task_outlives_an_emulator_that_is_killed_with_sigkill(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", EMULATOR, str(tmp_path / "root")], stdout=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdout is not None
        leader, child, stray = (int(word) for word in emulator.stdout.readline().split())
        emulator.send_signal(signal.SIGKILL)
    for pid in (leader, child, stray):
        wait_until_gone(pid)


def test_close_ends_running_tasks(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "root", machine_settings=MachineSettings(node_start_seconds=0.0))
    engine.create_pool(PoolSpec("p", {}, "standard_d2s_v3", target_dedicated_nodes=1))
    engine.create_job(JobSpec("j", {}, "p"))
    engine.add_task("j", TaskSpec("t", {}, Command("/bin/sh -c 'echo $$; exec sleep 1000'")))
    _wait(engine, lambda state: state.task("j", "t").run_id is not None)
    output = engine.task_files("j", "t").root / "stdout.txt"
    _wait(engine, lambda _: output.exists() and output.read_text().endswith("\n"))
    pid = int(output.read_text())
    engine.close()
    wait_until_gone(pid)
