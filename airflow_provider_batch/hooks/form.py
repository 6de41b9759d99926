"""
The form of the connection type ``azure_batch_account``, as data.

Airflow 3 reads it from the provider's metadata, Airflow 2.11 through the hook's methods; imports nothing,
since every Airflow process reads it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["AUTH_METHODS", "AUTOMATIC", "CONNECTION_TYPE", "CONN_FIELDS", "UI_FIELD_BEHAVIOUR"]

CONNECTION_TYPE = "azure_batch_account"

#: the choice that goes by what is filled in; an empty field means the same
AUTOMATIC = "automatic"
AUTH_METHODS = (
    "shared_key",
    "client_secret",
    "client_certificate",
    "managed_identity",
    "workload_identity",
    "default",
)


def _field(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["string", "null"], **schema},
    }


CONN_FIELDS: dict[str, dict[str, Any]] = {
    "account_url": _field("Account URL", "https://<account>.<region>.batch.azure.com"),
    "allow_http": {
        "label": "Allow http",
        "description": "Only for an emulator in a private network: with http, everyone there can read.",
        "schema": {"type": ["boolean", "null"]},
    },
    "auth_method": _field(
        "Authentication",
        "How to sign in. Automatic: by what is filled in, and Azure's default chain when nothing is.",
        enum=[AUTOMATIC, *AUTH_METHODS],
    ),
    "tenant_id": _field("Tenant ID", "For client_secret, client_certificate and workload_identity."),
    "client_id": _field("Client ID", "For client_secret, client_certificate and workload_identity."),
    "client_secret": _field("Client secret", "For client_secret.", format="password"),
    "certificate_path": _field(
        "Certificate file", "For client_certificate: file on the Airflow machines, PEM or PKCS12."
    ),
    "certificate_data": _field(
        "Certificate", "For client_certificate: certificate and private key as PEM text.", format="password"
    ),
    "managed_identity_client_id": _field(
        "Managed identity client ID", "For managed_identity and default: a user-assigned identity."
    ),
    "workload_identity_tenant_id": _field(
        "Workload identity tenant ID", "For workload_identity and default."
    ),
    "authority_host": _field("Authority host", "Empty: the one of the account's cloud."),
    "subscription_id": _field("Subscription ID", "For links to the portal and the management plane."),
    "resource_group": _field("Resource group", "For links to the portal and the management plane."),
    "storage_account_url": _field(
        "Storage account URL", "https://<account>.blob.core.windows.net, for output; not used yet."
    ),
    "storage_container": _field("Storage container", "Container for that output; not used yet."),
    "deployment_id": _field(
        "Deployment ID", "Name of this Airflow among several that use the account; marks what it creates."
    ),
    "prices": _field(
        "Prices", 'Empty: no costs. "retail": list prices of Azure. Or JSON: {"standard_d2s_v5": 0.1}.'
    ),
}

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema", "host", "port", "extra"],
    "relabeling": {"login": "Batch account name", "password": "Batch account key"},
    "placeholders": {
        "login": "for shared_key",
        "password": "for shared_key",
        "account_url": "https://<account>.<region>.batch.azure.com",
    },
}
