from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import azure.identity
import azure.identity.aio
import pytest
from azure.core.credentials import AzureNamedKeyCredential

from airflow_provider_batch.client import account
from airflow_provider_batch.client.account import AccountSettings, Credential
from airflow_provider_batch.client.credentials import async_credential, sync_credential
from airflow_provider_batch.exceptions import ConnectionFieldError

URL = "https://acct.westeurope.batch.azure.com"
TENANT = "11111111-1111-1111-1111-111111111111"


def _settings(credential: Credential, url: str = URL) -> AccountSettings:
    return AccountSettings(url, credential)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    key, chain = path.with_name("key.pem"), path.with_name("chain.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test"),
            *("-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(key.read_text() + chain.read_text())
    return path


CASES: list[tuple[Credential, str]] = [
    (account.ClientSecret(TENANT, "client", "secret"), "ClientSecretCredential"),
    (account.ManagedIdentity(), "ManagedIdentityCredential"),
    (account.ManagedIdentity("client"), "ManagedIdentityCredential"),
    (account.WorkloadIdentity(TENANT, "client"), "WorkloadIdentityCredential"),
    (account.DefaultChain(), "DefaultAzureCredential"),
    (account.DefaultChain("client", TENANT), "DefaultAzureCredential"),
]


@pytest.fixture(autouse=True)
def federated_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))


@pytest.mark.parametrize(("credential", "name"), CASES, ids=lambda case: getattr(case, "kind", case))
async def test_credential_is_made_sync_and_async(credential: Credential, name: str) -> None:
    sync = sync_credential(_settings(credential))
    assert type(sync) is getattr(azure.identity, name)
    sync.close()
    asynchronous = async_credential(_settings(credential))
    assert type(asynchronous) is getattr(azure.identity.aio, name)
    await asynchronous.close()


def test_every_kind_of_credential_is_made() -> None:
    made = {type(credential) for credential, _ in CASES} | {account.SharedKey, account.ClientCertificate}
    assert made == set(Credential.__args__)


@pytest.mark.parametrize("make", [sync_credential, async_credential])
def test_shared_key_is_the_accounts_name_and_key(make: Any) -> None:
    found = make(_settings(account.SharedKey("acct", "a2V5")))
    assert isinstance(found, AzureNamedKeyCredential)
    assert tuple(found.named_key) == ("acct", "a2V5")


def test_certificate_is_read_from_file_and_from_text(certificate: Path) -> None:
    by_path = account.ClientCertificate(TENANT, "client", certificate_path=str(certificate))
    by_text = account.ClientCertificate(TENANT, "client", certificate_data=certificate.read_text())
    for credential in (by_path, by_text):
        assert type(sync_credential(_settings(credential))) is azure.identity.CertificateCredential
        assert type(async_credential(_settings(credential))) is azure.identity.aio.CertificateCredential


@pytest.mark.parametrize(
    "credential",
    [
        account.ClientCertificate(TENANT, "client", certificate_path="/nowhere/certificate.pem"),
        account.ClientCertificate(TENANT, "client", certificate_data="-----BEGIN NONSENSE-----"),
    ],
    ids=["missing file", "bad text"],
)
def test_unusable_certificate_names_its_fields_and_not_its_text(credential: Credential) -> None:
    with pytest.raises(ConnectionFieldError, match=r"certificate_path must name") as caught:
        sync_credential(_settings(credential))
    assert "NONSENSE" not in str(caught.value)


def test_workload_identity_without_its_parts_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    with pytest.raises(ConnectionFieldError, match="AZURE_FEDERATED_TOKEN_FILE"):
        sync_credential(_settings(account.WorkloadIdentity()))


def test_secrets_do_not_show_in_repr() -> None:
    secrets = [
        account.SharedKey("acct", "hidden"),
        account.ClientSecret(TENANT, "client", "hidden"),
        account.ClientCertificate(TENANT, "client", certificate_data="hidden"),
    ]
    assert "hidden" not in repr(secrets)


@pytest.mark.parametrize(
    ("url", "scope", "authority"),
    [
        (URL, "https://batch.core.windows.net//.default", "https://login.microsoftonline.com"),
        (
            "https://acct.usgovvirginia.batch.usgovcloudapi.net",
            "https://batch.core.usgovcloudapi.net//.default",
            "https://login.microsoftonline.us",
        ),
        (
            "https://acct.chinanorth.batch.chinacloudapi.cn",
            "https://batch.chinacloudapi.cn//.default",
            "https://login.chinacloudapi.cn",
        ),
        (
            "http://127.0.0.1:10010",
            "https://batch.core.windows.net//.default",
            "https://login.microsoftonline.com",
        ),
    ],
)
def test_cloud_follows_from_the_accounts_address(url: str, scope: str, authority: str) -> None:
    settings = _settings(account.DefaultChain(), url)
    assert (settings.cloud.scope, settings.authority) == (scope, authority)


def test_given_authority_host_replaces_that_of_the_cloud() -> None:
    settings = AccountSettings(URL, account.DefaultChain(), "https://login.example")
    assert settings.authority == "https://login.example"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_known_by_address(host: str, loopback: bool) -> None:
    assert account.is_loopback(host) is loopback
