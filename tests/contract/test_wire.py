"""What a client library hides: headers, error bodies, signatures, hosts, limits, odd requests."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.clients import SyncBatch, completed, new_id, pool_body
from tests.contract.raw import API_VERSION, Answer, send
from tests.contract.sdk_check import violations_of
from tests.emulator_process import EmulatorProcess

REFERENCE = "reference of the service, "


def check_error(answer: Answer, status: int, code: str) -> dict[str, str]:
    """An error body as the service writes it; returns its values."""
    assert (answer.status, answer.code) == (status, code)
    assert list(violations_of("GET", "/", answer.status, answer.json())) == []
    message = answer.json()["message"]
    text, request_id, time = message["value"].split("\n")
    assert (text != "", message["lang"]) == (True, "en-US")
    assert request_id == f"RequestId:{answer.headers['request-id']}"
    assert time.startswith("Time:20")
    assert time.endswith("Z")
    return {entry["key"]: entry["value"] for entry in answer.json().get("values", [])}


@pytest.mark.verified(on="recordings of azure-powershell and azure-cli", api_version="2024-02-01.19.0")
def test_every_answer_carries_the_standard_headers(emulator: EmulatorProcess):
    for answer in (
        send(emulator, "GET", "/pools"),
        send(emulator, "GET", "/pools/absent"),
        send(emulator, "GET", "/nonsense"),
        send(emulator, "GET", "/pools", signed=False),
    ):
        assert answer.headers["server"] == "Microsoft-HTTPAPI/2.0"
        assert answer.headers["dataserviceversion"] == "3.0"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "application/json;odata=minimalmetadata"
        assert parsedate_to_datetime(answer.headers["date"])
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.assumed(source=REFERENCE + "section 1.2")
def test_client_request_id_is_echoed_only_when_asked_for(emulator: EmulatorProcess):
    given_id = {"client-request-id": "abc"}
    assert "client-request-id" not in send(emulator, "GET", "/pools", headers=given_id).headers
    asked = {**given_id, "return-client-request-id": "true"}
    assert send(emulator, "GET", "/pools", headers=asked).headers["client-request-id"] == "abc"


@pytest.mark.verified(on="azure-powershell and azure-sdk-for-node recordings", api_version="2024-02-01.19.0")
def test_writes_name_their_resource_and_the_job_a_wrong_one(emulator: EmulatorProcess):
    pool, job = new_id("pool"), new_id("job")
    created = send(emulator, "POST", "/pools", pool_body(pool))
    assert (created.status, created.body) == (201, b"")
    assert created.headers["location"] == created.headers["dataserviceid"] == f"{emulator.url}/pools/{pool}"
    read = send(emulator, "GET", f"/pools/{pool}")
    assert created.headers["etag"] == read.headers["etag"] == read.json()["eTag"]
    assert created.headers["etag"].startswith("0x")
    assert created.headers["last-modified"] == read.headers["last-modified"]
    created = send(emulator, "POST", "/jobs", {"id": job, "poolInfo": {"poolId": pool}})
    assert created.headers["location"] == created.headers["dataserviceid"] == f"{emulator.url}/jobs/job-1"
    task = send(emulator, "POST", f"/jobs/{job}/tasks", {"id": "t", "commandLine": "true"})
    assert task.headers["location"] == f"{emulator.url}/jobs/{job}/tasks/t"
    ended = send(emulator, "POST", f"/jobs/{job}/tasks/t/terminate")
    assert (ended.status, ended.headers["content-length"]) == (204, "0")
    assert ended.headers["dataserviceid"] == f"{emulator.url}/jobs/{job}/tasks/t/terminate"
    ended = send(emulator, "POST", f"/jobs/{job}/terminate", {})
    assert ended.headers["dataserviceid"] == f"{emulator.url}/jobs/{job}/terminate"
    deleted = send(emulator, "DELETE", f"/jobs/{job}")
    assert (deleted.status, {"etag", "dataserviceid", "last-modified"} & set(deleted.headers)) == (202, set())


@pytest.mark.assumed(source=REFERENCE + "section 1.3: no ETag on lists, nodes and counts")
def test_lists_have_no_etag(emulator: EmulatorProcess, sync_batch: SyncBatch, pool_id: str, job_id: str):
    node = sync_batch.call("list_nodes", pool_id)[0].id
    for path in (
        "/pools",
        "/jobs",
        f"/pools/{pool_id}/nodes/{node}",
        f"/jobs/{job_id}/taskcounts",
        "/nodecounts",
    ):
        answer = send(emulator, "GET", path)
        assert (answer.status, "etag" in answer.headers) == (200, False)


@pytest.mark.verified(on="azure-powershell TestListAllSubtasks", api_version="2024-02-01.19.0")
def test_error_body_is_the_recorded_one(emulator: EmulatorProcess):
    answer = send(emulator, "GET", "/pools/absent")
    check_error(answer, 404, "PoolNotFound")
    assert answer.json()["odata.metadata"].endswith("Container.errors/@Element")
    assert answer.json()["message"]["value"].startswith("The specified pool does not exist.\n")


@pytest.mark.verified(
    on="azure-sdk-for-node fail_to_list_pools_with_invalid_max", api_version="2020-03-01.11.0"
)
def test_bad_max_results_is_diagnosed_in_any_case(emulator: EmulatorProcess):
    answer = send(emulator, "GET", "/pools", query=f"api-version={API_VERSION}&maxResults=-5")
    assert check_error(answer, 400, "InvalidQueryParameterValue") == {
        "QueryParameterName": "maxresults",
        "QueryParameterValue": "-5",
        "Reason": "MaxResults cannot be less than 1",
    }


@pytest.mark.assumed(source=REFERENCE + "sections 1.6 and 7.1")
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("$filter=state%20is%20'active'", "$filter"),
        ("$filter=bogus%20eq%20'active'", "$filter"),
        ("$select=id,bogus", "$select"),
        ("$expand=everything", "$expand"),
        ("$skiptoken=WATV2:junk", "$skiptoken"),
        ("maxresults=1001", "maxresults"),
    ],
)
def test_bad_query_names_the_parameter(emulator: EmulatorProcess, query: str, named: str):
    answer = send(emulator, "GET", "/jobs", query=f"api-version={API_VERSION}&{query}")
    assert check_error(answer, 400, "InvalidQueryParameterValue")["QueryParameterName"] == named


@pytest.mark.assumed(source=REFERENCE + "section 1.1 and issue of other versions")
def test_api_version_is_needed_and_must_be_known(emulator: EmulatorProcess):
    missing = check_error(send(emulator, "GET", "/pools", query=""), 400, "MissingRequiredQueryParameter")
    assert missing == {"QueryParameterName": "api-version"}
    for version in ("2021-06-01.14.0", "1999-01-01"):
        check_error(
            send(emulator, "GET", "/pools", query=f"api-version={version}"), 400, "UnsupportedRequestVersion"
        )


@pytest.mark.assumed(source=REFERENCE + "sections 1.7 and 7.1; 401 for a missing header is inferred")
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer x"}, 401),
        ({"Authorization": "SharedKey devbatch:AAAA"}, 403),
        ({"Authorization": "SharedKey devbatch"}, 403),
        ({"ocp-date": None}, 403),
        ({"ocp-date": "Sun, 22 Nov 2020 13:19:22 GMT"}, 403),
        ({"If-Match": '"0x1"'}, 403),
    ],
)
def test_request_that_is_not_rightly_signed_is_refused(emulator: EmulatorProcess, change, status):
    check_error(send(emulator, "GET", "/pools", after_signing=change), status, "AuthenticationFailed")
    check_error(send(emulator, "GET", "/nonsense", after_signing=change), status, "AuthenticationFailed")


@pytest.mark.emulator_only(reason="a web page must not reach us through a name that resolves to loopback")
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "localhost:x", "[::1"]
)
def test_foreign_host_is_misdirected(emulator: EmulatorProcess, host: str):
    for path in ("/pools", "/_emulator/health", "/_emulator/requests"):
        answer = send(emulator, "GET", path, headers={"Host": host})
        assert answer.status in (400, 421)
        assert answer.status == 421 or not host or host == "[::1"


@pytest.mark.emulator_only(reason="any web page may open a WebSocket, which must not pass by the checks")
def test_request_for_a_websocket_passes_the_same_checks_as_any_other(emulator: EmulatorProcess):
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert send(emulator, "GET", "/pools", headers={**upgrade, "Host": "evil.example"}).status == 421
    unsigned = send(emulator, "GET", "/pools", headers=upgrade, signed=False)
    check_error(unsigned, 401, "AuthenticationFailed")


@pytest.mark.emulator_only(reason="local names are served")
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]", "[::1]:10010"])
def test_local_host_is_served_and_links_repeat_it(emulator: EmulatorProcess, host: str):
    answer = send(emulator, "GET", "/pools", headers={"Host": host})
    assert answer.status == 200
    assert answer.json()["odata.metadata"].startswith(f"http://{host}/$metadata")


@pytest.mark.assumed(source=REFERENCE + "section 4.9")
def test_body_over_the_limit_answers_413(emulator: EmulatorProcess, job_id: str):
    big = json.dumps({"value": [{"id": "t", "commandLine": "x" * 3_000_000}]}).encode()
    check_error(send(emulator, "POST", f"/jobs/{job_id}/addtaskcollection", big), 413, "RequestBodyTooLarge")
    assert send(emulator, "GET", f"/jobs/{job_id}").status == 200


@pytest.mark.assumed(source=REFERENCE + "section 7.1")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_body_that_is_no_object_is_refused(emulator: EmulatorProcess, body: bytes):
    check_error(send(emulator, "POST", "/pools", body), 400, "InvalidRequestBody")


@pytest.mark.emulator_only(reason="the emulator's own addresses")
def test_requests_are_counted_and_the_count_is_reset_with_the_key_only(tmp_path):
    with EmulatorProcess.start(tmp_path / "root") as emulator:
        send(emulator, "GET", "/pools")
        send(emulator, "GET", "/pools/absent")
        send(emulator, "GET", "/pools", signed=False)
        assert emulator.request_counts() == {"get_pool": 1, "list_pools": 1}
        assert send(emulator, "DELETE", "/_emulator/requests").status == 403
        bad = {"x-batch-emulator-key": "wrong"}
        assert send(emulator, "DELETE", "/_emulator/requests", headers=bad).status == 403
        emulator.reset_request_counts()
        assert emulator.request_counts() == {}
        assert send(emulator, "GET", "/_emulator/health", signed=False).json()["status"] == "ok"


@pytest.mark.assumed(source=REFERENCE + "section 7.1")
def test_unknown_path_answers_404_and_a_wrong_verb_405(emulator: EmulatorProcess):
    check_error(send(emulator, "GET", "/nothing"), 404, "ResourceNotFound")
    check_error(send(emulator, "PUT", "/", {}), 405, "UnsupportedHttpVerb")
    check_error(send(emulator, "GET", "/pools/"), 404, "ResourceNotFound")
    check_error(send(emulator, "GET", "/pools/a/b/c"), 404, "ResourceNotFound")
    check_error(send(emulator, "PUT", "/pools/a", {}), 405, "UnsupportedHttpVerb")
    check_error(send(emulator, "GET", "/pools/%FF"), 400, "InvalidUri")


_IDS = st.sampled_from(
    ["shared-pool", "absent", "%2F", "..", "%2e%2e", "a%20b", "%00", "ü", "'", "x" * 70, "$count"]
)
_LITERALS = st.sampled_from(
    [
        *("pools", "jobs", "tasks", "nodes", "files", "users", "jobschedules", "applications", "nodecounts"),
        *(
            "supportedimages",
            "resize",
            "terminate",
            "reactivate",
            "addtaskcollection",
            "taskcounts",
            "extensions",
        ),
    ]
)
_QUERY = st.sampled_from(
    [
        *(
            "",
            "&$filter=id%20eq%20'x'",
            "&$filter=((",
            "&$select=id",
            "&$select=",
            "&maxresults=1",
            "&maxresults=x",
        ),
        *("&recursive=perhaps", "&force=true", "&$skiptoken=%FF", "&$expand=stats", "&$filter=%00"),
    ]
)
_BODIES = st.sampled_from(
    [
        *(
            None,
            b"",
            b"{}",
            b"[1]",
            b'{"id": "x"}',
            b'{"value": []}',
            b'{"id": 1}',
            b'{"disableTasks": "wait"}',
        ),
        *(b'{"targetDedicatedNodes": 0}', b'{"nodeList": []}', b'{"constraints": {}}', b'{"metadata": []}'),
    ]
)


@pytest.mark.emulator_only(reason="whatever is sent, the emulator answers and does not crash")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    st.lists(st.one_of(_IDS, _LITERALS), min_size=1, max_size=6),
    _QUERY,
    _BODIES,
)
def test_no_request_answers_500(emulator: EmulatorProcess, method, parts, query, body):
    path = "/" + "/".join(part if part.isascii() else "%C3%BC" for part in parts)
    answer = send(emulator, method, path, body, query=f"api-version={API_VERSION}{query}")
    assert answer.status != 500, (method, path, query, body, emulator.stderr[-2000:])
    if answer.status >= 400 and method != "HEAD":
        check_error(answer, answer.status, answer.code)


@pytest.mark.assumed(source=REFERENCE + "section 1.6: the link repeats the request's parameters")
def test_next_link_keeps_the_query_and_has_no_plus(
    emulator: EmulatorProcess, sync_batch: SyncBatch, job_id: str
):
    for name in ("a", "b", "c"):
        sync_batch.call("create_task", job_id, {"id": name, "commandLine": "true"})
        completed(sync_batch, job_id, name)
    path = f"/jobs/{job_id}/tasks"
    query = f"api-version={API_VERSION}&maxresults=2&$select=id&$filter=state%20eq%20'completed'"
    first = send(emulator, "GET", path, query=query).json()
    assert [task["id"] for task in first["value"]] == ["a", "b"]
    link = first["odata.nextLink"]
    assert link.startswith(f"{emulator.url}{path}?api-version=")
    assert "+" not in link
    second = send(emulator, "GET", path, query=link.partition("?")[2]).json()
    assert [set(task) for task in second["value"]] == [{"id"}]
    assert "odata.nextLink" not in second
