"""
The most nodes that a formula can ask for, read from its text.

A pool travels as REST JSON, through templates and through the service: nothing of the rules is left then but
the text. What is read are the statements in which every formula of
:class:`~airflow_provider_batch.specs.Autoscale` ends, not the comments: so a number here is one that the
service obeys, whoever has written the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Bounds", "bounds_of"]

_LIMITS = r"limits_nodes = max\(\d+, min\((?P<most>\d+), \w+\)\);"
_DEDICATED = r"\$TargetDedicatedNodes = limits_nodes;\n\$TargetLowPriorityNodes = 0;"
_SPOT = r"\$TargetDedicatedNodes = 0;\n\$TargetLowPriorityNodes = limits_nodes;"
_CAPPED = r"min\((?P<cap>\d+), spot_replaced\)|spot_replaced"
_FALLBACK = (
    rf"spot_dedicated = min\(limits_nodes, (?:max\((?P<floor>\d+), )?(?:{_CAPPED})\)?\);\n"
    r"\$TargetDedicatedNodes = spot_dedicated;\n"
    r"\$TargetLowPriorityNodes = limits_nodes - spot_dedicated;"
)
_REMOVAL = r"// \[removal\] a node goes when its tasks have ended\n\$NodeDeallocationOption = taskcompletion;"
_KIND = re.compile(
    rf"\n(?:(?P<dedicated>{_DEDICATED})|(?P<spot>{_SPOT})|(?P<fallback>{_FALLBACK}))\n\n{_REMOVAL}\n?\Z"
)
_CAP = re.compile(rf"^{_LIMITS}$", re.MULTILINE)
#: an assignment, wherever it stands in its line
_ASSIGNED = re.compile(
    r"(?P<name>limits_nodes|spot_dedicated|\$TargetDedicatedNodes|\$TargetLowPriorityNodes)\s*=(?!=)"
)


@dataclass(frozen=True)
class Bounds:
    """
    What a formula can ask for at most.

    :param nodes: dedicated and spot nodes together.
    :param dedicated: dedicated nodes.
    :param spot: spot nodes.
    """

    nodes: int
    dedicated: int
    spot: int


def bounds_of(formula: str) -> Bounds | None:
    """
    Read what a formula can ask for at most; None when it does not end as ours do.

    :param formula: the text, also as the service gives it back.
    """
    text = formula.replace("\r\n", "\n")
    kind, limits = _KIND.search(text), _CAP.search(text)
    assigned = [found["name"] for found in _ASSIGNED.finditer(text)]
    # What is assigned twice may be something else than what was read.
    if kind is None or limits is None or len(assigned) != len(set(assigned)):
        return None
    most = int(limits["most"])
    if kind["dedicated"]:
        return Bounds(most, most, 0)
    if kind["spot"]:
        return Bounds(most, 0, most)
    floor = int(kind["floor"] or 0)
    cap = most if kind["cap"] is None else max(int(kind["cap"]), floor)
    return Bounds(most, min(most, cap), most - min(most, floor))
