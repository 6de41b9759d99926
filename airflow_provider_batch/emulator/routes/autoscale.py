"""Automatic scaling of pools."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.results import Found
from airflow_provider_batch.emulator.service.services import Services

_RUN = "Microsoft.Azure.Batch.Protocol.Entities.AutoScaleRun"


def enable(services: Services, call: Call) -> Response:
    """POST /pools/{poolId}/enableautoscale."""
    pool_id = call.ids["poolId"]
    last_modified = services.auto_scaling.enable(pool_id, call.json(), call.conditions)
    return answers.written(200, f"{call.links.pool(pool_id)}/enableautoscale", last_modified)


def disable(services: Services, call: Call) -> Response:
    """POST /pools/{poolId}/disableautoscale."""
    pool_id = call.ids["poolId"]
    last_modified = services.auto_scaling.disable(pool_id, call.conditions)
    return answers.written(200, f"{call.links.pool(pool_id)}/disableautoscale", last_modified)


def evaluate(services: Services, call: Call) -> Response:
    """POST /pools/{poolId}/evaluateautoscale: a body without ETag, and yet with DataServiceId."""
    pool_id = call.ids["poolId"]
    found = Found(services.auto_scaling.evaluate(pool_id, call.json()))
    answer = answers.resource(found, call.links.metadata(_RUN))
    answer.headers["dataserviceid"] = f"{call.links.pool(pool_id)}/evaluateautoscale"
    return answer
