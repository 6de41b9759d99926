"""Nodes, their users, their extensions and logs."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import answers
from airflow_provider_batch.emulator.routes.calls import Call
from airflow_provider_batch.emulator.service.services import Services


def _names(call: Call) -> tuple[str, str]:
    return call.ids["poolId"], call.ids["nodeId"]


def _done(call: Call, status: int, verb: str) -> Response:
    return answers.done(status, f"{call.links.node(*_names(call))}/{verb}")


def listed(services: Services, call: Call) -> Response:
    """GET /pools/{poolId}/nodes."""
    return answers.page(services.nodes.list(call.ids["poolId"], call.path, call.query, call.links))


def get(services: Services, call: Call) -> Response:
    """GET /pools/{poolId}/nodes/{nodeId}."""
    found = services.nodes.get(*_names(call), call.query, call.links)
    return answers.resource(found, call.links.metadata("nodes/@Element"))


def reboot(services: Services, call: Call) -> Response:
    """POST .../reboot."""
    services.nodes.reboot(*_names(call), call.optional_json())
    return _done(call, 202, "reboot")


def reimage(services: Services, call: Call) -> Response:
    """POST .../reimage."""
    services.nodes.reimage(*_names(call), call.optional_json())
    return _done(call, 202, "reimage")


def deallocate(services: Services, call: Call) -> Response:
    """POST .../deallocate."""
    services.nodes.deallocate(*_names(call), call.optional_json())
    return _done(call, 202, "deallocate")


def start(services: Services, call: Call) -> Response:
    """POST .../start."""
    services.nodes.start(*_names(call))
    return _done(call, 202, "start")


def disable_scheduling(services: Services, call: Call) -> Response:
    """POST .../disablescheduling."""
    services.nodes.disable_scheduling(*_names(call), call.optional_json())
    return _done(call, 200, "disablescheduling")


def enable_scheduling(services: Services, call: Call) -> Response:
    """POST .../enablescheduling."""
    services.nodes.enable_scheduling(*_names(call))
    return _done(call, 200, "enablescheduling")


def remote_login_settings(services: Services, call: Call) -> Response:
    """GET .../remoteloginsettings."""
    metadata = call.links.metadata("Microsoft.Azure.Batch.Protocol.Entities.ComputeNodeRemoteLoginSettings")
    return answers.resource(services.nodes.remote_login(*_names(call)), metadata)


def upload_logs(services: Services, call: Call) -> Response:
    """POST .../uploadbatchservicelogs."""
    metadata = call.links.metadata("Microsoft.Azure.Batch.Protocol.Entities.UploadBatchServiceLogsResult")
    return answers.resource(services.node_logs.upload(*_names(call), call.json()), metadata)


def list_extensions(services: Services, call: Call) -> Response:
    """GET .../extensions."""
    return answers.page(services.nodes.extensions(*_names(call), call.path, call.query, call.links))


def get_extension(services: Services, call: Call) -> Response:
    """GET .../extensions/{extensionName}."""
    found = services.nodes.extension(*_names(call), call.ids["extensionName"], call.query, call.links)
    return answers.resource(found, call.links.metadata("extensions/@Element"))


def create_user(services: Services, call: Call) -> Response:
    """POST .../users."""
    body = call.json()
    services.node_users.create(*_names(call), body)
    return _done(call, 201, f"users/{body['name']}")


def replace_user(services: Services, call: Call) -> Response:
    """PUT .../users/{userName}."""
    name = call.ids["userName"]
    services.node_users.replace(*_names(call), name, call.json())
    return _done(call, 200, f"users/{quote(name)}")


def delete_user(services: Services, call: Call) -> Response:
    """DELETE .../users/{userName}."""
    services.node_users.delete(*_names(call), call.ids["userName"])
    return answers.deleted(200)
