"""What the name of a VM size says: its cores, and how Azure writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["canonical_size", "cores_of"]

_SIZE = re.compile(
    r"(?:standard|basic)_(?P<family>[a-z]+)(?P<figure>[0-9]+)(?:-(?P<active>[0-9]+))?(?P<rest>[a-z0-9_]*)"
)


def _ranks(first: int, *cores: int) -> dict[int, int]:
    return dict(enumerate(cores, first))


_D = {**_ranks(1, 1, 2, 4, 8, 16), **_ranks(11, 2, 4, 8, 16, 20)}
_G = _ranks(1, 2, 4, 8, 16, 32)
#: the oldest sizes: their figure is a rank, not a count of cores; by family and by what follows the figure
_RANKED: Mapping[tuple[str, str], Mapping[int, int]] = {
    ("a", ""): _ranks(0, 1, 1, 2, 4, 8, 2, 4, 8, 8, 16, 8, 16),
    **{(family, rest): _D for family in ("d", "ds") for rest in ("", "_v2", "_promo", "_v2_promo")},
    ("g", ""): _G,
    ("gs", ""): _G,
}


def cores_of(vm_size: str | None) -> int | None:
    """
    Return the virtual cores of a VM size, by the rule of its name; None when the name does not tell.

    ``standard_d4s_v5`` has 4; ``standard_e8-2s_v5`` offers 2. Of the oldest generations
    (``standard_ds13_v2``) the figure is a rank, which a table knows.

    :param vm_size: for example ``standard_d2s_v5``; its case does not count.

    .. seealso:: "Azure virtual machine sizes naming conventions".
    """
    found = _SIZE.fullmatch((vm_size or "").lower())
    if found is None:
        return None
    if found["active"]:
        return int(found["active"]) or None
    ranked = _RANKED.get((found["family"], found["rest"]))
    return int(found["figure"]) or None if ranked is None else ranked.get(int(found["figure"]))


def canonical_size(vm_size: str) -> str:
    """
    Write a VM size as Azure's price list does: ``standard_nc24ads_a100_v4`` is ``Standard_NC24ads_A100_v4``.

    Batch compares sizes without case; filters of the price list do so in some of its versions only.

    :param vm_size: a size in any case.
    """
    tier, _, rest = vm_size.lower().partition("_")
    figure = re.match(r"[a-z]+(?=[0-9])", rest)
    if figure is None:
        return vm_size
    family = figure.group().upper()
    first, *further = rest[len(family) :].split("_")
    parts = [part if re.fullmatch(r"v[0-9]+", part) else _product(part) for part in further]
    return "_".join([tier.capitalize(), family + first, *parts])


def _product(part: str) -> str:
    """Return a part such as an accelerator's name (``A100``, ``MI300X``) or ``Promo``."""
    return part.upper() if any(character.isdigit() for character in part) else part.capitalize()
