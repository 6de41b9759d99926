"""The example of a pool that comes with a job, in a real Airflow: there for the run, then gone."""

from __future__ import annotations

from typing import Any

import pytest

from demo.waiting import wait_for
from tests.system.conftest import Stack
from tests.system.test_ephemeral_pool import is_gone
from tests.system.test_examples import Example

pytestmark = pytest.mark.system


def test_members_run_on_the_pool_that_the_service_made_and_finish_ends_it(stack: Stack) -> None:
    example = Example(stack, "auto_pool")
    assert example.ended() == "success"
    tasks = example.tasks()

    def said(name: str) -> Any:
        return stack.rest.xcom(example.dag_id, example.run_id, tasks[name])

    pool_id = said("film.launch")["batch_pool_id"]
    assert pool_id.startswith("film-")
    for member in ("film.split", "film.merge"):
        assert said(member)["batch_pool_id"] == pool_id
    assert example.output("film.merge") == ["4"]
    assert [pool["batch_pool_id"] for pool in said("film.finish")["deleted_pools"]] == [pool_id]
    wait_for(lambda: is_gone(stack, pool_id), "the end of the pool", limit_seconds=30)
