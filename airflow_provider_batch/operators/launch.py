"""
The first task of a group: it plans the members into one Batch job.

A DAG file with a group imports this module each time that it is parsed, so what only a worker needs is
imported where it is needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_batch.exceptions import AzureBatchError, MemberRenderingError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.links.portal import (
    AzureBatchJobLink,
    AzureBatchPoolLink,
    account_resource_id,
    portal_urls,
)
from airflow_provider_batch.operators.group_graph import (
    batch_members,
    definition_of,
    launch_graph,
    static_graph,
)
from airflow_provider_batch.operators.job_pool import check_one_pool, job_without_pool
from airflow_provider_batch.operators.rendered_fields import HidesSecrets, hide_secrets, whole
from airflow_provider_batch.operators.run_states import states_of_run
from airflow_provider_batch.specs import decided_later, pool_to_rest, to_iso8601
from airflow_provider_batch.specs.pool_identities import check_references

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.graph import Graph
    from airflow_provider_batch.domain.graph_blocks import Block
    from airflow_provider_batch.domain.group_job import Generation, GroupJobPlan
    from airflow_provider_batch.domain.group_launch import Opening
    from airflow_provider_batch.domain.launch_scope import LaunchScope
    from airflow_provider_batch.domain.launched import Launched
    from airflow_provider_batch.specs import JobSpec, PoolSpec

__all__ = ["AzureBatchLaunchOperator"]

#: longest life of a job that the service gives
_LONGEST_LIFE = timedelta(days=30)
#: how much longer than its run a job may live: finish is to end it, not its own clock
_AFTER_THE_RUN = timedelta(hours=1)

_SATISFY = {"dependencyAction": "satisfy"}
#: exit conditions of a member whose children run whatever its end is
_SATISFIED_BY_FAILURE = {
    "default": _SATISFY,
    "preProcessingError": _SATISFY,
    "fileUploadError": _SATISFY,
}


@dataclass
class _Rendered:
    """
    What may be planned.

    :param bodies: tasks by member and map index; a member without any is not planned.
    :param widths: widths of the members.
    """

    bodies: dict[str, list[tuple[int, dict[str, Any]]]] = field(default_factory=dict)
    widths: dict[str, int | None] = field(default_factory=dict)

    def check_identities(self, pool: Mapping[str, Any]) -> None:
        """See that the pool has the identities that its tasks name; see :func:`check_references`."""
        for task_id, tasks in self.bodies.items():
            for _index, body in tasks:
                check_references(pool, body, f"{task_id}.batch_task")


class AzureBatchLaunchOperator(HidesSecrets, BaseOperator):
    """
    Plan a group's members into one Batch job; a part of every ``AzureBatchJobTaskGroup``.

    It reads the real DAG, decides which edges Batch can hold, creates the job and adds the tasks of all eager
    members, parents first. It waits for nothing: Batch queues. May be killed at any point and run again.

    The XCom that it returns is a :class:`~airflow_provider_batch.domain.launched.Launched`.

    :param group_id: id of the group.
    :param batch_pool_id: id of a pool that exists (templated).
    :param batch_pool: description of a pool to create, or to adopt when one of that id fits (templated).
    :param batch_job: everything else of the job: priority, constraints and so on (templated); it may bring
        its pool (``auto_pool_specification``).
    :param azure_batch_conn_id: Airflow connection of the Batch account (templated).
    :param wall_clock: greatest life of the job; None for what is left of the run's own time limit, at most 30
        days.
    """

    template_fields: Sequence[str] = (
        "azure_batch_conn_id",
        "batch_pool_id",
        "batch_pool",
        "batch_job",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "batch_pool": "json",
        "batch_job": "json",
    }
    operator_extra_links = (AzureBatchJobLink(), AzureBatchPoolLink())
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        group_id: str,
        batch_pool_id: str | None = None,
        batch_pool: PoolSpec | Mapping[str, Any] | None = None,
        batch_job: JobSpec | Mapping[str, Any] | None = None,
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        wall_clock: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.group_id = group_id
        self.batch_pool_id = batch_pool_id
        self.batch_pool = batch_pool
        self.batch_job = batch_job
        self.azure_batch_conn_id = azure_batch_conn_id
        self.wall_clock = wall_clock
        self._check()
        self._job: Generation | None = None
        self._plans_into_it = False

    def _check(self) -> None:
        if self.batch_pool is not None and not decided_later(self.batch_pool):
            self.batch_pool = pool_to_rest(self.batch_pool, "batch_pool")
        if self.batch_job is not None and not decided_later(self.batch_job):
            self.batch_job = self._job_body()
        check_one_pool(self.batch_pool_id, self.batch_pool, self.batch_job)
        if isinstance(self.batch_pool, Mapping):
            check_references(whole(self.batch_pool), whole(self.batch_job), "batch_job")
        if self.wall_clock is not None and not timedelta() < self.wall_clock <= _LONGEST_LIFE:
            raise SpecError("wall_clock", f"{self.wall_clock} is not between 0 and 30 days")
        hide_secrets(self)

    def _job_body(self) -> dict[str, Any]:
        body = job_without_pool(whole(self.batch_job))
        for name, why in (
            ("id", "the group chooses it, so that nothing is submitted twice"),
            ("onAllTasksComplete", "the job stays open until the group's finish ends it"),
            ("usesTaskDependencies", "a group's job always has them"),
        ):
            if name in body:
                raise SpecError(f"batch_job.{name}", why)
        return body

    def resolve_template_files(self) -> None:
        """
        Seal the group.

        Airflow calls this for every task of a DAG when its file has been executed and before it is
        serialised: all members and edges are there, those drawn after the group's block too.
        """
        super().resolve_template_files()
        if callable(seal := getattr(self.task_group, "seal", None)):
            seal()

    # --- what happens ----------------------------------------------------------------------------

    @cached_property
    def hook(self) -> AzureBatchHook:
        """The hook of this operator's connection."""
        return AzureBatchHook(self.azure_batch_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Plan the members into the job.

        :param context: the template context.
        :return: what the members need to know.
        """
        from airflow_provider_batch.domain.auto_pools import brought_pool
        from airflow_provider_batch.domain.explain import explain
        from airflow_provider_batch.domain.graph_blocks import integer_blocks
        from airflow_provider_batch.domain.group_job import prepare_pool
        from airflow_provider_batch.domain.group_launch import Opening
        from airflow_provider_batch.domain.labels import pool_labels
        from airflow_provider_batch.domain.launched import Launched
        from airflow_provider_batch.hooks.new_pools import check_new_pool
        from airflow_provider_batch.operators.estimates import log_estimate

        try:
            plan = self.job_plan(context, self.hook)
            scope = self._scope(context)
            graph, rendered = self._render_members(context, scope)
            blocks = integer_blocks(graph, rendered.widths)
            if plan.pool is not None:
                rendered.check_identities(plan.pool)
            if (made := plan.pool or brought_pool(plan.job, pool_labels(plan.group))) is not None:
                self._run(check_new_pool(made, self.hook.connection, self.log))
                # Of a pool that is only named, nothing is known without asking.
                log_estimate(made, self.hook.connection, self.log, self._life(context))
            self._run(prepare_pool(plan))
            opening = Opening(
                max_tries=context["ti"].max_tries,
                fingerprint=_fingerprint(plan, graph, rendered),
                blocks={task_id: [block.base, block.width] for task_id, block in blocks.items()},
                # A late member waits for nobody: it may have begun since we looked.
                start_over=scope.starts_over and self._scope(context).starts_over,
                is_idle=scope.is_idle,
            )
            generation = self._open(plan, opening)
            if self._plans_into_it:
                self.log.info("%s", explain(graph, rendered.widths))
            tasks = list(self._bodies(plan, graph, rendered, blocks)) if self._plans_into_it else []
            if generation.is_open:
                self._submit(context, plan, generation, tasks)
            launched = Launched(
                batch_job_id=generation.batch_job_id,
                generation=generation.number,
                batch_pool_id=generation.batch_pool_id or plan.batch_pool_id,
                azure_batch_conn_id=self.azure_batch_conn_id,
                account=self._account(),
                blocks=generation.blocks,
                plans_anew=self._plans_into_it and self._was_cleared(context),
            )
            self._publish(context, launched)
        except BaseException as error:
            if not self._next_try_takes_over(context, error):
                self._withdraw()
            raise
        finally:
            self.hook.close()
        return launched.as_json()

    def job_plan(self, context: Context, hook: AzureBatchHook) -> GroupJobPlan:
        """
        Say what the group's job is like, in the context of any task of the group.

        :param context: the template context; this operator's fields are rendered already.
        :param hook: hook of the group's connection.
        """
        from airflow_provider_batch.domain.group_job import GroupJobPlan
        from airflow_provider_batch.operators.identity import group_identity

        pool = pool_to_rest(whole(self.batch_pool), "batch_pool") if self.batch_pool is not None else None
        job = self._job_body()
        check_one_pool(self.batch_pool_id, self.batch_pool, job)
        batch_pool_id = pool["id"] if pool else self.batch_pool_id
        return GroupJobPlan(
            group=group_identity(context, hook.connection.deployment_id, self.group_id),
            batch_pool_id=None if batch_pool_id is None else str(batch_pool_id),
            job=job,
            pool=pool,
            wall_clock=to_iso8601(self._life(context)),
            # A run that finished and was cleared has jobs of its own: this tells them apart.
            labels={"airflow_clear_number": str(getattr(context["dag_run"], "clear_number", 0))},
        )

    def _life(self, context: Any) -> timedelta:
        limits = [_LONGEST_LIFE]
        if self.wall_clock is not None:
            limits.append(self.wall_clock)
        elif (run_limit := getattr(self.dag, "dagrun_timeout", None)) is not None:
            started = context["dag_run"].start_date or datetime.now(timezone.utc)
            left = started + run_limit - datetime.now(timezone.utc)
            limits.append(max(left, timedelta()) + _AFTER_THE_RUN)
        return timedelta(seconds=round(min(limits).total_seconds()))

    def _open(self, plan: GroupJobPlan, opening: Opening) -> Generation:
        from airflow_provider_batch.domain.group_launch import open_for_launch

        generation: Generation
        generation, self._plans_into_it = self._run(open_for_launch(plan, opening))
        self._job = generation
        if not self._plans_into_it:
            self.log.info(
                "Batch job %s was planned before; members that were cleared submit themselves.",
                generation.batch_job_id,
            )
        elif generation.fingerprint not in (None, opening.fingerprint):
            self.log.warning(
                "The graph has changed since Batch job %s was planned; what was submitted first stays.",
                generation.batch_job_id,
            )
        return generation

    def _submit(
        self, context: Any, plan: GroupJobPlan, generation: Generation, tasks: list[dict[str, Any]]
    ) -> None:
        from airflow_provider_batch.domain.group_launch import launch

        is_new = context["ti"].try_number == 1
        done = self._run(launch(plan, generation, tasks, is_new=is_new))
        self.log.info(
            "Batch job %s (generation %d): %d tasks added, %d were there.",
            generation.batch_job_id,
            generation.number,
            done.added,
            done.existed,
        )

    def _account(self) -> str | None:
        connection = self.hook.connection
        return account_resource_id(
            connection.subscription_id, connection.resource_group, connection.account_name
        )

    def _publish(self, context: Any, launched: Launched) -> None:
        from airflow_provider_batch.domain.requests import TaskKey

        urls = portal_urls(launched.account, TaskKey(launched.batch_job_id, ""), launched.batch_pool_id)
        for link in self.operator_extra_links:
            context["ti"].xcom_push(key=link.stored_key, value=urls[link.stored_key])

    # --- the plan --------------------------------------------------------------------------------

    def _was_cleared(self, context: Any) -> bool:
        return bool(context["ti"].max_tries > (self.retries or 0))

    def _scope(self, context: Any) -> LaunchScope:
        """Say which members are to be planned, as the run stands now."""
        from airflow_provider_batch.domain.launch_scope import launch_scope

        members = batch_members(self.task_group)
        if not self._was_cleared(context):
            return launch_scope({task_id: () for task_id in members}, is_cleared=False)
        states = states_of_run(context)
        found = {task_id: list(states.of(task_id).values()) for task_id in members}
        return launch_scope(found, is_cleared=True)

    def _render_members(self, context: Any, scope: LaunchScope) -> tuple[Graph, _Rendered]:
        """Render what may be planned, and compile the graph with the widths that this shows."""
        from airflow_provider_batch.operators.member_rendering import render_members

        rendered = _Rendered()
        members = {id_: one for id_, one in batch_members(self.task_group).items() if id_ in scope.members}
        candidates = static_graph(self, members, scope.over).eager
        late: dict[str, str] = {}
        for task_id in candidates:
            try:
                bodies = [
                    (index, self._task_body(operator))
                    for index, operator in render_members(members[task_id], context)
                ]
            except MemberRenderingError as error:
                # It fails, or is skipped, as Airflow says: when its own time has come.
                late[task_id] = str(error)
                continue
            is_mapped = hasattr(members[task_id], "partial_kwargs")
            rendered.widths[task_id] = len(bodies) if is_mapped else None
            rendered.bodies[task_id] = bodies
        return launch_graph(self, members, rendered.widths, scope.over, late), rendered

    @staticmethod
    def _task_body(operator: Any) -> dict[str, Any]:
        try:
            body: dict[str, Any] = operator.task_body()
        except SpecError as error:
            raise SpecError(f"{operator.task_id}.{error.path}", error.problem) from error
        return body

    def _bodies(
        self, plan: GroupJobPlan, graph: Graph, rendered: _Rendered, blocks: Mapping[str, Block]
    ) -> Iterator[dict[str, Any]]:
        """Yield the tasks to add, parents before children."""
        from airflow_provider_batch.domain import ids
        from airflow_provider_batch.domain.graph_blocks import dependencies, planned_ids
        from airflow_provider_batch.domain.labels import with_ours
        from airflow_provider_batch.domain.submission import task_fingerprint

        planned_id = planned_ids(ids.member_task_id, blocks)
        depends_on = dependencies(graph, rendered.widths, blocks, planned_id)
        members = batch_members(self.task_group)
        for task_id in graph.eager:
            definition = {"name": ids.DEFINITION, "value": definition_of(members[task_id])}
            for index, body in rendered.bodies[task_id]:
                own = ids.task_environment(plan.group, task_id, index, task_fingerprint(body))
                task = {
                    **body,
                    "id": planned_id(task_id, index),
                    "environmentSettings": with_ours(body.get("environmentSettings"), [*own, definition]),
                }
                if (parents := depends_on(task_id)) is not None:
                    task["dependsOn"] = parents
                if task_id in graph.satisfy:
                    task["exitConditions"] = _SATISFIED_BY_FAILURE
                yield task

    # --- when things go wrong --------------------------------------------------------------------

    def on_kill(self) -> None:
        """End the job that this launch plans into; others of the group are left alone."""
        if self._job is None or not self._plans_into_it:
            return
        hook = self.hook.another_session()
        try:
            self._run(_end(self._job, "AirflowLaunchKilled"), hook)
        finally:
            hook.close()

    def _next_try_takes_over(self, context: Any, error: BaseException) -> bool:
        from airflow_provider_batch.domain.polling import is_transient

        task_instance = context["ti"]
        if not isinstance(error, AzureBatchError) or not is_transient(error):
            return False
        return bool(task_instance.try_number <= task_instance.max_tries)

    def _withdraw(self) -> None:
        """End the job that was planned into; the error on whose account it is done stays the reason."""
        if self._job is None or not self._plans_into_it:
            return
        try:
            self._run(_end(self._job, "AirflowLaunchFailed"))
        except Exception as error:  # noqa: BLE001 - another error is being raised, and tells more
            self.log.error("The Batch job could not be ended, and may stay for an hour: %s", error)

    def _run(self, flow: Flow[Any], hook: AzureBatchHook | None = None) -> Any:
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.operators.effects import WorkerEffects

        return drive(flow, WorkerEffects((hook or self.hook).get_conn(), self.log))


def _end(job: Generation, reason: str) -> Flow[None]:
    from airflow_provider_batch.domain.group_job import terminate_generation

    yield from terminate_generation(job, reason)


def _fingerprint(plan: GroupJobPlan, graph: Graph, rendered: _Rendered) -> str:
    """Return what stands for the structure that is planned; rendered text is no part of it."""
    structure = [graph.fingerprint, sorted(rendered.widths.items()), plan.batch_pool_id]
    return hashlib.sha256(json.dumps(structure).encode()).hexdigest()[:12]
