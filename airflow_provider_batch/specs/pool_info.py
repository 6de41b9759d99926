"""What a job says of its pool: the ``poolInfo`` of REST JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["AUTO_POOL", "brings_pool"]

#: in it, a job describes a pool of its own
AUTO_POOL: Final = "autoPoolSpecification"


def brings_pool(job: Mapping[str, Any]) -> bool:
    """
    Tell whether a job comes with a pool of its own.

    :param job: its body (REST JSON).
    """
    info = job.get("poolInfo")
    return isinstance(info, Mapping) and AUTO_POOL in info
