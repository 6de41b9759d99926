"""CPU seconds of services with everything that they started, also of what has ended since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import psutil

CpuSeconds = defaultdict[str, float]


def by_service(pids: Mapping[str, int]) -> CpuSeconds:
    """
    Return the CPU seconds that each service has used so far.

    A process that was waited for is counted in its parent, so nothing is lost when workers end.

    :param pids: first process of each service.
    """
    return defaultdict(float, {name: of_tree(pid) for name, pid in pids.items()})


def of_tree(pid: int) -> float:
    """
    Return the CPU seconds of a process, of its descendants, and of those of them that have ended.

    :param pid: the process.
    """
    first = psutil.Process(pid)
    total = 0.0
    for process in (first, *first.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # ended since, and is counted in its parent the next time
        total += times.user + times.system + times.children_user + times.children_system
    return total
