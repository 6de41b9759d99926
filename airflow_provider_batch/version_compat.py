"""
The only module that asks which Airflow this is.

Names that moved between Airflow 2.11 and 3.x come from ``apache-airflow-providers-common-compat`` where it
offers them; what it does not offer, or offers only in newer releases than our floor, is chosen here.
"""

from __future__ import annotations

import importlib
from typing import Any

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import BaseHook
from packaging.version import Version

__all__ = [
    "AIRFLOW_V_3_0_PLUS",
    "AIRFLOW_V_3_3_PLUS",
    "MIRRORS_SUPPORTED",
    "TRIGGERS_END_TASKS",
    "BaseHook",
    "MappedOperator",
    "SkipMixin",
    "aget_connection",
    "amask_secret",
    "context_keys",
    "context_update_for_unmapped",
    "mask_secret",
]

# A pre-release behaves like the release that it precedes.
_AIRFLOW = Version(Version(airflow_version).base_version)

AIRFLOW_V_3_0_PLUS = Version("3.0.0") <= _AIRFLOW
AIRFLOW_V_3_1_PLUS = Version("3.1.0") <= _AIRFLOW
AIRFLOW_V_3_3_PLUS = Version("3.3.0") <= _AIRFLOW


def _from_first(name: str, *modules: str) -> Any:
    """Return what this Airflow keeps in one of several places; newest first."""
    for module in modules:
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"this Airflow ({airflow_version}) has no {name}")


MappedOperator: Any = importlib.import_module(
    "airflow.sdk.definitions.mappedoperator" if AIRFLOW_V_3_0_PLUS else "airflow.models.mappedoperator"
).MappedOperator
#: common.compat looks for it in a place first that warns in 3.0 and 3.1
SkipMixin: Any = (
    _from_first("SkipMixin", "airflow.sdk.bases.skipmixin", "airflow.providers.standard.utils.skipmixin")
    if AIRFLOW_V_3_0_PLUS
    else _from_first("SkipMixin", "airflow.models.skipmixin")
)
#: whether the scheduler starts tasks in the triggerer: it does in 2.11, and again from 3.3 on
MIRRORS_SUPPORTED = AIRFLOW_V_3_3_PLUS or not AIRFLOW_V_3_0_PLUS
#: Whether a trigger may end its task. Airflow 3.0 then runs the DAG's file as if for a callback, and counts
#: that as a parse which has found no DAG: while tasks go on ending so, the DAG counts as deleted, and its run
#: stands still.
TRIGGERS_END_TASKS = AIRFLOW_V_3_1_PLUS or not AIRFLOW_V_3_0_PLUS


async def aget_connection(conn_id: str) -> Any:
    """
    Read an Airflow connection without blocking the event loop.

    :param conn_id: id of the connection.
    :return: the Airflow connection.
    """
    if hasattr(BaseHook, "aget_connection"):  # Airflow 3.1 and later
        return await BaseHook.aget_connection(conn_id)
    from asgiref.sync import sync_to_async

    return await sync_to_async(BaseHook.get_connection)(conn_id)


def mask_secret(secrets: list[str]) -> None:
    """
    Mask strings in every log of this task, in this process and in the one that writes the logs.

    :param secrets: the texts to mask; empty ones are left out, and Airflow passes over very short ones.
    """
    known = [secret for secret in secrets if secret]
    if known:
        _masking("mask_secret")(known)


async def amask_secret(secrets: list[str]) -> None:
    """
    Mask strings as :func:`mask_secret` does, from within an event loop.

    :param secrets: the texts to mask.
    """
    known = [secret for secret in secrets if secret]
    if not known:
        return
    if AIRFLOW_V_3_3_PLUS:
        await _masking("amask_secret")(known)
    else:
        from asgiref.sync import sync_to_async

        # The call talks to the supervising process and would fail on the loop's own thread.
        await sync_to_async(_masking("mask_secret"))(known)


def _masking(name: str) -> Any:
    """Return a masking function from where this Airflow keeps it; newest place first."""
    places = (
        ("airflow.sdk.log", "airflow.sdk.execution_time.secrets_masker")
        if AIRFLOW_V_3_0_PLUS
        else ("airflow.utils.log.secrets_masker",)
    )
    return _from_first(name, *places)


def context_keys() -> frozenset[str]:
    """Return the names that the template context of this Airflow may have."""
    if AIRFLOW_V_3_0_PLUS:
        context: Any = importlib.import_module("airflow.sdk.definitions.context")
        if hasattr(context, "KNOWN_CONTEXT_KEYS"):
            return frozenset(context.KNOWN_CONTEXT_KEYS)
    # Airflow 2, and 3.0 still
    return frozenset(importlib.import_module("airflow.utils.context").KNOWN_CONTEXT_KEYS)


def context_update_for_unmapped(context: Any, operator: Any) -> None:
    """
    Put a task and its params, overridden by the run's conf, into a template context.

    :param context: the context, changed in place; its task instance gets the task too.
    :param operator: the task, unmapped.
    """
    if AIRFLOW_V_3_0_PLUS:
        module: Any = importlib.import_module("airflow.sdk.execution_time.context")
    else:
        module = importlib.import_module("airflow.utils.context")
    module.context_update_for_unmapped(context, operator)
