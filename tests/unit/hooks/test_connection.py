from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.client.account import (
    ClientCertificate,
    ClientSecret,
    DefaultChain,
    ManagedIdentity,
    SharedKey,
    WorkloadIdentity,
)
from airflow_provider_batch.domain.node_hours import Machine
from airflow_provider_batch.exceptions import ConnectionFieldError
from airflow_provider_batch.hooks.connection import BatchConnection, Extras, read_connection
from airflow_provider_batch.hooks.form import AUTH_METHODS, CONN_FIELDS

URL = "https://acct.westeurope.batch.azure.com"
KEY = "c2VjcmV0LWFjY291bnQta2V5"
PEM = "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\nBBBBBBBBBBBBBBBBBBBB\n-----END PRIVATE KEY-----\n"


@dataclass
class Connection:
    conn_id: str = "c"
    conn_type: str | None = "azure_batch_account"
    login: str | None = None
    password: str | None = None
    host: str | None = None
    port: int | None = None
    extra_dejson: dict[str, Any] = field(default_factory=dict)


def read(login: str | None = None, password: str | None = None, **extras: Any) -> BatchConnection:
    own = {name: extras.pop(name) for name in ("host", "port", "conn_type") if name in extras}
    return read_connection(
        Connection(login=login, password=password, extra_dejson={"account_url": URL, **extras}, **own)
    )


def test_a_misspelt_field_is_named_with_the_one_that_is_missing() -> None:
    found = Connection(login="acct", password=KEY, extra_dejson={"acount_url": URL, "prices": None})
    with pytest.raises(
        ConnectionFieldError, match=r"account_url: it is empty \(the extra has 'acount_url'\); "
    ):
        read_connection(found)
    with pytest.raises(ConnectionFieldError, match=r"tenant_id: it is empty \(the extra has 'tenantid'"):
        read(client_secret="s", client_id="c", tenantid="t")


# --- identity ------------------------------------------------------------------------------------


def test_name_and_key_are_a_shared_key() -> None:
    found = read("acct", KEY)
    assert found.account.credential == SharedKey("acct", KEY)
    assert (found.account.account_url, found.account_name) == (URL, "acct")


@pytest.mark.parametrize(
    ("extras", "expected"),
    [
        (
            {"tenant_id": "t", "client_id": "c", "client_secret": "s"},
            ClientSecret("t", "c", "s"),
        ),
        (
            {"tenant_id": "t", "client_id": "c", "certificate_path": "/c.pem"},
            ClientCertificate("t", "c", "/c.pem"),
        ),
        (
            {"tenant_id": "t", "client_id": "c", "certificate_data": PEM},
            ClientCertificate("t", "c", None, PEM),
        ),
        ({"auth_method": "automatic"}, DefaultChain()),
        ({"auth_method": "managed_identity"}, ManagedIdentity()),
        (
            {"auth_method": "managed_identity", "managed_identity_client_id": "m"},
            ManagedIdentity("m"),
        ),
        ({"auth_method": "workload_identity"}, WorkloadIdentity()),
        (
            {"auth_method": "workload_identity", "workload_identity_tenant_id": "t", "client_id": "c"},
            WorkloadIdentity("t", "c"),
        ),
        ({"auth_method": "workload_identity", "tenant_id": "t"}, WorkloadIdentity("t")),
        ({}, DefaultChain()),
        (
            {"managed_identity_client_id": "m", "workload_identity_tenant_id": "t"},
            DefaultChain("m", "t"),
        ),
    ],
    ids=str,
)
def test_identity_follows_from_the_fields(extras: dict[str, str], expected: Any) -> None:
    assert read(**extras).account.credential == expected


@pytest.mark.parametrize("method", AUTH_METHODS)
def test_chosen_method_decides_when_fields_of_others_are_filled_in(method: str) -> None:
    found = read(
        "acct",
        KEY,
        auth_method=method,
        tenant_id="t",
        client_id="c",
        client_secret="s",
        certificate_path="/c.pem",
    )
    assert found.account.credential.kind == method


@pytest.mark.parametrize(
    ("login", "password", "extras", "message"),
    [
        ("acct", KEY, {"client_secret": "s"}, "auth_method: it is empty, and password and client_secret"),
        (None, KEY, {}, "login: it is empty"),
        ("acct", None, {}, "password: it is empty.*set auth_method"),
        ("acct", None, {"auth_method": "shared_key"}, "password: it is empty"),
        ("acct", "not base64!", {}, "password: it is not base64"),
        ("other", KEY, {}, "login: it is 'other', and account_url is that of 'acct'"),
        (
            None,
            None,
            {"auth_method": "kerberos"},
            "auth_method: it is 'kerberos'; choose one of automatic, shared_key",
        ),
        (None, None, {"client_secret": "s", "client_id": "c"}, "tenant_id: it is empty"),
        (None, None, {"client_secret": "s", "tenant_id": "t"}, "client_id: it is empty"),
        (
            None,
            None,
            {"auth_method": "client_secret", "tenant_id": "t", "client_id": "c"},
            "client_secret: it",
        ),
        (None, None, {"auth_method": "client_certificate"}, "certificate_path: it is empty"),
        (None, None, {"certificate_path": "/c", "certificate_data": PEM}, "certificate_data: .*keep one"),
        (None, None, {"certificate_data": "xyz"}, "certificate_data: it is not PEM text"),
        (None, None, {"tenant_id": 7}, "tenant_id: it is of type int"),
        (None, None, {"authority_host": "http://login.example"}, "authority_host: it is"),
    ],
)
def test_missing_or_contradictory_field_is_named_with_its_remedy(
    login: str | None, password: str | None, extras: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConnectionFieldError, match=rf"^connection 'c', {message}") as caught:
        read(login, password, **extras)
    assert "; " in str(caught.value)
    assert KEY not in str(caught.value)
    assert "not base64!" not in str(caught.value)


# --- the official provider's connections ---------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "extra__azure_batch__", "extra__azure_batch_account__"])
def test_official_connection_with_a_key_is_understood(prefix: str) -> None:
    connection = Connection(
        conn_type="azure_batch", login="acct", password=KEY, extra_dejson={f"{prefix}account_url": URL + "/"}
    )
    assert read_connection(connection).account.credential == SharedKey("acct", KEY)


def test_official_connection_with_key_and_identity_uses_the_key_as_the_official_hook_does() -> None:
    found = read("acct", KEY, conn_type="azure_batch", managed_identity_client_id="m")
    assert isinstance(found.account.credential, SharedKey)


def test_official_connection_without_a_key_is_the_default_chain() -> None:
    found = read(
        "acct", conn_type="azure_batch", managed_identity_client_id="m", workload_identity_tenant_id="t"
    )
    assert found.account.credential == DefaultChain("m", "t")
    assert found.account_name == "acct"


# --- address -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acct.westeurope.batch.azure.com", URL),
        (URL + "/", URL),
        ("HTTPS://ACCT.westeurope.batch.azure.com", URL),
        (f"  {URL}  ", URL),
        ("http://127.0.0.1:10010", "http://127.0.0.1:10010"),
        ("localhost:10010", "http://localhost:10010"),
        ("[::1]:10010", "http://[::1]:10010"),
        ("https://localhost:10010/", "https://localhost:10010"),
    ],
)
def test_address_is_normalised(text: str, expected: str) -> None:
    assert read("acct", KEY, account_url=text).account.account_url == expected


def test_host_and_port_are_an_address() -> None:
    found = read("devbatch", KEY, account_url="", host="127.0.0.1", port=10010)
    assert found.account.account_url == "http://127.0.0.1:10010"


def test_host_and_equal_account_url_agree() -> None:
    assert read("acct", KEY, host="acct.westeurope.batch.azure.com").account.account_url == URL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "account_url: it is empty"),
        ("http://acct.westeurope.batch.azure.com", "http to acct.westeurope.batch.azure.com .*write https"),
        ("http://127.0.0.1.example.com", "http to 127.0.0.1.example.com"),
        ("ftp://acct.westeurope.batch.azure.com", "'ftp'"),
        ("https://", "are its scheme and host"),
        (URL + "/jobs", "more follows"),
        (URL + "?sig=1", "more follows"),
        ("https://user:hidden@acct.westeurope.batch.azure.com", "more follows or precedes"),
        ("https://acct:port", "it is no URL"),
        ("https://[", "it is no URL"),
    ],
)
def test_unusable_address_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConnectionFieldError, match=message) as caught:
        read("acct", KEY, account_url=text)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("allowed", [True, "true", "True"])
def test_http_is_allowed_on_demand(allowed: bool | str) -> None:
    found = read("devbatch", KEY, account_url="http://emulator:10010", allow_http=allowed)
    assert found.account.account_url == "http://emulator:10010"


@pytest.mark.parametrize("allowed", [False, "false", "", None])
def test_http_is_refused_unless_allowed(allowed: bool | str | None) -> None:
    with pytest.raises(ConnectionFieldError, match="http to emulator"):
        read("devbatch", KEY, account_url="http://emulator:10010", allow_http=allowed)


def test_token_is_not_sent_without_tls_even_when_http_is_allowed() -> None:
    with pytest.raises(ConnectionFieldError, match="no TLS"):
        read(account_url="http://emulator:10010", allow_http=True, auth_method="default")


def test_host_that_contradicts_account_url_is_refused() -> None:
    with pytest.raises(ConnectionFieldError, match=r"account_url: .*host is https://other"):
        read("acct", KEY, host="other.westeurope.batch.azure.com")


def test_token_is_not_sent_without_tls() -> None:
    with pytest.raises(ConnectionFieldError, match=r"account_url: .*no TLS"):
        read(account_url="http://127.0.0.1:10010", auth_method="default")


@given(st.text())
def test_any_address_is_read_or_refused_by_name(text: str) -> None:
    try:
        found = read("acct", KEY, account_url=text).account.account_url
    except ConnectionFieldError:
        return
    assert found.startswith(("https://", "http://"))
    assert read("acct", KEY, account_url=found).account.account_url == found


# --- fields --------------------------------------------------------------------------------------


def test_form_shows_what_the_hook_reads() -> None:
    assert set(CONN_FIELDS) == {each.name for each in fields(Extras)}


# Each field with a connection where it matters.
FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "account_url": ({}, "https://acct.northeurope.batch.azure.com"),
    "allow_http": ({"login": "a", "password": KEY, "account_url": "http://emulator"}, "true"),
    "auth_method": ({}, "managed_identity"),
    "tenant_id": ({"client_id": "c", "client_secret": "s", "tenant_id": "old"}, "t"),
    "client_id": ({"tenant_id": "t", "client_secret": "s", "client_id": "old"}, "c"),
    "client_secret": ({"tenant_id": "t", "client_id": "c"}, "s"),
    "certificate_path": ({"tenant_id": "t", "client_id": "c"}, "/c.pem"),
    "certificate_data": ({"tenant_id": "t", "client_id": "c"}, PEM),
    "managed_identity_client_id": ({}, "m"),
    "workload_identity_tenant_id": ({}, "t"),
    "authority_host": ({}, "login.example"),
    "subscription_id": ({}, "s"),
    "resource_group": ({}, "r"),
    "storage_account_url": ({}, "https://a.blob.core.windows.net"),
    "storage_container": ({}, "logs"),
    "deployment_id": ({}, "production"),
    "prices": ({}, "retail"),
}


@pytest.mark.parametrize("name", CONN_FIELDS)
def test_every_field_of_the_form_changes_what_is_read(name: str) -> None:
    others, value = FIELDS[name]
    assert _read_or_refused({**others, name: value}) != _read_or_refused(others)


def _read_or_refused(extras: dict[str, Any]) -> BatchConnection | str:
    try:
        return read(**extras)
    except ConnectionFieldError as refused:
        return str(refused)


@pytest.mark.parametrize("name", CONN_FIELDS)
def test_blank_field_is_an_empty_field(name: str) -> None:
    assert (
        read(**{"account_url": URL, name: " "} | ({"account_url": URL} if name == "account_url" else {}))
        == read()
    )


def test_secrets_are_collected_and_hidden() -> None:
    found = read(
        tenant_id="t",
        client_id="c",
        auth_method="client_secret",
        client_secret="the-client-secret",
        certificate_data=PEM,
        storage_account_url="https://a.blob.core.windows.net?sig=" + "Q" * 44,
    )
    assert {"the-client-secret", PEM.strip(), "A" * 64, "Q" * 44} <= set(found.secrets)
    for secret in found.secrets:
        assert secret not in repr(found.account)


@pytest.mark.parametrize(
    "mangled",
    [PEM.replace("\n", " "), PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n"), json.dumps(PEM)[1:-1]],
)
def test_lines_of_a_certificate_are_restored(mangled: str) -> None:
    credential = read(tenant_id="t", client_id="c", certificate_data=mangled).account.credential
    assert isinstance(credential, ClientCertificate)
    assert credential.certificate_data == PEM


# --- prices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ['{"standard_d2s_v5": 0.1}', {"standard_d2s_v5": 0.1}])
def test_prices_are_json_as_text_or_as_it_is(written: Any) -> None:
    prices = read("acct", KEY, prices=written).prices
    assert prices is not None
    assert prices.table.per_hour(Machine("standard_d2s_v5")) == 0.1


def test_a_wrong_price_is_refused_with_its_entry() -> None:
    with pytest.raises(ConnectionFieldError, match=r"prices\.standard_d2s_v5"):
        read("acct", KEY, prices='{"standard_d2s_v5": "cheap"}')


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (URL, "westeurope"),
        ("https://acct.usgovvirginia.batch.usgovcloudapi.net", "usgovvirginia"),
        ("http://127.0.0.1:10010", None),
        ("https://batch.example.com", None),
    ],
)
def test_the_region_is_that_of_the_accounts_address(url: str, region: str | None) -> None:
    assert read("acct", KEY, account_url=url).region == region
