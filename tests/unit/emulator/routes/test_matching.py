from __future__ import annotations

import pytest

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.routes.matching import Matcher
from airflow_provider_batch.emulator.routes.table import OPERATIONS

MATCHER = Matcher(OPERATIONS)


@pytest.mark.parametrize(
    ("method", "path", "name", "ids"),
    [
        ("GET", "/pools", "list_pools", {}),
        ("HEAD", "/pools/p", "pool_exists", {"poolId": "p"}),
        ("GET", "/jobs/a%3Ajob-1", "get_job", {"jobId": "a:job-1"}),
        ("GET", "/jobs/j%201/tasks/t", "get_task", {"jobId": "j 1", "taskId": "t"}),
        (
            "GET",
            "/jobs/j/tasks/t/files/wd%2Fa%20b",
            "download_task_file",
            {"jobId": "j", "taskId": "t", "filePath": "wd/a b"},
        ),
        (
            "HEAD",
            "/pools/p/nodes/n/files/workitems/j/job-1",
            "get_node_file_properties",
            {"poolId": "p", "nodeId": "n", "filePath": "workitems/j/job-1"},
        ),
        ("GET", "/jobs/j/tasks/t/files", "list_task_files", {"jobId": "j", "taskId": "t"}),
        ("POST", "/jobs/a%2Fterminate", None, {}),
    ],
)
def test_parts_are_decoded_after_the_path_is_split(method, path, name, ids):
    if name is None:
        with pytest.raises(ServiceError) as caught:
            MATCHER.find(method, path)
        assert caught.value.code == "UnsupportedHttpVerb"
        return
    match = MATCHER.find(method, path)
    assert (match.operation.name, match.ids) == (name, ids)


@pytest.mark.parametrize(
    "path", ["", "/", "//pools", "/Pools", "/pools/", "/pools//nodes", "/jobs/j/tasks/t/files/x/"[:-2]]
)
def test_path_without_an_operation_is_not_found(path):
    with pytest.raises(ServiceError) as caught:
        MATCHER.find("GET", path)
    assert caught.value.code == "ResourceNotFound"


def test_names_and_addresses_are_unique():
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)
