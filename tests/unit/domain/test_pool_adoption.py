"""A pool is created as described, adopted when it fits, and refused with the differences otherwise."""

from __future__ import annotations

import pytest

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.labels import pool_labels
from airflow_provider_batch.domain.pool_adoption import DELETION_PATIENCE, Adopted, adopt_pool
from airflow_provider_batch.domain.pools import ensure_pool
from airflow_provider_batch.exceptions import BatchOwnershipError
from airflow_provider_batch.specs import fingerprint
from tests.unit.domain.fake_batch import FakeBatch, Process, service_error
from tests.unit.domain.plans import POOL_BODY, WORK, account


def test_a_pool_that_a_job_needs_says_what_it_was_made_from() -> None:
    batch = FakeBatch()
    Process(batch).drive(ensure_pool("p1", POOL_BODY, pool_labels(WORK)))
    metadata = batch.pools["p1"]["metadata"]
    assert ids.named_value(metadata, ids.DEFINITION) == fingerprint(POOL_BODY)
    assert ids.named_value(metadata, ids.OWNER) == WORK.owner


def test_a_pool_without_fingerprint_is_adopted_when_it_fits() -> None:
    batch = account()
    batch.pools["p1"]["startTask"] = {"commandLine": "/bin/true"}  # not described, and made by others
    assert Process(batch).drive(adopt_pool(POOL_BODY)).how == "adopted"
    assert "metadata" not in batch.pools["p1"]


def test_what_is_not_described_any_more_is_a_difference_of_a_pool_with_fingerprint() -> None:
    batch = FakeBatch()
    process = Process(batch)
    process.drive(ensure_pool("p1", {**POOL_BODY, "startTask": {"commandLine": "/bin/true"}}))
    with pytest.raises(BatchOwnershipError, match="startTask: found, not wanted"):
        process.drive(ensure_pool("p1", POOL_BODY))


@pytest.mark.parametrize("update", [None, False, True])
def test_the_refusal_names_only_what_its_reader_can_do(update: bool | None) -> None:
    batch = account()
    batch.pools["p1"]["taskSlotsPerNode"] = 2
    with pytest.raises(BatchOwnershipError, match="wanted 4, found 2") as caught:
        Process(batch).drive(adopt_pool({**POOL_BODY, "taskSlotsPerNode": 4}, update=update))
    assert ("update='allowed'" in str(caught.value)) is (update is False)
    assert ("Change the description, choose another id" in str(caught.value)) is (update is not True)


@pytest.mark.parametrize("vm_size", [POOL_BODY["vmSize"], "standard_a1_v2"])
def test_a_pool_that_somebody_else_creates_meanwhile_is_judged_like_any_other(vm_size: str) -> None:
    batch = FakeBatch()
    theirs = {**POOL_BODY, "vmSize": vm_size, "state": "active"}
    batch.before("create_pool", lambda b: b.pools.update(p1=theirs))
    if vm_size == POOL_BODY["vmSize"]:
        assert Process(batch).drive(adopt_pool(POOL_BODY)).how == "adopted"
    else:
        with pytest.raises(BatchOwnershipError):
            Process(batch).drive(adopt_pool(POOL_BODY))


@pytest.mark.parametrize("unreadable", [1, 3])
def test_who_loses_the_race_to_create_a_pool_reads_of_trouble_only_when_it_lasts(unreadable: int) -> None:
    batch = account()
    batch.fail("get_pool", service_error("PoolNotFound"), times=unreadable)
    process = Process(batch)
    assert process.drive(adopt_pool(POOL_BODY)).how == "adopted"
    assert process.logs[0] == ("INFO", "Pool p1 has just been created by somebody else; looking again.")
    assert process.text.count("cannot be read") == unreadable - 1


def test_a_pool_that_exists_and_cannot_be_read_yet_is_asked_for_with_pauses_and_not_for_ever() -> None:
    batch = FakeBatch()
    batch.fail("create_pool", service_error("PoolExists"), times=10_000)
    process = Process(batch)
    with pytest.raises(BatchOwnershipError):
        process.drive(adopt_pool(POOL_BODY))
    assert sum(process.sleeps) <= DELETION_PATIENCE + 60


def test_a_pool_that_is_being_deleted_is_waited_for_and_created_anew() -> None:
    batch = account()
    batch.pools["p1"]["state"] = "deleting"
    process = Process(batch)
    process.at(30, lambda: batch.pools.clear())
    assert process.drive(adopt_pool(POOL_BODY)) == Adopted("created")
    assert batch.pools["p1"]["state"] == "active"


def test_a_pool_that_is_not_gone_in_time_is_an_error() -> None:
    batch = account()
    batch.pools["p1"]["state"] = "deleting"
    with pytest.raises(BatchOwnershipError, match="still is being deleted"):
        Process(batch).drive(adopt_pool(POOL_BODY))
