"""A task group that is one Azure Batch job: the edges of the DAG become Batch's own dependencies."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import TaskGroup
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_batch.domain.output_cap import DEFAULT_CAP
from airflow_provider_batch.exceptions import AzureBatchConfigurationError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.operators.finish import AzureBatchFinishOperator, DeletionPolicy
from airflow_provider_batch.operators.group_graph import (
    batch_members,
    definition_of,
    is_member,
    skips_selectively,
    static_graph,
)
from airflow_provider_batch.operators.group_settings import (
    FINISH_LABEL,
    LAUNCH_LABEL,
    batch_group_of,
    outer_groups,
)
from airflow_provider_batch.operators.launch import AzureBatchLaunchOperator
from airflow_provider_batch.task_groups.light import lighten
from airflow_provider_batch.task_groups.limits import limits_without_effect
from airflow_provider_batch.task_groups.worker_starts import reasons_for_a_worker, unmapped_eager
from airflow_provider_batch.triggers.arguments import given_arguments
from airflow_provider_batch.triggers.worker_endings import endings_of_a_mirror
from airflow_provider_batch.version_compat import AIRFLOW_V_3_3_PLUS, MIRRORS_SUPPORTED

if TYPE_CHECKING:
    from types import TracebackType

    from airflow_provider_batch.domain.graph import Graph
    from airflow_provider_batch.specs import JobSpec, PoolSpec

__all__ = ["AzureBatchJobTaskGroup", "batch_job"]

_log = logging.getLogger(__name__)

_TRIGGER = "airflow_provider_batch.triggers.mirror.AzureBatchMirrorTrigger"
#: unmapped members that start in the triggerer; as many triggers as one triggerer runs unless told otherwise.
#: Their cost grows with the square of their number, and yet on workers 1,000 take seven times the CPU
DEFAULT_MAX_MIRRORS = 1000
#: from so many on, they hold up every other trigger of their triggerer for more than some two seconds
_FELT_BY_OTHERS = 250


class AzureBatchJobTaskGroup(TaskGroup):
    """
    Run the tasks of a group as one Azure Batch job, which holds their edges itself.

    The members are :class:`~airflow_provider_batch.operators.task.AzureBatchTaskOperator`, mapped ones too;
    pool, job and connection are the group's. The group adds two tasks: ``launch`` creates the job and adds
    the Batch tasks of all members whose edges Batch can hold truthfully; ``finish`` ends the job and adds up
    what it did. Such *eager* members need no worker: their Airflow tasks start in the triggerer, show the
    output of their Batch tasks and end there. Every other member is *late*: Airflow lets it go by its own
    rules, and a worker adds its Batch task then. The outcome is always that of a plain Airflow DAG; launch's
    log, and ``python -m airflow_provider_batch explain``, say for each edge who holds it and why.

    Example::

        with AzureBatchJobTaskGroup(group_id="film", batch_pool_id="render"):
            split = AzureBatchTaskOperator(task_id="split", command_line="...")
            frames = AzureBatchTaskOperator.partial(task_id="frame").expand(command_line=[...])
            merge = AzureBatchTaskOperator(task_id="merge", command_line="...")
            split >> frames >> merge

    Airflow's own ``pool`` and ``max_active_tis_per_dag`` hold no eager member back; the job's
    ``max_parallel_tasks`` and the pool's task slots do.

    :param group_id: id of the group.
    :param batch_pool_id: id of a pool that exists (templated).
    :param batch_pool: description of a pool to create, or to adopt when one of that id fits (templated).
    :param batch_job: everything else of the job, for example priority, constraints and common environment: a
        :class:`~airflow_provider_batch.specs.JobSpec`, REST JSON, or an ``azure.batch.models`` object
        (templated). With ``auto_pool_specification`` the job brings its pool, which is deleted when finish
        ends the job; leave ``batch_pool_id`` and ``batch_pool`` out then.
    :param azure_batch_conn_id: Airflow connection of the Batch account (templated).
    :param wall_clock: greatest life of the job; None for what is left of the run's own time limit, at most 30
        days.
    :param delete_job: when finish deletes the job, with its tasks and files.
    :param delete_pool: when finish deletes the pool that ``batch_pool`` describes.
    :param max_mirrors: greatest number of unmapped members that start in the triggerer; of more, all start on
        workers. In Airflow 3.3 hundreds of them hold up the other triggers of their triggerer, on workers
        they cost many times as much. See ``docs/groups.md``.
    :param kwargs: parameters of Airflow's ``TaskGroup``.
    :raises SpecError: while the DAG is parsed: a field is unknown, missing, contradictory or out of range.
    :raises AzureBatchConfigurationError: while the DAG is parsed: the group stands in a mapped task group or
        in another Batch group.
    """

    def __init__(
        self,
        group_id: str,
        *,
        batch_pool_id: str | None = None,
        batch_pool: PoolSpec | Mapping[str, Any] | None = None,
        batch_job: JobSpec | Mapping[str, Any] | None = None,
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        wall_clock: timedelta | None = None,
        delete_job: DeletionPolicy = "never",
        delete_pool: DeletionPolicy = "never",
        max_mirrors: int = DEFAULT_MAX_MIRRORS,
        **kwargs: Any,
    ) -> None:
        super().__init__(group_id=group_id, **kwargs)
        if delete_pool != "never" and batch_pool is None:
            raise SpecError("delete_pool", "only a pool that batch_pool describes is deleted, no other")
        self.azure_batch_launch_id = str(self.child_id(LAUNCH_LABEL))  # type: ignore[no-untyped-call]
        self.azure_batch_conn_id = azure_batch_conn_id
        self.batch_pool_id = batch_pool_id
        self.batch_pool = batch_pool
        self.batch_job = batch_job
        self.wall_clock = wall_clock
        self.delete_job = delete_job
        self.delete_pool = delete_pool
        self.max_mirrors = max_mirrors
        self._launch: AzureBatchLaunchOperator | None = None
        self._finish: AzureBatchFinishOperator | None = None
        self._check_place()

    def _check_place(self) -> None:
        for group in outer_groups(self.parent_group):
            if _is_mapped(group):
                raise AzureBatchConfigurationError(
                    f"task group {self.group_id!r} stands in the mapped task group {group.group_id!r}. A "
                    "Batch group cannot be mapped: map its members instead, or write one group for each."
                )
        if (around := batch_group_of(self.parent_group)) is not None:
            raise AzureBatchConfigurationError(
                f"task group {self.group_id!r} stands in the Batch group {around.group_id!r}. A group is one "
                "job: use a plain TaskGroup inside, or put the groups side by side."
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """
        Close the block: add launch and finish.

        :param kind: class of the error that the block raised; then nothing is added.
        :param error: the error.
        :param trace: where it came from.
        """
        try:
            if kind is None:
                self._close()
        finally:
            super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]

    def _close(self) -> None:
        if self._launch is None:
            common: dict[str, Any] = {
                "dag": self.dag,
                "task_group": self,
                "azure_batch_conn_id": self.azure_batch_conn_id,
            }
            self._launch = AzureBatchLaunchOperator(
                task_id=LAUNCH_LABEL,
                group_id=str(self.group_id),
                batch_pool_id=self.batch_pool_id,
                batch_pool=self.batch_pool,
                batch_job=self.batch_job,
                wall_clock=self.wall_clock,
                trigger_rule="all_success",
                **common,
            )
            self._finish = AzureBatchFinishOperator(
                task_id=FINISH_LABEL,
                launch_task_id=self.azure_batch_launch_id,
                group_id=str(self.group_id),
                batch_pool_id=_pool_id(self._launch),
                delete_job=self.delete_job,
                delete_pool=self.delete_pool,
                retries=5,
                retry_delay=timedelta(seconds=30),
                **common,
            )
            self._launch.as_setup()  # type: ignore[no-untyped-call]
            self._finish.as_teardown(setups=self._launch, on_failure_fail_dagrun=False)
        self._draw(is_complete=False)

    def _draw(self, *, is_complete: bool) -> None:
        """
        Draw the edges of launch and finish that are not there yet.

        :param is_complete: whether no other edge can come; only then is a task without upstreams a first one.
        """
        launch, finish = self._launch, self._finish
        if launch is None or finish is None:
            return
        members = self._members()
        ids = {task.task_id for task in members}
        for task in members:
            if finish.task_id not in task.downstream_task_ids:
                task.set_downstream(finish)
            if not task.upstream_task_ids.isdisjoint(ids):
                continue
            if self._is_chosen_by_a_branch(task):
                # Chosen without launch it runs, and submits itself; so launch must not hold it.
                launch.downstream_task_ids.discard(task.task_id)
                task.upstream_task_ids.discard(launch.task_id)
                continue
            if launch.task_id in task.upstream_task_ids:
                continue
            if is_complete and not task.upstream_task_ids and is_member(task):
                # Without upstreams every rule passes; a setup may be followed by this one only.
                task.trigger_rule = type(task.trigger_rule)("all_success")
            if str(getattr(task.trigger_rule, "value", task.trigger_rule)) == "all_success":
                task.set_upstream(launch)
        self._draw_from_before(launch)
        if is_complete:
            self._draw_to_deletions(finish, ids)

    def _draw_to_deletions(self, finish: AzureBatchFinishOperator, ids: set[str]) -> None:
        """
        Let what deletes a pool after the members wait for finish, too, which asks the pool what it has cost.

        Only where that cannot change whether it runs.
        """
        after = {task_id for member in self._members() for task_id in member.downstream_task_ids} - ids
        for task_id in sorted(after - {finish.task_id}):
            task: Any = self.dag.get_task(task_id)
            rule = str(getattr(task.trigger_rule, "value", task.trigger_rule))
            if getattr(task, "deletes_batch_pool", False) and (task.is_teardown or rule == "all_done"):
                finish.set_downstream(task)

    def _is_chosen_by_a_branch(self, task: Any) -> bool:
        return any(skips_selectively(self.dag.get_task(task_id)) for task_id in task.upstream_task_ids)

    def _members(self) -> list[Any]:
        """All tasks of the group but its own two; they need not be Batch tasks."""
        return [task for task in self.iter_tasks() if task is not self._launch and task is not self._finish]

    def _draw_from_before(self, launch: AzureBatchLaunchOperator) -> None:
        """Edges that were drawn on the group while it was empty."""
        for task_id in sorted(self.upstream_task_ids):
            if task_id in launch.upstream_task_ids:
                continue
            upstream: Any = self.dag.get_task(task_id)
            for task in self.get_roots():
                if task_id not in task.upstream_task_ids:
                    task.set_upstream(upstream)

    def get_roots(self) -> Iterator[Any]:  # type: ignore[override]
        """
        Yield the tasks that an edge to the group ends at: launch, and the members without others before them.

        So what is drawn to the group comes before launch, and each root waits by its own trigger rule, as in
        any task group.
        """
        tasks = self._members()
        ids = {task.task_id for task in tasks}
        if self._launch is not None:
            yield self._launch
        for task in tasks:
            if task.upstream_task_ids.isdisjoint(ids):
                yield task

    # --- when the DAG file has been executed -----------------------------------------------------

    def seal(self) -> Graph | None:
        """
        Decide which members start in the triggerer; called when the DAG is complete. Safe to repeat.

        :return: the graph as far as the DAG file tells; None when the block was not closed.
        :raises AzureBatchConfigurationError: the group holds what a Batch group cannot hold.
        """
        launch = self._launch
        if launch is None:
            return None
        self._check_content()
        self._draw(is_complete=True)
        members = batch_members(self)
        graph = static_graph(launch, members)
        reasons = reasons_for_a_worker(graph, members, self.max_mirrors)
        for task_id, task in members.items():
            starts = not reasons[task_id]
            task.start_from_trigger = starts
            task.start_trigger_args = _start_args(task, launch) if starts else None
            if starts:
                lighten(task, ends_on_workers=bool(endings_of_a_mirror(task)))
        self._warn_of_many(len(unmapped_eager(graph, members)))
        self._warn_of_limits(members)
        return graph

    def _warn_of_many(self, unmapped: int) -> None:
        if unmapped > self.max_mirrors and MIRRORS_SUPPORTED:
            effect = "all of them start on workers, which takes many times as long"
        elif self.max_mirrors >= unmapped > _FELT_BY_OTHERS and AIRFLOW_V_3_3_PLUS:
            # In 2.11 no trigger carries the DAG.
            effect = "while they start, they hold up every other trigger of their triggerer"
        else:
            return
        _log.warning(
            "Task group %s of DAG %s has %d unmapped members that could start in the triggerer "
            "(max_mirrors=%d): %s. Mapped members do neither, however many. See docs/groups.md.",
            self.group_id,
            self.dag.dag_id,
            unmapped,
            self.max_mirrors,
            effect,
        )

    def _warn_of_limits(self, members: Mapping[str, Any]) -> None:
        limited = {
            task_id: found
            for task_id, task in members.items()
            if task.start_from_trigger and (found := limits_without_effect(task))
        }
        if limited:
            task_id, found = next(iter(limited.items()))
            _log.warning(
                "Task group %s of DAG %s: %d members start in the triggerer, where Airflow's pools and "
                "max_active_tis do not hold them back (for example %s: %s). Use max_parallel_tasks of "
                "batch_job and the task slots of the Batch pool. See docs/groups.md.",
                self.group_id,
                self.dag.dag_id,
                len(limited),
                task_id,
                ", ".join(found),
            )

    def _check_content(self) -> None:
        for task in self.iter_tasks():
            for group in outer_groups(task.task_group):
                if _is_mapped(group):
                    raise AzureBatchConfigurationError(
                        f"{task.task_id}: the mapped task group {group.group_id!r} stands in the Batch group "
                        f"{self.group_id!r}, which is one job for all. Map the members one by one."
                    )
                if group.group_id == self.group_id:
                    break


def _is_mapped(node: Any) -> bool:
    """Tell whether an operator or a task group is mapped; both kinds have the arguments in one place."""
    return hasattr(node, "partial_kwargs") or hasattr(node, "_expand_input")


def _pool_id(launch: AzureBatchLaunchOperator) -> str | None:
    pool: Any = launch.batch_pool
    return pool.get("id") if isinstance(pool, Mapping) else launch.batch_pool_id


def _start_args(task: Any, launch: AzureBatchLaunchOperator) -> StartTriggerArgs:
    """Return how the member starts; what is as usual is left out, as all of it travels with each trigger."""
    given = given_arguments(task)
    arguments: dict[str, Any] = {"launch": launch.task_id, "definition": definition_of(task)}
    for name, usual in (
        ("poll_interval", 5.0),
        ("max_output_bytes", DEFAULT_CAP),
        ("skip_on_exit_code", []),
        ("fail_on_exit_code", []),
    ):
        value = given.get(name, usual)
        if value is not None and value != usual:
            arguments[name] = [value] if isinstance(usual, list) and isinstance(value, int) else value
    if endings := endings_of_a_mirror(task):
        arguments["worker_endings"] = endings
    if not given.get("do_xcom_push", True):
        arguments["push_result"] = False
    if str(getattr(task.trigger_rule, "value", task.trigger_rule)) == "all_done":
        arguments["all_done"] = True
    if task.upstream_task_ids <= {launch.task_id}:
        arguments["has_parents"] = False
    return StartTriggerArgs(
        trigger_cls=_TRIGGER,
        next_method="execute_complete",
        trigger_kwargs=arguments,
        next_kwargs=None,
        timeout=None,
    )


F = TypeVar("F", bound=Callable[..., Any])


def batch_job(group_id: str | None = None, **options: Any) -> Callable[[F], F]:
    """
    Make a function whose calls each write a Batch group; what it does is the group's block.

    Example::

        @batch_job(batch_pool_id="render")
        def film(frames: int) -> None:
            split = AzureBatchTaskOperator(task_id="split", command_line="...")
            ...

        start >> film(240)

    :param group_id: id of the group; by default the function's name.
    :param options: parameters of :class:`AzureBatchJobTaskGroup`.
    :return: a decorator. A call of what it decorates returns the group, or what the function returned when
        that is something.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def write(*args: Any, **kwargs: Any) -> Any:
            tooltip = (function.__doc__ or "").strip().partition("\n")[0]
            settings = {"tooltip": tooltip, "add_suffix_on_collision": True, **options}
            with AzureBatchJobTaskGroup(group_id or function.__name__, **settings) as group:
                result = function(*args, **kwargs)
            return group if result is None else result

        return write  # type: ignore[return-value]

    return decorate
