"""A DAG with a Batch group, and the worker that runs its tasks against an account in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_batch.operators import finish, launch, run_states, task
from airflow_provider_batch.operators import member as member_module
from airflow_provider_batch.operators.task import AzureBatchTaskOperator
from airflow_provider_batch.task_groups.job import AzureBatchJobTaskGroup
from tests.unit.operators.fake_airflow import Worker
from tests.unit.operators.test_member_rendering import context_of

STARTED = datetime(2026, 1, 1, tzinfo=timezone.utc)


def member(task_id: str, command: Any = "run", **arguments: Any) -> AzureBatchTaskOperator:
    return AzureBatchTaskOperator(task_id=task_id, command_line=command, **arguments)


@contextlib.contextmanager
def film(dag_arguments: Any = None, **arguments: Any) -> Iterator[Any]:
    """A group ``film`` in a DAG, sealed when the block ends."""
    with DAG("etl", schedule=None, start_date=STARTED, **(dag_arguments or {})):
        group: Any = AzureBatchJobTaskGroup(group_id="film", **{"batch_pool_id": "p1", **arguments})
        with group:
            yield group
    group.seal()


class GroupWorker(Worker):
    """A worker that runs launch, members and finish of a group; its run's states are what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        hook: Any = vars(task)["AzureBatchHook"]
        hook.default_conn_name = "azure_batch_default"
        for module in (launch, finish, member_module):
            states = lambda context: run_states.RunStates(self.states)  # noqa: E731
            monkeypatch.setattr(module, "states_of_run", states, raising=False)
        for module in (launch, finish):
            monkeypatch.setattr(module, "AzureBatchHook", hook)
        self.states: dict[str, str | None] = {}
        self.said: Any = None
        self.xcoms: dict[tuple[str, str], Any] = {}

    def context(self, operator: Any, *, try_number: int = 1, max_tries: int | None = None) -> Any:
        """The template context of a task of the group."""
        made = context_of(operator)
        ti = made["ti"]
        ti.try_number = try_number
        ti.max_tries = (operator.retries or 0) if max_tries is None else max_tries
        ti.start_date = STARTED
        ti.xcom_push = lambda key, value: self.xcoms.update({(operator.task_id, key): value})
        pull = ti.xcom_pull

        def xcom_pull(task_ids: Any = None, *args: Any, **kwargs: Any) -> Any:
            return self.said if task_ids == "film.launch" else pull(task_ids, *args, **kwargs)

        ti.xcom_pull = xcom_pull
        run = SimpleNamespace(conf={}, run_id="manual__1", start_date=STARTED, run_after=None)
        made["dag_run"] = run
        return made

    def launch(self, group: Any, **how: Any) -> Any:
        """Run launch; what it returns is what members are told."""
        operator = group.dag.get_task("film.launch").prepare_for_execution()
        context = self.context(operator, **how)
        operator.render_template_fields(context)
        self.said = operator.execute(context)
        return self.said

    def finish(self, group: Any) -> Any:
        """Run finish."""
        operator = group.dag.get_task("film.finish").prepare_for_execution()
        context = self.context(operator)
        operator.render_template_fields(context)
        return operator.execute(context)

    @property
    def job(self) -> dict[str, Any]:
        """The newest job of the group."""
        return [job for job_id, job in self.batch.jobs.items() if job_id != "nightly"][-1]

    def task(self, begins: str) -> dict[str, Any]:
        """The Batch task whose id begins so."""
        (found,) = [one for (_, task_id), one in self.batch.tasks.items() if task_id.startswith(begins)]
        return found
