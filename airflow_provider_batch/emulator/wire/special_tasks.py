"""The preparation and the release task of a job on its nodes, as JSON."""

from __future__ import annotations

from airflow_provider_batch.emulator.model.special_tasks import JobNode, SpecialTaskInfo
from airflow_provider_batch.emulator.wire.failures import failure_json
from airflow_provider_batch.emulator.wire.fields import Fields, Json, present, time_or_none
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.times import format_time

PREPARATION_AND_RELEASE: Fields[JobNode] = {
    "poolId": lambda visited, links: visited.pool_id,
    "nodeId": lambda visited, links: visited.node_id,
    "nodeUrl": lambda visited, links: links.node(visited.pool_id, visited.node_id),
    "jobPreparationTaskExecutionInfo": lambda visited, links: _preparation(visited, links),
    "jobReleaseTaskExecutionInfo": lambda visited, links: _release(visited, links),
}


def _preparation(visited: JobNode, links: Links) -> Json:
    info = visited.preparation
    retries = present(retryCount=info.retry_count, lastRetryTime=time_or_none(info.last_retry_time))
    return _info(visited, info, links, retries)


def _release(visited: JobNode, links: Links) -> Json | None:
    return None if visited.release is None else _info(visited, visited.release, links, {})


def _info(visited: JobNode, info: SpecialTaskInfo, links: Links, retries: Json) -> Json:
    return present(
        state=info.state.value,
        startTime=format_time(info.start_time),
        endTime=time_or_none(info.end_time),
        taskRootDirectory=info.directory,
        taskRootDirectoryUrl=links.node_file(visited.pool_id, visited.node_id, info.directory),
        exitCode=info.exit_code,
        **retries,
        result=info.result.value if info.result else None,
        failureInfo=failure_json(info.failure_info),
    )
