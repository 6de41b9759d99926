"""
One command line as one Batch task.

A DAG file imports this module each time that it is parsed, so what only a worker needs is imported where it
is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    TaskDeferred,
    conf,
)

from airflow_provider_batch.domain.hold import Hold
from airflow_provider_batch.domain.output_cap import DEFAULT_CAP
from airflow_provider_batch.domain.verdict import Verdict
from airflow_provider_batch.exceptions import AzureBatchConfigurationError, AzureBatchError, SpecError
from airflow_provider_batch.hooks.batch import AzureBatchHook
from airflow_provider_batch.links.portal import (
    AzureBatchJobLink,
    AzureBatchPoolLink,
    AzureBatchTaskLink,
    account_resource_id,
    portal_urls,
)
from airflow_provider_batch.operators.group_settings import batch_group_of
from airflow_provider_batch.operators.job_pool import LATER, check_one_pool, job_without_pool
from airflow_provider_batch.operators.rendered_fields import HidesSecrets, hide_secrets, whole
from airflow_provider_batch.specs import decided_later, pool_to_rest, task_to_rest
from airflow_provider_batch.specs.base import plain
from airflow_provider_batch.specs.legal_ids import is_legal_id
from airflow_provider_batch.specs.pool_identities import check_references

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.ending import Ending
    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.outcome import ExitCodeRules
    from airflow_provider_batch.domain.submission import Submission, TaskPlan
    from airflow_provider_batch.specs import JobSpec, PoolSpec, ResourceFile, TaskSpec

__all__ = ["AzureBatchTaskOperator"]

#: seconds that a kill waits for the end of the Batch task; Airflow gives a killed task a minute
_KILL_PATIENCE = 20.0
#: Airflow 2 looks for deferred tasks that timed out every 15 s; ours must be sooner
_DEADLINE_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True)
class _Work:
    """
    What a try does about its Batch task, alone or as a member of a group.

    :param submit: flow that brings the task into Batch, once.
    :param find: flow that finds what was submitted and has not ended.
    """

    submit: Callable[[], Flow[Submission]]
    find: Callable[[], Flow[Submission | None]]


class AzureBatchTaskOperator(HidesSecrets, BaseOperator):
    """
    Run a command line as one Azure Batch task, with its output live in the Airflow task log.

    The task goes into a job of its own on a pool, or into a job that exists (``batch_job_id``). A job of its
    own ends together with its task; a pool that this operator creates stays until it is deleted.

    In an ``AzureBatchJobTaskGroup`` the task goes into the group's job, and pool, job and connection are the
    group's.

    What happens when things go wrong, the same in both modes:

    * *A worker that dies and is retried* finds the Batch task that it had submitted and goes on watching it.
      Nothing is ever submitted twice: ids follow from the DAG, the run, the task and its clears.
    * *A retry after a failure* runs the command again: reactivated in a job that is given, else in the next
      generation of its own job. *A clear* runs it again as new work.
    * *Kill, and* ``execution_timeout``, terminate exactly this Batch task.
    * *Batch's own retries* (``maxTaskRetryCount``) happen within one Airflow try.

    The returned XCom has ``batch_job_id``, ``batch_task_id``, ``batch_pool_id``, ``node_id``, ``exit_code``,
    ``result``, ``start_time``, ``end_time``, ``retry_count``, ``requeue_count`` and ``output_url``, and what
    the last run held and cost: ``node_hours``, ``spot_node_hours``, ``core_hours``, ``cost`` and ``currency``
    (None where that is not known). Job, task and pool are in the XCom ``batch_task`` as soon as the task is
    submitted.

    Example::

        AzureBatchTaskOperator(
            task_id="split",
            batch_pool_id="render",
            command_line="/bin/bash -c 'python3 split.py'",
            environment={"PARTS": "4"},
        )

    :param command_line: program and arguments (templated). Batch runs no shell: for pipes, variables or
        built-ins write ``/bin/bash -c '...'``.
    :param batch_task: everything else of the task: a :class:`~airflow_provider_batch.specs.TaskSpec`, REST
        JSON, or an ``azure.batch.models`` object (templated). Its id is chosen by the operator.
    :param environment: environment variables of the task (templated).
    :param resource_files: files that Batch fetches to the node before the command starts (templated).
    :param batch_pool_id: id of a pool that exists (templated).
    :param batch_pool: description of a pool to create, or to adopt when one of that id fits (templated).
    :param batch_job_id: id of a job that exists, to add the task to (templated). The job decides the pool.
    :param batch_job: everything else of its own job, for example priority and constraints (templated); with
        ``auto_pool_specification`` the job brings its pool, which is deleted when the job ends.
    :param azure_batch_conn_id: Airflow connection of the Batch account (templated).
    :param deferrable: wait in the triggerer instead of on the worker; by default as
        ``[operators] default_deferrable`` says.
    :param poll_interval: greatest number of seconds between two looks at the task and its output.
    :param max_output_bytes: bytes of stdout and of stderr that are copied into the Airflow log; after that
        only the end is.
    :param skip_on_exit_code: exit codes that skip the Airflow task.
    :param fail_on_exit_code: exit codes that fail the Airflow task without further retries.
    :raises SpecError: while the DAG is parsed: a field is unknown, missing, contradictory or out of range.
    :raises BatchTaskFailedError: the Batch task failed.
    :raises BatchTaskLostError: the Batch task was deleted, or its job ended before it ran.
    :raises BatchPoolUnusableError: the pool cannot run tasks.
    :raises BatchOwnershipError: a pool or job of the id exists and is not ours or not as described.

    .. seealso:: Tasks - Create Task, Azure Batch REST API 2025-06-01.
    """

    template_fields: Sequence[str] = (
        "azure_batch_conn_id",
        "command_line",
        "batch_task",
        "environment",
        "resource_files",
        "batch_pool_id",
        "batch_pool",
        "batch_job_id",
        "batch_job",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "command_line": "bash",
        "batch_task": "json",
        "environment": "json",
        "resource_files": "json",
        "batch_pool": "json",
        "batch_job": "json",
    }
    operator_extra_links = (AzureBatchTaskLink(), AzureBatchJobLink(), AzureBatchPoolLink())
    ui_color = "#dbe9f6"

    def __init__(
        self,
        *,
        command_line: str | None = None,
        batch_task: TaskSpec | Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        resource_files: Sequence[ResourceFile | Mapping[str, Any]] | None = None,
        batch_pool_id: str | None = None,
        batch_pool: PoolSpec | Mapping[str, Any] | None = None,
        batch_job_id: str | None = None,
        batch_job: JobSpec | Mapping[str, Any] | None = None,
        azure_batch_conn_id: str = AzureBatchHook.default_conn_name,
        deferrable: bool | None = None,
        poll_interval: float = 5.0,
        max_output_bytes: int = DEFAULT_CAP,
        skip_on_exit_code: int | Collection[int] | None = None,
        fail_on_exit_code: int | Collection[int] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(kwargs.get("pool", ""), str):
            raise SpecError("pool", "is Airflow's own pool of slots; describe the Batch pool as batch_pool")
        super().__init__(**kwargs)
        # Airflow 2.11 does not tell the operator of a mapped task which group it is in.
        self._given_group = None if self.task_group else kwargs.get("task_group")
        self.azure_batch_conn_id = azure_batch_conn_id
        self.command_line = command_line
        self.environment = environment
        self.resource_files = resource_files
        self.batch_task = batch_task
        self.batch_pool_id = batch_pool_id
        self.batch_pool = batch_pool
        self.batch_job_id = batch_job_id
        self.batch_job = batch_job
        if deferrable is None:
            # The members of a group are many, and mostly wait: they are not to hold workers.
            deferrable = self.batch_group is not None or conf.getboolean(
                "operators", "default_deferrable", fallback=False
            )
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.max_output_bytes = max_output_bytes
        self.skip_on_exit_code = _codes(skip_on_exit_code, "skip_on_exit_code")
        self.fail_on_exit_code = _codes(fail_on_exit_code, "fail_on_exit_code")
        self._check_numbers()
        self._become_plain_json()
        self._work: _Work | None = None
        self._submission: Submission | None = None
        self._killed = False
        self._left_to_trigger = False
        self._hold = Hold()

    # --- what was written ------------------------------------------------------------------------

    def _check_numbers(self) -> None:
        if self.poll_interval <= 0:
            raise SpecError(
                "poll_interval", f"{self.poll_interval} is not positive; give seconds, for example 5"
            )
        if self.max_output_bytes <= 0:
            raise SpecError(
                "max_output_bytes", f"{self.max_output_bytes} is not positive; give a number of bytes"
            )
        if both := set(self.skip_on_exit_code) & set(self.fail_on_exit_code):
            raise SpecError("skip_on_exit_code", f"{sorted(both)} are in fail_on_exit_code too; choose one")

    def _become_plain_json(self) -> None:
        """Check what was given and keep it as plain JSON, so that it is templated and shown in the UI."""
        if not decided_later(self.batch_pool) and self.batch_pool is not None:
            self.batch_pool = pool_to_rest(self.batch_pool, "batch_pool")
        if not decided_later(self.batch_job) and self.batch_job is not None:
            self.batch_job = self._job_body()
        body = None if decided_later(self.batch_task) else self.task_body()
        if body is not None and self.batch_task is not None:
            own = {"environmentSettings"} if self.environment is not None else set()
            own |= {"resourceFiles"} if self.resource_files is not None else set()
            own |= {"commandLine"} if self.command_line is not None else set()
            self.batch_task = {name: value for name, value in body.items() if name not in own}
        if body is not None and self.resource_files is not None:
            self.resource_files = body["resourceFiles"]
        self._check_place()
        hide_secrets(self)

    def _check_place(self) -> None:
        if self.batch_group is not None:
            self._check_place_in_group()
        elif self.batch_job_id is not None:
            for name in ("batch_pool_id", "batch_pool", "batch_job"):
                if getattr(self, name) is not None:
                    raise SpecError(
                        name,
                        "a job that exists (batch_job_id) has its own pool and settings; leave one out",
                    )
        else:
            check_one_pool(self.batch_pool_id, self.batch_pool, self.batch_job)
            self._check_identities()
        for name, value in (("batch_pool_id", self.batch_pool_id), ("batch_job_id", self.batch_job_id)):
            if value is not None and not decided_later(value) and not is_legal_id(str(value)):
                raise SpecError(name, f"{value!r} is no id: 1 to 64 letters, digits, hyphens and underscores")

    def _check_identities(self) -> None:
        if isinstance(self.batch_pool, Mapping):
            for name in ("batch_task", "resource_files", "batch_job"):
                check_references(whole(self.batch_pool), whole(getattr(self, name)), name)

    def _check_place_in_group(self) -> None:
        """A member takes place and connection from its group; saying the same again is no contradiction."""
        group = self.batch_group
        for name in ("batch_pool_id", "batch_pool", "batch_job_id", "batch_job"):
            value = getattr(self, name)
            if value is not None and (name != "batch_pool_id" or value != group.batch_pool_id):
                raise SpecError(
                    name, f"task group {group.group_id!r} decides it for its members; leave it out here"
                )
        if self.azure_batch_conn_id not in (AzureBatchHook.default_conn_name, group.azure_batch_conn_id):
            raise SpecError(
                "azure_batch_conn_id",
                f"{self.azure_batch_conn_id!r} is not the connection of task group {group.group_id!r} "
                f"({group.azure_batch_conn_id!r}); a group is one job of one account",
            )
        self.azure_batch_conn_id = group.azure_batch_conn_id

    def _job_body(self) -> dict[str, Any]:
        body = job_without_pool(whole(self.batch_job))
        if "id" in body:
            raise SpecError(
                "batch_job.id", "the operator chooses the id; to use a job that exists give batch_job_id"
            )
        return body

    def task_body(self) -> dict[str, Any]:
        """
        Put the Batch task together from the parameters and check it as a whole.

        :return: REST JSON without an id; templates are in it as they are when they have not been rendered.
        :raises SpecError: a field is unknown, missing, contradictory or out of range.
        """
        # What was given may lack an id, or a command line that is a parameter: it is checked as a whole.
        given = plain(whole(self.batch_task), "batch_task") if self.batch_task is not None else {}
        if not isinstance(given, dict):
            raise SpecError(
                "batch_task",
                f"must be a TaskSpec, a mapping in REST JSON or an azure.batch.models object, found "
                f"{type(given).__name__} (a template gives text unless the DAG has "
                "render_template_as_native_obj)",
            )
        for name, parameter, value in (
            ("commandLine", "command_line", self.command_line),
            ("environmentSettings", "environment", _environment(self.environment)),
            ("resourceFiles", "resource_files", self.resource_files),
        ):
            if value is None:
                continue
            if name in given:
                raise SpecError(f"batch_task.{name}", f"is given as {parameter} too; leave one of them out")
            given[name] = list(value) if name == "resourceFiles" and not decided_later(value) else value
        body = task_to_rest(given, "batch_task", batch_task_id=LATER)
        if body.pop("id") != LATER:
            raise SpecError(
                "batch_task.id", "the operator chooses the id, so that nothing is submitted twice"
            )
        if self.batch_group is not None and "dependsOn" in body:
            raise SpecError(
                "batch_task.dependsOn",
                "in a group the edges of the DAG are the dependencies; draw them there",
            )
        return body

    # --- what happens ----------------------------------------------------------------------------

    @property
    def batch_group(self) -> Any:
        """The Batch group around; None when there is none."""
        return batch_group_of(self.task_group or self._given_group)

    @cached_property
    def hook(self) -> AzureBatchHook:
        """The hook of this operator's connection."""
        return AzureBatchHook(self.azure_batch_conn_id)

    def execute(self, context: Context) -> dict[str, Any] | None:
        """
        Submit the task, or find the one that an earlier try submitted, and see it to its end.

        :param context: the template context.
        :return: ids, exit code, node, times; see the class.
        """
        return self._execute(context, None)

    def _execute(self, context: Context, refused: Mapping[str, Any] | None) -> dict[str, Any] | None:
        # A kill may come at any time from here on, and had better find its own modules loaded.
        from airflow_provider_batch.domain import termination  # noqa: F401
        from airflow_provider_batch.domain.ending import Ending
        from airflow_provider_batch.domain.watch import WatchOptions, watch
        from airflow_provider_batch.operators import effects  # noqa: F401

        try:
            self._work = self._make_work(context, refused)
            submission, deadline = self._submit(context, self._work)
            options = WatchOptions(self.poll_interval, self.max_output_bytes, deadline)
            outcome = self._run(watch(submission, options))
            self._submission = None
        finally:
            self.hook.close()
        return self._end(Ending.of_outcome(outcome, self._rules))

    def _submit(self, context: Context, work: _Work) -> tuple[Submission, datetime | None]:
        """Submit the task and, in deferrable mode, hand it to the triggerer."""
        try:
            submission: Submission = self._run(work.submit())
            self._submission = submission
            self._hold.wrote(submission.etag, datetime.now(timezone.utc))
            self._publish(context, submission)
            deadline = self._deadline(context)
            if self.deferrable:
                self._check_not_killed()
                self._wait_in_triggerer(context, submission, deadline)
        except TaskDeferred:
            self._left_to_trigger = True
            raise
        except BaseException as error:
            # Nobody would watch what was submitted.
            if not self._next_try_takes_over(context, error):
                self._withdraw()
            raise
        return submission, deadline

    def execute_complete(
        self, context: Context, event: Mapping[str, Any] | None = None, try_number: int | None = None
    ) -> dict[str, Any] | None:
        """
        End the Airflow task on a worker, where its trigger could not.

        :param context: the template context.
        :param event: the ending that the trigger saw.
        :param try_number: the try that was deferred.
        """
        from airflow_provider_batch.domain.ending import Ending
        from airflow_provider_batch.triggers.resumption import belongs_to_another_try

        if belongs_to_another_try(context, try_number):
            return self._execute(context, None)
        if event is None:
            raise AzureBatchConfigurationError("the trigger gave no event; was the task resumed by hand?")
        if "refused" in event:
            return self._execute(context, event)
        return self._end(Ending.from_json(event))

    def on_kill(self) -> None:
        """
        Terminate exactly the Batch task of this try; tasks of other tries and runs are left alone.

        Also what the trigger watches by now is left alone. The process of a task that was deferred may take a
        while to exit, and Airflow ends it when it takes too long (2.11: after two heartbeats that see another
        state than *running*), or when the worker shuts down; that is no kill of the task.
        """
        self._killed = True
        if self._work is None or self._left_to_trigger:
            return
        # The signal may have come in the middle of a request to Batch or to Airflow: so a session of its
        # own, and nothing that is asked of Airflow.
        hook = self.hook.another_session()
        try:
            self._run_kill(self._work, hook)
        finally:
            hook.close()

    def _run_kill(self, work: _Work, hook: AzureBatchHook) -> None:
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.operators.effects import WorkerEffects

        drive(_kill(work, self._submission), WorkerEffects(hook.get_conn(), self.log, hold=self._hold))

    def _next_try_takes_over(self, context: Context, error: BaseException) -> bool:
        """Tell whether to leave what runs to the retry: that the service gave no answer does not end it."""
        from airflow_provider_batch.domain.polling import is_transient

        task_instance: Any = context["ti"]
        if not isinstance(error, AzureBatchError) or not is_transient(error):
            return False
        return bool(task_instance.try_number <= task_instance.max_tries)

    def _withdraw(self) -> None:
        """End what this try has submitted; the error on whose account it is done stays the reason."""
        if self._work is None:
            return
        try:
            self._run_kill(self._work, self.hook)
        except Exception as error:  # noqa: BLE001 - another error is being raised, and tells more
            self.log.error("What was submitted could not be looked for, and may run on: %s", error)

    def _check_not_killed(self) -> None:
        from airflow_provider_batch.operators.effects import Stopped

        if self._killed:
            raise Stopped

    @property
    def _rules(self) -> ExitCodeRules:
        from airflow_provider_batch.domain.outcome import ExitCodeRules

        return ExitCodeRules(skip=tuple(self.skip_on_exit_code), fail_for_good=tuple(self.fail_on_exit_code))

    def _run(self, flow: Flow[Any]) -> Any:
        from airflow_provider_batch.domain.flow import drive
        from airflow_provider_batch.hooks.prices import price_table
        from airflow_provider_batch.operators.effects import WorkerEffects

        port, prices = self.hook.get_conn(), partial(price_table, self.hook.connection, log=self.log)
        return drive(flow, WorkerEffects(port, self.log, lambda: self._killed, self._hold, prices))

    def _make_work(self, context: Context, refused: Mapping[str, Any] | None) -> _Work:
        self._check_place()
        if self.batch_group is not None:
            from airflow_provider_batch.domain.membership import find_member, submit_member
            from airflow_provider_batch.operators.member import member_plan

            member = member_plan(self, context, refused)
            return _Work(partial(submit_member, member), partial(find_member, member))
        from airflow_provider_batch.domain.submission import find_submitted

        plan = self._make_plan(context)
        return _Work(partial(self._submit_plan, plan), partial(find_submitted, plan))

    def _submit_plan(self, plan: TaskPlan) -> Flow[Submission]:
        from airflow_provider_batch.domain.auto_pools import brought_pool
        from airflow_provider_batch.domain.labels import pool_labels
        from airflow_provider_batch.domain.submission import submit

        if (made := plan.pool or brought_pool(plan.job, pool_labels(plan.work))) is not None:
            from airflow_provider_batch.hooks.new_pools import check_new_pool
            from airflow_provider_batch.operators.estimates import log_estimate

            yield from check_new_pool(made, self.hook.connection, self.log)
            log_estimate(made, self.hook.connection, self.log)
        return (yield from submit(plan))

    def _make_plan(self, context: Context) -> TaskPlan:
        from airflow_provider_batch.domain.submission import TaskPlan
        from airflow_provider_batch.operators.identity import work_identity

        pool = pool_to_rest(whole(self.batch_pool), "batch_pool") if self.batch_pool is not None else None
        task, job = self.task_body(), self._job_body()
        return TaskPlan(
            work=work_identity(context, self.hook.connection.deployment_id),
            task=task,
            batch_job_id=self.batch_job_id,
            job=job,
            batch_pool_id=pool["id"] if pool else self.batch_pool_id,
            pool=pool,
        )

    def _publish(self, context: Context, submission: Submission) -> None:
        """Make ids and links available while the task runs."""
        from airflow_provider_batch.domain.claim import Claim
        from airflow_provider_batch.triggers.task_instance import CLAIM_KEY

        task_instance: Any = context["ti"]
        ids = {
            "batch_job_id": submission.key.batch_job_id,
            "batch_task_id": submission.key.batch_task_id,
            "batch_pool_id": submission.batch_pool_id,
        }
        task_instance.xcom_push(key="batch_task", value=ids)
        # A later try may begin in the triggerer, and an earlier one be killed late: this tells them.
        claim = Claim(
            task_instance.try_number,
            submission.key.batch_job_id,
            submission.key.batch_task_id,
            submission.etag,
            submission.stale_end,
        )
        task_instance.xcom_push(key=CLAIM_KEY, value=claim.as_json())
        connection = self.hook.connection
        account = account_resource_id(
            connection.subscription_id, connection.resource_group, connection.account_name
        )
        urls = portal_urls(account, submission.key, submission.batch_pool_id)
        for key, url in urls.items():
            task_instance.xcom_push(key=key, value=url)

    def _deadline(self, context: Context) -> datetime | None:
        """When our own time is up: a little before Airflow's, which ends a trigger without telling it."""
        if self.execution_timeout is None:
            return None
        task_instance: Any = context["ti"]
        margin = min(_DEADLINE_MARGIN, self.execution_timeout / 10)
        deadline: datetime = task_instance.start_date + self.execution_timeout - margin
        return deadline.astimezone(timezone.utc)

    def _wait_in_triggerer(self, context: Context, submission: Submission, deadline: datetime | None) -> None:
        from airflow_provider_batch.triggers.task import AzureBatchTaskTrigger
        from airflow_provider_batch.triggers.worker_endings import endings_for_a_worker

        task_instance: Any = context["ti"]
        self.defer(
            trigger=AzureBatchTaskTrigger(
                azure_batch_conn_id=self.azure_batch_conn_id,
                submission=asdict(submission),
                poll_interval=self.poll_interval,
                max_output_bytes=self.max_output_bytes,
                deadline=deadline.isoformat() if deadline else None,
                skip_on_exit_code=list(self.skip_on_exit_code),
                fail_on_exit_code=list(self.fail_on_exit_code),
                worker_endings=endings_for_a_worker(self, task_instance),
                push_result=bool(self.do_xcom_push),
                deferred_at=datetime.now(timezone.utc).isoformat(),
            ),
            method_name="execute_complete",
            kwargs={"try_number": task_instance.try_number},
        )

    def _end(self, ending: Ending) -> dict[str, Any] | None:
        if ending.verdict is Verdict.SUCCESS:
            return ending.outcome.as_json() if ending.outcome else None
        if ending.verdict is Verdict.SKIPPED:
            raise AirflowSkipException(f"{ending.message}; skip_on_exit_code says to skip")
        if ending.verdict is Verdict.FAILED_FOR_GOOD:
            raise AirflowFailException(
                f"{ending.message}; fail_on_exit_code says not to retry"
            ) from ending.error()
        raise ending.error()


def _kill(work: _Work, submission: Submission | None) -> Flow[None]:
    from airflow_provider_batch.domain.termination import await_end, terminate

    if submission is None:
        submission = yield from work.find()
    if submission is not None and (yield from terminate(submission, "the Airflow task ended before it")):
        yield from await_end(submission.key, _KILL_PATIENCE)


def _codes(value: int | Collection[int] | None, name: str) -> list[int]:
    codes = [] if value is None else [value] if isinstance(value, int) else sorted(value)
    for code in codes:
        if not isinstance(code, int) or isinstance(code, bool) or code == 0:
            raise SpecError(name, f"{code!r} is not a non-zero exit code")
    return codes


def _environment(environment: Mapping[str, str] | None) -> Any:
    if environment is None or decided_later(environment):
        return environment
    if not isinstance(environment, Mapping):
        raise SpecError("environment", f"must map names to values, found {type(environment).__name__}")
    return [{"name": name, "value": value} for name, value in environment.items()]
