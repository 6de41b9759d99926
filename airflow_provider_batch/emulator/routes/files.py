"""Files of tasks and nodes; both have the same four operations."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.files import FileSet
from airflow_provider_batch.emulator.service.services import Services


def listed(services: Services, call: Call) -> Response:
    """GET .../files."""
    return answers.page(_files(services, call).list(call.path, call.query, call.links))


def download(services: Services, call: Call) -> Response:
    """GET .../files/{filePath}."""
    found = _files(services, call).download(
        call.ids["filePath"], call.headers.get("ocp-range"), call.conditions
    )
    return answers.download(found)


def facts(services: Services, call: Call) -> Response:
    """HEAD .../files/{filePath}."""
    return answers.file_facts(_files(services, call).facts(call.ids["filePath"], call.conditions))


def delete(services: Services, call: Call) -> Response:
    """DELETE .../files/{filePath}."""
    _files(services, call).delete(call.ids["filePath"], call.query)
    return answers.deleted(200)


def _files(services: Services, call: Call) -> FileSet:
    if "jobId" in call.ids:
        return services.files.of_task(call.ids["jobId"], call.ids["taskId"], call.links)
    return services.files.of_node(call.ids["poolId"], call.ids["nodeId"], call.links)
