"""The API versions that older SDKs and ``az batch`` send."""

from __future__ import annotations

import pytest

from tests.contract.clients import SyncBatch, completed, new_id, pool_body
from tests.contract.raw import API_VERSION, Answer, send
from tests.emulator_process import EmulatorProcess

OLDER = [
    "2022-01-01.15.0",
    "2022-10-01.16.0",
    "2023-05-01.17.0",
    "2023-11-01.18.0",
    "2024-02-01.19.0",
    "2024-07-01.20.0",
]
MODELS = "request and response models of azure-batch 12.0 to 15.0.0b2"


def ask(emulator: EmulatorProcess, version: str, method: str, path: str, body: object = None) -> Answer:
    return send(emulator, method, path, body, query=f"api-version={version}")


@pytest.mark.parametrize("version", OLDER)
@pytest.mark.assumed(source=MODELS)
def test_older_version_is_answered_in_kind(emulator: EmulatorProcess, version: str):
    name = new_id("pool")
    assert ask(emulator, version, "POST", "/pools", pool_body(name)).status == 201
    pool = ask(emulator, version, "GET", f"/pools/{name}").json()
    has_mode = version >= "2022-10-01.16.0"
    assert pool.get("targetNodeCommunicationMode") == ("default" if has_mode else None)
    assert "resourceTags" not in pool
    assert "targetNodeCommunicationMode" not in ask(emulator, API_VERSION, "GET", f"/pools/{name}").json()


@pytest.mark.parametrize("version", ["2023-11-01.18.0", "2024-02-01.19.0", "2024-07-01.20.0"])
@pytest.mark.assumed(source=MODELS)
def test_what_only_older_versions_have_is_kept_for_those_who_ask_in_them(
    emulator: EmulatorProcess, version: str
):
    name = new_id("pool")
    extra = {"targetNodeCommunicationMode": "simplified", "resourceTags": {"team": "film"}}
    assert ask(emulator, version, "POST", "/pools", pool_body(name, **extra)).status == 201
    shown = ask(emulator, version, "GET", f"/pools/{name}").json()
    assert {key: shown.get(key) for key in extra} == extra
    listed = ask(emulator, version, "GET", "/pools").json()["value"]
    assert next(pool for pool in listed if pool["id"] == name)["resourceTags"] == {"team": "film"}
    assert not set(extra) & set(ask(emulator, API_VERSION, "GET", f"/pools/{name}").json())


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (API_VERSION, "targetNodeCommunicationMode"),
        ("2022-01-01.15.0", "targetNodeCommunicationMode"),
        ("2023-05-01.17.0", "resourceTags"),
        ("2024-02-01.19.0", "certificateReferences"),
    ],
)
@pytest.mark.assumed(source=MODELS + "; certificates are retired")
def test_property_of_another_version_is_refused(emulator: EmulatorProcess, version: str, name: str):
    body = pool_body(new_id("pool"), **{name: "simplified"})
    refused = ask(emulator, version, "POST", "/pools", body)
    assert (refused.status, refused.code) == (400, "UnsupportedProperty")


@pytest.mark.verified(
    on="recordings of azure-batch-cli-extensions and azure-powershell", api_version="2024-02-01.19.0"
)
def test_words_have_capitals_where_recordings_show_them(
    emulator: EmulatorProcess, sync_batch: SyncBatch, pool_id: str, job_id: str
):
    pool = ask(emulator, "2024-02-01.19.0", "GET", f"/pools/{pool_id}").json()
    assert pool["taskSchedulingPolicy"] == {"nodeFillType": "Spread"}
    task = {"id": "t", "commandLine": "false"}
    added = ask(emulator, "2022-01-01.15.0", "POST", f"/jobs/{job_id}/addtaskcollection", {"value": [task]})
    assert added.json()["value"][0]["status"] == "Success"
    completed(sync_batch, job_id, "t")
    failed = ask(emulator, "2024-02-01.19.0", "GET", f"/jobs/{job_id}/tasks/t").json()
    assert failed["executionInfo"]["failureInfo"]["category"] == "UserError"
    assert failed["state"] == "completed"
    newer = ask(emulator, "2024-07-01.20.0", "GET", f"/jobs/{job_id}/tasks/t").json()
    assert newer["executionInfo"]["failureInfo"]["category"] == "usererror"


@pytest.mark.assumed(source="what az batch 2.91 sends, in 2024-02-01.19.0")
def test_integer_of_an_older_version_may_be_a_string_of_digits(emulator: EmulatorProcess):
    name = new_id("pool")
    body = pool_body(name, targetDedicatedNodes="0", taskSlotsPerNode="2")
    assert ask(emulator, "2024-02-01.19.0", "POST", "/pools", body).status == 201
    assert ask(emulator, API_VERSION, "GET", f"/pools/{name}").json()["taskSlotsPerNode"] == 2
    for text in ("two", "2.0", "", "99999999999"):
        body = pool_body(new_id("pool"), taskSlotsPerNode=text)
        refused = ask(emulator, "2024-02-01.19.0", "POST", "/pools", body)
        assert (refused.status, refused.code) == (400, "InvalidPropertyValue")
    refused = ask(emulator, API_VERSION, "POST", "/pools", pool_body(new_id("pool"), taskSlotsPerNode="2"))
    assert (refused.status, refused.code) == (400, "InvalidPropertyValue")


@pytest.mark.assumed(source="reference of the service, section 1.6: a link repeats the query of its request")
def test_link_to_the_next_page_stays_in_the_version_of_the_request(emulator: EmulatorProcess):
    for _ in range(2):
        ask(emulator, OLDER[0], "POST", "/pools", pool_body(new_id("pool")))
    page = send(emulator, "GET", "/pools", query=f"api-version={OLDER[0]}&maxresults=1").json()
    assert f"api-version={OLDER[0]}" in page["odata.nextLink"]


@pytest.mark.parametrize("version", ["2021-06-01.14.0", "2025-06-02", "latest"])
@pytest.mark.assumed(source="reference of the service, section 7.1")
def test_version_that_is_not_served_is_refused(emulator: EmulatorProcess, version: str):
    refused = ask(emulator, version, "GET", "/pools")
    assert (refused.status, refused.code) == (400, "UnsupportedRequestVersion")
