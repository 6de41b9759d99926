"""
A small serialised DAG: every trigger of a group's members carries and reads the whole of it.

Airflow 3.3 ships the serialised DAG with each trigger that starts a task, so each byte of a member is read as
often as there are members. What is left out here is what a member does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_batch.links.portal import AzureBatchTaskLink
from airflow_provider_batch.triggers.arguments import given_arguments
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS

__all__ = ["lighten"]

#: templated fields that are None unless somebody gives them
_OFTEN_ABSENT = frozenset(
    {
        "command_line",
        "batch_task",
        "environment",
        "resource_files",
        "batch_pool_id",
        "batch_pool",
        "batch_job_id",
        "batch_job",
    }
)
_CONNECTION = "azure_batch_conn_id"
_PLAIN_COLOR = "#fff"


def lighten(task: Any, *, ends_on_workers: bool) -> None:
    """
    Leave out of a member what it does not have: fields with nothing to render, how to show fields, links.

    A field without a value, or without a template, has nothing to render, so a worker does the same with it
    and without it. How fields are shown matters where a worker has rendered some; and only a worker writes
    the links to job and pool, which are on the page of launch too.

    :param task: a member that starts in the triggerer, mapped or not; it is changed.
    :param ends_on_workers: some of its endings need a worker.
    """
    absent = _OFTEN_ABSENT - _given(task)
    if not _may_be_template(given_arguments(task).get(_CONNECTION)):
        absent |= {_CONNECTION}
    task.template_fields = tuple(name for name in task.template_fields if name not in absent)
    task.template_fields_renderers = {}
    if not ends_on_workers:
        task.operator_extra_links = (AzureBatchTaskLink(),)
    if AIRFLOW_V_3_0_PLUS:  # which shows no colours of operators
        task.ui_color = _PLAIN_COLOR


def _may_be_template(value: Any) -> bool:
    return value is not None and (not isinstance(value, str) or "{" in value)


def _given(task: Any) -> frozenset[str]:
    if not hasattr(task, "partial_kwargs"):
        return frozenset(name for name in _OFTEN_ABSENT if getattr(task, name, None) is not None)
    mapped = getattr(task.expand_input, "value", None)
    if not isinstance(mapped, Mapping):
        return _OFTEN_ABSENT  # any argument may be among them
    given = {name for name, value in given_arguments(task).items() if value is not None}
    return frozenset(given | set(mapped))
