"""
Which Batch account to talk to, and as whom; plain data, without Airflow and without the Azure SDK.

Secrets do not show in ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

__all__ = [
    "AccountSettings",
    "ClientCertificate",
    "ClientSecret",
    "Cloud",
    "Credential",
    "DefaultChain",
    "ManagedIdentity",
    "ManagementSettings",
    "SharedKey",
    "WorkloadIdentity",
    "is_loopback",
]


@dataclass(frozen=True)
class SharedKey:
    """Name and key of the Batch account."""

    kind: ClassVar[str] = "shared_key"
    account_name: str
    account_key: str = field(repr=False)


@dataclass(frozen=True)
class ClientSecret:
    """A service principal with a secret."""

    kind: ClassVar[str] = "client_secret"
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class ClientCertificate:
    """
    A service principal with a certificate; exactly one of path and data is given.

    :param certificate_path: file with certificate and private key, PEM or PKCS12.
    :param certificate_data: certificate and private key as PEM text.
    """

    kind: ClassVar[str] = "client_certificate"
    tenant_id: str
    client_id: str
    certificate_path: str | None = None
    certificate_data: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ManagedIdentity:
    """The identity of the machine; ``client_id`` names a user-assigned one."""

    kind: ClassVar[str] = "managed_identity"
    client_id: str | None = None


@dataclass(frozen=True)
class WorkloadIdentity:
    """A federated identity of a Kubernetes service account; what is None comes from the pod's environment."""

    kind: ClassVar[str] = "workload_identity"
    tenant_id: str | None = None
    client_id: str | None = None


@dataclass(frozen=True)
class DefaultChain:
    """Azure's default chain: environment, workload identity, managed identity, developer tools."""

    kind: ClassVar[str] = "default"
    managed_identity_client_id: str | None = None
    workload_identity_tenant_id: str | None = None


Credential: TypeAlias = (
    SharedKey | ClientSecret | ClientCertificate | ManagedIdentity | WorkloadIdentity | DefaultChain
)


@dataclass(frozen=True)
class Cloud:
    """
    An Azure cloud, as far as a Batch account's address tells.

    :param suffix: end of the host names of its Batch accounts.
    :param scope: what a token for Batch is asked for; two slashes, as the vendor SDK asks.
    :param authority_host: where tokens are asked for.
    :param management_url: address of Azure Resource Manager.
    """

    suffix: str
    scope: str
    authority_host: str
    management_url: str


_PUBLIC = Cloud(
    ".batch.azure.com",
    "https://batch.core.windows.net//.default",
    "https://login.microsoftonline.com",
    "https://management.azure.com",
)
_CLOUDS = (
    _PUBLIC,
    Cloud(
        ".batch.usgovcloudapi.net",
        "https://batch.core.usgovcloudapi.net//.default",
        "https://login.microsoftonline.us",
        "https://management.usgovcloudapi.net",
    ),
    Cloud(
        ".batch.chinacloudapi.cn",
        "https://batch.chinacloudapi.cn//.default",
        "https://login.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
    ),
)


@dataclass(frozen=True)
class AccountSettings:
    """
    All that a session needs.

    :param account_url: ``https://{account}.{region}.batch.azure.com``, without a slash at the end.
    :param credential: as whom to sign in.
    :param authority_host: where Entra ID tokens are asked for; None for the one of the account's cloud.
    """

    account_url: str
    credential: Credential
    authority_host: str | None = None

    @property
    def cloud(self) -> Cloud:
        """The cloud of the account's address; the public one unless the address is of a sovereign cloud."""
        host = urlsplit(self.account_url).hostname or ""
        return next((cloud for cloud in _CLOUDS if host.endswith(cloud.suffix)), _PUBLIC)

    @property
    def authority(self) -> str:
        """Address that Entra ID tokens are asked for."""
        return self.authority_host or self.cloud.authority_host


@dataclass(frozen=True)
class ManagementSettings:
    """
    Which account the management plane (Azure Resource Manager) is asked about.

    :param account: account and identity; the identity is no shared key.
    :param subscription_id: subscription of the account.
    :param resource_group: resource group of the account.
    :param account_name: name of the account.
    """

    account: AccountSettings
    subscription_id: str
    resource_group: str
    account_name: str


def is_loopback(host: str) -> bool:
    """
    Tell whether a host name means this machine.

    :param host: host without port and brackets.
    """
    return host in {"localhost", "::1"} or (host.startswith("127.") and host.replace(".", "").isdigit())
