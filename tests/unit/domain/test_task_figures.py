"""What a task held and cost is added to how it ended, for one read at most, and never ends it otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.domain import report
from airflow_provider_batch.domain.flow import Effect, Flow, Log, Prices, Shared, drive
from airflow_provider_batch.domain.outcome import TASK_SELECT, TaskOutcome, read_outcome
from airflow_provider_batch.domain.prices import Price, PriceTable
from airflow_provider_batch.domain.requests import Answer, TaskKey
from airflow_provider_batch.domain.task_figures import with_figures
from airflow_provider_batch.exceptions import AzureBatchError, BatchUnavailableError
from tests.unit.domain.fake_batch import service_error

KEY = TaskKey("j", "t")
POOL = {"id": "p1", "vmSize": "standard_d4s_v5", "taskSlotsPerNode": 4}
PRICES = PriceTable("EUR", {"standard_d4s_v5": Price(0.2, 0.04)})


def task(node: str = "tvmps_1_d", **changes: Any) -> dict[str, Any]:
    return {
        "id": "t",
        "state": "completed",
        "executionInfo": {
            "startTime": "2026-01-01T00:00:00Z",
            "endTime": "2026-01-01T01:00:00Z",
            "exitCode": 0,
            "result": "success",
        },
        "nodeInfo": {"poolId": "p1", "nodeId": node},
        **changes,
    }


class World:
    """A pool, or an error in its place, and prices."""

    def __init__(self, pool: Any = POOL, prices: PriceTable | None = PRICES) -> None:
        self.pool, self.prices = pool, prices
        self.effects: list[Effect] = []

    def __call__(self, effect: Effect) -> Any:
        self.effects.append(effect)
        match effect:
            case Shared(request, _):
                assert request.path == "/pools/p1"
                if isinstance(self.pool, AzureBatchError):
                    raise self.pool
                return Answer(json=self.pool)
            case Prices():
                return self.prices
        assert isinstance(effect, Log)
        return None

    def figures_of(self, said: dict[str, Any]) -> TaskOutcome:
        outcome = read_outcome(KEY, said)
        assert outcome is not None
        flow: Flow[TaskOutcome] = with_figures(outcome, said)
        return drive(flow, self)


def test_a_task_held_the_share_of_its_slots() -> None:
    found = World().figures_of(task(requiredSlots=2))
    assert (found.node_hours, found.spot_node_hours, found.core_hours) == (0.5, 0.0, 2.0)
    assert (found.cost, found.currency) == (0.1, "EUR")
    assert report.held(found) == "0.5000 node-hours (2.0000 core-hours), 0.10 EUR"


def test_all_nodes_of_a_task_on_several_count_and_spot_is_told_by_the_id_of_its_node() -> None:
    said = task("tvmps_1_p", requiredSlots=4, multiInstanceSettings={"numberOfInstances": 3})
    found = World().figures_of(said)
    assert (found.node_hours, found.spot_node_hours, found.core_hours) == (3.0, 3.0, 12.0)
    assert found.cost == pytest.approx(0.12)
    assert "3.0000 spot node-hours" in report.held(found)


def test_what_it_needs_of_a_task_is_read_with_every_look() -> None:
    assert {"requiredSlots", "multiInstanceSettings"} < set(TASK_SELECT)


def test_without_prices_there_are_hours_and_no_cost() -> None:
    found = World(prices=None).figures_of(task())
    assert (found.node_hours, found.cost, found.currency) == (0.25, None, None)
    assert report.held(found) == "0.2500 node-hours (1.0000 core-hours)"


def test_a_price_that_is_missing_leaves_the_currency() -> None:
    found = World(prices=PriceTable("EUR")).figures_of(task())
    assert (found.cost, found.currency) == (None, "EUR")
    assert report.held(found).endswith(", cost not known (no price of the pool's VM size)")


def test_one_read_is_all_and_it_is_shared() -> None:
    world = World()
    world.figures_of(task())
    assert [type(effect) for effect in world.effects] == [Shared, Prices]


@pytest.mark.parametrize(
    "never_ran", [{"nodeInfo": None}, {"executionInfo": {"result": "failure"}}], ids=["no node", "no start"]
)
def test_a_task_that_never_ran_held_nothing_and_costs_no_read(never_ran: dict[str, Any]) -> None:
    world = World()
    found = world.figures_of(task(**never_ran))
    assert (found.node_hours, found.core_hours, found.cost) == (0.0, 0.0, 0.0)
    assert [type(effect) for effect in world.effects] == [Prices]
    assert report.held(found) == ""


@pytest.mark.parametrize("error", [service_error("PoolNotFound"), BatchUnavailableError("gone")])
def test_a_pool_that_cannot_be_read_leaves_the_end_as_it_was(error: AzureBatchError) -> None:
    world = World(error)
    found = world.figures_of(task())
    assert found == read_outcome(KEY, task())
    assert found.node_hours is None
    assert "is not known" in str(world.effects[-1])


def test_figures_survive_the_way_from_a_trigger_to_a_worker_and_old_ends_lack_them() -> None:
    found = World().figures_of(task())
    assert TaskOutcome.from_json(found.as_json()) == found
    names = ("node_hours", "spot_node_hours", "core_hours", "cost", "currency")
    old = {name: value for name, value in found.as_json().items() if name not in names}
    read = TaskOutcome.from_json(old)
    assert [getattr(read, name) for name in names] == [None] * 5


def test_the_report_of_a_failure_says_what_it_held() -> None:
    assert "\n  held: 0.2500 node-hours" in report.failure_report(World().figures_of(task()))
