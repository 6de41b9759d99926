from __future__ import annotations

import pickle

import pytest

from airflow_provider_batch import exceptions
from airflow_provider_batch.client import errors
from airflow_provider_batch.client.account import AccountSettings, SharedKey
from airflow_provider_batch.domain import requests

SETTINGS = AccountSettings("https://acct.westeurope.batch.azure.com", SharedKey("acct", "a2V5"))
REQUEST = requests.get_job("j")


def _error(
    status: int, code: str | None, retry_after: str | None = None, values: str = "[]"
) -> exceptions.AzureBatchError:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    content = f'{{"code":"{code}","message":{{"value":"No."}},"values":{values}}}' if code else ""
    return errors.service_error(REQUEST, SETTINGS, status, headers, content.encode())


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AuthenticationFailed", exceptions.BatchAuthenticationError),
        (401, None, exceptions.BatchAuthenticationError),
        (403, "InsufficientPermissions", exceptions.BatchPermissionError),
        (404, "TaskNotFound", exceptions.BatchNotFoundError),
        (404, "SomethingNewNotFound", exceptions.BatchServiceError),
        (409, "PoolExists", exceptions.BatchConflictError),
        (409, "SomethingNew", exceptions.BatchConflictError),
        (409, "PoolQuotaReached", exceptions.BatchQuotaError),
        (409, None, exceptions.BatchServiceError),
        (412, "ConditionNotMet", exceptions.BatchPreconditionError),
        (416, "InvalidRange", exceptions.BatchServiceError),
        (429, "TooManyRequests", exceptions.BatchThrottledError),
        (429, None, exceptions.BatchThrottledError),
        (503, "ServerBusy", exceptions.BatchThrottledError),
        (500, "InternalError", exceptions.BatchUnavailableError),
        (500, "OperationTimedOut", exceptions.BatchUnavailableError),
        (502, None, exceptions.BatchUnavailableError),
        (503, None, exceptions.BatchUnavailableError),
    ],
)
def test_error_is_chosen_by_code(
    status: int, code: str | None, expected: type[exceptions.AzureBatchError]
) -> None:
    assert type(_error(status, code)) is expected


def test_code_decides_against_the_status() -> None:
    assert type(_error(400, "JobNotFound")) is exceptions.BatchNotFoundError


def test_503_that_asks_to_wait_is_throttling() -> None:
    found = _error(503, None, retry_after="7")
    assert isinstance(found, exceptions.BatchThrottledError)
    assert found.retry_after == 7


def test_values_of_the_body_are_kept_as_details() -> None:
    found = _error(400, "InvalidPropertyValue", values='[{"key":"PropertyName","value":"vmSize"}]')
    assert isinstance(found, exceptions.BatchServiceError)
    assert found.details == (("PropertyName", "vmSize"),)
    assert "PropertyName: vmSize" in str(found)


def test_refused_credentials_have_a_remedy() -> None:
    assert "the key or the identity in the Airflow connection, and the clock" in str(
        _error(403, "AuthenticationFailed")
    )


def test_signature_that_the_service_repeats_is_redacted() -> None:
    url = "https://a.blob.core.windows.net/c?sig=" + "A" * 44
    found = _error(400, "InvalidPropertyValue", values=f'[{{"key":"PropertyValue","value":"{url}"}}]')
    assert "AAAA" not in str(found)


def test_signature_in_the_services_message_is_redacted() -> None:
    content = '{"code":"X","message":{"value":"cannot read https://a/b?sig=' + "A" * 44 + '"}}'
    assert "AAAA" not in str(errors.service_error(REQUEST, SETTINGS, 400, {}, content.encode()))


def test_throttling_survives_pickling() -> None:
    found = pickle.loads(pickle.dumps(_error(429, "TooManyRequests", retry_after="7")))  # noqa: S301 - our own
    assert (found.retry_after, found.code) == (7, "TooManyRequests")


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"{}", b'{"code":1}', b'{"code":"X"}', b'{"code":"X","values":3}']
)
def test_any_body_can_be_read(content: bytes) -> None:
    assert errors.error_body(content).code in {None, "X"}
