"""Bodies, ranges, pages and conditions of requests."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.model.etags import etag
from airflow_provider_batch.emulator.wire.conditions import parse_conditions
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.paging import next_link, take_page
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.ranges import slice_of
from airflow_provider_batch.emulator.wire.schema import parse_body, schema

LINKS = Links("http://localhost:1")


def refusal(operation: str, body: object) -> tuple[str, str | None]:
    with pytest.raises(ServiceError) as caught:
        parse_body(operation, body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value.code, dict(caught.value.values).get("PropertyName")


def test_body_comes_back_in_the_spelling_of_the_service():
    body = {
        "id": "t",
        "commandLine": "x",
        "displayName": None,
        "constraints": {"maxWallClockTime": "PT01H00M00S"},
        "exitConditions": {"default": {"dependencyAction": "Satisfy"}},
    }
    assert parse_body("create_task", json.dumps(body).encode()) == {
        "id": "t",
        "commandLine": "x",
        "constraints": {"maxWallClockTime": "PT1H"},
        "exitConditions": {"default": {"dependencyAction": "satisfy"}},
    }


@pytest.mark.parametrize(
    ("body", "code", "name"),
    [
        ({"id": "t"}, "MissingRequiredProperty", "commandLine"),
        ({"id": "t", "commandLine": None}, "MissingRequiredProperty", "commandLine"),
        ({"id": "t", "commandLine": 5}, "InvalidPropertyValue", "commandLine"),
        ({"id": "t", "commandLine": "x", "bogus": 1}, "UnsupportedProperty", "bogus"),
        ({"id": "t", "commandLine": "x", "requiredSlots": True}, "InvalidPropertyValue", "requiredSlots"),
        ({"id": "t", "commandLine": "x", "requiredSlots": 2**31}, "InvalidPropertyValue", "requiredSlots"),
        (
            {"id": "t", "commandLine": "x", "constraints": {"maxWallClockTime": "1h"}},
            "InvalidPropertyValue",
            "constraints.maxWallClockTime",
        ),
        (
            {"id": "t", "commandLine": "x", "environmentSettings": [{"name": "A"}, {"value": "b"}]},
            "MissingRequiredProperty",
            "environmentSettings[1].name",
        ),
        (
            {"id": "t", "commandLine": "x", "exitConditions": {"default": {"jobAction": "explode"}}},
            "InvalidPropertyValue",
            "exitConditions.default.jobAction",
        ),
        (
            {"id": "t", "commandLine": "x", "dependsOn": {"taskIds": "a"}},
            "InvalidPropertyValue",
            "dependsOn.taskIds",
        ),
        ({"id": "t", "commandLine": "x", "constraints": []}, "InvalidPropertyValue", "constraints"),
    ],
)
def test_bad_body_names_the_property(body, code, name):
    assert refusal("create_task", body) == (code, name)


SCHEDULE = {"id": "s", "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "p"}}}
MACHINE = {"imageReference": {}, "nodeAgentSKUId": "x"}
EXTENSION = {"name": "n", "publisher": "p", "type": "t"}


def test_times_maps_and_lists_of_words_are_read():
    schedule = {**SCHEDULE, "schedule": {"doNotRunUntil": "2030-01-01T00:00:00Z", "startWindow": "PT60S"}}
    assert (
        parse_body("create_job_schedule", json.dumps(schedule).encode())["schedule"]["startWindow"] == "PT1M"
    )
    extensions = [{**EXTENSION, "settings": {"a": "b"}, "provisionAfterExtensions": ["o"]}]
    pool = {"id": "p", "vmSize": "s", "virtualMachineConfiguration": {**MACHINE, "extensions": extensions}}
    assert parse_body("create_pool", json.dumps(pool).encode()) == pool


@pytest.mark.parametrize(
    ("operation", "body", "name"),
    [
        (
            "create_job_schedule",
            {**SCHEDULE, "schedule": {"doNotRunUntil": "soon"}},
            "schedule.doNotRunUntil",
        ),
        ("create_job_schedule", {**SCHEDULE, "schedule": {"startWindow": 5}}, "schedule.startWindow"),
        ("create_job_schedule", {**SCHEDULE, "jobSpecification": "x" * 300}, "jobSpecification"),
        (
            "update_pool",
            {"virtualMachineConfiguration": {**MACHINE, "extensions": [{**EXTENSION, "settings": []}]}},
            "virtualMachineConfiguration.extensions[0].settings",
        ),
    ],
)
def test_value_of_the_wrong_kind_is_named(operation, body, name):
    assert refusal(operation, body) == ("InvalidPropertyValue", name)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"id": NaN}', b"[" * 100_000])
def test_body_that_is_no_json_object_is_refused(body):
    assert refusal("create_task", body) == ("InvalidRequestBody", None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "commandLine", "constraints", "dependsOn", "value", "name", "x"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(schema()["operations"])), _JSON)
def test_any_json_is_a_body_or_a_named_error(operation, document):
    status = 400
    try:
        parse_body(operation, json.dumps(document).encode())
    except ServiceError as error:
        status = error.status
    assert status == 400


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        (None, 10, (0, 10)),
        (None, 0, (0, 0)),
        ("bytes=1-2", 4, (1, 2)),
        ("bytes=0-", 4, (0, 4)),
        ("bytes=2-100", 4, (2, 2)),
        ("bytes=-3", 4, (1, 3)),
        ("bytes=-9", 4, (0, 4)),
    ],
)
def test_range_selects_inclusive_bytes(header, size, expected):
    assert slice_of(header, size) == expected


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("bytes=4-", "InvalidRange"),
        ("bytes=9-12", "InvalidRange"),
        ("bytes=-0", "InvalidRange"),
        ("bytes=3-1", "InvalidHeaderValue"),
        ("bytes=-", "InvalidHeaderValue"),
        ("lines=1-2", "InvalidHeaderValue"),
        ("bytes=a-b", "InvalidHeaderValue"),
    ],
)
def test_bad_range_is_refused(header, code):
    with pytest.raises(ServiceError) as caught:
        slice_of(header, 4)
    assert caught.value.code == code


@given(st.lists(st.text(min_size=1, max_size=3), unique=True), st.integers(1, 5))
def test_pages_together_are_the_list(names, size):
    ordered = sorted(names)
    seen: list[str] = []
    text = f"api-version=2025-06-01&maxresults={size}&$filter=id%20eq%20'a+b'"
    while text:
        query = Query.parse(text)
        assert query.text("$filter") == "id eq 'a b'"
        page = take_page(ordered, lambda name: (name,), query, lambda name: True)
        assert len(page.elements) <= size
        seen += page.elements
        assert len(seen) <= len(ordered), "a page came twice"
        link = "" if page.last is None else next_link(LINKS, "/pools", query, page.last)
        assert "+" not in link
        text = link.partition("?")[2]
    assert seen == ordered


def test_element_added_before_the_position_does_not_move_the_next_page():
    first = take_page(["b", "c", "d"], lambda name: (name,), Query.parse("maxresults=2"), lambda name: True)
    assert first.last is not None
    query = Query.parse(next_link(LINKS, "/x", Query.parse("maxresults=2"), first.last).partition("?")[2])
    assert take_page(["a", "b", "d"], lambda name: (name,), query, lambda name: True).elements == ["d"]


@pytest.mark.parametrize(
    "text", ["maxresults=0", "maxresults=-5", "maxresults=1001", "maxresults=x", "$skiptoken=zzz"]
)
def test_bad_paging_parameter_is_refused(text):
    with pytest.raises(ServiceError) as caught:
        take_page([], lambda name: (name,), Query.parse(text), lambda name: True)
    assert caught.value.code == "InvalidQueryParameterValue"


def test_quoted_etag_meets_an_unquoted_one():
    modified = datetime(2024, 3, 21, 23, 8, 8, 500000, tzinfo=timezone.utc)
    tag = etag(modified)
    assert parse_conditions({"if-match": f'"{tag}"'}).hold(modified)
    assert not parse_conditions({"if-match": '"0x1"'}).hold(modified)
    assert not parse_conditions({"if-none-match": tag}).hold(modified)
    assert parse_conditions({"if-unmodified-since": "Thu, 21 Mar 2024 23:08:08 GMT"}).hold(modified)
    assert not parse_conditions({"if-modified-since": "Thu, 21 Mar 2024 23:08:08 GMT"}).hold(modified)


def test_conditional_date_that_is_none_is_refused():
    with pytest.raises(ServiceError) as caught:
        parse_conditions({"if-modified-since": "soon"})
    assert caught.value.code == "InvalidHeaderValue"
