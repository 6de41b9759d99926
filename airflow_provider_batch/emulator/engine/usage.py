"""
How busy this computer is, which stands for every node: what automatic scaling may look at.

Read from ``/proc``; what is missing there is not reported. Units are those of the service: a fraction of all
cores, megabytes and gigabytes in use, and bytes and operations since the look before.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Hashable
from pathlib import Path

_SECTOR_BYTES = 512
#: whole disks: what their partitions do is counted there already
_DISK = re.compile(r"(?:sd|vd|xvd)[a-z]+|nvme\d+n\d+|mmcblk\d+")


class UsageMeter:
    """
    Looks at the computer; each viewer's figures count from its own last look.

    :param disk: a path on the disk whose use is reported.
    :param proc: where the system shows its figures.
    """

    def __init__(self, disk: Path, proc: Path = Path("/proc")) -> None:
        self._disk = disk
        self._proc = proc
        self._before: dict[Hashable, dict[str, float]] = {}

    def measure(self, viewer: Hashable) -> dict[str, float]:
        """Return figures by names of the formula language; at first, without those that count up."""
        usage = {"$DiskBytes": shutil.disk_usage(self._disk).used / 1e9, **self._memory()}
        counters = {**self._processor(), **self._disks(), **self._network()}
        before = self._before.get(viewer)
        self._before[viewer] = counters
        if before is None:
            return usage
        grown = {name: max(0.0, counters[name] - before.get(name, 0.0)) for name in counters}
        busy, total = grown.pop("busy", 0.0), grown.pop("total", 0.0)
        if total:
            usage["$CPUPercent"] = busy / total
        return {**usage, **grown}

    def _lines(self, name: str) -> list[list[str]]:
        try:
            text = (self._proc / name).read_text("ascii", errors="replace")
        except OSError:
            return []
        return [line.split() for line in text.splitlines()]

    def _processor(self) -> dict[str, float]:
        lines = self._lines("stat")
        if not lines:
            return {}
        # The first eight: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
        times = [float(ticks) for ticks in lines[0][1:9]]
        return {"total": sum(times), "busy": sum(times) - sum(times[3:5])}

    def _memory(self) -> dict[str, float]:
        sizes = {line[0]: float(line[1]) for line in self._lines("meminfo")}
        if "MemTotal:" not in sizes or "MemAvailable:" not in sizes:
            return {}
        return {"$MemoryBytes": (sizes["MemTotal:"] - sizes["MemAvailable:"]) / 1024}

    def _disks(self) -> dict[str, float]:
        rows = [row for row in self._lines("diskstats") if _DISK.fullmatch(row[2])]
        if not rows:
            return {}
        return {
            "$DiskReadOps": sum(float(row[3]) for row in rows),
            "$DiskReadBytes": sum(float(row[5]) for row in rows) * _SECTOR_BYTES,
            "$DiskWriteOps": sum(float(row[7]) for row in rows),
            "$DiskWriteBytes": sum(float(row[9]) for row in rows) * _SECTOR_BYTES,
        }

    def _network(self) -> dict[str, float]:
        # Two lines of headings; a name may stick to its first figure.
        rows = [" ".join(line).replace(":", " ").split() for line in self._lines("net/dev")[2:]]
        outside = [row for row in rows if row[0] != "lo"]
        if not outside:
            return {}
        return {
            "$NetworkInBytes": sum(float(row[1]) for row in outside),
            "$NetworkOutBytes": sum(float(row[9]) for row in outside),
        }
