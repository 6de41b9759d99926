"""States of the task instances of one DAG run, as a worker may ask for them in each Airflow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from airflow.providers.common.compat.sdk import TaskInstanceState

from airflow_provider_batch.domain.launch_scope import PENDING
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS

__all__ = ["RunStates", "run_has_ended", "states_of_run"]

_FINISHED = frozenset(
    {
        TaskInstanceState.SUCCESS,
        TaskInstanceState.FAILED,
        TaskInstanceState.SKIPPED,
        TaskInstanceState.UPSTREAM_FAILED,
        TaskInstanceState.REMOVED,
    }
)


class RunStates:
    """
    States by task, of one run.

    :param states: state by task id, with ``_`` and the map index behind it for a mapped task instance.
    :param task_ids: ids of all tasks, since one may look like a mapped task instance of another.
    """

    def __init__(self, states: Mapping[str, str | None], task_ids: Collection[str] = ()) -> None:
        self._states = states
        self._task_ids = frozenset(task_ids)

    def of(self, task_id: str) -> dict[int, str | None]:
        """
        Return the states of a task by map index; -1 for an unmapped or not yet expanded one.

        :param task_id: the task.
        """
        found: dict[int, str | None] = {}
        prefix = f"{task_id}_"
        for name, state in self._states.items():
            if name == task_id:
                found[-1] = state
            elif name in self._task_ids:
                continue
            elif name.startswith(prefix) and name[len(prefix) :].isdecimal():
                found[int(name[len(prefix) :])] = state
        return found

    def unfinished(self, task_ids: Iterable[str]) -> list[str]:
        """
        Return the names of task instances that have not ended.

        :param task_ids: the tasks.
        """
        return [
            task_id if index < 0 else f"{task_id}[{index}]"
            for task_id in task_ids
            for index, state in self.of(task_id).items()
            if state not in _FINISHED
        ]

    def is_pending(self, task_id: str) -> bool:
        """
        Tell whether every instance of a task will run and has not begun.

        :param task_id: the task.
        """
        states = self.of(task_id)
        return bool(states) and all(state in PENDING for state in states.values())


def states_of_run(context: Any) -> RunStates:
    """
    Read the states of all task instances of the context's run.

    :param context: the template context of a task that runs on a worker.
    """
    task_instance = context["ti"]
    if AIRFLOW_V_3_0_PLUS:
        found = task_instance.get_task_states(dag_id=task_instance.dag_id, run_ids=[task_instance.run_id])
        return RunStates(found.get(task_instance.run_id, {}), context["dag"].task_dict)
    return RunStates(
        {
            ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}": ti.state
            for ti in context["dag_run"].get_task_instances()
        },
        context["dag"].task_dict,
    )


def run_has_ended(context: Any, run_id: str, dag_id: str | None = None) -> bool:
    """
    Tell whether Airflow says that another run has ended; a run that it does not know has not.

    :param context: the template context of a task that runs on a worker.
    :param run_id: the other run.
    :param dag_id: its DAG; None for that of the context.
    """
    task_instance = context["ti"]
    dag_id = dag_id or task_instance.dag_id
    if AIRFLOW_V_3_0_PLUS:
        try:
            state = task_instance.get_dagrun_state(dag_id=dag_id, run_id=run_id)
        except Exception:  # noqa: BLE001 - each release raises another class for a run that was deleted
            return False
    else:
        from airflow.models.dagrun import DagRun

        state = next((run.state for run in DagRun.find(dag_id=dag_id, run_id=run_id)), None)
    return str(getattr(state, "value", state)) in ("success", "failed")
