"""Nodes."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services


def listed(services: Services, call: Call) -> Response:
    """GET /pools/{poolId}/nodes."""
    return answers.page(services.nodes.list(call.ids["poolId"], call.path, call.query, call.links))


def get(services: Services, call: Call) -> Response:
    """GET /pools/{poolId}/nodes/{nodeId}."""
    found = services.nodes.get(call.ids["poolId"], call.ids["nodeId"], call.query, call.links)
    return answers.resource(found, call.links.metadata("nodes/@Element"))
