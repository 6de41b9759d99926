"""How busy the computer is, read from files as Linux shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_batch.emulator.autoscale import METRICS
from airflow_provider_batch.emulator.engine.usage import UsageMeter

MEMINFO = "MemTotal:       4000 kB\nMemFree:         500 kB\nMemAvailable:   1952 kB\nHugePages_Total:   0\n"
NET = """Inter-|   Receive                            |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls
    lo: 9999 1 0 0 0 0 0 0 9999 1 0 0 0 0 0 0
  eth0:{received} 1 0 0 0 0 0 0 {sent} 1 0 0 0 0 0 0
"""
DISKS = """   8       0 sda {reads} 0 {read_sectors} 0 {writes} 0 {written_sectors} 0 0 0 0
   8       1 sda1 900 0 900 0 900 0 900 0 0 0 0
 259       0 nvme0n1 1 0 2 0 3 0 4 0 0 0 0
 259       1 nvme0n1p1 900 0 900 0 900 0 900 0 0 0 0
   7       0 loop0 900 0 900 0 900 0 900 0 0 0 0
"""


def show(proc: Path, *, busy: int, idle: int, moved: int) -> None:
    (proc / "net").mkdir(exist_ok=True)
    (proc / "stat").write_text(
        f"cpu  {busy} 0 0 {idle - 50} {50 + busy - 100} 0 0 0 77 77\ncpu0 1 2 3\nctxt 5\n"
    )
    (proc / "meminfo").write_text(MEMINFO)
    (proc / "net" / "dev").write_text(NET.format(received=moved, sent=2 * moved))
    numbers = {"reads": moved, "read_sectors": 2 * moved, "writes": 3 * moved, "written_sectors": 4 * moved}
    (proc / "diskstats").write_text(DISKS.format(**numbers))


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    path = tmp_path / "proc"
    path.mkdir()
    show(path, busy=100, idle=900, moved=10)
    return path


def test_first_look_has_only_what_does_not_count_up(proc: Path):
    assert set(UsageMeter(proc, proc).measure("p")) == {"$DiskBytes", "$MemoryBytes"}


def test_later_look_counts_from_the_one_before(proc: Path):
    meter = UsageMeter(proc, proc)
    meter.measure("p")
    show(proc, busy=130, idle=940, moved=15)
    usage = meter.measure("p")
    assert usage.pop("$DiskBytes") > 0
    assert usage == {
        "$MemoryBytes": 2.0,
        "$CPUPercent": pytest.approx(0.3),
        "$NetworkInBytes": 5,
        "$NetworkOutBytes": 10,
        "$DiskReadOps": 5,
        "$DiskReadBytes": 10 * 512,
        "$DiskWriteOps": 15,
        "$DiskWriteBytes": 20 * 512,
    }
    assert set(usage) < set(METRICS)


def test_each_viewer_counts_for_itself(proc: Path):
    meter = UsageMeter(proc, proc)
    meter.measure("p")
    show(proc, busy=130, idle=970, moved=15)
    assert "$CPUPercent" not in meter.measure("q")
    assert "$CPUPercent" in meter.measure("p")


def test_computer_without_proc_reports_its_disk_alone(tmp_path: Path):
    meter = UsageMeter(tmp_path, tmp_path / "nothing")
    meter.measure("p")
    assert set(meter.measure("p")) == {"$DiskBytes"}
