"""The handlers of the management plane: each calls its service and gives its answer a form."""

from __future__ import annotations

import json
from urllib.parse import quote

from starlette.responses import Response

from airflow_provider_batch.emulator.routes.management_calls import ManagementCall
from airflow_provider_batch.emulator.service.management import Management
from airflow_provider_batch.emulator.wire.fields import Json

JSON_TYPE = "application/json; charset=utf-8"
_RETRY_AFTER_SECONDS = 1


def _json(body: Json) -> Response:
    """An answer with a body, and its ETag if it has one."""
    headers = {"content-type": JSON_TYPE}
    if "etag" in body:
        headers["etag"] = body["etag"]
    return Response(json.dumps(body, separators=(",", ":")).encode("utf-8"), headers=headers)


def _deleted(existed: bool) -> Response:
    return Response(status_code=200 if existed else 204)


# --- the account --------------------------------------------------------------------------------------


def get_account(management: Management, call: ManagementCall) -> Response:
    """GET .../batchAccounts/{accountName}."""
    return _json(management.account.get(call.links))


def create_account(management: Management, call: ManagementCall) -> Response:
    """PUT .../batchAccounts/{accountName}."""
    return _json(management.account.create(call.json(), call.links))


def update_account(management: Management, call: ManagementCall) -> Response:
    """PATCH .../batchAccounts/{accountName}."""
    return _json(management.account.update(call.json(), call.links))


def list_accounts(management: Management, call: ManagementCall) -> Response:
    """GET .../batchAccounts."""
    return _json(management.account.list(call.links))


def get_keys(management: Management, call: ManagementCall) -> Response:
    """POST .../listKeys."""
    return _json(management.account.keys())


def regenerate_key(management: Management, call: ManagementCall) -> Response:
    """POST .../regenerateKeys."""
    return _json(management.account.regenerate_key(call.json()))


def synchronize_auto_storage_keys(management: Management, call: ManagementCall) -> Response:
    """POST .../syncAutoStorageKeys."""
    management.account.synchronize_auto_storage_keys()
    return Response(status_code=204)


# --- applications -------------------------------------------------------------------------------------


def get_application(management: Management, call: ManagementCall) -> Response:
    """GET .../applications/{applicationName}."""
    return _json(management.applications.get(call.ids["applicationName"]))


def create_application(management: Management, call: ManagementCall) -> Response:
    """PUT .../applications/{applicationName}."""
    return _json(management.applications.create(call.ids["applicationName"], call.json()))


def update_application(management: Management, call: ManagementCall) -> Response:
    """PATCH .../applications/{applicationName}."""
    return _json(management.applications.update(call.ids["applicationName"], call.json()))


def delete_application(management: Management, call: ManagementCall) -> Response:
    """DELETE .../applications/{applicationName}."""
    return _deleted(management.applications.delete(call.ids["applicationName"]))


def list_applications(management: Management, call: ManagementCall) -> Response:
    """GET .../applications."""
    return _json(management.applications.list(call.path, call.query, call.links))


def get_package(management: Management, call: ManagementCall) -> Response:
    """GET .../versions/{versionName}."""
    return _json(management.applications.get_package(*_package(call)))


def create_package(management: Management, call: ManagementCall) -> Response:
    """PUT .../versions/{versionName}."""
    return _json(management.applications.create_package(*_package(call), call.json()))


def activate_package(management: Management, call: ManagementCall) -> Response:
    """POST .../versions/{versionName}/activate."""
    return _json(management.applications.activate_package(*_package(call), call.json()))


def delete_package(management: Management, call: ManagementCall) -> Response:
    """DELETE .../versions/{versionName}."""
    return _deleted(management.applications.delete_package(*_package(call)))


def list_packages(management: Management, call: ManagementCall) -> Response:
    """GET .../versions."""
    application = call.ids["applicationName"]
    return _json(management.applications.list_packages(application, call.path, call.query, call.links))


def _package(call: ManagementCall) -> tuple[str, str]:
    return call.ids["applicationName"], call.ids["versionName"]


# --- pools --------------------------------------------------------------------------------------------


def get_pool(management: Management, call: ManagementCall) -> Response:
    """GET .../pools/{poolName}."""
    return _json(management.pools.get(call.ids["poolName"], call.links))


def create_pool(management: Management, call: ManagementCall) -> Response:
    """PUT .../pools/{poolName}."""
    return _json(management.pools.create(call.ids["poolName"], call.json(), call.conditions, call.links))


def update_pool(management: Management, call: ManagementCall) -> Response:
    """PATCH .../pools/{poolName}."""
    return _json(management.pools.update(call.ids["poolName"], call.json(), call.conditions, call.links))


def list_pools(management: Management, call: ManagementCall) -> Response:
    """GET .../pools."""
    return _json(management.pools.list(call.path, call.query, call.links))


def disable_auto_scale(management: Management, call: ManagementCall) -> Response:
    """POST .../disableAutoScale."""
    return _json(management.pools.disable_auto_scale(call.ids["poolName"], call.links))


def stop_resize(management: Management, call: ManagementCall) -> Response:
    """POST .../stopResize."""
    return _json(management.pools.stop_resize(call.ids["poolName"], call.links))


def delete_pool(management: Management, call: ManagementCall) -> Response:
    """DELETE .../pools/{poolName}: 202, and an address to ask whether it is done."""
    operation = management.pools.delete(call.ids["poolName"])
    return Response(status_code=204) if operation is None else _under_way(management, call, operation)


def pool_operation_result(management: Management, call: ManagementCall) -> Response:
    """GET .../poolOperationResults/{operation}."""
    operation = call.ids["operation"]
    if management.pools.is_under_way(operation):
        return _under_way(management, call, operation)
    return Response(status_code=204)


def _under_way(management: Management, call: ManagementCall, operation: str) -> Response:
    path = f"{management.address.account_id}/poolOperationResults/{quote(operation, safe='')}"
    version = quote(call.query.text("api-version") or "", safe="")
    location = f"{call.links.endpoint}{path}?api-version={version}"
    return Response(status_code=202, headers={"location": location, "retry-after": str(_RETRY_AFTER_SECONDS)})


# --- the region ---------------------------------------------------------------------------------------


def get_quotas(management: Management, call: ManagementCall) -> Response:
    """GET .../quotas."""
    return _json(management.locations.quotas())


def list_sizes(management: Management, call: ManagementCall) -> Response:
    """GET .../virtualMachineSkus."""
    return _json(management.locations.sizes(call.path, call.query, call.links))


def check_name(management: Management, call: ManagementCall) -> Response:
    """POST .../checkNameAvailability."""
    return _json(management.locations.check_name(call.json()))
