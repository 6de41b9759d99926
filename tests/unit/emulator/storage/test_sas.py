"""Signatures of Storage, compared with those that azure-storage-blob makes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs

import pytest
from azure.storage.blob._shared_access_signature import BlobSharedAccessSignature

from airflow_provider_batch.emulator.storage import sas
from airflow_provider_batch.emulator.storage.auto_storage import (
    DEVELOPMENT_ACCOUNT,
    DEVELOPMENT_KEY,
    AutoStorage,
)

START = datetime(2026, 11, 22, 13, 0, tzinfo=timezone.utc)
END = START + timedelta(hours=4)
ACCOUNT, KEY = DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY


@pytest.fixture
def library() -> BlobSharedAccessSignature:
    """The library's signer, told our version of the API: its own is younger, with the same rules."""
    signer = BlobSharedAccessSignature(ACCOUNT, KEY)
    signer.x_ms_version = sas.VERSION
    return signer


def signature(query: str) -> str:
    return parse_qs(query)["sig"][0]


@pytest.mark.parametrize("blob", ["b", "dir/a b%#?.txt", "ü"])
def test_signature_of_a_blob_is_that_of_the_library(library: BlobSharedAccessSignature, blob: str):
    theirs = library.generate_blob("c", blob, permission="rw", start=START, expiry=END)
    assert signature(sas.blob_sas(ACCOUNT, KEY, "c", blob, "rw", START, END)) == signature(theirs)


def test_signature_of_a_container_is_that_of_the_library(library: BlobSharedAccessSignature):
    theirs = library.generate_container("c", permission="rl", start=START, expiry=END)
    assert signature(sas.container_sas(ACCOUNT, KEY, "c", "rl", START, END)) == signature(theirs)


def test_signature_of_an_account_is_that_of_the_library(library: BlobSharedAccessSignature):
    theirs = library.generate_account("b", "c", "c", END, START)
    assert signature(sas.account_sas(ACCOUNT, KEY, "c", "c", START, END)) == signature(theirs)


def test_fields_under_a_signature_are_in_the_query():
    query = parse_qs(sas.blob_sas(ACCOUNT, KEY, "c", "b", "rw", START, END))
    del query["sig"]
    assert query == {
        "sv": ["2021-12-02"],
        "sr": ["b"],
        "sp": ["rw"],
        "st": ["2026-11-22T13:00:00Z"],
        "se": ["2026-11-22T17:00:00Z"],
    }


def test_signatures_depend_on_everything_that_they_cover():
    made = {
        sas.blob_sas(ACCOUNT, KEY, "c", "b", "r", START, END),
        sas.blob_sas(ACCOUNT, "a2V5", "c", "b", "r", START, END),
        sas.blob_sas("other", KEY, "c", "b", "r", START, END),
        sas.blob_sas(ACCOUNT, KEY, "d", "b", "r", START, END),
        sas.blob_sas(ACCOUNT, KEY, "c", "d", "r", START, END),
        sas.blob_sas(ACCOUNT, KEY, "c", "b", "rw", START, END),
        sas.blob_sas(ACCOUNT, KEY, "c", "b", "r", START, END + timedelta(seconds=1)),
        sas.container_sas(ACCOUNT, KEY, "c", "r", START, END),
        sas.account_sas(ACCOUNT, KEY, "c", "c", START, END),
    }
    assert len({signature(query) for query in made}) == len(made)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.blob.core.windows.net/c/b?sv=1&sig=secret", "https://a.blob.core.windows.net/c/b?***"),
        ("http://user:secret@host:1/c", "http://host:1/c"),
        ("http://host/c#secret", "http://host/c"),
        ("http://[secret", "***"),
    ],
)
def test_masked_address_shows_no_secret(url: str, shown: str):
    assert sas.masked(url) == shown


# --- connection strings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "account", "endpoint"),
    [
        ("UseDevelopmentStorage=true", ACCOUNT, f"http://127.0.0.1:10000/{ACCOUNT}"),
        ("usedevelopmentstorage=TRUE;", ACCOUNT, f"http://127.0.0.1:10000/{ACCOUNT}"),
        ("AccountName=acct;AccountKey=a2V5", "acct", "https://acct.blob.core.windows.net"),
        (
            "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5;EndpointSuffix=core.chinacloudapi.cn",
            "acct",
            "https://acct.blob.core.chinacloudapi.cn",
        ),
        (
            "AccountName=acct;AccountKey=a2V5;BlobEndpoint=http://azurite:10000/acct/",
            "acct",
            "http://azurite:10000/acct",
        ),
    ],
)
def test_connection_string_is_read(text: str, account: str, endpoint: str):
    storage = AutoStorage.from_connection_string(text)
    assert (storage.account, storage.blob_endpoint) == (account, endpoint)
    assert storage.key not in repr(storage)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "AccountName=acct",
        "AccountKey=a2V5",
        "AccountName=acct;AccountKey=secret!",
        "AccountName=acct;AccountKey=a2V5;BlobEndpoint=ftp://host",
    ],
)
def test_bad_connection_string_is_refused_without_showing_the_key(text: str):
    with pytest.raises(ValueError, match="connection string") as caught:
        AutoStorage.from_connection_string(text)
    assert "secret" not in str(caught.value)


def test_account_holds_its_own_addresses_only():
    storage = AutoStorage.from_connection_string("AccountName=acct;AccountKey=a2V5")
    assert storage.holds(storage.blob_url("c", "b"))
    assert not storage.holds("https://acct.blob.core.windows.net.evil.com/c/b")
