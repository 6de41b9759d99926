"""Tell Airflow's log masker the secrets that stand in a request body."""

from __future__ import annotations

from typing import Any

from airflow_provider_batch.domain.redaction import secrets_in
from airflow_provider_batch.version_compat import amask_secret, mask_secret

__all__ = ["amask_sas", "mask_sas"]


def mask_sas(value: Any) -> None:
    """
    Mask the SAS signatures of a JSON value, and its keys and passwords, in every log of this task.

    :param value: a REST body, or a part of one; walked to its leaves.
    """
    mask_secret(_distinct(value))


async def amask_sas(value: Any) -> None:
    """
    Mask as :func:`mask_sas` does, from within an event loop.

    :param value: a REST body, or a part of one; walked to its leaves.
    """
    await amask_secret(_distinct(value))


def _distinct(value: Any) -> list[str]:
    return list(dict.fromkeys(secrets_in(value)))
