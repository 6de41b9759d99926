"""Job schedules."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services


def _id(call: Call) -> str:
    return call.ids["jobScheduleId"]


def create(services: Services, call: Call) -> Response:
    """POST /jobschedules."""
    body = call.json()
    return answers.created(call.links.job_schedule(body["id"]), services.schedules.create(body))


def listed(services: Services, call: Call) -> Response:
    """GET /jobschedules."""
    return answers.page(services.schedules.list(call.path, call.query, call.links))


def get(services: Services, call: Call) -> Response:
    """GET /jobschedules/{jobScheduleId}."""
    found = services.schedules.get(_id(call), call.conditions, call.query, call.links)
    return answers.resource(found, call.links.metadata("jobschedules/@Element"))


def exists(services: Services, call: Call) -> Response:
    """HEAD /jobschedules/{jobScheduleId}."""
    return answers.exists(services.schedules.get(_id(call), call.conditions, call.query, call.links))


def update(services: Services, call: Call) -> Response:
    """PATCH /jobschedules/{jobScheduleId}."""
    last_modified = services.schedules.update(_id(call), call.json(), call.conditions)
    return answers.written(200, call.links.job_schedule(_id(call)), last_modified)


def replace(services: Services, call: Call) -> Response:
    """PUT /jobschedules/{jobScheduleId}."""
    last_modified = services.schedules.replace(_id(call), call.json(), call.conditions)
    return answers.written(200, call.links.job_schedule(_id(call)), last_modified)


def disable(services: Services, call: Call) -> Response:
    """POST /jobschedules/{jobScheduleId}/disable."""
    last_modified = services.schedules.disable(_id(call), call.conditions)
    return answers.written(204, f"{call.links.job_schedule(_id(call))}/disable", last_modified)


def enable(services: Services, call: Call) -> Response:
    """POST /jobschedules/{jobScheduleId}/enable."""
    last_modified = services.schedules.enable(_id(call), call.conditions)
    return answers.written(204, f"{call.links.job_schedule(_id(call))}/enable", last_modified)


def terminate(services: Services, call: Call) -> Response:
    """POST /jobschedules/{jobScheduleId}/terminate; ``force`` changes nothing, since nodes answer at once."""
    call.query.flag("force")
    last_modified = services.schedules.terminate(_id(call), call.conditions)
    return answers.written(202, f"{call.links.job_schedule(_id(call))}/terminate", last_modified)


def delete(services: Services, call: Call) -> Response:
    """DELETE /jobschedules/{jobScheduleId}; ``force`` changes nothing, since nodes answer at once."""
    call.query.flag("force")
    services.schedules.delete(_id(call), call.conditions)
    return answers.deleted(202)


def jobs(services: Services, call: Call) -> Response:
    """GET /jobschedules/{jobScheduleId}/jobs."""
    return answers.page(services.schedules.list_jobs(_id(call), call.path, call.query, call.links))
