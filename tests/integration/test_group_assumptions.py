"""
Whatever the service answers to an open question, a group ends as a plain Airflow DAG would.

A graph of members is launched into a real emulator, and is run by what runs it in Airflow: the mirrors in an
event loop, and late members and what mirrors refuse as on workers. Airflow itself is modelled: it lets a
member go when its upstream tasks are done, tries it again, and clears it. The questions and their answers:
``docs/assumptions.md``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskInstanceState

from airflow_provider_batch.domain import group_launch, ids, requests, watch
from airflow_provider_batch.domain.acceptance import Refused
from airflow_provider_batch.domain.flow import drive, pages
from airflow_provider_batch.domain.group_end import finish_group
from airflow_provider_batch.domain.group_job import GroupJobPlan
from airflow_provider_batch.domain.group_launch import Opening
from airflow_provider_batch.domain.ids import GroupIdentity, WorkIdentity
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.membership import MemberPlan, submit_member
from airflow_provider_batch.domain.pool_adoption import adopt_pool
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import TaskPlan, task_fingerprint
from airflow_provider_batch.domain.watch import WatchOptions
from airflow_provider_batch.emulator.model.assumptions import Assumptions
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.effects import WorkerEffects
from airflow_provider_batch.triggers import end_events, kill, launch_news
from airflow_provider_batch.triggers import mirror as mirror_module
from airflow_provider_batch.triggers import task as task_module
from airflow_provider_batch.triggers.mirror import AzureBatchMirrorTrigger
from airflow_provider_batch.triggers.task import AzureBatchTaskTrigger
from tests.emulator_process import EmulatorProcess
from tests.integration.conftest import CONN_ID, POOL

SATISFY = {"dependencyAction": "satisfy"}
INTERVAL = 0.2
LIMIT_SECONDS = 30.0
#: how a task that is run on a worker says so in a state
LAUNCH = "g.launch"

#: the other answer to each question, and one to none
OTHER_ANSWERS = [
    ("", ""),
    ("forward_references", "refused"),
    ("reactivation_unblocks", "no"),
    ("rerun_output", "append"),
    ("list_lag", "3"),
    ("stale_counts", "3600"),
    ("enum_case", "capital"),
    ("wall_clock", "total"),
    ("patch_active_job", "refused"),
    ("etag_on_node_changes", "moves"),
    ("undeclared_dependencies", "TaskDependenciesNotSpecifiedOnJob"),
    ("empty_job", "stays_active"),
    ("deleted_parent", "satisfies"),
    ("recovery_counts", "yes"),
    ("killed_exit_code", "137"),
    ("wall_clock_code", "TaskMaxWallClockTimeReached"),
    ("bad_credentials", "401"),
    ("long_collection", "RequestBodyTooLarge"),
    ("task_order", "creation"),
    ("scaled_pool_resize", "OperationInvalidForCurrentState"),
    ("file_mode", "100644"),
    ("retry_after", "date"),
]


@dataclass(frozen=True)
class Member:
    """A member of the graph: its upstream members, and what is special about it."""

    name: str
    upstream: tuple[str, ...] = ()
    width: int | None = None
    retries: int = 0
    all_done: bool = False
    satisfies: bool = False
    is_late: bool = False
    constraints: dict[str, Any] = field(default_factory=dict)

    @property
    def indexes(self) -> range:
        return range(-1, 0) if self.width is None else range(self.width)


#: runs that a member fails, and how often all of them ran in the end
FAILURES = {"b": 1, "slow": 1, "r": 1}
RUNS = {"b": 2, "c": 1, "m0": 1, "m1": 1, "m2": 1, "z": 1, "w": 1, "slow": 3, "after": 1, "r": 1, "e": 1}
RUNS |= {"k": 2, "kc": 1}
STATES = dict.fromkeys(("b", "c", "m0", "m1", "m2", "z", "w", "slow", "after", "e", "k", "kc"), "success")
STATES |= {"r": "failed"}

GRAPH = (
    Member("b", retries=1),
    Member("c", ("b",)),
    Member("m", ("c",), width=3),
    Member("z", ("m",)),
    Member("w", ("z",), is_late=True),
    # Its second run, by Batch, hangs and is ended by its clock; the third is Airflow's.
    Member("slow", retries=1, constraints={"maxTaskRetryCount": 1, "maxWallClockTime": "PT2S"}),
    Member("after", ("slow",)),
    Member("r", satisfies=True),
    Member("e", ("r",), all_done=True),
    # It is cleared while it runs.
    Member("k"),
    Member("kc", ("k",)),
)


class Airflow:
    """
    As much of Airflow as the graph needs, and the account that its connection names.

    :param folder: through which the members are told what to do, and where they note their runs.
    """

    def __init__(self, hook: AzureBatchHook, batch_pool_id: str, folder: Path, run_id: str) -> None:
        self.hook = hook
        self.folder = folder
        self.group = GroupIdentity("dep", "assumptions", run_id, "g", "2026-01-01T00:00:00.000000+00:00")
        self.plan = GroupJobPlan(self.group, batch_pool_id)
        self.launched: Launched | None = None
        self.members = {member.name: member for member in GRAPH}
        self.states: dict[str, str] = {}
        self.logs: dict[str, list[str]] = {}
        self.by_workers: set[str] = set()
        self.xcoms: dict[tuple[str, int, str], Any] = {}
        self.done = {name: asyncio.Event() for name in self.members}
        self.running: dict[str, tuple[AzureBatchMirrorTrigger, asyncio.Task[Any]]] = {}

    # --- members -------------------------------------------------------------------------------------

    def command(self, label: str) -> str:
        """It notes its run and waits while ``<label>.hold`` exists; its first runs may fail, or hang."""
        failures = FAILURES.get(label, 0)
        hangs = "2" if label == "slow" else "none"
        return f"""/bin/bash -c '
cd {self.folder}; echo run >> {label}.runs; n=$(grep -c run {label}.runs); echo begun {label} $n
while [ -e {label}.hold ]; do sleep 0.1; done
[ $n != {hangs} ] || sleep 600
[ $n -gt {failures} ] || exit 3
echo ended {label}'"""

    def body(self, member: Member, index: int) -> dict[str, Any]:
        body: dict[str, Any] = {"commandLine": self.command(label_of(member.name, index))}
        return body | ({"constraints": member.constraints} if member.constraints else {})

    def planned(self, member: Member, index: int) -> dict[str, Any]:
        """The task that launch adds for a member."""
        body = self.body(member, index)
        own = ids.task_environment(self.group, member.name, index, task_fingerprint(body))
        own.append({"name": ids.DEFINITION, "value": "d"})
        planned = {**body, "id": ids.member_task_id(member.name, index), "environmentSettings": own}
        if member.upstream:
            parents = [self.members[name] for name in member.upstream]
            task_ids = [ids.member_task_id(p.name, i) for p in parents for i in p.indexes]
            planned["dependsOn"] = {"taskIds": task_ids}
        if member.satisfies:
            planned["exitConditions"] = {"default": SATISFY}
        return planned

    def work(self, member: Member, index: int, max_tries: int) -> WorkIdentity:
        return WorkIdentity(
            "dep", "assumptions", self.group.run_id, member.name, index, self.group.run_started, max_tries
        )

    def runs(self) -> dict[str, int]:
        return {file.stem: file.read_text().count("run") for file in sorted(self.folder.glob("*.runs"))}

    # --- the run ---------------------------------------------------------------------------------------

    def launch(self) -> None:
        """Do what the launch operator does with the service."""
        (self.folder / "k.hold").touch()
        tasks = [self.planned(m, index) for m in GRAPH if not m.is_late for index in m.indexes]
        generation, _ = self.drive(group_launch.open_for_launch(self.plan, Opening(0, "shape")))
        self.drive(group_launch.launch(self.plan, generation, tasks, is_new=True))
        self.launched = Launched(generation.batch_job_id, generation.number, self.plan.batch_pool_id, CONN_ID)
        self.xcoms[LAUNCH, -1, "return_value"] = self.launched.as_json()

    async def run_members(self) -> None:
        """Run every member to its end, and meanwhile clear one."""
        everything = asyncio.gather(*map(self.run_member, GRAPH), self.clear_while_it_runs("k"))
        try:
            await asyncio.wait_for(everything, LIMIT_SECONDS)
        except asyncio.TimeoutError as error:
            raise TimeoutError(f"{self.states}, runs {self.runs()}, {self.logs}") from error

    async def run_member(self, member: Member) -> None:
        for upstream in member.upstream:
            await self.done[upstream].wait()
        ends = {label_of(p, i) for p in member.upstream for i in self.members[p].indexes}
        if member.all_done or all(self.states[label] == "success" for label in ends):
            await asyncio.gather(*(self.run_instance(member, index) for index in member.indexes))
        else:
            self.states |= {label_of(member.name, index): "upstream_failed" for index in member.indexes}
        self.done[member.name].set()

    async def run_instance(self, member: Member, index: int) -> None:
        label = label_of(member.name, index)
        tries, try_number, max_tries = member.retries + 1, 1, member.retries
        while try_number <= tries:
            try:
                state = await self.run_try(member, index, try_number, max_tries)
            except Cleared:
                # Airflow lets it have as many tries as before.
                max_tries, tries = try_number + member.retries, try_number + member.retries + 1
                state = "cleared"
            self.states[label] = state
            if state == "success":
                return
            try_number += 1

    async def run_try(self, member: Member, index: int, try_number: int, max_tries: int) -> str:
        label = label_of(member.name, index)
        if member.is_late:
            return await self.run_on_worker(member, index, try_number, max_tries, None)
        trigger = AzureBatchMirrorTrigger(LAUNCH, "d", poll_interval=INTERVAL, all_done=member.all_done)
        trigger.task_instance = self.task_instance(member, index, try_number)
        trigger._log = self.logger(label)  # type: ignore[assignment]
        fired = asyncio.ensure_future(first_event(trigger))
        self.running[label] = trigger, fired
        try:
            event = await fired
        except asyncio.CancelledError:
            raise Cleared from None
        state = getattr(event, "task_instance_state", None)
        if state is not None:
            return "success" if state == TaskInstanceState.SUCCESS else "failed"
        self.by_workers.add(label)
        refused = Refused(event.payload["refused"], [TaskKey(*key) for key in event.payload["retire"]])
        return await self.run_on_worker(member, index, try_number, max_tries, refused)

    def task_instance(self, member: Member, index: int, try_number: int) -> Any:
        return SimpleNamespace(
            dag_id=self.group.dag_id,
            run_id=self.group.run_id,
            task_id=member.name,
            map_index=index,
            try_number=try_number,
        )

    def member_plan(
        self,
        member: Member,
        index: int,
        try_number: int = 1,
        max_tries: int = 0,
        refused: Refused | None = None,
    ) -> MemberPlan:
        task = TaskPlan(
            self.work(member, index, max_tries),
            self.body(member, index),
            batch_pool_id=self.plan.batch_pool_id,
            group=self.group,
            definition="d",
        )
        return MemberPlan(
            self.plan,
            task,
            self.launched,
            try_number,
            tries_before_clear=max_tries - member.retries,
            refused=refused,
            failure_satisfies=member.all_done,
        )

    async def run_on_worker(
        self, member: Member, index: int, try_number: int, max_tries: int, refused: Refused | None
    ) -> str:
        for key in [key for key in self.xcoms if key[:2] == (member.name, index)]:
            del self.xcoms[key]  # as Airflow does where a task starts on a worker
        plan = self.member_plan(member, index, try_number, max_tries, refused)
        log = self.logger(label_of(member.name, index))

        def work() -> str:
            with AzureBatchHook(CONN_ID) as hook:
                effects = WorkerEffects(hook.get_conn(), log)
                submission = drive(submit_member(plan), effects)
                outcome = drive(watch.watch(submission, WatchOptions(INTERVAL)), effects)
            return "success" if outcome.succeeded else "failed"

        return await asyncio.to_thread(work)

    async def clear_while_it_runs(self, label: str) -> None:
        """Clear a member whose Batch task runs, as a person does."""
        await until(lambda: any("is running on node" in line for line in self.logs.get(label, ())))
        await until(lambda: bool(self.runs().get(label)))
        trigger, fired = self.running[label]
        fired.cancel()
        await trigger.on_kill()
        (self.folder / f"{label}.hold").unlink()

    def finish(self) -> None:
        """Do what the finish operator does with the service."""
        self.drive(finish_group(self.group))

    # --- what Airflow tells a trigger --------------------------------------------------------------------

    async def get_xcom(self, task_instance: Any, key: str, **other: Any) -> Any:
        address = {"task_id": task_instance.task_id, "map_index": task_instance.map_index, **other}
        return self.xcoms.get((address["task_id"], address["map_index"], key))

    async def set_xcom(self, task_instance: Any, key: str, value: Any) -> None:
        self.xcoms[task_instance.task_id, task_instance.map_index, key] = value

    async def state_of_task(self, task_instance: Any, task_id: str) -> str | None:
        return "success" if task_id == LAUNCH else None

    async def run_is_over(self, task_instance: Any) -> bool:
        return False

    # --- Batch -------------------------------------------------------------------------------------------

    def drive(self, flow: Any) -> Any:
        return drive(flow, WorkerEffects(self.hook.get_conn(), self.logger("group")))

    def jobs(self) -> dict[str, str]:
        """Jobs of the run and their states."""
        first = ids.group_job_id(self.group)
        found = self.drive(pages(requests.list_jobs(("id", "state"))))
        return {job["id"]: job["state"].lower() for job in found if job["id"].startswith(first)}

    def tasks(self) -> dict[str, Mapping[str, Any]]:
        """Tasks of the run by their ids, each asked for by itself: lists may be late."""
        found: dict[str, Mapping[str, Any]] = {}
        for job_id in self.jobs():
            for task in self.drive(pages(requests.list_tasks(job_id, ("id",)))):
                found[task["id"]] = self.hook.send(requests.get_task(TaskKey(job_id, task["id"]))).json
        return found

    def logger(self, label: str) -> logging.Logger:
        logger = logging.Logger(label, logging.INFO)  # noqa: LOG001 - one of its own
        logger.addHandler(_Collect(self.logs.setdefault(label, [])))
        return logger


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; who calls this has a limit of its own."""
    while not condition():  # noqa: ASYNC110 - a file that another process writes rings no bell
        await asyncio.sleep(0.05)


class Cleared(Exception):
    """The try was ended, since its task instance was cleared."""


class _Collect(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())


async def first_event(trigger: AzureBatchMirrorTrigger | AzureBatchTaskTrigger) -> Any:
    async for event in trigger.run():
        return event
    raise AssertionError("the trigger ended without an event")


def label_of(name: str, index: int) -> str:
    return name if index < 0 else f"{name}{index}"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    """An emulator of our own: its switches are turned."""
    with EmulatorProcess.start(tmp_path_factory.mktemp("assumptions") / "root") as running:
        yield running


@pytest.fixture
def assume(emulator: EmulatorProcess) -> Iterator[Callable[[str, str], None]]:
    """Turn a switch for one test."""
    yield emulator.assume
    for fact in Assumptions().listed():
        emulator.assume(str(fact["name"]), str(fact["value"]))


Assume = Callable[[str, str], None]


@pytest.fixture
def airflow(
    hook: AzureBatchHook, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Airflow:
    drive(
        adopt_pool({**POOL, "id": "assumptions", "vmSize": "standard_d16s_v5", "taskSlotsPerNode": 16}),
        WorkerEffects(hook.get_conn(), logging.getLogger(__name__)),
    )
    airflow = Airflow(hook, "assumptions", tmp_path, request.node.name)
    for module, names in (
        (launch_news, ("get_xcom", "state_of_task")),
        (mirror_module, ("get_xcom", "set_xcom")),
        (task_module, ("get_xcom", "set_xcom")),
        (kill, ("get_xcom", "run_is_over")),
        (end_events, ("set_xcom",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(airflow, name))
    # It looks into why a task waits after a second, not after a minute.
    monkeypatch.setattr(watch, "FIRST_LOOK", 1.0)
    monkeypatch.setattr(watch, "LOOK_EVERY", 1.0)
    return airflow


async def run_to_its_end(airflow: Airflow) -> None:
    """Run the whole graph; what a plain Airflow would make of it is checked."""
    await asyncio.to_thread(airflow.launch)
    await airflow.run_members()
    await asyncio.to_thread(airflow.finish)
    assert airflow.states == STATES
    assert airflow.runs() == RUNS, airflow.logs


def check_that_nothing_is_left(airflow: Airflow) -> None:
    assert set(airflow.jobs().values()) == {"completed"}
    # What had not begun when its job ended keeps its state, and never runs.
    assert {task["state"] for task in airflow.tasks().values()} <= {"completed", "active"}


@pytest.mark.parametrize(("fact", "answer"), OTHER_ANSWERS)
async def test_group_ends_as_a_plain_dag_would_whatever_the_service_answers(
    airflow: Airflow, assume: Assume, fact: str, answer: str
) -> None:
    if fact:
        assume(fact, answer)
    await run_to_its_end(airflow)
    assume("list_lag", "0")
    check_that_nothing_is_left(airflow)


async def test_only_what_waits_for_a_reactivated_member_goes_to_workers_where_it_is_not_unblocked(
    airflow: Airflow, assume: Assume
) -> None:
    assume("reactivation_unblocks", "no")
    await run_to_its_end(airflow)
    # All that Batch would have let go by a member that failed first, and those after them.
    assert airflow.by_workers == {"c", "m0", "m1", "m2", "z", "after", "kc"}


async def test_group_needs_no_worker_for_what_was_planned_where_all_is_as_assumed(airflow: Airflow) -> None:
    await run_to_its_end(airflow)
    assert airflow.by_workers == set()
    assert len(airflow.tasks()) == sum(len(member.indexes) for member in GRAPH)


@pytest.mark.parametrize(("answer", "times"), [("truncate", 1), ("append", 2)])
async def test_log_of_a_retry_loses_no_line_where_the_output_is_continued(
    airflow: Airflow, assume: Assume, answer: str, times: int
) -> None:
    assume("rerun_output", answer)
    await run_to_its_end(airflow)
    text = "\n".join(airflow.logs["b"])
    assert text.count("begun b 2") == text.count("ended b") == 1
    # In the log of its own try and, where the file was continued, again in that of the next.
    assert text.count("begun b 1") == times


@pytest.mark.parametrize("answer", ["stable", "moves"])
async def test_kill_of_a_late_member_ends_its_task_wherever_etags_move(
    airflow: Airflow, assume: Assume, answer: str
) -> None:
    assume("etag_on_node_changes", answer)
    await asyncio.to_thread(airflow.launch)
    (airflow.folder / "w.hold").touch()
    late = airflow.members["w"]
    submission = await asyncio.to_thread(airflow.drive, submit_member(airflow.member_plan(late, -1)))
    trigger = AzureBatchTaskTrigger(CONN_ID, asdict(submission), poll_interval=INTERVAL)
    trigger.task_instance = airflow.task_instance(late, -1, 1)
    trigger._log = airflow.logger("w")  # type: ignore[assignment]
    watching = asyncio.ensure_future(first_event(trigger))
    await asyncio.wait_for(until(lambda: bool(airflow.runs().get("w"))), LIMIT_SECONDS)
    watching.cancel()
    await trigger.on_kill()
    task = await asyncio.to_thread(airflow.hook.send, requests.get_task(submission.key))
    assert task.json["executionInfo"]["failureInfo"]["code"] == "TaskEnded"
    await asyncio.to_thread(airflow.finish)
    check_that_nothing_is_left(airflow)
