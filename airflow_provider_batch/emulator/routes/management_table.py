"""
Every operation of the management plane, named as azure-mgmt-batch names it: group, underscore, method.

One without a handler is valid in Azure and answers 501 here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from airflow_provider_batch.emulator.routes import management_handlers as handlers
from airflow_provider_batch.emulator.routes.management_calls import ManagementCall
from airflow_provider_batch.emulator.service.management import Management

Handler = Callable[[Management, ManagementCall], Response]


@dataclass(frozen=True)
class ManagementOperation:
    """
    One operation.

    :param path: template, compared without regard to case.
    :param handler: None when it is not implemented.
    """

    name: str
    method: str
    path: str
    handler: Handler | None = None


_SUBSCRIPTION = "/subscriptions/{subscriptionId}"
_PROVIDER = "/providers/Microsoft.Batch"
_LOCATION = _SUBSCRIPTION + _PROVIDER + "/locations/{locationName}"
_ACCOUNTS = _SUBSCRIPTION + "/resourceGroups/{resourceGroupName}" + _PROVIDER + "/batchAccounts"
_ACCOUNT = _ACCOUNTS + "/{accountName}"
_APPLICATION = _ACCOUNT + "/applications/{applicationName}"
_VERSION = _APPLICATION + "/versions/{versionName}"
_POOL = _ACCOUNT + "/pools/{poolName}"
_LINK = _ACCOUNT + "/privateLinkResources"
_CONNECTION = _ACCOUNT + "/privateEndpointConnections"
_PERIMETER = _ACCOUNT + "/networkSecurityPerimeterConfigurations"
_CONNECTION_OF = _CONNECTION + "/{privateEndpointConnectionName}"
_PERIMETER_OF = _PERIMETER + "/{networkSecurityPerimeterConfigurationName}"

POOL_OPERATION_RESULT = "pool_operation_result"
"""Not a method: the address that a poller asks until a pool is deleted."""

MANAGEMENT_OPERATIONS: tuple[ManagementOperation, ...] = (
    ManagementOperation("operations_list", "GET", _PROVIDER + "/operations"),
    # the account
    ManagementOperation("batch_account_get", "GET", _ACCOUNT, handlers.get_account),
    ManagementOperation("batch_account_create", "PUT", _ACCOUNT, handlers.create_account),
    ManagementOperation("batch_account_update", "PATCH", _ACCOUNT, handlers.update_account),
    ManagementOperation("batch_account_delete", "DELETE", _ACCOUNT),
    ManagementOperation("batch_account_list_by_resource_group", "GET", _ACCOUNTS, handlers.list_accounts),
    ManagementOperation(
        "batch_account_list",
        "GET",
        _SUBSCRIPTION + _PROVIDER + "/batchAccounts",
        handlers.list_accounts,
    ),
    ManagementOperation(
        "batch_account_synchronize_auto_storage_keys",
        "POST",
        _ACCOUNT + "/syncAutoStorageKeys",
        handlers.synchronize_auto_storage_keys,
    ),
    ManagementOperation(
        "batch_account_regenerate_key", "POST", _ACCOUNT + "/regenerateKeys", handlers.regenerate_key
    ),
    ManagementOperation("batch_account_get_keys", "POST", _ACCOUNT + "/listKeys", handlers.get_keys),
    ManagementOperation(
        "batch_account_list_outbound_network_dependencies_endpoints",
        "GET",
        _ACCOUNT + "/outboundNetworkDependenciesEndpoints",
    ),
    ManagementOperation("batch_account_get_detector", "GET", _ACCOUNT + "/detectors/{detectorId}"),
    ManagementOperation("batch_account_list_detectors", "GET", _ACCOUNT + "/detectors"),
    # applications
    ManagementOperation("application_get", "GET", _APPLICATION, handlers.get_application),
    ManagementOperation("application_create", "PUT", _APPLICATION, handlers.create_application),
    ManagementOperation("application_update", "PATCH", _APPLICATION, handlers.update_application),
    ManagementOperation("application_delete", "DELETE", _APPLICATION, handlers.delete_application),
    ManagementOperation("application_list", "GET", _ACCOUNT + "/applications", handlers.list_applications),
    # packages
    ManagementOperation("application_package_get", "GET", _VERSION, handlers.get_package),
    ManagementOperation("application_package_create", "PUT", _VERSION, handlers.create_package),
    ManagementOperation("application_package_delete", "DELETE", _VERSION, handlers.delete_package),
    ManagementOperation(
        "application_package_list", "GET", _APPLICATION + "/versions", handlers.list_packages
    ),
    ManagementOperation(
        "application_package_activate", "POST", _VERSION + "/activate", handlers.activate_package
    ),
    # networks
    ManagementOperation("private_link_resource_get", "GET", _LINK + "/{privateLinkResourceName}"),
    ManagementOperation("private_link_resource_list_by_batch_account", "GET", _LINK),
    ManagementOperation("private_endpoint_connection_get", "GET", _CONNECTION_OF),
    ManagementOperation("private_endpoint_connection_update", "PATCH", _CONNECTION_OF),
    ManagementOperation("private_endpoint_connection_delete", "DELETE", _CONNECTION_OF),
    ManagementOperation("private_endpoint_connection_list_by_batch_account", "GET", _CONNECTION),
    ManagementOperation("network_security_perimeter_get_configuration", "GET", _PERIMETER_OF),
    ManagementOperation("network_security_perimeter_list_configurations", "GET", _PERIMETER),
    ManagementOperation(
        "network_security_perimeter_reconcile_configuration", "POST", _PERIMETER_OF + "/reconcile"
    ),
    # pools
    ManagementOperation("pool_get", "GET", _POOL, handlers.get_pool),
    ManagementOperation("pool_create", "PUT", _POOL, handlers.create_pool),
    ManagementOperation("pool_update", "PATCH", _POOL, handlers.update_pool),
    ManagementOperation("pool_delete", "DELETE", _POOL, handlers.delete_pool),
    ManagementOperation("pool_list_by_batch_account", "GET", _ACCOUNT + "/pools", handlers.list_pools),
    ManagementOperation(
        "pool_disable_auto_scale", "POST", _POOL + "/disableAutoScale", handlers.disable_auto_scale
    ),
    ManagementOperation("pool_stop_resize", "POST", _POOL + "/stopResize", handlers.stop_resize),
    ManagementOperation(
        POOL_OPERATION_RESULT,
        "GET",
        _ACCOUNT + "/poolOperationResults/{operation}",
        handlers.pool_operation_result,
    ),
    # the region
    ManagementOperation("location_get_quotas", "GET", _LOCATION + "/quotas", handlers.get_quotas),
    ManagementOperation(
        "location_list_supported_virtual_machine_skus",
        "GET",
        _LOCATION + "/virtualMachineSkus",
        handlers.list_sizes,
    ),
    ManagementOperation(
        "location_check_name_availability",
        "POST",
        _LOCATION + "/checkNameAvailability",
        handlers.check_name,
    ),
)
