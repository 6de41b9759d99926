"""How a wanted number of nodes becomes targets: dedicated nodes, spot nodes, or spot with a fallback."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.autoscale_formula import (
    FormulaWriter,
    check_count,
    latest,
    sampled,
)

_DEDICATED = "$TargetDedicatedNodes"
_SPOT = "$TargetLowPriorityNodes"


@dataclass(frozen=True, kw_only=True)
class SpotWithFallback:
    """
    Spot nodes, and dedicated ones in place of those that Azure does not give or has taken back.

    The sum is what the rules want, never more. While spot nodes are missing, a tenth of the sum (at least one
    node) is asked for as spot again at each evaluation: the pool lacks so many nodes as long as Azure has
    none, and returns to spot so many at a time when it has. What was asked for and is not allocated by the
    next evaluation counts as missing: with an interval shorter than what Azure takes to allocate, dedicated
    nodes stand in meanwhile.

    Example::

        Autoscale.of(PendingTasks(), max_nodes=50, spot=SpotWithFallback(max_dedicated_nodes=10))

    :param min_dedicated_nodes: dedicated before any spot node is asked for; nobody preempts them.
    :param max_dedicated_nodes: most dedicated nodes, whatever is missing.
    """

    min_dedicated_nodes: int = 0
    max_dedicated_nodes: int | None = None

    def __post_init__(self) -> None:
        check_count("SpotWithFallback.min_dedicated_nodes", self.min_dedicated_nodes)
        if self.max_dedicated_nodes is None:
            return
        check_count("SpotWithFallback.max_dedicated_nodes", self.max_dedicated_nodes)
        if self.max_dedicated_nodes < self.min_dedicated_nodes:
            raise SpecError(
                "SpotWithFallback.max_dedicated_nodes",
                f"is {self.max_dedicated_nodes}, below min_dedicated_nodes {self.min_dedicated_nodes}",
            )


def write_targets(formula: FormulaWriter, wanted: str, spot: bool | SpotWithFallback) -> None:
    """
    Write the targets.

    :param wanted: variable with the number of nodes.
    :param spot: kind of the nodes.
    """
    if isinstance(spot, SpotWithFallback):
        dedicated = _write_fallback(formula, wanted, spot)
        targets = (dedicated, f"{wanted} - {dedicated}")
    else:
        formula.section("kind of nodes", "spot" if spot else "dedicated")
        targets = ("0", wanted) if spot else (wanted, "0")
    formula.assign(_DEDICATED, targets[0])
    formula.assign(_SPOT, targets[1])


def _write_fallback(formula: FormulaWriter, wanted: str, spot: SpotWithFallback) -> str:
    fewest, most = spot.min_dedicated_nodes, spot.max_dedicated_nodes
    bounds = [f"at least {fewest}"] if fewest else []
    bounds += [f"at most {most}"] if most is not None else []
    limits = f" ({', '.join(bounds)})" if bounds else ""
    formula.section("spot with fallback", f"dedicated nodes{limits} in place of missing spot nodes")
    known = formula.let("known", f"{sampled('$CurrentLowPriorityNodes', '$PreemptedNodeCount')} > 0")
    usable = f"max(0, {latest('$CurrentLowPriorityNodes')} - {latest('$PreemptedNodeCount')})"
    there = formula.let("there", f"{known} ? {usable} : {_SPOT}")
    again = formula.let("again", f"ceil({wanted} / 10)")
    # Of no spot node at all, a pool of one node would ask for ever.
    one = formula.let("least", f"{there} == 0")
    missing = formula.let("missing", f"max({one}, {wanted} - {there} - {again})")
    more = formula.let("more", f"{there} < {_SPOT} ? {missing} : min({missing}, {_DEDICATED})")
    replaced = formula.let("replaced", f"{known} ? {more} : {_DEDICATED}")
    capped = replaced if most is None else f"min({most}, {replaced})"
    floored = f"max({fewest}, {capped})" if fewest else capped
    return formula.let("dedicated", f"min({wanted}, {floored})")
