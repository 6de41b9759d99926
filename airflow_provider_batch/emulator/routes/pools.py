"""Pools and their node counts."""

from __future__ import annotations

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services


def create(services: Services, call: Call) -> Response:
    """POST /pools."""
    body = call.json()
    return answers.created(call.links.pool(body["id"]), services.pools.create(body))


def listed(services: Services, call: Call) -> Response:
    """GET /pools."""
    return answers.page(services.pools.list(call.path, call.query, call.links))


def get(services: Services, call: Call) -> Response:
    """GET /pools/{poolId}."""
    found = services.pools.get(call.ids["poolId"], call.conditions, call.query, call.links)
    return answers.resource(found, call.links.metadata("pools/@Element"))


def exists(services: Services, call: Call) -> Response:
    """HEAD /pools/{poolId}."""
    return answers.exists(services.pools.get(call.ids["poolId"], call.conditions, call.query, call.links))


def update(services: Services, call: Call) -> Response:
    """PATCH /pools/{poolId}."""
    pool_id = call.ids["poolId"]
    return answers.written(
        200, call.links.pool(pool_id), services.pools.update(pool_id, call.json(), call.conditions)
    )


def delete(services: Services, call: Call) -> Response:
    """DELETE /pools/{poolId}."""
    services.pools.delete(call.ids["poolId"], call.conditions)
    return answers.deleted(202)


def resize(services: Services, call: Call) -> Response:
    """POST /pools/{poolId}/resize."""
    pool_id = call.ids["poolId"]
    last_modified = services.pools.resize(pool_id, call.json(), call.conditions)
    return answers.written(202, f"{call.links.pool(pool_id)}/resize", last_modified)


def stop_resize(services: Services, call: Call) -> Response:
    """POST /pools/{poolId}/stopresize."""
    pool_id = call.ids["poolId"]
    last_modified = services.pools.stop_resize(pool_id, call.conditions)
    return answers.written(202, f"{call.links.pool(pool_id)}/stopresize", last_modified)


def remove_nodes(services: Services, call: Call) -> Response:
    """POST /pools/{poolId}/removenodes."""
    pool_id = call.ids["poolId"]
    last_modified = services.nodes.remove(pool_id, call.json(), call.conditions)
    return answers.written(202, f"{call.links.pool(pool_id)}/removenodes", last_modified)


def replace_properties(services: Services, call: Call) -> Response:
    """POST /pools/{poolId}/updateproperties."""
    pool_id = call.ids["poolId"]
    last_modified = services.pools.replace_properties(pool_id, call.json(), call.conditions)
    return answers.written(204, f"{call.links.pool(pool_id)}/updateproperties", last_modified)


def usage_metrics(services: Services, call: Call) -> Response:
    """GET /poolusagemetrics."""
    return answers.page(services.usage.list(call.path, call.query, call.links))


def node_counts(services: Services, call: Call) -> Response:
    """GET /nodecounts."""
    return answers.page(services.pools.node_counts(call.path, call.query, call.links))


def supported_images(services: Services, call: Call) -> Response:
    """GET /supportedimages."""
    return answers.page(services.account.supported_images(call.path, call.query, call.links))
