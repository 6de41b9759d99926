"""Jobs."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services


def create(services: Services, call: Call) -> Response:
    """POST /jobs; the service answers a wrong address, whatever the id."""
    return answers.created(call.links.created_job(), services.jobs.create(call.json()))


def listed(services: Services, call: Call) -> Response:
    """GET /jobs."""
    return answers.page(services.jobs.list(call.path, call.query, call.links))


def get(services: Services, call: Call) -> Response:
    """GET /jobs/{jobId}."""
    found = services.jobs.get(call.ids["jobId"], call.conditions, call.query, call.links)
    return answers.resource(found, call.links.metadata("jobs/@Element"))


def update(services: Services, call: Call) -> Response:
    """PATCH /jobs/{jobId}."""
    job_id = call.ids["jobId"]
    return answers.written(
        200, call.links.job(job_id), services.jobs.update(job_id, call.json(), call.conditions)
    )


def replace(services: Services, call: Call) -> Response:
    """PUT /jobs/{jobId}."""
    job_id = call.ids["jobId"]
    return answers.written(
        200, call.links.job(job_id), services.jobs.replace(job_id, call.json(), call.conditions)
    )


def disable(services: Services, call: Call) -> Response:
    """POST /jobs/{jobId}/disable."""
    job_id = call.ids["jobId"]
    last_modified = services.jobs.disable(job_id, call.json(), call.conditions)
    return answers.written(202, f"{call.links.job(job_id)}/disable", last_modified)


def enable(services: Services, call: Call) -> Response:
    """POST /jobs/{jobId}/enable."""
    job_id = call.ids["jobId"]
    last_modified = services.jobs.enable(job_id, call.conditions)
    return answers.written(202, f"{call.links.job(job_id)}/enable", last_modified)


def terminate(services: Services, call: Call) -> Response:
    """POST /jobs/{jobId}/terminate; ``force=true`` does not wait for the nodes."""
    job_id, force = call.ids["jobId"], call.query.flag("force")
    last_modified = services.jobs.terminate(job_id, call.optional_json(), call.conditions, force=force)
    return answers.written(202, f"{call.links.job(job_id)}/terminate", last_modified)


def delete(services: Services, call: Call) -> Response:
    """DELETE /jobs/{jobId}; ``force=true`` does not wait for the nodes."""
    services.jobs.delete(call.ids["jobId"], call.conditions, force=call.query.flag("force"))
    return answers.deleted(202)


def task_counts(services: Services, call: Call) -> Response:
    """GET /jobs/{jobId}/taskcounts."""
    found = services.jobs.task_counts(call.ids["jobId"], call.links)
    return answers.resource(found, call.links.metadata("taskcountsresult/@Element"))


def preparation_and_release_status(services: Services, call: Call) -> Response:
    """GET /jobs/{jobId}/jobpreparationandreleasetaskstatus."""
    job_id = call.ids["jobId"]
    return answers.page(
        services.jobs.preparation_and_release_status(job_id, call.path, call.query, call.links)
    )
