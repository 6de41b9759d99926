"""
The machine in a world without processes: time, timers and processes are lists that a test moves.

Every event is followed by a check of what must always hold. The rules are written again here, simply and
slowly, so that the machine's indexes are compared with what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_batch.emulator.engine.timers import TimerQueue
from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.machine import events, schedule_events
from airflow_provider_batch.emulator.machine.autoscale_events import UsageMeasured
from airflow_provider_batch.emulator.machine.instructions import (
    DeleteDirectory,
    FreezeProcess,
    Instruction,
    KillProcess,
    MeasureUsage,
    PrepareNode,
    ProceedRun,
    RunKind,
    RunProcess,
    SetTimer,
)
from airflow_provider_batch.emulator.machine.machine import Machine
from airflow_provider_batch.emulator.machine.restart_events import EmulatorRestarted
from airflow_provider_batch.emulator.machine.runs import Ending, Run
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.tables import JOB_OPEN
from airflow_provider_batch.emulator.model.assumptions import EtagOnNodeChanges, ReactivationUnblocks
from airflow_provider_batch.emulator.model.commands import Command
from airflow_provider_batch.emulator.model.ids import id_key, numeric_id
from airflow_provider_batch.emulator.model.jobs import Job, JobSpec
from airflow_provider_batch.emulator.model.nodes import Node
from airflow_provider_batch.emulator.model.pools import Pool, PoolSpec
from airflow_provider_batch.emulator.model.schedules import (
    JobSchedule,
    JobScheduleSpec,
    ScheduleConfiguration,
)
from airflow_provider_batch.emulator.model.states import (
    AllocationState,
    DependencyAction,
    JobScheduleState,
    JobState,
    NodeState,
    PoolState,
    SchedulingState,
    TaskResult,
    TaskState,
)
from airflow_provider_batch.emulator.model.tasks import Task, TaskSpec

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
COMMAND = Command("/bin/true")
_ENDED = (JobScheduleState.COMPLETED, JobScheduleState.DELETING)

_USER_EVENTS = (
    events.CreatePool,
    events.PoolVerb,
    events.CreateJob,
    events.JobVerb,
    events.AddTask,
    events.TaskVerb,
    schedule_events.CreateJobSchedule,
    schedule_events.JobScheduleVerb,
)


_GETS_DIRECTORIES = (
    NodeState.CREATING,
    NodeState.STARTING,
    NodeState.REIMAGING,
    NodeState.UPGRADING_OS,
)
_TASK_KINDS = (RunKind.TASK, RunKind.SUBTASK)
_RUNS_START_TASK = (
    NodeState.WAITING_FOR_START_TASK,
    NodeState.IDLE,
    NodeState.RUNNING,
    NodeState.OFFLINE,
    # One that the node need not wait for is tried again.
    NodeState.UNKNOWN,
)


class Simulation:
    """
    A machine and its surroundings.

    :param starts_processes: processes begin at once; else :meth:`begin` lets them.
    :param make_machine: makes another kind of machine.
    """

    def __init__(
        self,
        settings: MachineSettings | None = None,
        *,
        starts_processes: bool = True,
        make_machine: Callable[[MachineSettings], Machine] = Machine,
    ) -> None:
        self.machine = make_machine(settings or MachineSettings(node_start_seconds=3.0))
        self.now = START
        self.timers = TimerQueue()
        self.processes: dict[int, RunProcess] = {}
        self.begun: set[int] = set()
        self.killed: set[int] = set()
        self.coordinated: set[int] = set()
        self.proceeded: set[int] = set()
        self.frozen: dict[int, bool] = {}
        self.deleted: list[DeleteDirectory] = []
        self.measurements: list[tuple[str, int]] = []
        self.started: list[str] = []
        self.starts_processes = starts_processes
        # The oracle of dependencies: for each task (by serial) the parents that it still waits for.
        self._pending: dict[int, set[str | int]] = {}
        # The oracle of preparation and release, by job (serial) and node: the image that was prepared last,
        # where preparation was ended well or not, where tasks ran on that image, and where it was released.
        self._prepared: dict[tuple[int, str], int] = {}
        self._over: set[tuple[int, str]] = set()
        self._ran: dict[tuple[int, str], int] = {}
        self._released: set[tuple[int, str]] = set()

    # --- what happens ---------------------------------------------------------------------------------

    def do(self, kind: type[events.Event], *arguments: Any, **options: Any) -> list[Instruction]:
        """Let something happen now."""
        return self.feed(kind(self.now, *arguments, **options))

    def feed(self, event: events.Event) -> list[Instruction]:
        """Give the machine an event and check everything."""
        before = self._snapshot()
        abandoned = self._abandoned_by(event)
        self._note_preparation(event)
        try:
            instructions = self.machine.handle(event)
        except ServiceError:
            assert self._snapshot() == before, "a refused request has changed something"
            raise
        self._note_added(event)
        self._note_abandoned(event, abandoned)
        self._note_satisfied()
        self._check_instances_together(instructions)
        for instruction in instructions:
            self._perform(instruction)
        self._check_passages(event, before)
        self.check()
        while self.measurements:
            self.do(UsageMeasured, *self.measurements.pop(0), {"$CPUPercent": 0.5})
        if self.starts_processes:
            for run_id in [run_id for run_id in self.processes if run_id not in self.begun]:
                self.begin(run_id)
        return instructions

    def refused(self, kind: type[events.Event], *arguments: Any, **options: Any) -> str:
        """Let a user ask for what is refused; return the code of the refusal."""
        try:
            self.do(kind, *arguments, **options)
        except ServiceError as error:
            return error.code
        raise AssertionError(f"{kind.__name__} was not refused")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with all that is due meanwhile, each at its moment."""
        end = self.now + timedelta(seconds=seconds)
        while (due := self.timers.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            timer = self.timers.take_due(self.now)
            assert timer is not None
            self.do(events.TimerDue, timer)
        self.now = end

    def restart(self, machine: Machine, timers: TimerQueue) -> None:
        """Let the emulator be killed and begin again with what it remembers: all processes are gone."""
        for run in machine.world.runs.values():
            place = (run.job_serial, run.node_key)
            if run.kind is RunKind.RELEASE and run.ending is None:
                self._released.discard(place)
            if run.kind is RunKind.PREPARATION and run.ending is Ending.WALL_CLOCK:
                self._over.add(place)
        for gone in (self.processes, self.begun, self.killed, self.coordinated, self.proceeded, self.frozen):
            gone.clear()
        self.machine, self.timers = machine, timers
        self.do(EmulatorRestarted)

    def begin(self, run_id: int) -> None:
        """Let a process start."""
        self.begun.add(run_id)
        self.do(events.ProcessStarted, run_id)

    def end(self, run_id: int, exit_code: int | None) -> None:
        """Let a process end."""
        self._forget(run_id)
        self.do(events.ProcessExited, run_id, exit_code)

    def end_killed(self) -> None:
        """Let every process that was killed be gone."""
        while self.killed:
            self.end(min(self.killed), 137)

    def coordinate(self, run_id: int) -> None:
        """Let the coordination command of an instance succeed."""
        self.coordinated.add(run_id)
        self.do(events.ProcessCoordinated, run_id)

    def instances(self, task_id: str = "t", job_id: str = "j") -> list[int]:
        """Return the runs of a task on several nodes, the primary's first."""
        found = [r for r in self.processes.values() if (r.job_id, r.task_id) == (job_id, task_id)]
        return [r.run_id for r in sorted(found, key=_number)]

    def exit(self, task_id: str, exit_code: int = 0, job_id: str = "j") -> None:
        """Let the process of a task exit."""
        self.end(self.run_of(task_id, job_id), exit_code)

    def fail_to_start(self, task_id: str, failure: Any, job_id: str = "j") -> None:
        """Let the process of a task not start."""
        run_id = self.run_of(task_id, job_id)
        self._forget(run_id)
        self.do(events.ProcessNotStarted, run_id, failure)

    def _forget(self, run_id: int) -> None:
        del self.processes[run_id]
        self.begun.discard(run_id)
        self.killed.discard(run_id)
        self.coordinated.discard(run_id)
        self.proceeded.discard(run_id)

    # --- shorthand ------------------------------------------------------------------------------------

    def pool(self, pool_id: str = "p", nodes: int = 1, *, ready: bool = True, **spec: Any) -> Pool:
        """Create a pool; by default its nodes are idle on return."""
        spec.setdefault("vm_size", "standard_d2s_v3")
        self.do(events.CreatePool, PoolSpec(pool_id, {}, target_dedicated_nodes=nodes, **spec))
        if ready:
            self.pass_time(3.0)
        return self.machine.state.pool(pool_id)

    def job(self, job_id: str = "j", pool_id: str = "p", **spec: Any) -> Job:
        """Create a job that uses dependencies."""
        spec.setdefault("uses_task_dependencies", True)
        self.do(events.CreateJob, JobSpec(job_id, {}, pool_id, **spec))
        return self.machine.state.job(job_id)

    def special_run(self, kind: RunKind, node: Node, job_id: str = "j") -> int:
        """Return the process of a job's preparation or release task on a node."""
        here = [
            r for r in self.processes.values() if (r.kind, r.node_id, r.job_id) == (kind, node.id, job_id)
        ]
        assert len(here) == 1, f"{len(here)} processes of the {kind.value}"
        return here[0].run_id

    def schedule(
        self,
        schedule_id: str = "s",
        job: JobSpec | None = None,
        **configuration: Any,
    ) -> JobSchedule:
        """Create a job schedule."""
        job = job or JobSpec("", {}, "p")
        spec = JobScheduleSpec(schedule_id, {}, ScheduleConfiguration(**configuration), job)
        self.do(schedule_events.CreateJobSchedule, spec)
        return self.machine.state.schedule(schedule_id)

    def task(self, task_id: str = "t", job_id: str = "j", **spec: Any) -> Task:
        """Add a task."""
        self.do(events.AddTask, job_id, TaskSpec(task_id, {}, COMMAND, **spec))
        return self.machine.state.task(job_id, task_id)

    def run_of(self, task_id: str, job_id: str = "j") -> int:
        """Return the run of a running task."""
        run_id = self.machine.state.task(job_id, task_id).run_id
        assert run_id is not None, f"{job_id}/{task_id} does not run"
        return run_id

    def running(self, job_id: str = "j") -> list[str]:
        """Return ids of running tasks, in order of creation."""
        return self.tasks_in(TaskState.RUNNING, job_id)

    def tasks_in(self, state: TaskState, job_id: str = "j") -> list[str]:
        """Return ids of tasks in a state, in order of creation."""
        return [t.id for t in self.machine.state.job(job_id).tasks.values() if t.state is state]

    def nodes(self, pool_id: str = "p") -> list[Node]:
        """Return the nodes of a pool."""
        return list(self.machine.state.pool(pool_id).nodes.values())

    # --- instructions ---------------------------------------------------------------------------------

    def _perform(self, instruction: Instruction) -> None:
        if isinstance(instruction, SetTimer):
            assert instruction.due >= self.now
            self.timers.put(instruction.due, instruction.timer)
        elif isinstance(instruction, PrepareNode):
            node = self.machine.state.node(instruction.pool_id, instruction.node_id)
            assert node.state in _GETS_DIRECTORIES
            assert not any((r.pool_id, r.node_id) == (node.pool_id, node.id) for r in self.processes.values())
        elif isinstance(instruction, KillProcess):
            assert instruction.run_id in self.processes, "a kill for a process that is not there"
            assert instruction.run_id not in self.killed, "a second kill"
            self.killed.add(instruction.run_id)
        elif isinstance(instruction, ProceedRun):
            self._check_proceeding(instruction.run_id)
            self.proceeded.add(instruction.run_id)
        elif isinstance(instruction, MeasureUsage):
            self.measurements.append((instruction.pool_key, instruction.pool_serial))
        elif isinstance(instruction, FreezeProcess):
            assert instruction.run_id in self.processes
            self.frozen[instruction.run_id] = instruction.frozen
        elif isinstance(instruction, DeleteDirectory):
            self._check_deletion(instruction)
            self.deleted.append(instruction)
        else:
            self._check_start(instruction)
            self.processes[instruction.run_id] = instruction
            self.started.append(instruction.task_id or "(start task)")

    def _check_deletion(self, instruction: DeleteDirectory) -> None:
        for run_id, run in self.processes.items():
            if run.pool_id != instruction.pool_id or instruction.node_id not in (None, run.node_id):
                continue
            if f"{run.directory}/".startswith(f"{instruction.directory}/") or not instruction.directory:
                assert run_id in self.killed, "a directory is deleted under a process that is wanted"

    def _check_start(self, run: RunProcess) -> None:
        assert run.run_id not in self.processes, "a run is started twice"
        node = self.machine.state.node(run.pool_id, run.node_id)
        if run.kind is RunKind.START_TASK:
            assert node.state in _RUNS_START_TASK
            return
        if run.kind is RunKind.PACKAGES:
            assert node.state is NodeState.STARTING
            return
        assert run.job_id is not None
        assert run.task_id is not None
        job = self.machine.state.job(run.job_id)
        if run.kind in _TASK_KINDS:
            self._check_task_start(run, job, node)
        elif run.kind is RunKind.PREPARATION:
            self._check_preparation_start(run, job)
        else:
            self._check_release_start(job, node)

    def _check_preparation_start(self, run: RunProcess, job: Job) -> None:
        assert job.state in JOB_OPEN, f"a job in state {job.state} prepares a node"
        assert job.spec.preparation is not None
        for other in self.processes.values():
            same = (other.kind, other.job_id, other.node_id) == (run.kind, run.job_id, run.node_id)
            # What a job ended by force has left behind may still be dying when the next of its id begins.
            assert not same or other.run_id in self.killed, "a node is prepared twice at once"

    def _check_release_start(self, job: Job, node: Node) -> None:
        place = (job.serial, id_key(node.id))
        assert job.state in (JobState.TERMINATING, JobState.DELETING)
        assert place not in self._released, "a node is released twice"
        self._released.add(place)
        assert place in self._over, "a node is released on which the preparation has not ended"
        assert self._ran.get(place) == node.image, "a node is released on which no task has run"
        others = [self.machine.world.runs[run_id] for run_id in job.runs]
        assert not others, "a node is released while tasks run"

    def _check_task_start(self, run: RunProcess, job: Job, node: Node) -> None:
        assert run.job_id is not None
        assert run.task_id is not None
        task = self.machine.state.task(run.job_id, run.task_id)
        if task.previous_state is TaskState.PREPARING:
            assert job.state in (JobState.ACTIVE, JobState.DISABLING)
        else:
            assert node.state is NodeState.RUNNING
            assert node.scheduling_state is SchedulingState.ENABLED, "a node takes a task that may take none"
            assert job.state is JobState.ACTIVE, f"a job in state {job.state} starts a task"
        place = (job.serial, id_key(node.id))
        if job.spec.preparation is not None:
            self._ran[place] = node.image
            if job.spec.preparation.wait_for_success:
                assert self._prepared.get(place) == node.image, "a task starts on an unprepared node"
        self._check_manager_first(job, task)
        same = [
            r
            for r in self.processes.values()
            if r.kind in _TASK_KINDS and (r.job_id, r.task_id) == (run.job_id, run.task_id)
        ]
        for other in same:
            assert other.run_id in self.killed or _are_one_run(other, run), "a task runs twice at once"
        assert not self._pending[task.serial], "a task starts before its parents are satisfied"

    def _check_instances_together(self, instructions: Sequence[Instruction]) -> None:
        """Of the instances of a task all begin at once, on as many nodes, or none does."""
        begun: dict[tuple[str | None, str | None], list[RunProcess]] = {}
        for instruction in instructions:
            if isinstance(instruction, RunProcess) and instruction.instance is not None:
                begun.setdefault((instruction.job_id, instruction.task_id), []).append(instruction)
        for runs in begun.values():
            instance = runs[0].instance
            assert instance is not None
            number = instance.settings.number_of_instances
            assert [_number(run) for run in runs] == list(range(number))
            assert len({run.node_id for run in runs}) == number == len(instance.addresses)
            assert [run.kind for run in runs] == [RunKind.TASK] + [RunKind.SUBTASK] * (number - 1)

    def _check_proceeding(self, run_id: int) -> None:
        """The primary goes on once, when all instances are coordinated and wanted."""
        assert run_id not in self.proceeded
        assert run_id not in self.killed
        group = self.machine.world.groups[run_id]
        assert set(group.places) == set(group.runs.values())
        assert set(group.places) <= self.coordinated

    def _check_manager_first(self, job: Job, task: Task) -> None:
        manager = next((t for t in job.tasks.values() if t.serial == job.manager_serial), None)
        if manager is not None and task is not manager and task.previous_state is TaskState.ACTIVE:
            assert manager.state is not TaskState.ACTIVE, "a task starts before the manager of its job"

    # --- the oracle -----------------------------------------------------------------------------------

    def _snapshot(self) -> dict[str, Any]:
        state = self.machine.state
        return {
            "state": repr(state),
            "runs": repr(self.machine.world.runs),
            "pools": {p.serial: p.last_modified for p in state.pools.values()},
            "jobs": {j.serial: (j.last_modified, j.state) for j in state.jobs.values()},
            "schedules": {s.serial: s.last_modified for s in state.schedules.values()},
            "tasks": {
                t.serial: (t.last_modified, t.state) for j in state.jobs.values() for t in j.tasks.values()
            },
        }

    def _note_preparation(self, event: events.Event) -> None:
        if not isinstance(event, events.ProcessExited | events.ProcessNotStarted):
            return
        run = self.machine.world.runs[event.run_id]
        if run.kind is not RunKind.PREPARATION or run.ending not in (None, Ending.WALL_CLOCK):
            return
        place = (run.job_serial, run.node_key)
        self._over.add(place)
        if isinstance(event, events.ProcessExited) and event.exit_code == 0 and run.ending is None:
            self._prepared[place] = self.machine.world.node_of(run).image

    def _note_added(self, event: events.Event) -> None:
        for job in self.machine.state.jobs.values():
            if job.manager_serial is not None:
                self._pending.setdefault(job.manager_serial, set())
        if not isinstance(event, events.AddTask):
            return
        job = self.machine.state.job(event.job_id)
        task = self.machine.state.task(event.job_id, event.spec.id)
        pending: set[str | int] = {id_key(parent) for parent in event.spec.depends_on.task_ids}
        for ids in event.spec.depends_on.task_id_ranges:
            pending.update(range(ids.start, ids.end + 1))
        self._pending[task.serial] = pending - _satisfied(job)

    def _abandoned_by(self, event: events.Event) -> set[str | int]:
        """The names of a task whose reactivation leaves those who wait for it where they are, if it does."""
        unblocks = self.machine.world.assumptions.reactivation_unblocks
        if not isinstance(event, events.ReactivateTask) or unblocks is ReactivationUnblocks.YES:
            return set()
        job = self.machine.state.jobs.get(id_key(event.job_id))
        task = None if job is None else job.tasks.get(id_key(event.task_id))
        if task is None or _satisfies(task):
            return set()
        number = numeric_id(task.id)
        return {id_key(task.id)} if number is None else {id_key(task.id), number}

    def _note_abandoned(self, event: events.Event, names: set[str | int]) -> None:
        if isinstance(event, events.ReactivateTask):
            for task in self.machine.state.job(event.job_id).tasks.values():
                pending = self._pending[task.serial]
                for name in pending & names:
                    pending.remove(name)
                    pending.add(f"never {name!r}")

    def _note_satisfied(self) -> None:
        for job in self.machine.state.jobs.values():
            satisfied = _satisfied(job)
            for task in job.tasks.values():
                self._pending[task.serial] -= satisfied

    def _check_passages(self, event: events.Event, before: dict[str, Any]) -> None:
        by_user = isinstance(event, _USER_EVENTS)
        moves = self.machine.world.assumptions.etag_on_node_changes is EtagOnNodeChanges.MOVES
        for job in self.machine.state.jobs.values():
            for task in job.tasks.values():
                modified, state = before["tasks"].get(task.serial, (task.last_modified, task.state))
                if state is TaskState.COMPLETED and task.state is not TaskState.COMPLETED:
                    assert isinstance(event, events.ReactivateTask), "completed is left only by reactivate"
                    assert id_key(event.task_id) == id_key(task.id)
                assert by_user or moves or task.last_modified == modified, "a node has moved a task's ETag"
            modified, job_state = before["jobs"].get(job.serial, (job.last_modified, job.state))
            if not by_user and not moves and job.state is job_state:
                assert job.last_modified == modified, "a node has moved a job's ETag"
        for pool in self.machine.state.pools.values():
            modified = before["pools"].get(pool.serial, pool.last_modified)
            may_move = by_user or pool.state is PoolState.DELETING
            assert may_move or pool.last_modified == modified, "a node has moved a pool's ETag"
        for schedule in self.machine.state.schedules.values():
            modified = before["schedules"].get(schedule.serial, schedule.last_modified)
            assert by_user or schedule.last_modified == modified, "time has moved a schedule's ETag"
        for job in self.machine.state.jobs.values():
            if job.schedule_id is not None and job.serial not in before["jobs"]:
                self._check_new_job(job, self.machine.state.schedule(job.schedule_id))

    def _check_new_job(self, job: Job, schedule: JobSchedule) -> None:
        """A schedule has just created a job: was it allowed to?"""
        rule, due = schedule.spec.configuration, schedule.last_run
        assert job.id == schedule.recent_job_id == f"{schedule.id}:job-{schedule.jobs_made}"
        assert due is not None
        assert due <= self.now, "a job came too early"
        for width in (rule.start_window, rule.recurrence_interval):
            assert width is None or self.now < due + width, "a job came after its window"
        assert rule.do_not_run_until is None or self.now >= rule.do_not_run_until
        assert rule.do_not_run_after is None or self.now <= rule.do_not_run_after
        # It may have completed at once, and its schedule with it, when its pool was refused.
        assert schedule.state is JobScheduleState.ACTIVE or job.state is JobState.COMPLETED

    # --- what always holds ----------------------------------------------------------------------------

    def check(self) -> None:
        """Check what must hold between any two events."""
        runs = self.machine.world.runs.values()
        assert {run.id for run in runs if not run.held} == self.processes.keys(), "runs and processes differ"
        for run in runs:
            is_nobodys = run.kind not in (RunKind.START_TASK, RunKind.PACKAGES) and run.job_key is None
            assert not is_nobodys or run.id in self.killed, "a run that nobody waits for was not ended"
        for pool in self.machine.state.pools.values():
            self._check_pool(pool)
        for job in self.machine.state.jobs.values():
            self._check_job(job)
        for schedule in self.machine.state.schedules.values():
            self._check_schedule(schedule)
        self._check_nothing_waits_in_vain()
        for group in self.machine.world.groups.values():
            assert set(group.runs.values()) <= self.machine.world.runs.keys()

    def _check_schedule(self, schedule: JobSchedule) -> None:
        jobs = {
            k: j
            for k, j in self.machine.state.jobs.items()
            if id_key(j.schedule_id or "") == id_key(schedule.id)
        }
        assert list(schedule.job_keys) == list(jobs)
        running = [j for j in jobs.values() if j.state not in (JobState.COMPLETED, JobState.DELETING)]
        assert len(running) <= 1, "a schedule has two active jobs"
        assert (schedule.end_time is None) or schedule.state in _ENDED
        if schedule.state is JobScheduleState.ACTIVE:
            due = schedule.next_run_time
            waits = any(j.state is not JobState.COMPLETED for j in jobs.values())
            # One that is due now may still come: there are other timers of the same moment.
            assert due is None or due >= self.now or waits, "a job could be created and is not"
        else:
            assert schedule.state is JobScheduleState.DISABLED or schedule.next_run_time is None
        if schedule.state is JobScheduleState.COMPLETED:
            assert not running, "a completed schedule has an active job"
            assert schedule.end_time is not None
            self._check_discarded(schedule.auto_pool_id, schedule.spec.job)
        if schedule.state is JobScheduleState.DELETING:
            assert jobs, "a schedule without jobs has not vanished"
            assert all(j.state is JobState.DELETING for j in jobs.values())

    def _check_discarded(self, pool_id: str | None, spec: JobSpec) -> None:
        """An automatic pool whose lifetime is over is on its way out, unless it is to be kept."""
        pool = self.machine.state.pools.get(id_key(pool_id or ""))
        keep_alive = spec.auto_pool is not None and spec.auto_pool.keep_alive
        assert pool is None or keep_alive or pool.state is PoolState.DELETING

    def _check_pool(self, pool: Pool) -> None:
        world = self.machine.world
        for key, node in pool.nodes.items():
            here = [r for r in world.runs.values() if (r.pool_key, r.node_key) == (id_key(pool.id), key)]
            tasks = [r for r in here if r.kind in _TASK_KINDS]
            assert node.runs == {r.id for r in here}
            assert node.used_slots == sum(r.slots for r in tasks)
            assert node.running_tasks_count == len(tasks)
            assert node.used_slots <= pool.spec.task_slots_per_node, "slots are oversubscribed"
            if node.state in (NodeState.IDLE, NodeState.RUNNING):
                assert (node.state is NodeState.RUNNING) == bool(tasks)
            if node.state is NodeState.OFFLINE:
                assert not tasks, "a node with a task is offline"
            if node.state in (NodeState.IDLE, NodeState.OFFLINE):
                enabled = node.scheduling_state is SchedulingState.ENABLED
                assert enabled == (node.state is NodeState.IDLE)
            if node.state in (NodeState.DEALLOCATED, NodeState.CREATING, NodeState.STARTING):
                others = [r for r in here if r.kind is not RunKind.PACKAGES]
                assert not others, "something runs on a node that is not up"
            without = node.state in (NodeState.DEALLOCATED, NodeState.PREEMPTED)
            assert node.state is NodeState.LEAVING_POOL or without == (node.held_since is None)
            if node.state is NodeState.LEAVING_POOL and not node.keeps_files:
                assert here, "a node without work has not left"
        if pool.auto_scale is not None:
            assert pool.auto_scale.run is not None, "a pool scales without any evaluation"
        assert pool.target_dedicated_nodes >= 0
        assert pool.target_low_priority_nodes >= 0
        if pool.allocation_state is AllocationState.STEADY:
            staying = [n for n in pool.nodes.values() if n.state is not NodeState.LEAVING_POOL]
            dedicated = sum(n.is_dedicated for n in staying)
            assert dedicated <= pool.target_dedicated_nodes
            assert len(staying) - dedicated <= pool.target_low_priority_nodes

    def _check_job(self, job: Job) -> None:
        world = self.machine.world
        runs = {r.id for r in world.runs.values() if r.job_serial == job.serial}
        special = {run_id for run_id in runs if world.runs[run_id].kind not in _TASK_KINDS}
        assert job.runs == runs - special
        assert job.special_runs == special
        if job.state in (JobState.DISABLED, JobState.COMPLETED):
            assert not runs, f"a job in state {job.state} has processes"
        if job.state is JobState.COMPLETED:
            self._check_discarded(job.auto_pool_id, job.spec)
        if job.state is not JobState.DELETING:
            assert (job.end_time is not None) == (job.state is JobState.COMPLETED)
        for key, task in job.tasks.items():
            assert key == id_key(task.id)
            self._check_task(job, task)
        self._check_counts(job)

    def _check_task(self, job: Job, task: Task) -> None:
        info = task.execution_info
        if task.state in (TaskState.RUNNING, TaskState.PREPARING):
            assert task.run_id is not None
            if task.spec.multi_instance is not None:
                self._check_instances(job, task, task.run_id)
                return
            run = self.machine.world.runs[task.run_id]
            assert run.held == (task.state is TaskState.PREPARING)
            if run.held:
                self._check_held(job, run)
            assert (run.job_serial, run.task_serial) == (job.serial, task.serial)
            assert task.node is not None
        else:
            assert task.run_id is None
        if task.state is TaskState.COMPLETED:
            assert info.end_time == task.state_transition_time
            assert (info.failure_info is None) == (info.result is TaskResult.SUCCESS)
        else:
            assert info.result is None
            assert info.end_time is None
            assert not task.satisfied

    def _check_instances(self, job: Job, task: Task, primary: int) -> None:
        """A task on several nodes holds all of them until all are given back."""
        world = self.machine.world
        group = world.groups[primary]
        assert task.spec.multi_instance is not None
        assert len(group.places) == task.spec.multi_instance.number_of_instances
        assert len(set(group.places.values())) == len(group.places), "two instances have one node"
        assert group.runs, "a task whose instances are all gone is not judged"
        decided = group.end is not None or group.ending is not None
        for run_id in group.places:
            if run_id not in group.runs.values():
                assert run_id not in world.runs
                continue
            run = world.runs[run_id]
            assert (run.job_serial, run.task_serial, run.group) == (job.serial, task.serial, primary)
            assert not decided or run.ending is not None, (
                "an instance lives on after the task's fate is known"
            )
            assert run.held == (task.state is TaskState.PREPARING)
        if task.state is TaskState.PREPARING and not decided:
            assert group.unprepared
        assert [s.id for s in task.subtasks] == list(range(1, len(group.places)))

    def _check_held(self, job: Job, run: Run) -> None:
        runs = [self.machine.world.runs[run_id] for run_id in job.special_runs]
        awaited = [r for r in runs if r.kind is RunKind.PREPARATION and r.node_key == run.node_key]
        assert awaited, "a task waits for a preparation that does not run"

    def _check_counts(self, job: Job) -> None:
        for tally, weigh in ((job.counts.tasks, _one), (job.counts.slots, _slots)):
            by_state = {s: sum(weigh(t) for t in job.tasks.values() if t.state is s) for s in TaskState}
            assert tally.active == by_state[TaskState.ACTIVE]
            assert tally.running == by_state[TaskState.RUNNING] + by_state[TaskState.PREPARING]
            assert tally.completed == by_state[TaskState.COMPLETED]
            assert tally.succeeded + tally.failed == tally.completed
            good = [t for t in job.tasks.values() if t.execution_info.result is TaskResult.SUCCESS]
            assert tally.succeeded == sum(weigh(t) for t in good)

    def _check_nothing_waits_in_vain(self) -> None:
        for job in self.machine.state.jobs.values():
            limit = job.spec.max_parallel_tasks
            pool = self.machine.state.pools.get(id_key(job.spec.pool_id))
            if job.state is not JobState.ACTIVE or pool is None:
                continue
            if limit != -1 and job.counts.tasks.running >= limit:
                continue
            if self._gives_way(job):
                continue
            usable = [n for n in pool.nodes.values() if self._can_use(job, n)]
            ready = [
                t for t in job.tasks.values() if t.state is TaskState.ACTIVE and not self._pending[t.serial]
            ]
            manager = [t for t in ready if t.serial == job.manager_serial]
            for task in manager or ready:
                slots = self._slots_on_node(job, pool, task)
                nodes = [n for n in usable if not manager or self._manager_can_use(job, n)]
                room = max((pool.spec.task_slots_per_node - n.used_slots for n in nodes), default=0)
                if task.spec.multi_instance is not None:
                    self._check_gang_waits(pool, task, nodes)
                    continue
                assert slots > room, f"task {task.id} could run and waits"

    def _check_gang_waits(self, pool: Pool, task: Task, nodes: list[Node]) -> None:
        if not pool.spec.enable_inter_node_communication or pool.spec.task_slots_per_node != 1:
            return
        assert task.spec.multi_instance is not None
        free = [n for n in nodes if not n.used_slots]
        assert task.spec.multi_instance.number_of_instances > len(free), f"task {task.id} waits for nothing"

    def _gives_way(self, job: Job) -> bool:
        """Whether room may be kept free for a more important job in the same pool."""
        jobs = [
            j for j in self.machine.state.jobs.values() if id_key(j.spec.pool_id) == id_key(job.spec.pool_id)
        ]
        return any(j.spec.allow_task_preemption for j in jobs) and any(
            j.spec.priority > job.spec.priority for j in jobs
        )

    def _can_use(self, job: Job, node: Node) -> bool:
        visited = job.nodes.get((id_key(node.pool_id), id_key(node.id)))
        spec = job.spec.preparation
        if spec is not None and visited is not None and spec.wait_for_success:
            failed = visited.preparation.result is TaskResult.FAILURE and not visited.interrupted
            if failed and visited.image == node.image:
                return False
        enabled = node.scheduling_state is SchedulingState.ENABLED
        return enabled and node.state in (NodeState.IDLE, NodeState.RUNNING)

    def _manager_can_use(self, job: Job, node: Node) -> bool:
        return job.spec.manager is None or job.spec.manager.allow_low_priority_node or node.is_dedicated

    def _slots_on_node(self, job: Job, pool: Pool, task: Task) -> int:
        manager = job.spec.manager
        if manager is not None and task.serial == job.manager_serial and manager.run_exclusive:
            return max(pool.spec.task_slots_per_node, task.spec.required_slots)
        return task.spec.required_slots


def _satisfied(job: Job) -> set[str | int]:
    """Return the parents that are satisfied now, as ids and as integers, by the documented rules alone."""
    found: set[str | int] = set()
    for task in job.tasks.values():
        if task.state is TaskState.COMPLETED and _satisfies(task):
            found.add(id_key(task.id))
            number = numeric_id(task.id)
            if number is not None:
                found.add(number)
    return found


def _satisfies(task: Task) -> bool:
    info, conditions = task.execution_info, task.spec.exit_conditions
    listed: Sequence[Any] = [] if info.exit_code is None else conditions.exit_codes
    options = next((e.options for e in listed if e.start <= info.exit_code <= e.end), None)
    code = info.failure_info.code if info.failure_info else ""
    if info.exit_code is None and code != "TaskEnded":
        options = conditions.pre_processing_error
    if options is None and info.exit_code != 0:
        options = conditions.default
    if options is not None and options.dependency_action is not None:
        return bool(options.dependency_action is DependencyAction.SATISFY)
    return info.exit_code == 0


def _number(run: RunProcess) -> int:
    return 0 if run.instance is None else run.instance.number


def _are_one_run(one: RunProcess, other: RunProcess) -> bool:
    """Whether these are two instances of one run of a task."""
    return _number(one) != _number(other) and one.node_id != other.node_id


def _one(task: Task) -> int:
    return 1


def _slots(task: Task) -> int:
    return task.spec.required_slots
