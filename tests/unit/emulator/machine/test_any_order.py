"""Whatever happens in whatever order, what must hold holds: see ``simulation.check``."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.machine import (
    autoscale_events,
    events,
    fault_events,
    node_events,
    schedule_events,
)
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.tables import JOB_OPEN
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.assumptions import (
    Assumptions,
    EtagOnNodeChanges,
    ForwardReferences,
    PatchActiveJob,
    ReactivationUnblocks,
    WallClock,
)
from airflow_provider_batch.emulator.model.auto_pools import AutoPoolSpec
from airflow_provider_batch.emulator.model.autoscale import AutoScaleSettings
from airflow_provider_batch.emulator.model.dependencies import TaskDependencies, TaskIdRange
from airflow_provider_batch.emulator.model.exits import ExitCodeRange, ExitConditions, ExitOptions
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import JobConstraints, JobSpec
from airflow_provider_batch.emulator.model.multi_instance import MultiInstanceSettings
from airflow_provider_batch.emulator.model.pools import PoolResize, PoolSpec, StartTaskSpec
from airflow_provider_batch.emulator.model.schedules import JobScheduleSpec, ScheduleConfiguration
from airflow_provider_batch.emulator.model.special_tasks import (
    JobManagerTask,
    JobPreparationTask,
    JobReleaseTask,
)
from airflow_provider_batch.emulator.model.states import (
    DependencyAction,
    DisableTasks,
    JobAction,
    NodeDeallocationOption,
    NodeFillType,
    NodeState,
    OnAllTasksComplete,
    OnTaskFailure,
    PoolLifetime,
)
from airflow_provider_batch.emulator.model.tasks import TaskConstraints, TaskSpec
from tests.unit.emulator.machine.simulation import COMMAND, START, Simulation

POOL_IDS = st.sampled_from(["p", "P", "q", "g"])
JOB_IDS = st.sampled_from(["j", "J", "k", "g"])
TASK_IDS = st.sampled_from(["1", "01", "2", "3", "4", "5", "6", "a", "A", "b", "c", "d"])
EXIT_CODES = st.sampled_from([0, 0, 0, 1, 2])
OPTIONS = st.builds(
    ExitOptions,
    job_action=st.none() | st.sampled_from(JobAction),
    dependency_action=st.none() | st.sampled_from(DependencyAction),
)
CONDITIONS = st.builds(
    ExitConditions,
    exit_codes=st.lists(
        st.builds(ExitCodeRange, st.integers(0, 2), st.integers(0, 2), OPTIONS), max_size=2
    ).map(tuple),
    pre_processing_error=st.none() | OPTIONS,
    default=st.none() | OPTIONS,
)
RANGES = st.tuples(st.integers(1, 4), st.integers(0, 2)).map(lambda r: TaskIdRange(r[0], r[0] + r[1]))
DEPENDENCIES = st.builds(
    TaskDependencies,
    task_ids=st.lists(TASK_IDS, max_size=2).map(tuple),
    task_id_ranges=st.lists(RANGES, max_size=1).map(tuple),
)
RESIZES = st.builds(
    PoolResize,
    st.none() | st.integers(0, 3),
    st.none() | st.integers(0, 2),
    node_deallocation_option=st.sampled_from(NodeDeallocationOption),
)
REQUEUE = NodeDeallocationOption.REQUEUE
DURATIONS = st.none() | st.sampled_from([timedelta(seconds=5), timedelta(seconds=60)])
TASKS = st.builds(
    TaskSpec,
    TASK_IDS,
    st.just({}),
    st.just(COMMAND),
    constraints=st.builds(TaskConstraints, DURATIONS, DURATIONS, st.sampled_from([-1, 0, 0, 1])),
    required_slots=st.sampled_from([1, 1, 2, 3]),
    depends_on=st.just(TaskDependencies()) | st.just(TaskDependencies()) | DEPENDENCIES,
    exit_conditions=st.just(ExitConditions()) | st.just(ExitConditions()) | CONDITIONS,
)
GANGS = st.builds(
    TaskSpec,
    TASK_IDS,
    st.just({}),
    st.just(COMMAND),
    constraints=st.builds(TaskConstraints, DURATIONS, DURATIONS, st.sampled_from([-1, 0, 0, 1])),
    depends_on=st.just(TaskDependencies()) | DEPENDENCIES,
    multi_instance=st.builds(MultiInstanceSettings, st.sampled_from([1, 2, 2, 3]), st.just("coordinate")),
)
PREPARATIONS = st.builds(
    JobPreparationTask,
    st.just("d"),
    st.just(COMMAND),
    constraints=st.builds(TaskConstraints, DURATIONS, st.none(), st.sampled_from([-1, 0, 0, 1])),
    wait_for_success=st.sampled_from([True, True, False]),
    rerun_on_node_reboot_after_success=st.booleans(),
)
RELEASES = st.builds(JobReleaseTask, st.just("c"), st.just(COMMAND))
MANAGERS = st.builds(
    JobManagerTask,
    st.builds(TaskSpec, st.just("b"), st.just({}), st.just(COMMAND)),
    kill_job_on_completion=st.booleans(),
    run_exclusive=st.booleans(),
    allow_low_priority_node=st.booleans(),
)
JOBS = st.builds(
    JobSpec,
    JOB_IDS,
    st.just({}),
    POOL_IDS,
    priority=st.integers(0, 1),
    max_parallel_tasks=st.sampled_from([-1, -1, 1]),
    constraints=st.builds(JobConstraints, st.sampled_from([None, None, timedelta(seconds=60)])),
    uses_task_dependencies=st.just(True),
    on_all_tasks_complete=st.sampled_from(OnAllTasksComplete),
    on_task_failure=st.sampled_from(OnTaskFailure),
    allow_task_preemption=st.booleans(),
    manager=st.none() | st.none() | MANAGERS,
    preparation=PREPARATIONS,
    release=st.none() | RELEASES,
).map(lambda spec: spec if spec.release or spec.id == "j" else replace(spec, preparation=None))
FORMULAS = st.sampled_from(
    [
        "$TargetDedicatedNodes = 1;",
        "$TargetDedicatedNodes = 4 * rand(); $NodeDeallocationOption = taskcompletion;",
        "$TargetDedicatedNodes = $PendingTasks; $TargetLowPriorityNodes = $ActiveTasks - $RunningTasks;",
        "$TargetLowPriorityNodes = 2; $NodeDeallocationOption = terminate; x = nothing;",
    ]
)
INTERVALS = st.sampled_from([timedelta(seconds=4), timedelta(seconds=30)])
POOLS = st.builds(
    PoolSpec,
    POOL_IDS,
    st.just({}),
    st.just("standard_d2s_v3"),
    target_dedicated_nodes=st.integers(0, 3),
    target_low_priority_nodes=st.integers(0, 1),
    task_slots_per_node=st.integers(1, 3),
    node_fill_type=st.sampled_from(NodeFillType),
    start_task=st.none() | st.builds(StartTaskSpec, st.just(COMMAND), st.integers(0, 1), st.booleans()),
    auto_scale=st.none() | st.none() | st.builds(AutoScaleSettings, FORMULAS, INTERVALS),
)
SCHEDULE_IDS = st.sampled_from(["s", "s", "S", "j"])
AUTO_POOLS = st.builds(
    AutoPoolSpec, POOLS, st.sampled_from(PoolLifetime), st.just("auto"), st.sampled_from([False, False, True])
)
#: jobs of schedules, with and without a pool of their own
SCHEDULED_JOBS = JOBS | st.builds(
    lambda job, auto_pool: replace(job, pool_id="", auto_pool=auto_pool), JOBS, AUTO_POOLS
)
SPANS = st.none() | st.sampled_from([timedelta(seconds=2), timedelta(seconds=7), timedelta(seconds=40)])
MOMENTS = st.none() | st.sampled_from([START + timedelta(seconds=s) for s in (0, 10, 45)])
SCHEDULES = st.builds(
    JobScheduleSpec,
    SCHEDULE_IDS,
    st.just({}),
    st.builds(ScheduleConfiguration, MOMENTS, MOMENTS, SPANS, SPANS),
    SCHEDULED_JOBS,
)
ASSUMPTIONS = st.just(Assumptions()) | st.builds(
    Assumptions,
    forward_references=st.sampled_from(ForwardReferences),
    reactivation_unblocks=st.sampled_from(ReactivationUnblocks),
    list_lag=st.sampled_from([0.0, 2.0]),
    stale_counts=st.sampled_from([0.0, 2.0]),
    wall_clock=st.sampled_from(WallClock),
    patch_active_job=st.sampled_from(PatchActiveJob),
    etag_on_node_changes=st.sampled_from(EtagOnNodeChanges),
)


NODE_VERBS = st.sampled_from(
    [
        node_events.RebootNode,
        node_events.ReimageNode,
        node_events.DeallocateNode,
        node_events.StartNode,
        node_events.DisableNodeScheduling,
        node_events.EnableNodeScheduling,
    ]
)
NODE_FAULTS = st.sampled_from(
    [
        fault_events.PreemptNode,
        fault_events.BreakNode,
        fault_events.MissNode,
        fault_events.RecoverNode,
        fault_events.UpgradeNode,
        fault_events.LoseFiles,
    ]
)


#: states that a node leaves by itself
PASSING = (
    NodeState.CREATING,
    NodeState.STARTING,
    NodeState.REBOOTING,
    NodeState.REIMAGING,
    NodeState.UPGRADING_OS,
    NodeState.DEALLOCATING,
    NodeState.PREEMPTED,
    NodeState.LEAVING_POOL,
)


class AnyOrder(RuleBasedStateMachine):
    """Users, nodes and time in any order."""

    @initialize(
        job_end=st.sampled_from([0.0, 1.0]),
        quota=st.sampled_from([4, 100]),
        assumptions=ASSUMPTIONS,
        special=st.just({}) | st.fixed_dictionaries({"preparation": PREPARATIONS, "release": RELEASES}),
    )
    def begin(self, job_end: float, quota: int, assumptions: Assumptions, special: dict[str, Any]) -> None:
        settings = MachineSettings(
            node_start_seconds=3.0,
            preempted_seconds=2.0,
            job_end_seconds=job_end,
            dedicated_core_quota=quota,
            sample_seconds=2.0,
            enable_auto_scale_seconds=1.0,
            assumptions=assumptions,
        )
        self.world = self.simulation(settings)
        # Without these a run spends most of its steps on asking for what is not there.
        self.world.pool("p", 2, task_slots_per_node=2)
        self.world.job("j", "p", **special)
        self.world.pool("g", 3, enable_inter_node_communication=True)
        self.world.job("g", "g", **special)

    def simulation(self, settings: MachineSettings) -> Simulation:
        """Make the world."""
        return Simulation(settings, starts_processes=False)

    @rule(specs=st.lists(GANGS, min_size=1, max_size=3))
    def add_gangs(self, specs: list[TaskSpec]) -> None:
        self.add_tasks("g", specs)

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def instance_is_coordinated(self, data: st.DataObject) -> None:
        world = self.world
        waiting = [r for r in world.begun if world.processes[r].instance and r not in world.coordinated]
        if waiting:
            world.coordinate(data.draw(st.sampled_from(sorted(waiting))))

    def ask(self, kind: type[events.Event], *arguments: Any) -> None:
        """
        Ask for something that may be refused; a refusal that changes something is found by the simulation.
        """
        try:
            self.world.do(kind, *arguments)
        except ServiceError:
            return

    # Work: what should happen most of the time.

    @rule(job_id=JOB_IDS, specs=st.lists(TASKS, min_size=1, max_size=4))
    def add_tasks(self, job_id: str, specs: list[TaskSpec]) -> None:
        state = self.world.machine.state
        # A schedule may have taken the id: then there is no job to add to, which is refused.
        if id_key(job_id) not in state.jobs and id_key(job_id) not in state.schedules:
            # A job schedule may have the id.
            self.ask(events.CreateJob, JobSpec(job_id, {}, "g" if job_id == "g" else "p"))
        for spec in specs:
            self.ask(events.AddTask, job_id, spec)

    @rule(specs=st.lists(TASKS, min_size=2, max_size=6))
    def add_many_tasks(self, specs: list[TaskSpec]) -> None:
        self._restore()
        self.add_tasks("j", specs)

    def _restore(self) -> None:
        """Bring back an open job and a node that works: most steps should find something to disturb."""
        state = self.world.machine.state
        job = state.jobs.get("j")
        if job is not None and job.state not in JOB_OPEN:
            self.ask(events.DeleteJob, "j")
            self.world.end_killed()
            self.world.pass_time(1.0)
        pool = state.pools.get("p")
        if pool is None:
            self.world.pool("p", 2, task_slots_per_node=2)
        elif not any(node.state in (NodeState.IDLE, NodeState.RUNNING) for node in pool.nodes.values()):
            self.world.pass_time(3.0)
            self.ask(autoscale_events.DisableAutoScale, "p")
            self.ask(events.RemoveNodes, "p", tuple(n.id for n in pool.nodes.values()), REQUEUE)
            self.world.end_killed()
            self.ask(events.ResizePool, "p", PoolResize(2))
            self.world.pass_time(3.0)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 3.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def process_begins(self, data: st.DataObject) -> None:
        waiting = sorted(self.world.processes.keys() - self.world.begun)
        if waiting:
            self.world.begin(data.draw(st.sampled_from(waiting)))

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data(), exit_code=EXIT_CODES)
    def process_ends(self, data: st.DataObject, exit_code: int) -> None:
        run_id = data.draw(st.sampled_from(sorted(self.world.processes)))
        begun = run_id in self.world.begun
        if not begun and run_id not in self.world.killed:
            self.world.begin(run_id)
            begun = True
        self.world.end(run_id, exit_code if begun else None)

    @precondition(lambda self: self.world.processes)
    @rule(data=st.data())
    def process_fails_to_start(self, data: st.DataObject) -> None:
        waiting = sorted(self.world.processes.keys() - self.world.begun)
        if waiting:
            run_id = data.draw(st.sampled_from(waiting))
            del self.world.processes[run_id]
            self.world.killed.discard(run_id)
            self.world.do(events.ProcessNotStarted, run_id, failures.blob_not_found("x"))

    @rule()
    def all_processes_end_well(self) -> None:
        for run_id in sorted(self.world.processes):
            self.world.end(run_id, 0)

    # Users who interfere.

    @rule(data=st.data(), verb=st.sampled_from(["terminate", "reactivate", "reactivate", "update", "delete"]))
    def interfere_with_task(self, data: st.DataObject, verb: str) -> None:
        jobs = self.world.machine.state.jobs.values()
        there = [(job.id, task.id) for job in jobs for task in job.tasks.values()]
        if not there:
            return
        job_id, task_id = data.draw(st.sampled_from(there))
        if verb == "terminate":
            self.ask(events.TerminateTask, job_id, task_id)
        elif verb == "reactivate":
            self.ask(events.ReactivateTask, job_id, task_id)
        elif verb == "update":
            self.ask(events.UpdateTask, job_id, task_id, data.draw(TASKS))
        else:
            self.ask(events.DeleteTask, job_id, task_id)

    @rule(data=st.data(), verb=st.sampled_from(["disable", "enable", "enable", "update", "end"]))
    def interfere_with_job(self, data: st.DataObject, verb: str) -> None:
        job_id = data.draw(JOB_IDS)
        if verb == "disable":
            self.ask(events.DisableJob, job_id, data.draw(st.sampled_from(DisableTasks)))
        elif verb == "enable":
            self.ask(events.EnableJob, job_id)
        elif verb == "update":
            self.ask(events.UpdateJob, job_id, replace(data.draw(JOBS), id=job_id))
        elif data.draw(st.booleans()):
            self.ask(events.TerminateJob, job_id, "why", data.draw(st.booleans()))
        else:
            self.ask(events.DeleteJob, job_id, data.draw(st.booleans()))

    @rule(spec=JOBS)
    def create_job(self, spec: JobSpec) -> None:
        self.ask(events.CreateJob, spec)

    @rule(spec=JOBS, auto_pool=AUTO_POOLS)
    def create_job_with_its_pool(self, spec: JobSpec, auto_pool: AutoPoolSpec) -> None:
        own = replace(auto_pool, lifetime=PoolLifetime.JOB)
        self.ask(events.CreateJob, replace(spec, pool_id="", auto_pool=own))

    @rule(spec=SCHEDULES)
    def create_schedule(self, spec: JobScheduleSpec) -> None:
        self.ask(schedule_events.CreateJobSchedule, spec)

    @precondition(lambda self: self.world.machine.state.schedules)
    @rule(
        data=st.data(), verb=st.sampled_from(["disable", "enable", "enable", "update", "terminate", "delete"])
    )
    def interfere_with_schedule(self, data: st.DataObject, verb: str) -> None:
        schedule_id = data.draw(SCHEDULE_IDS)
        if verb == "disable":
            self.ask(schedule_events.DisableJobSchedule, schedule_id)
        elif verb == "enable":
            self.ask(schedule_events.EnableJobSchedule, schedule_id)
        elif verb == "update":
            spec = replace(data.draw(SCHEDULES), id=schedule_id)
            self.ask(schedule_events.UpdateJobSchedule, schedule_id, spec)
        elif verb == "terminate":
            self.ask(schedule_events.TerminateJobSchedule, schedule_id)
        else:
            self.ask(schedule_events.DeleteJobSchedule, schedule_id)

    @precondition(lambda self: self.world.machine.state.schedules)
    @rule(data=st.data(), specs=st.lists(TASKS, min_size=1, max_size=2), ends=st.booleans())
    def work_in_jobs_of_schedules(self, data: st.DataObject, specs: list[TaskSpec], ends: bool) -> None:
        jobs = [job.id for job in self.world.machine.state.jobs.values() if job.schedule_id is not None]
        if not jobs:
            return
        job_id = data.draw(st.sampled_from(jobs))
        if ends:
            self.ask(events.TerminateJob, job_id, "why")
        for spec in specs:
            self.ask(events.AddTask, job_id, spec)

    @rule(data=st.data(), verb=st.sampled_from(["resize", "resize", "create", "create", "stop", "delete"]))
    def interfere_with_pool(self, data: st.DataObject, verb: str) -> None:
        pool_id = data.draw(POOL_IDS)
        if verb == "resize":
            self.ask(events.ResizePool, pool_id, data.draw(RESIZES))
        elif verb == "create":
            self.ask(events.CreatePool, data.draw(POOLS))
        elif verb == "stop":
            self.ask(events.StopPoolResize, pool_id)
        else:
            self.ask(events.DeletePool, pool_id)

    @rule(data=st.data(), option=st.sampled_from(NodeDeallocationOption), is_lost=st.booleans())
    def take_node(self, data: st.DataObject, option: NodeDeallocationOption, is_lost: bool) -> None:
        pools = self.world.machine.state.pools.values()
        nodes = [(pool.id, node.id) for pool in pools for node in pool.nodes.values()]
        if not nodes:
            return
        pool_id, node_id = data.draw(st.sampled_from(nodes))
        if is_lost:
            self.ask(events.NodeLost, pool_id, node_id)
        else:
            self.ask(events.RemoveNodes, pool_id, (node_id,), option)

    @rule(data=st.data(), verb=NODE_VERBS, option=st.sampled_from(NodeDeallocationOption))
    def act_on_node(self, data: st.DataObject, verb: Any, option: NodeDeallocationOption) -> None:
        node = self._some_node(data)
        if node is None:
            return
        options = [] if verb in (node_events.StartNode, node_events.EnableNodeScheduling) else [option]
        self.ask(verb, *node, *options)

    @rule(data=st.data(), fault=NODE_FAULTS)
    def trouble_a_node(self, data: st.DataObject, fault: Any) -> None:
        node = self._some_node(data)
        if node is not None:
            self.ask(fault, *node)

    @rule(pool_id=POOL_IDS, nodes=st.integers(0, 1), start_tasks=st.integers(0, 2))
    def trouble_a_pool(self, pool_id: str, nodes: int, start_tasks: int) -> None:
        if start_tasks:
            self.ask(fault_events.FailStartTask, pool_id, (), 1, start_tasks)
        else:
            self.ask(fault_events.FailResize, pool_id, "AllocationFailed", "", nodes)

    def _some_node(self, data: st.DataObject) -> tuple[str, str] | None:
        pools = self.world.machine.state.pools.values()
        nodes = [(pool.id, node.id) for pool in pools for node in pool.nodes.values()]
        return data.draw(st.sampled_from(nodes)) if nodes else None

    @rule(pool_id=POOL_IDS, formula=st.none() | FORMULAS, interval=st.none() | INTERVALS, off=st.booleans())
    def scale_automatically(
        self, pool_id: str, formula: str | None, interval: timedelta | None, off: bool
    ) -> None:
        if off:
            self.ask(autoscale_events.DisableAutoScale, pool_id)
        else:
            self.ask(autoscale_events.EnableAutoScale, pool_id, formula, interval)

    def teardown(self) -> None:
        """At the end of all, no node hangs, everything can be deleted, and nothing stays."""
        world = self.world
        for schedule in list(world.machine.state.schedules.values()):
            self.ask(schedule_events.DeleteJobSchedule, schedule.id)
        world.end_killed()
        world.pass_time(300.0)
        for pool in world.machine.state.pools.values():
            for node in pool.nodes.values():
                age = world.now - node.state_transition_time
                hangs = node.state in PASSING and age > timedelta(seconds=60)
                assert node.runs or node.keeps_files or not hangs, f"{node.state} for ever"
        for job in list(world.machine.state.jobs.values()):
            self.ask(events.DeleteJob, job.id)
        for pool in list(world.machine.state.pools.values()):
            self.ask(events.DeletePool, pool.id)
        # Release tasks that would run for ever are ended by their limit, a process that never begins by us.
        while world.processes:
            world.end_killed()
            for run_id in sorted(world.processes.keys() - world.begun):
                world.begin(run_id)
            world.pass_time(1_000.0)
        world.pass_time(10_000.0)
        memory = world.machine.world
        assert not world.processes
        assert not memory.state.pools
        assert not memory.state.jobs
        assert not memory.state.schedules
        assert not memory.runs
        assert not memory.groups
        assert not memory.waiting_jobs
        assert not memory.jobs
        assert not memory.pools


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
