"""
The VM size of a pool that is to be created, looked up in the sizes that Batch has in the account's region.

The service refuses a size that it does not know without saying which it has, and one that it knows and the
region lacks only when the nodes are to come. Here both are refused before anything is created.

Source: Location - List Supported Virtual Machine Skus, management API 2025-06-01.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from airflow_provider_batch.exceptions import SpecError

__all__ = ["RegionSizes", "nearest_sizes"]

_SHOWN = 3
#: names that have less in common are no help
_SIMILAR = 0.6
_FIGURE = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class RegionSizes:
    """
    What Batch has in a region.

    :param region: for example ``westeurope``.
    :param sizes: names of VM sizes, in any case.
    """

    region: str
    sizes: Sequence[str]

    def check(self, vm_size: str, path: str) -> None:
        """
        Refuse a VM size that Batch does not have there; of a region without sizes, nothing is known.

        :param vm_size: its case does not count.
        :param path: what is said to be wrong.
        :raises SpecError: with the nearest sizes.
        """
        known = [size.lower() for size in self.sizes]
        if not known or vm_size.lower() in known:
            return
        near = " or ".join(repr(size) for size in nearest_sizes(vm_size, known))
        remedy = f"'az batch location list-skus --location {self.region}' shows all {len(known)}"
        raise SpecError(
            path,
            f"Batch has no VM size {vm_size!r} in {self.region}; "
            + (f"did you mean {near}? ({remedy})" if near else remedy),
        )


def nearest_sizes(vm_size: str, known: Sequence[str]) -> list[str]:
    """
    Return the few sizes whose names are most like another one; pure.

    The same figure (mostly the number of cores) and the same family count more than other letters, and what
    has neither is another machine.

    :param vm_size: what is meant, in any case.
    :param known: names in lower case.
    """
    wanted = _without_tier(vm_size.lower())
    scores = {}
    for size in known:
        name = _without_tier(size)
        kinship = 0.2 * (_figure(name) == _figure(wanted)) + 0.1 * (name[:1] == wanted[:1])
        alike = SequenceMatcher(None, wanted, name).ratio()
        if kinship and alike >= _SIMILAR:
            scores[size] = alike + kinship
    # Of equals the last by name: mostly the newer generation.
    return sorted(scores, key=lambda size: (scores[size], size), reverse=True)[:_SHOWN]


def _without_tier(vm_size: str) -> str:
    tier, _, name = vm_size.partition("_")
    return vm_size if _figure(tier) else name or vm_size


def _figure(name: str) -> str:
    found = _FIGURE.search(name)
    return found[0] if found else ""
