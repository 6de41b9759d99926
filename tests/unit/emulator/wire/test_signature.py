"""SharedKey: the check vectors were computed by azure-batch 15.1 and recomputed independently."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.wire.signature import (
    SignedRequest,
    check_signature,
    decode_key,
    sign,
    string_to_sign,
)

ACCOUNT, KEY = "acct", "a2V5a2V5"
DATE = "Sun, 22 Nov 2026 13:19:22 GMT"
NOW = datetime(2026, 11, 22, 13, 19, 22, tzinfo=timezone.utc)

LIST_TASKS = SignedRequest(
    method="GET",
    raw_path="/jobs/j%201/tasks",
    query=[
        ("api-version", "2025-06-01"),
        ("timeOut", "20"),
        ("maxresults", "10"),
        ("$filter", "state eq 'completed'"),
        ("$select", "id,state"),
    ],
    headers={
        "ocp-date": DATE,
        "authorization": "SharedKey acct:Q9rx1vEG0Bt26ImJyXEHTfzrrCHqeLQ9lVujx+xBUl4=",
    },
)
CREATE_JOB = SignedRequest(
    method="POST",
    raw_path="/jobs",
    query=[("api-version", "2025-06-01")],
    headers={
        "ocp-date": DATE,
        "content-length": "70",
        "content-type": "application/json; odata=minimalmetadata",
        "authorization": "SharedKey acct:FpYBcs4IbLMWT1DYHQ1CDhUtIjQr/7Mjajc9L4v1P/M=",
    },
)


def changed(request: SignedRequest, **headers: str | None) -> SignedRequest:
    merged = {**request.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return dataclasses.replace(
        request, headers={name: value for name, value in merged.items() if value is not None}
    )


def refusal(request: SignedRequest, now: datetime = NOW) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        check_signature(request, ACCOUNT, [KEY], now)
    assert caught.value.code == "AuthenticationFailed"
    return caught.value


@pytest.mark.parametrize("request_", [LIST_TASKS, CREATE_JOB], ids=["get", "post"])
def test_check_vector_of_the_sdk_is_accepted(request_):
    check_signature(request_, ACCOUNT, [KEY], NOW)


def test_string_to_sign_is_the_one_of_the_sdk():
    assert string_to_sign(LIST_TASKS, ACCOUNT, content_length="", lower_names=False) == (
        "GET\n\n\n\n\n\n\n\n\n\n\n\nocp-date:Sun, 22 Nov 2026 13:19:22 GMT\n/acct/jobs/j%201/tasks\n"
        "$filter:state eq 'completed'\n$select:id,state\napi-version:2025-06-01\nmaxresults:10\ntimeOut:20"
    )


def test_lower_case_query_names_are_accepted_as_documented():
    text = string_to_sign(LIST_TASKS, ACCOUNT, content_length="", lower_names=True)
    assert "\ntimeout:20" in text
    check_signature(
        changed(LIST_TASKS, authorization=f"SharedKey acct:{sign(text, KEY)}"), ACCOUNT, [KEY], NOW
    )


def test_date_header_may_stand_for_ocp_date():
    request = changed(LIST_TASKS, ocp_date=None, date=DATE)
    text = string_to_sign(request, ACCOUNT, content_length="", lower_names=False)
    assert f"\n{DATE}\n" in text
    check_signature(changed(request, authorization=f"SharedKey acct:{sign(text, KEY)}"), ACCOUNT, [KEY], NOW)


@pytest.mark.parametrize("length", ["", "0"])
def test_absent_body_may_be_signed_as_empty_or_as_zero(length):
    request = SignedRequest("DELETE", "/jobs/j", [("api-version", "2025-06-01")], {"ocp-date": DATE})
    text = string_to_sign(request, ACCOUNT, content_length=length, lower_names=False)
    check_signature(changed(request, authorization=f"SharedKey acct:{sign(text, KEY)}"), ACCOUNT, [KEY], NOW)


def test_path_may_be_signed_percent_encoded_and_sent_as_aiohttp_spells_it():
    signed = SignedRequest("GET", "/jobs/s%3Ajob-1/files/wd%2Fa%20b", [], {"ocp-date": DATE})
    text = string_to_sign(signed, ACCOUNT, content_length="", lower_names=False)
    request = changed(signed, authorization=f"SharedKey acct:{sign(text, KEY)}")
    sent = dataclasses.replace(request, raw_path="/jobs/s:job-1/files/wd%2Fa%20b")
    check_signature(sent, ACCOUNT, [KEY], NOW)
    refusal(dataclasses.replace(sent, raw_path="/jobs/s:job-1/files/wd/a%20b"))


@pytest.mark.parametrize(
    "tampered",
    [
        dataclasses.replace(LIST_TASKS, method="POST"),
        dataclasses.replace(LIST_TASKS, raw_path="/jobs/j%202/tasks"),
        dataclasses.replace(LIST_TASKS, query=[*LIST_TASKS.query[:-1], ("$select", "id")]),
        changed(LIST_TASKS, if_match='"0x1"'),
        changed(LIST_TASKS, ocp_range="bytes=0-1"),
        changed(CREATE_JOB, content_length="71"),
        changed(CREATE_JOB, content_type="text/plain"),
        changed(LIST_TASKS, authorization="SharedKey acct:AAAA"),
        changed(LIST_TASKS, authorization="SharedKey other:Q9rx1vEG0Bt26ImJyXEHTfzrrCHqeLQ9lVujx+xBUl4="),
        changed(LIST_TASKS, ocp_date=None),
        changed(LIST_TASKS, ocp_date="yesterday"),
    ],
)
def test_changed_request_is_refused_with_403(tampered):
    assert refusal(tampered).status == 403


@pytest.mark.parametrize("authorization", [None, "SharedKey", "Bearer token", "Basic YTpi"])
def test_request_without_shared_key_is_refused_with_401(authorization):
    assert refusal(changed(LIST_TASKS, authorization=authorization)).status == 401


@pytest.mark.parametrize("minutes", [16, -16])
def test_request_of_another_time_is_refused(minutes):
    refusal(LIST_TASKS, NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize("minutes", [14, -14])
def test_request_within_fifteen_minutes_passes(minutes):
    check_signature(LIST_TASKS, ACCOUNT, [KEY], NOW + timedelta(minutes=minutes))


def test_refusal_never_shows_the_expected_signature():
    error = refusal(changed(LIST_TASKS, authorization="SharedKey acct:AAAA"))
    assert "Q9rx1vEG0Bt26" not in str(error) + str(error.values)


@pytest.mark.parametrize("key", ["", "not base64!", "abc"])
def test_key_that_is_no_base64_is_refused(key):
    with pytest.raises(ValueError, match="account key"):
        decode_key(key)
