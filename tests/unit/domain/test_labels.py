"""What we create says whose it is, and what others created is never taken for ours."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.group_job import prepare_pool
from airflow_provider_batch.domain.ids import GroupIdentity, WorkIdentity
from airflow_provider_batch.domain.labels import Owner, labelled, owner_of, pool_labels
from airflow_provider_batch.domain.pool_adoption import Adopted, adopt_pool
from airflow_provider_batch.domain.submission import submit
from tests.unit.domain.fake_batch import FakeBatch, Process
from tests.unit.domain.groups import GROUP, PLAN
from tests.unit.domain.plans import POOL_BODY, WORK, own


@pytest.mark.parametrize("identity", [WORK, GROUP])
def test_labels_name_dag_run_and_member(identity: WorkIdentity | GroupIdentity) -> None:
    member = identity.group_id if isinstance(identity, GroupIdentity) else identity.task_id
    found = owner_of({"metadata": pool_labels(identity)})
    assert found == Owner(
        identity.dag_id, identity.run_id, identity.deployment_id, identity.run_started, member
    )


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        [],
        [{"name": "team", "value": "films"}],
        [{"name": "airflow_dag_id", "value": "d"}, {"name": "airflow_run_id", "value": "r"}],
        [{"name": ids.OWNER, "value": "x"}, {"name": "airflow_dag_id", "value": "d"}],
        "garbage",
        [None, 3],
    ],
)
def test_a_pool_without_all_of_our_labels_is_not_ours(metadata: Any) -> None:
    assert owner_of({"metadata": metadata}) is None


def test_labels_of_ours_win_and_the_users_stay() -> None:
    theirs = [{"name": "team", "value": "films"}, {"name": ids.OWNER, "value": "me"}]
    body = labelled({"id": "p", "metadata": theirs}, pool_labels(WORK))
    assert ids.named_value(body["metadata"], "team") == "films"
    assert ids.named_value(body["metadata"], ids.OWNER) == WORK.owner
    assert labelled({"id": "p"}, ()) == {"id": "p"}


def test_pools_of_tasks_and_groups_carry_labels() -> None:
    batch = FakeBatch()
    Process(batch).drive(submit(own(pool={**POOL_BODY, "id": "p1"})))
    found = owner_of(batch.pools["p1"])
    assert found is not None
    assert (found.dag_id, found.member) == (WORK.dag_id, WORK.task_id)
    batch = FakeBatch()
    plan = PLAN.__class__(GROUP, "p2", pool={**POOL_BODY, "id": "p2"})
    Process(batch).drive(prepare_pool(plan))
    found = owner_of(batch.pools["p2"])
    assert found is not None
    assert found.member == GROUP.group_id


def test_a_pool_is_adopted_whatever_its_labels_are_and_keeps_them() -> None:
    batch = FakeBatch()
    process = Process(batch)
    assert process.drive(adopt_pool(POOL_BODY, pool_labels(WORK))) == Adopted("created")
    assert process.drive(adopt_pool(POOL_BODY, pool_labels(GROUP))).how == "adopted"
    assert owner_of(batch.pools["p1"]) == owner_of({"metadata": pool_labels(WORK)})
