from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.wire import odata

TASK: dict[str, Any] = {
    "id": "Frame-7",
    "state": "completed",
    "stateTransitionTime": "2024-03-21T23:08:08.8068407Z",
    "creationTime": "2024-03-21T23:08:07Z",
    "executionInfo": {"exitCode": 3, "result": "failure"},
}


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("state eq 'completed'", True),
        ("state eq 'COMPLETED'", True),
        ("state ne 'completed'", False),
        ("id eq 'a' or id eq 'frame-7'", True),
        ("startswith(id, 'frame')", True),
        ("startswith(id,'x')", False),
        ("(state eq 'running') and startswith(id, 'x')", False),
        ("executionInfo/exitCode gt 2 and executionInfo/exitCode le 3", True),
        ("executionInfo/exitCode eq -1", False),
        ("executionInfo/result eq 'failure'", True),
        ("stateTransitionTime gt DateTime'2024-03-21T23:08:08Z'", True),
        ("stateTransitionTime lt DateTime'2024-03-21T23:08:08Z'", False),
        ("lastModified gt DateTime'2011-05-08T08:49:37Z'", False),
        ("id eq 'o''brien'", False),
        ("state eq 'active' and state eq 'completed' or id eq 'frame-7'", True),
        ("state eq 'active' and (state eq 'completed' or id eq 'frame-7')", False),
    ],
)
def test_filter_selects_as_documented(text, passes):
    assert odata.parse_filter(text, odata.TASKS).matches(TASK) is passes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "property name"),
        ("state", "comparison"),
        ("state eq", "a text"),
        ("state eq completed", "a text"),
        ("state eq 'completed", "Syntax error at position 9"),
        ("State eq 'completed'", "'State'"),
        ("state gt 'completed'", "'gt'"),
        ("executionInfo/exitCode ne 0", "'ne'"),
        ("executionInfo/exitCode eq 1.5", "Syntax"),
        ("commandLine eq 'x'", "commandLine"),
        ("startswith(state,'c')", "startswith"),
        ("stateTransitionTime gt '2024'", "a time"),
        ("stateTransitionTime gt DateTime'soon'", "is not a time"),
        ("not state eq 'active'", "'not'"),
        ("(state eq 'active'", "')'"),
        ("state eq 'active' state eq 'active'", "the end"),
        ("(" * 60 + "state eq 'a'" + ")" * 60, "nested"),
        ("id eq '" + "x" * 9000 + "'", "longer"),
    ],
)
def test_bad_filter_names_its_reason(text, reason):
    with pytest.raises(ServiceError) as caught:
        odata.parse_filter(text, odata.TASKS)
    assert caught.value.code == "InvalidQueryParameterValue"
    values = dict(caught.value.values)
    assert values["QueryParameterName"] == "$filter"
    assert reason in values["Reason"]


def test_boolean_and_plain_properties_of_pools_are_compared():
    pool = {"id": "p", "enableAutoScale": False, "vmSize": "standard_d2s_v3", "executionInfo": "odd"}
    assert odata.parse_filter("enableAutoScale eq false", odata.POOLS).matches(pool)
    assert not odata.parse_filter("enableAutoScale eq true", odata.POOLS).matches(pool)
    assert odata.parse_filter("vmSize eq 'STANDARD_D2S_V3'", odata.POOLS).matches(pool)
    assert odata.value_at(pool, "executionInfo/exitCode") is None


_PIECES = st.sampled_from(
    [
        *("state", "id", "executionInfo/exitCode", "stateTransitionTime", "startswith", "bogus", "not"),
        *("eq", "ne", "ge", "gt", "le", "lt", "and", "or", "(", ")", ",", "true"),
        *("'active'", "'a''b'", "'", "0", "-12", "99999999999999999999", "1.5"),
        *("DateTime'2011-05-08T08:49:37Z'", "DateTime'x'", "$", "/", "\u0000", "é"),
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=25).map(" ".join)))
def test_any_text_is_a_filter_or_a_named_error(text):
    try:
        where = odata.parse_filter(text, odata.TASKS)
    except ServiceError as error:
        code = error.code
    else:
        code = "InvalidQueryParameterValue"
        assert where.matches(TASK) in (True, False)
        assert where.names() <= {name.partition("/")[0] for name in odata.TASKS}
    assert code == "InvalidQueryParameterValue"


def _atoms() -> st.SearchStrategy[tuple[str, bool]]:
    exit_code = TASK["executionInfo"]["exitCode"]
    return st.one_of(
        st.sampled_from(["completed", "active"]).map(lambda s: (f"state eq '{s}'", s == TASK["state"])),
        st.integers(-5, 5).map(lambda n: (f"executionInfo/exitCode ge {n}", exit_code >= n)),
        st.datetimes(datetime(2023, 1, 1), datetime(2025, 1, 1)).map(  # noqa: DTZ001
            lambda t: (
                f"creationTime lt DateTime'{t.isoformat()}Z'",
                datetime(2024, 3, 21, 23, 8, 7, tzinfo=timezone.utc) < t.replace(tzinfo=timezone.utc),
            )
        ),
    )


def _combined(inner: st.SearchStrategy[tuple[str, bool]]) -> st.SearchStrategy[tuple[str, bool]]:
    pairs = st.tuples(inner, inner)
    return pairs.map(lambda p: (f"({p[0][0]}) and ({p[1][0]})", p[0][1] and p[1][1])) | pairs.map(
        lambda p: (f"({p[0][0]}) or ({p[1][0]})", p[0][1] or p[1][1])
    )


@given(st.recursive(_atoms(), _combined, max_leaves=8))
def test_nested_filter_agrees_with_plain_logic(case):
    text, expected = case
    assert odata.parse_filter(text, odata.TASKS).matches(TASK) is expected


# --- every list, every property, every operator -------------------------------------------------------

LISTS = [
    *(odata.POOLS, odata.JOBS, odata.JOB_SCHEDULES, odata.TASKS, odata.NODES, odata.NODE_COUNTS, odata.FILES),
    *(odata.SUPPORTED_IMAGES, odata.PREPARATION_AND_RELEASE_TASKS),
]
_WORDS = st.sampled_from(["active", "ACTIVE", "a'b", "frame-7", "Frame", "", "ü", "or"])
_MOMENTS = st.sampled_from(
    [datetime(2024, 3, 21, 23, 8, 8, micros, tzinfo=timezone.utc) for micros in (0, 1, 806_840)]
)
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}


def _values(kind: odata.Kind) -> st.SearchStrategy[Any]:
    if kind is odata.Kind.TEXT:
        return _WORDS
    if kind is odata.Kind.TIME:
        return _MOMENTS
    return st.integers(-3, 3) if kind is odata.Kind.NUMBER else st.booleans()


def _literal(value: Any) -> str:
    if isinstance(value, datetime):
        return f"DateTime'{_shown(value)}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower()


def _shown(value: Any) -> Any:
    """A value as it stands in the JSON of a resource."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _plain(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


@st.composite
def _term(draw: st.DrawFn, properties: odata.Properties, resource: dict[str, Any]) -> tuple[str, bool]:
    """A comparison with what it should say of a resource, given by the paths of its values."""
    path = draw(st.sampled_from(sorted(properties)))
    definition = properties[path]
    found, value = resource.get(path), draw(_values(definition.kind))
    if definition.startswith and (draw(st.booleans()) or not definition.operators):
        passes = found is not None and found.lower().startswith(value.lower())
        return f"startswith({path},{_literal(value)})", passes
    name = draw(st.sampled_from(sorted(definition.operators)))
    passes = name == "ne" if found is None else _COMPARED[name](_plain(found), _plain(value))
    return f"{path} {name} {_literal(value)}", passes


@st.composite
def _filters(draw: st.DrawFn) -> tuple[odata.Properties, dict[str, Any], str, bool]:
    """A list, one of its resources, a filter and what it should say: 'and' binds tighter than 'or'."""
    properties = draw(st.sampled_from(LISTS))
    there = draw(st.sets(st.sampled_from(sorted(properties))))
    resource = {path: draw(_values(properties[path].kind)) for path in sorted(there)}
    rows = draw(
        st.lists(st.lists(_term(properties, resource), min_size=1, max_size=3), min_size=1, max_size=3)
    )
    text = " or ".join(" and ".join(term[0] for term in row) for row in rows)
    return properties, resource, text, any(all(term[1] for term in row) for row in rows)


def _nested(resource: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path, value in resource.items():
        *parents, name = path.split("/")
        inner = body
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = _shown(value)
    return body


@given(_filters())
def test_filter_of_any_list_agrees_with_plain_logic(case):
    properties, resource, text, expected = case
    assert odata.parse_filter(text, properties).matches(_nested(resource)) is expected


@given(_filters(), st.data())
def test_damaged_filter_is_a_filter_or_a_named_error(case, data):
    properties, resource, text, _ = case
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 6)))
    put = data.draw(st.text(st.sampled_from("()',1 eqor\u0000-Dé"), max_size=3))
    refused = None
    try:
        odata.parse_filter(text[:start] + put + text[end:], properties).matches(_nested(resource))
    except ServiceError as error:
        refused = (error.code, error.status)
    assert refused in (None, ("InvalidQueryParameterValue", 400))


@given(_filters(), st.sampled_from([" and", " or", " eq 1", ")", " 'x'", " not", ","]))
def test_filter_with_something_behind_it_is_refused(case, rest):
    properties, _, text, _ = case
    with pytest.raises(ServiceError) as caught:
        odata.parse_filter(text + rest, properties)
    assert caught.value.code == "InvalidQueryParameterValue"
