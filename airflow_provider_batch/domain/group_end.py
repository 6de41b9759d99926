"""The end of a group's run: its jobs are ended, what they did is added up, and they are kept or deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.cost import Cost, cost_of, figures
from airflow_provider_batch.domain.flow import Flow, Log, Now, Sleep, get_or_none, pages, utc
from airflow_provider_batch.domain.group_job import end_jobs, generations_of
from airflow_provider_batch.domain.ids import GroupIdentity
from airflow_provider_batch.domain.node_hours import (
    NO_HOURS,
    Machine,
    NodeHours,
    PoolMachines,
    task_hours,
)
from airflow_provider_batch.domain.outcome import TASK_SELECT, TaskOutcome, read_outcome
from airflow_provider_batch.domain.plurals import counted
from airflow_provider_batch.domain.pool_machines import PoolHeld, read_pool_machines
from airflow_provider_batch.domain.prices import PriceTable
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.exceptions import BatchConflictError, BatchNotFoundError

__all__ = ["Figures", "add_up", "end_job", "finish_group", "orphans"]

#: seconds to wait for a job that was terminated to end, before its tasks are added up
ENDING_PATIENCE = 120.0
ENDING_POLL = 2.0


@dataclass(frozen=True)
class Figures:
    """
    What the Batch tasks of a group's run did.

    :param batch_job_ids: jobs of the run, oldest first.
    :param tasks: Batch tasks, all attempts.
    :param succeeded: those that succeeded.
    :param failed: those that ran and failed, were ended, or could not be started.
    :param not_run: those that never ran, for example because a task that they depend on failed.
    :param retries: how often Batch ran a task again after a non-zero exit code.
    :param requeues: how often Batch queued a task again for other reasons.
    :param first_start: start of the first task, ISO 8601.
    :param last_end: end of the last task, ISO 8601.
    :param wall_seconds: seconds from the first start to the last end.
    :param task_seconds: seconds that the last runs of all tasks took together.
    :param nodes: nodes that tasks ran on.
    :param hours: hours of nodes that the last runs of all tasks held, each by its slots.
    :param cost: what these hours cost; None when nobody asked for costs.
    :param pools: what the nodes of the pools held that go with the group, working or not.
    """

    batch_job_ids: Sequence[str] = ()
    tasks: int = 0
    succeeded: int = 0
    failed: int = 0
    not_run: int = 0
    retries: int = 0
    requeues: int = 0
    first_start: str | None = None
    last_end: str | None = None
    wall_seconds: float = 0.0
    task_seconds: float = 0.0
    nodes: int = 0
    hours: NodeHours = NO_HOURS
    cost: Cost | None = None
    pools: Sequence[PoolHeld] = ()

    def priced(self, prices: PriceTable | None) -> Figures:
        """
        Return the same with costs.

        :param prices: prices that are known; None when nobody asked for costs.
        """
        if prices is None:
            return self
        pools = tuple(pool.priced(prices) for pool in self.pools)
        return replace(self, cost=cost_of(self.hours, prices), pools=pools)

    @property
    def machines(self) -> Collection[Machine]:
        """What the nodes are whose hours are in it."""
        return set(self.hours.by_machine).union(*(pool.billed for pool in self.pools))

    def as_json(self) -> dict[str, Any]:
        """
        Return the figures as plain JSON, as they go into XCom.

        Hours and costs are those of :func:`~airflow_provider_batch.domain.cost.figures`, also of each of the
        ``deleted_pools``.
        """
        data = asdict(replace(self, hours=NO_HOURS, cost=None, pools=()))
        del data["hours"], data["pools"]
        return {
            **data,
            "batch_job_ids": list(self.batch_job_ids),
            **figures(self.hours, self.cost),
            "deleted_pools": [pool.as_json() for pool in self.pools],
        }

    def __str__(self) -> str:
        return (
            f"{counted(self.tasks, 'Batch task')}: {self.succeeded} succeeded, {self.failed} failed, "
            f"{self.not_run} not run; {counted(self.retries, 'retry', 'retries')} and "
            f"{counted(self.requeues, 'requeue')} by Batch; {self.wall_seconds:.1f} s from the first start "
            f"to the last end, {self.task_seconds:.1f} s of task time on {counted(self.nodes, 'node')}, "
            f"{self.hours}."
        )


def add_up(
    batch_job_ids: Sequence[str],
    tasks: Sequence[tuple[TaskKey, Mapping[str, Any]]],
    pools: Mapping[str, PoolMachines] | None = None,
) -> Figures:
    """
    Add up what tasks did; pure.

    :param batch_job_ids: jobs of the run.
    :param tasks: the tasks as the service sent them.
    :param pools: what the nodes of the pools are, by pool.
    """
    known = pools or {}
    outcomes = [read_outcome(key, task) for key, task in tasks]
    ran = [outcome for outcome in outcomes if outcome is not None and outcome.start_time]
    ended = [outcome for outcome in outcomes if outcome is not None]
    spans = [(utc(o.start_time), utc(o.end_time)) for o in ran if o.start_time and o.end_time]
    kinds = Counter(_kind(outcome) for outcome in outcomes)
    first = min((start for start, _ in spans), default=None)
    last = max((end for _, end in spans), default=None)
    return Figures(
        batch_job_ids=tuple(batch_job_ids),
        tasks=len(outcomes),
        succeeded=kinds["succeeded"],
        failed=kinds["failed"],
        not_run=kinds["not_run"],
        retries=sum(outcome.retry_count for outcome in ended),
        requeues=sum(outcome.requeue_count for outcome in ended),
        first_start=_text(first),
        last_end=_text(last),
        wall_seconds=round((last - first).total_seconds(), 3) if first and last else 0.0,
        task_seconds=round(sum((end - start).total_seconds() for start, end in spans), 3),
        nodes=len({(o.batch_pool_id, o.node_id) for o in ran if o.node_id}),
        hours=sum(
            (task_hours(task, known.get(_pool_of(task), PoolMachines())) for _, task in tasks), NodeHours()
        ),
    )


def _pool_of(task: Mapping[str, Any]) -> str:
    return str((task.get("nodeInfo") or {}).get("poolId") or "")


def _kind(outcome: TaskOutcome | None) -> str:
    if outcome is None:
        return "not_run"
    if outcome.succeeded:
        return "succeeded"
    never_ran = not outcome.start_time and outcome.failure is not None and outcome.failure.code == "TaskEnded"
    return "not_run" if never_ran else "failed"


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def finish_group(
    group: GroupIdentity, *, delete_jobs: bool = False, delete_pool: str | None = None
) -> Flow[Figures]:
    """
    Flow: end a group's jobs, add up what they did, and delete what is not to be kept.

    Safe to repeat.

    :param group: whose jobs.
    :param delete_jobs: delete the jobs with their tasks and files.
    :param delete_pool: id of a pool to delete; None to keep it.
    """
    # A pool that a job brought goes with it, so what its nodes are is read before.
    pools: dict[str, PoolHeld] = {}
    going = [] if delete_pool is None else [delete_pool]
    for generation in (yield from generations_of(group)):
        found = generation.batch_pool_id
        if found is not None and found not in pools:
            pools[found] = yield from read_pool_machines(found)
            going += [found] if generation.pool_goes_with_it else []
    generations = yield from end_jobs(group, "AirflowGroupFinished")
    tasks: list[tuple[TaskKey, Mapping[str, Any]]] = []
    for generation in generations:
        yield from _await_job_end(generation.batch_job_id)
        tasks += yield from _tasks_of(generation.batch_job_id)
    for batch_pool_id in sorted(({_pool_of(task) for _, task in tasks} | {delete_pool or ""}) - {"", *pools}):
        pools[batch_pool_id] = yield from read_pool_machines(batch_pool_id)
    machines = {batch_pool_id: pool.machines for batch_pool_id, pool in pools.items()}
    added = add_up([generation.batch_job_id for generation in generations], tasks, machines)
    added = replace(added, pools=tuple(pools[batch_pool_id] for batch_pool_id in dict.fromkeys(going)))
    yield Log("\n".join(map(str, [added, *added.pools])))
    if delete_jobs:
        for generation in generations:
            yield from _delete(
                requests.delete_job(generation.batch_job_id), f"Batch job {generation.batch_job_id}"
            )
    if delete_pool is not None:
        yield from _delete(requests.delete_pool(delete_pool), f"Pool {delete_pool}")
    return added


def _tasks_of(batch_job_id: str) -> Flow[list[tuple[TaskKey, Mapping[str, Any]]]]:
    try:
        listed = yield from pages(requests.list_tasks(batch_job_id, TASK_SELECT))
    except (BatchConflictError, BatchNotFoundError) as error:
        if isinstance(error, BatchConflictError) and error.code != "JobBeingDeleted":
            raise
        yield Log(f"Batch job {batch_job_id} was deleted; its tasks are not counted.", "WARNING")
        return []
    return [(TaskKey(batch_job_id, str(task["id"])), task) for task in listed]


def orphans(group: GroupIdentity) -> Flow[dict[str, str]]:
    """
    Flow: find open jobs of other runs of the same group.

    Only with a deployment id: without one, the job may belong to another Airflow, whose run of the same id is
    under way.

    :param group: the run that looks.
    :return: ids of runs by the id of their job.
    """
    if not group.deployment_id:
        return {}
    jobs = yield from pages(requests.list_jobs(("id", "state", "metadata"), "state eq 'active'"))
    wanted = {
        "airflow_deployment_id": group.deployment_id,
        "airflow_dag_id": group.dag_id,
        "airflow_group_id": group.group_id,
    }
    found = {}
    for job in jobs:
        said = {str(pair.get("name")): str(pair.get("value")) for pair in job.get("metadata") or ()}
        run_id = said.get("airflow_run_id")
        if wanted.items() <= said.items() and run_id not in (None, group.run_id):
            found[str(job["id"])] = str(run_id)
    return found


def end_job(batch_job_id: str) -> Flow[None]:
    """
    Flow: terminate a job whose DAG run has ended; safe to repeat.

    :param batch_job_id: the job.
    """
    try:
        yield requests.terminate_job(batch_job_id, "AirflowRunEnded")
    except (BatchConflictError, BatchNotFoundError) as error:
        yield Log(f"Batch job {batch_job_id} needs no termination ({error.code}).")
    else:
        yield Log(f"Batch job {batch_job_id} was terminated: its DAG run has ended.", "WARNING")


def _await_job_end(batch_job_id: str) -> Flow[None]:
    started: datetime = yield Now()
    while True:
        job = yield from get_or_none(requests.get_job(batch_job_id, ("id", "state")))
        if job is None or lower(job.json.get("state")) != "terminating":
            return
        if ((yield Now()) - started).total_seconds() >= ENDING_PATIENCE:
            yield Log(f"Batch job {batch_job_id} is still being terminated.", "WARNING")
            return
        yield Sleep(ENDING_POLL)


def _delete(request: requests.Request, what: str) -> Flow[None]:
    try:
        yield request
    except BatchNotFoundError:
        return
    except BatchConflictError as error:
        if error.code not in ("JobBeingDeleted", "PoolBeingDeleted"):
            raise
    else:
        yield Log(f"{what} is being deleted.")
