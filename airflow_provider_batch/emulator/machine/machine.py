"""
The machine: one event in, instructions out.

It reads no clock and starts nothing; the same events give the same states and the same instructions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_batch.emulator.machine import (
    account,
    applications,
    autoscale,
    events,
    faults,
    forced_ends,
    job_creation,
    jobs,
    multi_instance,
    node_packages,
    node_power,
    node_verbs,
    nodes,
    outcomes,
    pools,
    preparation,
    release,
    restart,
    schedules,
    scheduling,
    special_tasks,
    start_tasks,
    tasks,
    timers,
)
from airflow_provider_batch.emulator.machine.history import JobHistory
from airflow_provider_batch.emulator.machine.instructions import Instruction, RunKind
from airflow_provider_batch.emulator.machine.runs import Run, RunEnd
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.machine.state import State
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.jobs import Job


class Machine:
    """
    The state of one account and the rules by which it changes.

    :param settings: see :class:`MachineSettings`.
    :param world: the memory to go on with; ``settings`` are not read then.
    """

    def __init__(self, settings: MachineSettings | None = None, world: World | None = None) -> None:
        settings = settings or MachineSettings()
        self.world = world or World(settings, settings.assumptions)

    @property
    def state(self) -> State:
        """Pools and jobs, to be read only."""
        return self.world.state

    def handle(self, event: events.Event) -> list[Instruction]:
        """
        Take note of an event.

        An event that is older than the one before counts as of that one's moment.

        :return: what is to be done, in this order.
        :raises ServiceError: a user's event was refused; nothing has changed.
        :raises InvalidTransition: a bug of the machine.
        """
        world = self.world
        world.now = max(world.now, event.at)
        _HANDLERS[type(event)](world, event)
        _follow_up(world)
        instructions, world.instructions = world.instructions, []
        return instructions


def _follow_up(world: World) -> None:
    """Do what follows from an event, until nothing more does."""
    while True:
        while world.dropped:
            _run_over(world, world.runs[world.dropped.pop(0)], RunEnd())
        schedules.jobs_ended(world)
        for pool_key in list(world.stirred):
            scheduling.dispatch(world, pool_key)
        world.stirred.clear()
        if not world.dropped:
            return


def _process_started(world: World, event: events.ProcessStarted) -> None:
    run = world.runs[event.run_id]
    if run.kind in (RunKind.TASK, RunKind.SUBTASK):
        outcomes.started(world, run)
    elif run.kind in (RunKind.PREPARATION, RunKind.RELEASE):
        special_tasks.started(world, run)


def _process_exited(world: World, event: events.ProcessExited) -> None:
    end = RunEnd(event.exit_code, None, event.upload_failure, event.container)
    _run_over(world, world.runs[event.run_id], end)


def _process_coordinated(world: World, event: events.ProcessCoordinated) -> None:
    multi_instance.coordinated(world, world.runs[event.run_id])


def _process_not_started(world: World, event: events.ProcessNotStarted) -> None:
    _run_over(world, world.runs[event.run_id], RunEnd(failure=event.failure))


def _run_over(world: World, run: Run, end: RunEnd) -> None:
    """Free what a run held, then judge it, then let its job and its node go on."""
    del world.runs[run.id]
    pool = world.state.pools[run.pool_key]
    node = world.node_of(run)
    nodes.release(world, pool, node, run)
    job = world.job_of(run)
    if run.kind is RunKind.START_TASK:
        start_tasks.ended(world, run, end.exit_code, end.failure)
    elif run.kind is RunKind.PACKAGES:
        node_packages.ended(world, run, end.failure)
    elif job is not None:
        _run_of_job_over(world, job, run, end)
    if nodes.drop_if_done(world, pool, node):
        pools.settle(world, pool)
    else:
        node_power.go_on(world, pool, node)


def _run_of_job_over(world: World, job: Job, run: Run, end: RunEnd) -> None:
    job.runs.discard(run.id)
    job.special_runs.discard(run.id)
    if run.kind in (RunKind.TASK, RunKind.SUBTASK):
        outcomes.ended(world, run, end)
    elif run.kind is RunKind.PREPARATION:
        preparation.ended(world, job, run, end.exit_code, end.failure)
    else:
        release.ended(world, job, run, end.exit_code, end.failure)
    jobs.settle(world, job)
    world.stir(job.spec.pool_id)


_TIMERS: Mapping[type, Callable[[World, Any], None]] = {
    timers.AllocationTimer: pools.on_timer,
    timers.NodeTimer: node_power.on_timer,
    timers.TaskWallClockTimer: tasks.on_wall_clock_timer,
    timers.SpecialTaskWallClockTimer: special_tasks.on_wall_clock_timer,
    timers.JobWallClockTimer: jobs.on_wall_clock_timer,
    timers.EmptyJobTimer: jobs.on_empty_timer,
    timers.JobEndTimer: jobs.on_end_timer,
    timers.RetentionTimer: tasks.on_retention_timer,
    **schedules.TIMERS,
    **autoscale.TIMERS,
}


def _timer_due(world: World, event: events.TimerDue) -> None:
    _TIMERS[type(event.timer)](world, event.timer)


def _assume(world: World, event: events.Assume) -> None:
    """Answer otherwise from now on; pasts that were kept under other answers have gaps, and go."""
    world.assumptions = event.assumptions
    for index in world.jobs.values():
        index.history = JobHistory()


_HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    events.Assume: _assume,
    events.CreatePool: pools.create,
    events.UpdatePool: pools.update,
    events.ResizePool: pools.resize,
    events.StopPoolResize: pools.stop_resize,
    events.RemoveNodes: pools.remove_nodes,
    events.DeletePool: pools.delete,
    events.NodeLost: pools.lose_node,
    **node_verbs.HANDLERS,
    **faults.HANDLERS,
    events.CreateJob: job_creation.create,
    events.UpdateJob: jobs.update,
    events.DisableJob: jobs.disable,
    events.EnableJob: jobs.enable,
    events.TerminateJob: forced_ends.terminate,
    events.DeleteJob: forced_ends.delete,
    events.AddTask: tasks.add,
    events.UpdateTask: tasks.update,
    events.TerminateTask: tasks.terminate,
    events.ReactivateTask: tasks.reactivate,
    events.DeleteTask: tasks.delete,
    events.ProcessStarted: _process_started,
    events.ProcessCoordinated: _process_coordinated,
    events.ProcessExited: _process_exited,
    events.ProcessNotStarted: _process_not_started,
    events.TimerDue: _timer_due,
    **schedules.HANDLERS,
    **autoscale.HANDLERS,
    **account.HANDLERS,
    **applications.HANDLERS,
    **restart.HANDLERS,
}

EVENTS: Mapping[str, type] = {kind.__name__: kind for kind in _HANDLERS}
"""Everything that the machine takes note of, by name."""
