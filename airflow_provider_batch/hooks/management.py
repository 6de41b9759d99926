"""Whether a connection may ask the management plane (Azure Resource Manager), and why not."""

from __future__ import annotations

from importlib import util

from airflow_provider_batch.client.account import ManagementSettings, SharedKey
from airflow_provider_batch.exceptions import AzureBatchConfigurationError
from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["has_management_package", "management_settings", "names_management"]


def names_management(connection: BatchConnection) -> bool:
    """
    Tell whether a connection says all that the management plane is asked with; nothing is asked.

    :param connection: settings of the connection.
    """
    return not _missing(connection)


def has_management_package() -> bool:
    """Tell whether ``azure-mgmt-batch`` is installed, which the extra ``[management]`` brings."""
    return util.find_spec("azure.mgmt") is not None and util.find_spec("azure.mgmt.batch") is not None


def management_settings(connection: BatchConnection) -> ManagementSettings:
    """
    Return how to ask the management plane.

    :param connection: settings of the connection.
    :raises AzureBatchConfigurationError: it cannot be asked; the message has every reason, with its remedy.
    """
    reasons = _missing(connection)
    if not has_management_package():
        reasons.append("azure-mgmt-batch is not installed; install airflow-provider-batch[management]")
    if reasons:
        raise AzureBatchConfigurationError(f"The management plane needs more: {'; '.join(reasons)}.")
    return ManagementSettings(
        connection.account,
        str(connection.subscription_id),
        str(connection.resource_group),
        str(connection.account_name),
    )


def _missing(connection: BatchConnection) -> list[str]:
    missing = []
    if isinstance(connection.account.credential, SharedKey):
        missing.append(
            "the connection signs in with an account key, which opens the data plane only; let it sign in "
            "with Entra ID (auth_method)"
        )
    missing += [
        f"the connection names no {name}; fill the field in"
        for name in ("subscription_id", "resource_group")
        if not getattr(connection, name)
    ]
    if not connection.account_name:
        missing.append("the connection does not tell the account's name; give it as login")
    return missing
