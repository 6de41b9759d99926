"""What can happen to the automatic scaling of a pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_batch.emulator.machine.events import Event, PoolVerb


@dataclass(frozen=True)
class EnableAutoScale(PoolVerb):
    """
    A user lets a pool scale by a formula, or changes formula or interval.

    :param formula: of correct syntax; None to keep the present one.
    :param evaluation_interval: None to keep the present one.
    """

    formula: str | None
    evaluation_interval: timedelta | None


@dataclass(frozen=True)
class DisableAutoScale(PoolVerb):
    """A user lets a pool stay as it is."""


@dataclass(frozen=True)
class UsageMeasured(Event):
    """
    Somebody has looked how busy the nodes of a pool are.

    :param usage: by names of read-only variables, for example ``$CPUPercent``.
    """

    pool_key: str
    pool_serial: int
    usage: Mapping[str, float]
