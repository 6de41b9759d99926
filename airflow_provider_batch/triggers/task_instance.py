"""
What a trigger may do with its own task instance: write and read XComs, ask whether it was killed.

Each Airflow has another way, and the wrong one hangs or fails: a trigger in Airflow 3 has no database, the
plain ``xcom_pull`` of 3.3 waits for an answer that never comes, and 2.11 has only the database.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import TaskInstanceState, XCom
from asgiref.sync import sync_to_async

from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_3_PLUS

#: XCom in which a group's member keeps which Batch task a try has taken
CLAIM_KEY = "batch_claim"

__all__ = [
    "CLAIM_KEY",
    "get_xcom",
    "is_still_deferred_to",
    "run_is_over",
    "set_xcom",
    "state_of_task",
]


def _address(task_instance: Any) -> dict[str, Any]:
    return {
        "dag_id": task_instance.dag_id,
        "task_id": task_instance.task_id,
        "run_id": task_instance.run_id,
        "map_index": task_instance.map_index,
    }


async def set_xcom(task_instance: Any, key: str, value: Any) -> None:
    """
    Write an XCom of the trigger's own task instance; an earlier one of that key is replaced.

    :param task_instance: the trigger's ``task_instance``.
    :param key: key of the XCom.
    :param value: JSON.
    """
    if AIRFLOW_V_3_3_PLUS:
        await XCom.aset(key=key, value=value, **_address(task_instance))
    else:
        await sync_to_async(XCom.set)(key=key, value=value, **_address(task_instance))


async def get_xcom(task_instance: Any, key: str, **other: Any) -> Any:
    """
    Read an XCom of the trigger's own task instance, or of another one of its run; None when there is none.

    :param task_instance: the trigger's ``task_instance``.
    :param key: key of the XCom.
    :param other: ``task_id`` and ``map_index`` of the other task instance.
    """
    address = {**_address(task_instance), **other}
    if AIRFLOW_V_3_3_PLUS:
        return await XCom.aget_one(key=key, **address)
    return await sync_to_async(XCom.get_one)(key=key, **address)


async def is_still_deferred_to(task_instance: Any, trigger_id: int | None) -> bool:
    """
    Tell whether the task instance still waits for this trigger.

    Below Airflow 3.3 a trigger is only told that it ends, not why: after a restart of the triggerer its task
    still waits for it; after a kill it does not.

    :param task_instance: the trigger's ``task_instance``.
    :param trigger_id: the trigger's own id.
    """
    if AIRFLOW_V_3_0_PLUS:
        state = await _state_from_api(task_instance, task_instance.task_id, task_instance.map_index)
        return bool(state == TaskInstanceState.DEFERRED)
    return bool(await sync_to_async(_deferred_in_database)(task_instance, trigger_id))


async def state_of_task(task_instance: Any, task_id: str) -> str | None:
    """
    Return the state of an unmapped task of the same run.

    :param task_instance: the trigger's ``task_instance``.
    :param task_id: the task.
    """
    if AIRFLOW_V_3_0_PLUS:
        return await _state_from_api(task_instance, task_id, -1)
    state: str | None = await sync_to_async(_state_in_database)(task_instance, task_id)
    return state


async def run_is_over(task_instance: Any) -> bool:
    """
    Tell whether the DAG run has ended, so that nothing of it runs any more.

    :param task_instance: the trigger's ``task_instance``.
    """
    if AIRFLOW_V_3_0_PLUS:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        state: Any = await sync_to_async(RuntimeTaskInstance.get_dagrun_state)(
            task_instance.dag_id, task_instance.run_id
        )
    else:
        state = await sync_to_async(_run_state_in_database)(task_instance)
    return str(getattr(state, "value", state)) in ("success", "failed")


async def _state_from_api(task_instance: Any, task_id: str, map_index: int) -> str | None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=task_instance.dag_id,
        task_ids=[task_id],
        run_ids=[task_instance.run_id],
        map_index=map_index,
    )
    suffix = f"_{map_index}" if map_index >= 0 else ""
    state: str | None = states.get(task_instance.run_id, {}).get(f"{task_id}{suffix}")
    return state


def _deferred_in_database(task_instance: Any, trigger_id: int | None) -> bool:
    """Look into the metadata database; Airflow 2 only, in a thread."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        row = (
            session.query(TaskInstance.state, TaskInstance.trigger_id)
            .filter_by(**_address(task_instance))
            .one_or_none()
        )
    return row is not None and row[0] == TaskInstanceState.DEFERRED and row[1] == trigger_id


def _state_in_database(task_instance: Any, task_id: str) -> str | None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        address = {**_address(task_instance), "task_id": task_id, "map_index": -1}
        state: str | None = session.query(TaskInstance.state).filter_by(**address).scalar()
    return state


def _run_state_in_database(task_instance: Any) -> str | None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        address = {"dag_id": task_instance.dag_id, "run_id": task_instance.run_id}
        state: str | None = session.query(DagRun.state).filter_by(**address).scalar()
    return state
