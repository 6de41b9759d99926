"""Tasks."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services


def create(services: Services, call: Call) -> Response:
    """POST /jobs/{jobId}/tasks."""
    body, job_id = call.json(), call.ids["jobId"]
    return answers.created(call.links.task(job_id, body["id"]), services.tasks.add(job_id, body))


def create_collection(services: Services, call: Call) -> Response:
    """POST /jobs/{jobId}/addtaskcollection."""
    return answers.page(
        services.tasks.add_collection(call.ids["jobId"], call.json(), call.links, call.request_id)
    )


def listed(services: Services, call: Call) -> Response:
    """GET /jobs/{jobId}/tasks."""
    return answers.page(services.tasks.list(call.ids["jobId"], call.path, call.query, call.links))


def get(services: Services, call: Call) -> Response:
    """GET /jobs/{jobId}/tasks/{taskId}."""
    found = services.tasks.get(call.ids["jobId"], call.ids["taskId"], call.conditions, call.query, call.links)
    return answers.resource(found, call.links.metadata("tasks/@Element"))


def replace(services: Services, call: Call) -> Response:
    """PUT /jobs/{jobId}/tasks/{taskId}."""
    job_id, task_id = call.ids["jobId"], call.ids["taskId"]
    last_modified = services.tasks.replace(job_id, task_id, call.json(), call.conditions)
    return answers.written(200, call.links.task(job_id, task_id), last_modified)


def subtasks(services: Services, call: Call) -> Response:
    """GET /jobs/{jobId}/tasks/{taskId}/subtasksinfo."""
    return answers.page(services.tasks.subtasks(call.ids["jobId"], call.ids["taskId"], call.links))


def terminate(services: Services, call: Call) -> Response:
    """POST /jobs/{jobId}/tasks/{taskId}/terminate."""
    job_id, task_id = call.ids["jobId"], call.ids["taskId"]
    last_modified = services.tasks.terminate(job_id, task_id, call.conditions)
    return answers.written(204, f"{call.links.task(job_id, task_id)}/terminate", last_modified)


def reactivate(services: Services, call: Call) -> Response:
    """POST /jobs/{jobId}/tasks/{taskId}/reactivate."""
    job_id, task_id = call.ids["jobId"], call.ids["taskId"]
    last_modified = services.tasks.reactivate(job_id, task_id, call.conditions)
    return answers.written(204, f"{call.links.task(job_id, task_id)}/reactivate", last_modified)


def delete(services: Services, call: Call) -> Response:
    """DELETE /jobs/{jobId}/tasks/{taskId}; 200, since the SDK rejects 204."""
    services.tasks.delete(call.ids["jobId"], call.ids["taskId"], call.conditions)
    return answers.deleted(200)
