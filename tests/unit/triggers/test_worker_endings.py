"""Which ends a trigger cannot do itself, by what Airflow would leave out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_batch.triggers import worker_endings
from airflow_provider_batch.triggers.worker_endings import endings_for_a_worker


class Operator:
    """The parts of an operator that decide; as Airflow's own, it overrides nothing."""

    outlets: tuple[Any, ...] = ()
    on_success_callback: Any = None
    on_skipped_callback: Any = None
    on_failure_callback: Any = None
    on_retry_callback: Any = None
    email: Any = None
    multiple_outputs = False
    mapped: tuple[Any, ...] = ()
    downstream_task_ids: frozenset[str] = frozenset()
    dag = SimpleNamespace(task_dict={"mapped": SimpleNamespace(partial_kwargs={})})

    def iter_mapped_dependants(self) -> Any:
        return iter(self.mapped)

    def post_execute(self, context: Any, result: Any = None) -> None:
        """Airflow's own."""


Operator.__module__ = "airflow.models"


class Overriding(Operator):
    def post_execute(self, context: Any, result: Any = None) -> None:
        """The user's own."""


def ask(
    monkeypatch: pytest.MonkeyPatch, operator: Any, version: str = "3.3", tries: tuple[int, int] = (1, 0)
) -> set[str]:
    monkeypatch.setattr(worker_endings, "AIRFLOW_V_3_3_PLUS", version == "3.3")
    return set(endings_for_a_worker(operator, SimpleNamespace(try_number=tries[0], max_tries=tries[1])))


def operator(cls: type[Operator] = Operator, **attributes: Any) -> Operator:
    found = cls()
    vars(found).update(attributes)
    return found


@pytest.mark.parametrize("version", ["2.11", "3.1", "3.3"])
def test_a_plain_task_ends_in_the_trigger(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    assert ask(monkeypatch, operator(), version) == set()


@pytest.mark.parametrize(
    "found",
    [
        operator(outlets=("asset",)),
        operator(on_success_callback=print),
        operator(multiple_outputs=True),
        operator(mapped=("task",), downstream_task_ids=frozenset({"mapped"})),
        operator(_post_execute_hook=print),
        operator(Overriding),
    ],
    ids=["outlets", "success callback", "multiple outputs", "mapped dependant", "post hook", "post_execute"],
)
def test_a_success_that_a_trigger_would_cut_short_ends_on_a_worker(
    monkeypatch: pytest.MonkeyPatch, found: Operator
) -> None:
    assert ask(monkeypatch, found) == {"success"}


def test_a_skip_callback_needs_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, operator(on_skipped_callback=print)) == {"skipped"}


@pytest.mark.parametrize(
    ("tries", "wanted"), [((1, 0), set()), ((1, 2), {"failed_for_good"}), ((3, 2), set())]
)
def test_only_a_worker_can_give_up_retries(
    monkeypatch: pytest.MonkeyPatch, tries: tuple[int, int], wanted: set[str]
) -> None:
    assert ask(monkeypatch, operator(), tries=tries) == wanted


@pytest.mark.parametrize("version", ["2.11", "3.1"])
@pytest.mark.parametrize(
    ("found", "tries"),
    [
        (operator(), (1, 1)),
        (operator(on_failure_callback=print), (1, 0)),
        (operator(on_retry_callback=print), (1, 0)),
    ],
    ids=["retries left", "failure callback", "retry callback"],
)
def test_below_3_3_a_failure_that_a_trigger_reports_would_lose_its_retries_and_callbacks(
    monkeypatch: pytest.MonkeyPatch, found: Operator, tries: tuple[int, int], version: str
) -> None:
    assert ask(monkeypatch, found, version, tries) == {"failed", "failed_for_good"}


def test_only_a_worker_writes_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, operator(email="ops@example.org")) == {"failed", "failed_for_good"}


@pytest.mark.parametrize("version", ["2.11", "3.3"])
@pytest.mark.parametrize("name", ["fail_fast", "fail_stop"])
def test_only_a_workers_failure_stops_a_run_that_is_to_stop_with_it(
    monkeypatch: pytest.MonkeyPatch, name: str, version: str
) -> None:
    found = operator()
    found.dag = SimpleNamespace(**{**vars(found.dag), name: True})
    assert ask(monkeypatch, found, version) == {"failed", "failed_for_good"}
