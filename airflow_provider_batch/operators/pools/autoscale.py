"""Let a formula decide the size of a pool, try one out, or leave the size alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.operators.pools.base import PoolOperator, duration
from airflow_provider_batch.specs import decided_later

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.specs import Autoscale

__all__ = [
    "AzureBatchDisableAutoScaleOperator",
    "AzureBatchEnableAutoScaleOperator",
    "AzureBatchEvaluateAutoScaleOperator",
]

_LONGEST_FORMULA = 8192
_INTERVALS = (timedelta(minutes=5), timedelta(hours=168))


def _formula(given: Autoscale | str | None) -> str | None:
    """The formula's text; of a specification, its own."""
    text: str | None = getattr(given, "formula", given)  # type: ignore[arg-type]
    if text is None or decided_later(text):
        return text
    if not isinstance(text, str) or not text.strip():
        raise SpecError("auto_scale_formula", f"{text!r} is no formula")
    if len(text) > _LONGEST_FORMULA:
        raise SpecError("auto_scale_formula", f"{len(text)} characters; the service takes {_LONGEST_FORMULA}")
    return text


class AzureBatchEnableAutoScaleOperator(PoolOperator):
    """
    Let a formula decide the size of a pool, or give it another formula.

    The service evaluates it first. Where it cannot, since the pool does not scale automatically yet, it is
    evaluated right after, and a formula that fails is switched off again. The returned XCom has
    ``target_dedicated_nodes`` and ``target_low_priority_nodes`` that it comes to now, and all ``results``.

    :param auto_scale_formula: the formula, or an
        :class:`~airflow_provider_batch.specs.Autoscale` (templated).
    :param evaluation_interval: time between two evaluations, 5 minutes to 168 hours; when left out, that of
        the specification, else the service's.
    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises AutoScaleFormulaError: the formula cannot be evaluated; the message shows the line, and the
        pool scales as it did before.
    :raises BatchPoolLostError: the pool does not exist.

    .. seealso:: Pools - Enable Pool Auto Scale, Azure Batch REST API 2025-06-01.
    """

    template_fields: Sequence[str] = (*PoolOperator.template_fields, "auto_scale_formula")

    def __init__(
        self,
        *,
        auto_scale_formula: Autoscale | str,
        evaluation_interval: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if auto_scale_formula is None:
            raise SpecError("auto_scale_formula", "missing: give a formula, or an Autoscale(...)")
        self.auto_scale_formula = _formula(auto_scale_formula)
        if evaluation_interval is None:
            evaluation_interval = getattr(auto_scale_formula, "evaluation_interval", None)
        self.evaluation_interval = evaluation_interval
        duration(evaluation_interval, "evaluation_interval", *_INTERVALS)

    def act(self, context: Context) -> Flow[Mapping[str, Any]]:
        """
        Flow: evaluate the formula and switch it on.

        :param context: the template context.
        :return: what it comes to.
        """
        from airflow_provider_batch.domain.pool_autoscale import enable_autoscale

        formula = _formula(self.auto_scale_formula)
        evaluation = yield from enable_autoscale(
            self.batch_pool_id,
            str(formula),
            duration(self.evaluation_interval, "evaluation_interval", *_INTERVALS),
            self.patience,
        )
        return {"batch_pool_id": self.batch_pool_id, **evaluation.as_json()}


class AzureBatchEvaluateAutoScaleOperator(PoolOperator):
    """
    Try a formula out on a pool that scales automatically; nothing is changed.

    The returned XCom is that of :class:`AzureBatchEnableAutoScaleOperator`.

    :param auto_scale_formula: the formula, or an
        :class:`~airflow_provider_batch.specs.Autoscale` (templated); that of the pool when left out.
    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises AutoScaleFormulaError: the formula cannot be evaluated; the message shows the line.
    :raises AzureBatchConfigurationError: the pool does not scale automatically.
    :raises BatchPoolLostError: the pool does not exist.

    .. seealso:: Pools - Evaluate Pool Auto Scale, Azure Batch REST API 2025-06-01.
    """

    template_fields: Sequence[str] = (*PoolOperator.template_fields, "auto_scale_formula")

    def __init__(self, *, auto_scale_formula: Autoscale | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.auto_scale_formula = _formula(auto_scale_formula)

    def act(self, context: Context) -> Flow[Mapping[str, Any]]:
        """
        Flow: evaluate the formula.

        :param context: the template context.
        :return: what it comes to.
        """
        from airflow_provider_batch.domain.pool_autoscale import try_formula

        evaluation = yield from try_formula(self.batch_pool_id, _formula(self.auto_scale_formula))
        return {"batch_pool_id": self.batch_pool_id, **evaluation.as_json()}


class AzureBatchDisableAutoScaleOperator(PoolOperator):
    """
    Let a pool keep the size that it has; the nodes stay, and bill. A pool of fixed size is no error.

    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises BatchPoolLostError: the pool does not exist.

    .. seealso:: Pools - Disable Pool Auto Scale, Azure Batch REST API 2025-06-01.
    """

    def act(self, context: Context) -> Flow[Mapping[str, Any]]:
        """
        Flow: switch automatic scaling off.

        :param context: the template context.
        :return: the id of the pool.
        """
        from airflow_provider_batch.domain.pool_autoscale import disable_autoscale

        yield from disable_autoscale(self.batch_pool_id, self.patience)
        return {"batch_pool_id": self.batch_pool_id, "auto_scale": False}
