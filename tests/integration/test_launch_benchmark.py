"""The benchmark of a launch runs, and a launch needs no more requests than it may."""

from __future__ import annotations

from collections import Counter

from benchmarks.launch_10000 import Account, compare
from tests.emulator_process import EmulatorProcess


def test_launch_sends_what_carries_the_tasks_and_nothing_else(emulator: EmulatorProcess) -> None:
    account = Account(emulator.url, emulator.account_name, emulator.account_key)
    try:
        comparison = compare(account, 250, pairs=1)
    finally:
        account.close()
    assert [run.operations for run in comparison.ours] == [Counter(create_task_collection=3)]
    assert comparison.requests <= comparison.most_requests
    assert "create_task_collection" in comparison.table()
