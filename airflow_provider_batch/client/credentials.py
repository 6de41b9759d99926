"""
Credentials of the Azure SDK from :mod:`~airflow_provider_batch.client.account`'s data, sync and async.

Making one asks nobody for a token; that happens with the first request.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from azure.core.credentials import AzureNamedKeyCredential

from airflow_provider_batch.client.account import (
    AccountSettings,
    ClientCertificate,
    ClientSecret,
    Credential,
    DefaultChain,
    ManagedIdentity,
    SharedKey,
    WorkloadIdentity,
)
from airflow_provider_batch.client.http_log import HTTP_LOGGER
from airflow_provider_batch.exceptions import ConnectionFieldError

__all__ = ["async_credential", "sync_credential"]

_REMEDIES = {
    ClientCertificate.kind: "certificate_path must name a readable file, or certificate_data hold PEM text, "
    "with the certificate and its private key",
    WorkloadIdentity.kind: "set workload_identity_tenant_id and client_id in the connection, or run where "
    "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE are set",
}


def sync_credential(settings: AccountSettings) -> Any:
    """
    Make the credential for a sync client.

    :param settings: account and identity.
    :raises ConnectionFieldError: a certificate cannot be read, or an identity lacks a part.
    """
    return _credential(settings, "azure.identity")


def async_credential(settings: AccountSettings) -> Any:
    """
    Make the credential for an async client; whoever made it closes it, except a shared key.

    :param settings: account and identity.
    :raises ConnectionFieldError: a certificate cannot be read, or an identity lacks a part.
    """
    return _credential(settings, "azure.identity.aio")


def _credential(settings: AccountSettings, identity: str) -> Any:
    credential = settings.credential
    if isinstance(credential, SharedKey):
        return AzureNamedKeyCredential(credential.account_name, credential.account_key)
    try:
        # 0.4 s of CPU to import, in every process that sends a request; a key does without it.
        return _token_credential(credential, settings.authority, import_module(identity))
    except (ValueError, OSError) as error:
        # The text of the SDK may quote what it could not read, which may be the certificate: leave it out.
        remedy = _REMEDIES.get(credential.kind, "check the fields of the connection")
        problem = f"auth_method {credential.kind} cannot be used ({type(error).__name__}): {remedy}"
        raise ConnectionFieldError(problem) from None


def _token_credential(credential: Credential, authority: str, identity: ModuleType) -> Any:
    common: dict[str, Any] = {"authority": authority, "logger": HTTP_LOGGER}
    match credential:
        case ClientSecret():
            return identity.ClientSecretCredential(
                credential.tenant_id, credential.client_id, credential.client_secret, **common
            )
        case ClientCertificate():
            data = credential.certificate_data
            return identity.CertificateCredential(
                credential.tenant_id,
                credential.client_id,
                credential.certificate_path,
                certificate_data=data.encode() if data else None,
                **common,
            )
        case ManagedIdentity():
            return identity.ManagedIdentityCredential(client_id=credential.client_id, logger=HTTP_LOGGER)
        case WorkloadIdentity():
            given = {"tenant_id": credential.tenant_id, "client_id": credential.client_id}
            known = {name: value for name, value in given.items() if value}
            return identity.WorkloadIdentityCredential(**known, **common)
        case DefaultChain():
            given = {
                "managed_identity_client_id": credential.managed_identity_client_id,
                "workload_identity_tenant_id": credential.workload_identity_tenant_id,
            }
            known = {name: value for name, value in given.items() if value}
            return identity.DefaultAzureCredential(**known, **common)
    raise AssertionError(f"unhandled credential {credential.kind}")
