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

__all__ = ["get_xcom", "is_still_deferred_to", "set_xcom"]


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


async def get_xcom(task_instance: Any, key: str) -> Any:
    """
    Read an XCom of the trigger's own task instance; None when there is none.

    :param task_instance: the trigger's ``task_instance``.
    :param key: key of the XCom.
    """
    address = _address(task_instance)
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
        state = await _state_from_api(task_instance)
        return bool(state == TaskInstanceState.DEFERRED)
    return bool(await sync_to_async(_deferred_in_database)(task_instance, trigger_id))


async def _state_from_api(task_instance: Any) -> str | None:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=task_instance.dag_id,
        task_ids=[task_instance.task_id],
        run_ids=[task_instance.run_id],
        map_index=task_instance.map_index,
    )
    suffix = f"_{task_instance.map_index}" if task_instance.map_index >= 0 else ""
    state: str | None = states.get(task_instance.run_id, {}).get(f"{task_instance.task_id}{suffix}")
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
