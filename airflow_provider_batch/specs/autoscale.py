"""Size of a pool by formula."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_batch.specs.base import Duration, Spec, rest
from airflow_provider_batch.specs.schema import POOL


@dataclass(frozen=True, kw_only=True)
class Autoscale(Spec):
    """
    The service sizes the pool by a formula.

    Example::

        Autoscale(
            formula="$TargetDedicatedNodes = min(10, $PendingTasks.GetSample(1));",
            evaluation_interval=timedelta(minutes=5),
        )

    :param formula: text in the service's formula language, at most 8,192 characters.
    :param evaluation_interval: time between evaluations, 5 minutes to 168 hours; the service takes 15
        minutes when it is left out.
    """

    definition: ClassVar[str] = POOL
    partial: ClassVar[bool] = True

    formula: str = field(metadata=rest("autoScaleFormula"))
    evaluation_interval: Duration | None = field(default=None, metadata=rest("autoScaleEvaluationInterval"))

    def assemble(self, path: str) -> dict[str, Any]:
        """Place the fields, and the switch that makes them count."""
        return {"enableAutoScale": True, **super().assemble(path)}
