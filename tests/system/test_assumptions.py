"""
A service that answers an open question otherwise than we assume, below a real Airflow.

Here is the one fallback that goes through all of Airflow: from a mirror to a worker, and back to a trigger.
The others need no Airflow to be seen: ``tests/integration/test_group_assumptions.py``.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.model.assumptions import Assumptions
from demo.emulator_service import CONNECTION_ID
from tests.system.conftest import Stack
from tests.system.test_group_life import ONCE, GroupLife

pytestmark = pytest.mark.system


@pytest.fixture
def assume(stack: Stack) -> Iterator[Callable[[str, str], None]]:
    """Turn a switch of the emulator, until the end of the test."""
    connection = json.loads(stack.airflow.environment[f"AIRFLOW_CONN_{CONNECTION_ID.upper()}"])
    turned = []

    def turn(fact: str, answer: str) -> None:
        address = f"{connection['extra']['account_url']}/_emulator/assumptions/{fact}"
        body = json.dumps({"value": answer}).encode()
        request = urllib.request.Request(address, body, method="PUT")  # noqa: S310
        request.add_header("x-batch-emulator-key", connection["password"])
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310

    def assume(fact: str, answer: str) -> None:
        turned.append(fact)
        turn(fact, answer)

    yield assume
    for fact in Assumptions().listed():
        if fact["name"] in turned:
            turn(str(fact["name"]), str(fact["assumed"]))


def test_child_that_batch_never_lets_go_after_its_parents_retry_is_run_by_a_worker(
    stack: Stack, assume: Callable[[str, str], None], tmp_path: Path
) -> None:
    assume("reactivation_unblocks", "no")
    life = GroupLife(stack, "retried", tmp_path)
    life.fail("b", 1)
    life.start()
    assert life.ended() == "success"
    life.wait_until_nothing_is_left()
    assert life.runs() == ONCE | {"b": 2}
    assert set(life.states().values()) == {"success"}
    assert {name: task.try_number for name, task in life.tasks().items() if name in ONCE} == ONCE | {"b": 2}
    assert len(life.batch_tasks()) == len(ONCE) + 1, "the planned task of d, which was ended, and its own"
