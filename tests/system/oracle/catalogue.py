"""The shapes that are compared: some chosen for one rule each, some drawn at random from a fixed seed."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from random import Random

from tests.system.oracle.ends import settled
from tests.system.oracle.shapes import FAIL_FOR_GOOD, FAILS, SKIP, SKIPS, SUCCEEDS, Node, Script, Shape

#: every trigger rule that a person can give a task, in the newest Airflow
RULES = (
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
)
FAILS_ONCE: Script = (1, 0)


def shapes(rules: Container[str]) -> list[Shape]:
    """
    Every shape.

    :param rules: the trigger rules that this Airflow has.
    """
    return [*_chosen(rules), *_random_shapes(6, seed=2026)]


def _chosen(rules: Container[str]) -> Iterator[Shape]:
    yield from _diamonds()
    yield from _rules_side_by_side(rules)
    yield _one_rule_alone()
    yield from _mapped()
    yield from _nested()
    yield from _outside()
    yield from _several_groups()


def _members(**scripts: Script) -> tuple[Node, ...]:
    return tuple(Node(f"g.{name}", script) for name, script in scripts.items())


def _beside_one_another(name: str, **parts: Shape) -> Shape:
    """Put graphs into one group, where they cost less than as groups of their own; no edge joins them."""
    nodes: list[Node] = []
    edges = []
    for part, shape in parts.items():
        nodes += [replace(node, task_id=_in_part(part, node.task_id)) for node in shape.nodes]
        edges.append(_in_part(part, shape.edges))
    return Shape(name, tuple(nodes), "; ".join(edges))


def _in_part(part: str, text: str) -> str:
    return re.sub(r"\bg\.", f"g.{part}_", text)


def _diamonds() -> Iterator[Shape]:
    edges = "g.a >> g.b g.c >> g.d"
    succeeding = _members(a=SUCCEEDS, b=SUCCEEDS, c=SUCCEEDS, d=SUCCEEDS)
    retried = _members(a=FAILS_ONCE, b=(1, 1, 0), c=SUCCEEDS, d=SUCCEEDS)
    lost = _members(a=SUCCEEDS, b=(1, FAIL_FOR_GOOD, 0), c=FAILS, d=SUCCEEDS)
    yield Shape("diamond", succeeding, edges)
    # When the block ends, the last one is still without upstreams.
    drawn_later = (*succeeding, Node("g.e", rule="one_failed"))
    after = "g.a >> g.c; g.b g.c >> g.d >> g.e"
    yield Shape("edges_after_the_block", drawn_later, "g.a >> g.b", after)
    yield _beside_one_another(
        "incomplete_diamonds",
        root_fails=Shape("", _members(a=FAILS, b=SUCCEEDS, c=SUCCEEDS, d=SUCCEEDS), edges),
        side_skips=Shape("", _members(a=SUCCEEDS, b=SKIPS, c=SUCCEEDS, d=SUCCEEDS), edges),
    )
    yield _beside_one_another(
        "retries",
        help=Shape("", tuple(replace(node, retries=2) for node in retried), edges),
        do_not_help=Shape("", tuple(replace(node, retries=2) for node in lost), edges),
        skip=Shape("", (Node("g.a", (1, SKIP), retries=1), Node("g.b")), "g.a >> g.b"),
    )


def _rules_side_by_side(rules: Container[str]) -> Iterator[Shape]:
    """Every rule below the same parents: the truth table, most of it held by Airflow."""
    yield _table(SUCCEEDS, FAILS, "success_and_failure", RULES, rules)
    yield _table(SUCCEEDS, SKIPS, "success_and_skip", RULES, rules)
    # Below these, all_success ends as the parent that Airflow looks at first says.
    rest = [rule for rule in RULES if rule != "all_success"]
    yield _table(FAILS, SKIPS, "failure_and_skip", rest, rules)
    yield _table(FAILS, FAILS, "two_failures", ("all_failed", "one_success", "one_done"), rules)
    skips = ("all_skipped", "none_failed", "none_failed_min_one_success", "one_done")
    yield _table(SKIPS, SKIPS, "two_skips", skips, rules)


def _table(left: Script, right: Script, name: str, wanted: Sequence[str], rules: Container[str]) -> Shape:
    children = [Node(f"g.{rule}", rule=rule) for rule in wanted if rule in rules]
    below = " ".join(child.task_id for child in children)
    nodes = (Node("g.left", left), Node("g.right", right), *children)
    return Shape(f"rules_below_{name}", nodes, f"g.left g.right >> {below}")


def _one_rule_alone() -> Shape:
    """Where nothing else needs the parents' exit conditions, Batch may hold these too."""
    done, last = Node("g.done", rule="all_done"), Node("g.last")
    first = [Node(f"g.{rule}", rule=rule) for rule in ("all_failed", "one_success", "all_done")]
    joined = Node("g.d", rule="none_failed_min_one_success")
    return _beside_one_another(
        "rules_alone",
        failure=Shape("", (*_members(a=SUCCEEDS, b=FAILS), done), "g.a g.b >> g.done"),
        deep=Shape("", (*_members(a=FAILS, b=SUCCEEDS), done, last), "g.a >> g.b >> g.done >> g.last"),
        retry=Shape("", (Node("g.a", FAILS_ONCE, retries=1), done, last), "g.a >> g.done >> g.last"),
        skip=Shape("", (Node("g.a", SKIPS), done), "g.a >> g.done"),
        no_failure=Shape(
            "",
            (*_members(a=SUCCEEDS, b=SUCCEEDS), Node("g.c", rule="none_failed"), joined),
            "g.a g.b >> g.c >> g.d",
        ),
        branch=Shape("", (*_members(a=SKIPS, b=SUCCEEDS, c=SUCCEEDS), joined), "g.a >> g.b; g.b g.c >> g.d"),
        # Without parents every rule lets a task run.
        first=Shape("", (*first, last), "g.all_failed g.all_done >> g.last"),
    )


def _mapped() -> Iterator[Shape]:
    def chain(*indexes: Script, retries: int = 0, first: Script = SUCCEEDS) -> Shape:
        mapped = Node("g.m", indexes=indexes, retries=retries)
        return Shape("", (Node("g.a", first), mapped, Node("g.z")), "g.a >> g.m >> g.z")

    yield _beside_one_another("mapped", none=chain(), one=chain(SUCCEEDS), three=chain(*[SUCCEEDS] * 3))
    yield _beside_one_another(
        "mapped_incomplete",
        fails=chain(SUCCEEDS, FAILS, SUCCEEDS),
        skips=chain(SUCCEEDS, SKIPS),
        all_skip=chain(SKIPS, SKIPS),
        retried=chain(SUCCEEDS, FAILS_ONCE, retries=1),
        not_reached=chain(SUCCEEDS, SUCCEEDS, first=FAILS),
    )
    two, three = (SUCCEEDS,) * 2, (SUCCEEDS,) * 3
    layers = (Node("g.m", indexes=three), Node("g.n", indexes=two), Node("g.z", rule="all_done"))
    yield Shape("mapped_below_mapped", layers, "g.m >> g.n >> g.z")
    listed = (Node("list", indexes=(SUCCEEDS, FAILS)), Node("empty", indexes=()))
    expanded = (
        Node("g.m", mapped_from="list"),
        Node("g.z", rule="one_failed"),
        Node("g.n", mapped_from="empty"),
        Node("g.y", rule="none_failed"),
    )
    below = "g.m >> g.z; g.n >> g.y"
    yield Shape("mapped_from_tasks_before_the_group", (*listed, *expanded), f"list empty >> g; {below}")
    yield Shape("mapped_from_tasks_beside_the_group", (*listed, *expanded, Node("g.a")), below)


def _nested() -> Iterator[Shape]:
    nodes = (
        *(Node("g.a"), Node("g.in.x"), Node("g.in.y"), Node("g.z")),
        *(Node("g.out.deep.x", FAILS), Node("g.out.deep.y"), Node("g.cleanup", rule="one_failed")),
    )
    within = "g.a >> g.in >> g.z; g.in.x >> g.in.y; g.out.deep.x >> g.cleanup"
    yield Shape("nested_groups", nodes, within, "g.a >> g.out")


def _outside() -> Iterator[Shape]:
    a_b = _members(a=SUCCEEDS, b=SUCCEEDS)
    around = (Node("before"), *a_b, Node("after"), Node("after_a"))
    yield Shape("tasks_around", around, "before >> g", "g.a >> g.b; g >> after; g.a >> after_a")
    failing = (Node("before", FAILS), *a_b, Node("after"))
    yield Shape("task_before_fails", failing, "g.a >> g.b", "before >> g >> after")
    yield Shape("task_before_skips", (Node("before", SKIPS), *a_b), "before >> g; g.a >> g.b")
    beside = (Node("beside", FAILS_ONCE, retries=1), *a_b, Node("g.c"), Node("g.d"), Node("between"))
    yield Shape("tasks_beside", beside, "g.a >> g.b >> g.c; beside >> g.b", "g.b >> between >> g.d")
    cleanup = (Node("g.cleanup", rule="one_failed"), Node("g.done", rule="all_done"))
    waiting = (Node("outside", FAILS), *cleanup, Node("g.a"))
    yield Shape("first_members_wait_for_a_failure_outside", waiting, "outside >> g.cleanup g.done")
    branch, join = Node("branch", picks=("g.a",)), Node("g.join", rule="none_failed_min_one_success")
    yield Shape("branch_picks_a_member", (branch, *a_b, join), "branch >> g.a g.b >> g.join")
    after = Node("after", rule="all_failed")
    yield Shape("member_fails_before_a_task", (Node("g.a", FAILS), after), "", "g >> after")


def _several_groups() -> Iterator[Shape]:
    two = (Node("g.a"), Node("g.b"), Node("h.a"), Node("h.b"))
    yield Shape("group_below_group", two, "g.a >> g.b; h.a >> h.b", "g >> h")
    crossing = (Node("g.a", FAILS), Node("g.b"), Node("h.a"), Node("h.b"), Node("h.c", rule="all_done"))
    yield Shape("edges_between_groups", crossing, "h.a >> h.b; g.a >> h.c", "g.b >> h.b")


def _random_shapes(count: int, seed: int) -> Iterator[Shape]:
    """Draw shapes; the same ones for the same seed."""
    random = Random(seed)  # noqa: S311 - nothing is kept secret with it
    for number in range(count):
        yield _random_shape(random, f"random_{number:02}")


def _random_shape(random: Random, name: str) -> Shape:
    members = [
        _random_member(random, f"{random.choice(['g', 'g', 'g.in'])}.t{n}")
        for n in range(random.randint(4, 7))
    ]
    edges = [
        f"{parent.task_id} >> {child.task_id}"
        for number, child in enumerate(members)
        for parent in members[:number]
        if random.random() < 0.5
    ]
    outside: list[Node] = []
    if random.random() < 0.4:
        outside = [Node("outside", random.choice([SUCCEEDS, SUCCEEDS, FAILS, SKIPS]))]
        edges.append(f"outside >> {random.choice(members[1:]).task_id}")
    after = [edge for edge in edges if random.random() < 0.2]
    within = [edge for edge in edges if edge not in after]
    return settled(Shape(name, (*outside, *members), "; ".join(within), "; ".join(after)))


def _random_member(random: Random, task_id: str) -> Node:
    scripts: Sequence[Script] = [SUCCEEDS] * 6 + [FAILS, SKIPS, FAILS_ONCE, FAILS_ONCE, (1, FAIL_FOR_GOOD, 0)]
    rule = random.choice(
        ["all_success"] * 16 + [rule for rule in RULES if rule != "all_done_min_one_success"]
    )
    retries = random.choice([0, 0, 1, 2])
    if random.random() < 0.2:
        indexes = tuple(random.choice(scripts) for _ in range(random.randint(1, 3)))
        return Node(task_id, rule=rule, retries=retries, indexes=indexes)
    return Node(task_id, random.choice(scripts), rule, retries)
