"""What services hand to the routes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.wire.fields import Json


@dataclass(frozen=True)
class Found:
    """
    One resource.

    :param body: its JSON, as far as it was selected.
    :param last_modified: for ETag and Last-Modified; None for resources that have neither.
    """

    body: Json
    last_modified: datetime | None = None


def check_readable(conditions: Conditions, last_modified: datetime) -> None:
    """
    Check the conditions of a read.

    :raises ServiceError: ``ConditionNotMet`` (304).
    """
    if not conditions.hold(last_modified):
        raise errors.condition_not_met(reading=True)
