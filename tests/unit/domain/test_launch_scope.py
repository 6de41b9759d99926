"""What a launch plans: everything at first; after a clear, what is to run again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airflow_provider_batch.domain.launch_scope import LaunchScope, launch_scope


def all_of(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize("states", [{"a": [], "b": []}, {"a": ["running"], "b": ["success", "success"]}])
def test_a_first_launch_plans_every_member_and_starts_nothing_over(states: Mapping[str, list[str]]) -> None:
    assert launch_scope(states, is_cleared=False) == LaunchScope(all_of("a", "b"))


def test_a_launch_cleared_with_everything_starts_over() -> None:
    states: dict[str, list[str | None]] = {"a": [None], "b": ["scheduled", "queued"], "not_expanded": []}
    scope = launch_scope(states, is_cleared=True)
    assert (scope.members, scope.over) == (all_of("a", "b", "not_expanded"), all_of())
    assert scope.starts_over
    assert not scope.is_idle


def test_a_member_that_has_begun_keeps_a_cleared_launch_from_starting_over() -> None:
    scope = launch_scope({"a": [None], "b": [None, "deferred"]}, is_cleared=True)
    assert scope.members == all_of("a")
    assert not scope.starts_over
    assert not scope.is_idle


def test_a_cleared_launch_leaves_what_has_succeeded_as_it_is() -> None:
    scope = launch_scope({"a": ["success", "success"], "b": ["success", "failed"]}, is_cleared=True)
    assert scope == LaunchScope(all_of(), all_of("a"), is_idle=True)
