"""What each trigger of a group carries: Airflow ships the whole serialised DAG with every one of them."""

from __future__ import annotations

import json

import pytest

from airflow_provider_batch.version_compat import AIRFLOW_V_3_3_PLUS

pytestmark = pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="earlier ones ship no DAG with a trigger")

MEMBERS = 50
#: a member that does nothing but start in the triggerer takes half as much
BYTES_PER_MEMBER = 1_000


def test_a_member_adds_few_bytes_to_the_serialised_dag():
    from airflow.serialization.serialized_objects import DagSerialization

    from benchmarks.shapes import group

    def size(members: int) -> int:
        dag = group("size", members, members, 1.0, "pool")
        for task in dag.tasks:
            task.resolve_template_files()
        return len(json.dumps(DagSerialization.to_dict(dag)))

    assert (size(2 * MEMBERS) - size(MEMBERS)) / MEMBERS <= BYTES_PER_MEMBER
