"""
From the fields of an Airflow connection to settings; pure, and the same for sync and async.

Connections of the official provider's type ``azure_batch`` are understood as they are: account name and key,
else Azure's default chain, whatever else is filled in.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, NoReturn, Protocol
from urllib.parse import SplitResult, urlsplit

from airflow_provider_batch.client.account import (
    AccountSettings,
    ClientCertificate,
    ClientSecret,
    Credential,
    DefaultChain,
    ManagedIdentity,
    SharedKey,
    WorkloadIdentity,
    is_loopback,
)
from airflow_provider_batch.domain.prices import PriceSettings, read_price_settings
from airflow_provider_batch.domain.redaction import secrets_in
from airflow_provider_batch.exceptions import ConnectionFieldError, SpecError
from airflow_provider_batch.hooks.form import AUTH_METHODS, AUTOMATIC, CONNECTION_TYPE

__all__ = ["AirflowConnection", "BatchConnection", "Extras", "read_connection"]

OFFICIAL_CONNECTION_TYPE = "azure_batch"
_PREFIXES = (f"extra__{CONNECTION_TYPE}__", f"extra__{OFFICIAL_CONNECTION_TYPE}__")
_URL_EXAMPLE = "https://<account>.<region>.batch.azure.com"


class AirflowConnection(Protocol):
    """What is read of an Airflow connection."""

    @property
    def conn_id(self) -> str: ...  # noqa: D102 - the names are Airflow's
    @property
    def conn_type(self) -> str | None: ...  # noqa: D102
    @property
    def login(self) -> str | None: ...  # noqa: D102
    @property
    def password(self) -> str | None: ...  # noqa: D102
    @property
    def host(self) -> str | None: ...  # noqa: D102
    @property
    def port(self) -> int | None: ...  # noqa: D102
    @property
    def extra_dejson(self) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class BatchConnection:
    """
    What a connection says.

    :param account: account and identity.
    :param account_name: name of the Batch account, where it is known.
    :param subscription_id: subscription of the account.
    :param resource_group: resource group of the account.
    :param storage_account_url: where output files are kept.
    :param storage_container: container for output files.
    :param deployment_id: name of this Airflow among several that use the account.
    :param prices: where prices of nodes come from; None when nobody asks for costs.
    :param region: region of the account, as its address says.
    :param secrets: texts that no log may show.
    """

    account: AccountSettings
    account_name: str | None = None
    subscription_id: str | None = None
    resource_group: str | None = None
    storage_account_url: str | None = None
    storage_container: str | None = None
    deployment_id: str | None = None
    prices: PriceSettings | None = None
    region: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Extras:
    """The extra fields of a connection; blank ones are None. The form shows the same fields."""

    account_url: str | None = None
    allow_http: str | None = None
    auth_method: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    certificate_path: str | None = None
    certificate_data: str | None = field(default=None, repr=False)
    managed_identity_client_id: str | None = None
    workload_identity_tenant_id: str | None = None
    authority_host: str | None = None
    subscription_id: str | None = None
    resource_group: str | None = None
    storage_account_url: str | None = field(default=None, repr=False)
    storage_container: str | None = None
    deployment_id: str | None = None
    prices: str | None = None


def read_connection(connection: AirflowConnection) -> BatchConnection:
    """
    Read a connection.

    :param connection: an Airflow connection of type ``azure_batch_account`` or ``azure_batch``.
    :raises ConnectionFieldError: a field is missing or contradicts another one; the message names it.
    """
    return _Reader(connection).read()


class _Reader:
    """Reads one connection; holds it, so that every message can name it."""

    def __init__(self, connection: AirflowConnection) -> None:
        self._connection = connection
        self._login = (connection.login or "").strip() or None
        self._password = (connection.password or "").strip() or None
        self._extras = self._read_extras(connection.extra_dejson)

    def read(self) -> BatchConnection:
        extras = self._extras
        url = self._account_url()
        credential = self._credential()
        if url.startswith("http://") and not isinstance(credential, SharedKey):
            self._refuse(
                "account_url",
                f"auth_method is {credential.kind} and the address has no TLS",
                "Entra ID tokens are sent over https only; use shared_key with an emulator",
            )
        account = AccountSettings(url, credential, self._authority_host())
        self._check_account_name(account)
        return BatchConnection(
            account=account,
            account_name=self._login or _account_of(account),
            subscription_id=extras.subscription_id,
            resource_group=extras.resource_group,
            storage_account_url=extras.storage_account_url,
            storage_container=extras.storage_container,
            deployment_id=extras.deployment_id,
            prices=self._prices(),
            region=_region_of(account),
            secrets=tuple(self._secrets()),
        )

    def _refuse(self, name: str, found: str, remedy: str) -> NoReturn:
        raise ConnectionFieldError(f"connection {self._connection.conn_id!r}, {name}: {found}; {remedy}")

    def _require(self, name: str, value: str | None, why: str) -> str:
        if value is None:
            self._refuse(name, self._empty(name), f"{why} needs it")
        return value

    def _empty(self, name: str) -> str:
        """Say that a field is empty, and which key of the extra may have been meant for it."""
        known = {f"{prefix}{each.name}" for each in fields(Extras) for prefix in ("", *_PREFIXES)}
        meant = get_close_matches(name, self._connection.extra_dejson.keys() - known, 1, 0.8)
        return f"it is empty (the extra has {meant[0]!r})" if meant else "it is empty"

    def _read_extras(self, found: Mapping[str, Any]) -> Extras:
        return Extras(**{each.name: self._extra(found, each.name) for each in fields(Extras)})

    def _extra(self, found: Mapping[str, Any], name: str) -> str | None:
        for key in (name, *(prefix + name for prefix in _PREFIXES)):
            value = found.get(key)
            if name == "allow_http" and isinstance(value, bool):
                return str(value).lower()
            if name == "prices" and isinstance(value, Mapping):
                return json.dumps(value)
            if value is None or value == "":
                continue
            if not isinstance(value, str):
                self._refuse(name, f"it is of type {type(value).__name__}", "write it as text")
            if value.strip():
                return value.strip()
        return None

    def _prices(self) -> PriceSettings | None:
        try:
            return read_price_settings(self._extras.prices)
        except SpecError as error:
            self._refuse(error.path, error.problem, "see docs/cost.md")

    # --- address -------------------------------------------------------------------------------

    def _account_url(self) -> str:
        host = (self._connection.host or "").strip() or None
        from_host = self._normal_url("host", host, self._connection.port) if host else None
        given = self._extras.account_url
        from_extra = self._normal_url("account_url", given, None) if given else None
        if from_host and from_extra and from_host != from_extra:
            self._refuse("account_url", f"it is {from_extra}, and host is {from_host}", "keep one of them")
        url = from_extra or from_host
        if url is None:
            self._refuse("account_url", self._empty("account_url"), f"write {_URL_EXAMPLE}")
        return url

    def _normal_url(self, name: str, text: str, port: int | None) -> str:
        try:
            url = _with_scheme(text)
            host, found_port = url.hostname, url.port
        except ValueError:
            self._refuse(name, "it is no URL", f"write {_URL_EXAMPLE}")
        if not host or url.scheme not in {"http", "https"}:
            self._refuse(
                name, f"{url.scheme!r} and {host!r} are its scheme and host", f"write {_URL_EXAMPLE}"
            )
        if url.path not in {"", "/"} or url.query or url.fragment or "@" in url.netloc:
            # What stands there may be a secret, so it is not shown.
            self._refuse(name, "more follows or precedes the host name", f"write {_URL_EXAMPLE}")
        if url.scheme == "http" and not is_loopback(host) and not self._http_is_allowed():
            self._refuse(name, f"http to {host} would send everything readable", "write https")
        shown_host = f"[{host}]" if ":" in host else host
        shown_port = found_port or port
        return f"{url.scheme}://{shown_host}" + (f":{shown_port}" if shown_port else "")

    def _http_is_allowed(self) -> bool:
        given = self._extras.allow_http or "false"
        if given.lower() not in {"true", "false"}:
            self._refuse("allow_http", f"it is {given!r}", "write true or false")
        return given.lower() == "true"

    def _authority_host(self) -> str | None:
        given = self._extras.authority_host
        if given is None:
            return None
        text = given if "://" in given else f"https://{given}"
        if not text.startswith("https://") or not urlsplit(text).hostname:
            self._refuse("authority_host", f"it is {given!r}", "write https://login.microsoftonline.com")
        return text.rstrip("/")

    def _check_account_name(self, account: AccountSettings) -> None:
        """Refuse a key of one account at the address of another."""
        found = _account_of(account)
        credential = account.credential
        if isinstance(credential, SharedKey) and found and found != credential.account_name.lower():
            self._refuse(
                "login",
                f"it is {credential.account_name!r}, and account_url is that of {found!r}",
                "give name and key of the account that account_url names",
            )

    # --- identity ------------------------------------------------------------------------------

    def _credential(self) -> Credential:
        makers: dict[str, Callable[[], Credential]] = {
            SharedKey.kind: self._shared_key,
            ClientSecret.kind: self._client_secret,
            ClientCertificate.kind: self._client_certificate,
            ManagedIdentity.kind: self._managed_identity,
            WorkloadIdentity.kind: self._workload_identity,
            DefaultChain.kind: self._default_chain,
        }
        return makers[self._auth_method()]()

    def _auth_method(self) -> str:
        given = self._extras.auth_method
        if given is not None and given != AUTOMATIC:
            if given not in AUTH_METHODS:
                choices = ", ".join((AUTOMATIC, *AUTH_METHODS))
                self._refuse("auth_method", f"it is {given!r}", f"choose one of {choices}")
            return given
        if self._connection.conn_type == OFFICIAL_CONNECTION_TYPE:
            return SharedKey.kind if self._login and self._password else DefaultChain.kind
        return self._inferred_method()

    def _inferred_method(self) -> str:
        extras = self._extras
        secrets = {
            "password": (self._password, SharedKey.kind),
            "client_secret": (extras.client_secret, ClientSecret.kind),
            "certificate_path": (extras.certificate_path, ClientCertificate.kind),
            "certificate_data": (extras.certificate_data, ClientCertificate.kind),
        }
        found = {name: kind for name, (value, kind) in secrets.items() if value}
        kinds = set(found.values())
        if len(kinds) > 1:
            self._refuse(
                "auth_method", f"it is empty, and {' and '.join(found)} are given", "say which of them to use"
            )
        if kinds:
            return kinds.pop()
        if self._login:
            self._refuse(
                "password",
                "it is empty, and login and auth_method say nothing of another identity",
                "give the account key, or set auth_method, for example to default",
            )
        return DefaultChain.kind

    def _shared_key(self) -> Credential:
        name = self._require("login", self._login, "the account name; shared_key")
        key = self._require("password", self._password, "the account key; shared_key")
        try:
            base64.b64decode(key, validate=True)
        except binascii.Error:
            self._refuse("password", "it is not base64", "copy the whole key from the account's page Keys")
        return SharedKey(name, key)

    def _client_secret(self) -> Credential:
        extras, kind = self._extras, ClientSecret.kind
        return ClientSecret(
            self._require("tenant_id", extras.tenant_id, kind),
            self._require("client_id", extras.client_id, kind),
            self._require("client_secret", extras.client_secret, kind),
        )

    def _client_certificate(self) -> Credential:
        extras, kind = self._extras, ClientCertificate.kind
        path, data = extras.certificate_path, extras.certificate_data
        if path and data:
            self._refuse("certificate_data", "certificate_path is given as well", "keep one of them")
        if not path:
            self._require("certificate_path", data, f"{kind}, unless certificate_data is given,")
        if data and "-----BEGIN" not in data:
            self._refuse("certificate_data", "it is not PEM text", "paste the text with its BEGIN lines")
        return ClientCertificate(
            self._require("tenant_id", extras.tenant_id, kind),
            self._require("client_id", extras.client_id, kind),
            path,
            _pem(data) if data else None,
        )

    def _managed_identity(self) -> Credential:
        return ManagedIdentity(self._extras.managed_identity_client_id)

    def _workload_identity(self) -> Credential:
        tenant = self._extras.workload_identity_tenant_id or self._extras.tenant_id
        return WorkloadIdentity(tenant, self._extras.client_id)

    def _default_chain(self) -> Credential:
        extras = self._extras
        return DefaultChain(extras.managed_identity_client_id, extras.workload_identity_tenant_id)

    def _secrets(self) -> list[str]:
        extras = self._extras
        found = [self._password, extras.client_secret, extras.certificate_data]
        texts = [text for text in found if text]
        if extras.certificate_data:
            texts += _private_lines(_pem(extras.certificate_data))
        return [*texts, *secrets_in(extras.storage_account_url)]


def _with_scheme(text: str) -> SplitResult:
    if "://" in text:
        return urlsplit(text)
    url = urlsplit(f"https://{text}")
    # Only an emulator listens on loopback, and it has no certificate.
    return url._replace(scheme="http") if is_loopback(url.hostname or "") else url


def _account_of(account: AccountSettings) -> str | None:
    """Return the account that an address of Azure names; None for another address, such as an emulator's."""
    host = urlsplit(account.account_url).hostname or ""
    return host.partition(".")[0] if host.endswith(account.cloud.suffix) else None


def _region_of(account: AccountSettings) -> str | None:
    """Return the region that an address of Azure names: ``{account}.{region}.batch.azure.com``."""
    host = urlsplit(account.account_url).hostname or ""
    if not host.endswith(account.cloud.suffix):
        return None
    _, _, region = host.removesuffix(account.cloud.suffix).partition(".")
    return region or None


_PEM_BLOCK = re.compile(r"-----BEGIN ([^-]+)-----(.*?)-----END \1-----", re.DOTALL)


def _pem(text: str) -> str:
    """Restore the lines of PEM text: a form's one-line field, or JSON escaped twice, loses them."""
    blocks = []
    for label, body in _PEM_BLOCK.findall(text.replace("\\n", "\n")):
        packed = "".join(body.split())
        lines = [packed[start : start + 64] for start in range(0, len(packed), 64)]
        blocks.append("\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"]))
    return "\n".join(blocks) + "\n"


def _private_lines(pem: str) -> list[str]:
    """Return the lines of private keys: a log may show them one by one."""
    keys = [body for label, body in _PEM_BLOCK.findall(pem) if "PRIVATE KEY" in label]
    return [line for body in keys for line in body.split() if len(line) >= 16]
