"""How many cores a VM size has, read from its name: quotas and slot limits count cores."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(?:standard|basic)_[a-z]+(?P<cores>[0-9]+)(?:-(?P<constrained>[0-9]+))?")


def cores_of(vm_size: str) -> int:
    """
    Return the number of cores of a VM size; 1 when its name does not tell.

    ``standard_d2s_v3`` has 2, ``standard_e4-2s_v5`` has 4 of which 2 may be used. Of the oldest sizes
    (``standard_d11``) the figure is no count of cores: they are gone from the service.
    """
    found = _SIZE.match(vm_size.lower())
    if found is None:
        return 1
    return int(found["constrained"] or found["cores"])
