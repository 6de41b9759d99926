"""What a person reads about a compiled graph."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.explain import MAX_LINES, explain
from airflow_provider_batch.domain.graph import UNKNOWN_WIDTH, Member, compile_graph
from tests.unit.domain import graph_world as world
from tests.unit.domain.graph_world import Scenario


def text(*members: Member) -> list[str]:
    widths = {member.task_id: member.width for member in members}
    return explain(compile_graph(members, before_launch={"fetch"}), widths).splitlines()


def member(task_id: str, *upstream: str, **fields: object) -> Member:
    return Member(task_id, frozenset(upstream), **fields)  # type: ignore[arg-type]


def test_each_edge_of_a_small_graph_has_a_line_and_each_reason_its_members() -> None:
    rule = "Batch has no trigger rule one_done; only all_success, none_failed and all_done can be native"
    assert text(
        member("split", "fetch"),
        member("frame", "split", width=240),
        member("merge", "frame"),
        member("report", "merge", "frame", trigger_rule="one_done"),
        member("mail", "report"),
    ) == [
        "5 members: 3 eager (Batch starts them), 2 late (Airflow starts them)",
        "late because",
        f"  {rule}: report",
        "  a parent is held by Airflow itself: mail",
        "6 edges",
        "  fetch -> split        held by Airflow: has succeeded before launch starts",
        "  frame[240] -> merge   native",
        f"  frame[240] -> report  held by Airflow: {rule}",
        f"  merge -> report       held by Airflow: {rule}",
        "  report -> mail        held by Airflow: a parent is held by Airflow itself",
        "  split -> frame[240]   native",
    ]


def test_a_width_that_nobody_knows_is_a_question_mark() -> None:
    assert any("m[?]" in line for line in text(member("m", width=UNKNOWN_WIDTH)))


def test_a_single_member_needs_no_table_of_edges() -> None:
    assert text(member("m")) == ["1 member: 1 eager (Batch starts them), 0 late (Airflow starts them)"]


def test_240_members_take_a_few_lines() -> None:
    frames = [f"frame{number:03}" for number in range(238)]
    lines = text(
        member("split"),
        *(member(frame, "split") for frame in frames),
        member("merge", *frames, trigger_rule="one_success"),
    )
    assert lines[0] == "240 members: 239 eager (Batch starts them), 1 late (Airflow starts them)"
    assert lines[3] == "476 edges"
    assert lines[4].startswith("  frame000, frame001 and 236 more -> merge  held by Airflow: Batch has no")
    assert lines[5].split("  ")[1:] == ["split -> frame000, frame001 and 236 more", "native"]
    assert len(lines) == 6


def test_late_members_with_the_same_reason_share_a_line() -> None:
    lines = text(*(member(f"m{number:03}", "x") for number in range(240)))
    assert len(lines) == 5
    assert lines[2].endswith(": m000, m001 and 238 more")


@given(st.randoms(use_true_random=False).map(world.scenario))
def test_a_small_graph_has_exactly_one_line_for_each_edge(scenario: Scenario) -> None:
    graph = scenario.compiled()
    lines = [line for line in explain(graph, scenario.widths).splitlines() if " -> " in line]
    assert len(lines) == len(graph.edges) <= MAX_LINES
    assert sum(line.endswith("  native") for line in lines) == sum(edge.native for edge in graph.edges)


def test_what_is_not_shown_is_counted() -> None:
    layers = [[f"m{layer}-{number}" for number in range(20)] for layer in range(12)]
    members = [member(one) for one in layers[0]]
    for above, layer in pairwise(layers):
        members += [member(one, above[number], above[number - 1]) for number, one in enumerate(layer)]
    lines = text(*members)
    assert len(lines) == 1 + 1 + MAX_LINES + 1
    assert lines[1] == "440 edges"
    assert lines[-1] == f"  ... and {440 - 2 * MAX_LINES} more edges"
