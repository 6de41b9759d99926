"""Applications, as the data plane shows them."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services


def listed(services: Services, call: Call) -> Response:
    """GET /applications."""
    return answers.page(services.applications.list(call.path, call.query, call.links))


def get(services: Services, call: Call) -> Response:
    """GET /applications/{applicationId}."""
    found = services.applications.get(call.ids["applicationId"], call.links)
    return answers.resource(found, call.links.metadata("getapplicationsummaryresponse/@Element"))
