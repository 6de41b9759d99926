from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.domain.redaction import redact, secrets_in

SIGNATURE = "3f+Xy/abcdefghijklmnopqrstuvwxyz0123456789AB="
ENCODED = quote(SIGNATURE, safe="")
URL = f"https://a.blob.core.windows.net/c/b?sv=2024-11-04&sig={ENCODED}&se=2026-01-01"


@pytest.mark.parametrize(
    "text",
    [
        URL,
        URL.replace("sig=", "SIG="),
        f"https://a.blob.core.windows.net/c?sig={SIGNATURE}",
        f"curl '{URL}'",
        f'{{"containerUrl": "{URL}"}}',
        URL.replace("&", "\\u0026"),
        f"https://h/?to={quote(URL, safe='')}",
        f"https://h/?to={quote(quote(URL, safe=''), safe='')}",
        f"Authorization: SharedKey acct:{SIGNATURE}",
        f"Authorization: Bearer {SIGNATURE}",
        f"AccountName=a;AccountKey={SIGNATURE};EndpointSuffix=core.windows.net",
    ],
)
def test_secret_is_masked_wherever_it_stands(text: str) -> None:
    masked = redact(text)
    assert "***" in masked
    assert SIGNATURE not in masked
    assert ENCODED not in masked
    assert redact(masked) == masked


def test_rest_of_the_url_stays() -> None:
    assert redact(URL) == "https://a.blob.core.windows.net/c/b?sv=2024-11-04&sig=***&se=2026-01-01"


def test_rest_of_an_encoded_url_stays() -> None:
    assert redact(quote(URL, safe="")).endswith("sig%3D***%26se%3D2026-01-01")


@pytest.mark.parametrize(
    "text", ["kill --sig=9", "design=abcdefghijklmnopqrstuvwxyz", "the bearer of bad news", "sig=", ""]
)
def test_harmless_text_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(st.text(), st.text())
def test_signature_is_masked_in_any_surroundings(before: str, after: str) -> None:
    assert SIGNATURE not in redact(f"{before} https://h/?sig={SIGNATURE} {after}")


def test_secrets_of_a_body_are_found_at_any_depth() -> None:
    body = {
        "resourceFiles": [{"httpUrl": URL, "filePath": "a"}],
        "containerSettings": {"registry": {"username": "u", "password": "registry-password"}},
        "mountConfiguration": [{"azureFileShareConfiguration": {"accountKey": "the-account-key"}}],
        "extensions": [{"protectedSettings": {"token": ["the-token"]}}],
        "priority": 3,
    }
    assert set(secrets_in(body)) == {ENCODED, SIGNATURE, "registry-password", "the-account-key", "the-token"}
