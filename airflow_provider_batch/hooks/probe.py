"""What the connection test asks of the account, and how a failure is explained."""

from __future__ import annotations

from airflow_provider_batch.domain.redaction import redact
from airflow_provider_batch.domain.requests import Answer, Request
from airflow_provider_batch.exceptions import (
    AzureBatchError,
    BatchAuthenticationError,
    BatchPermissionError,
)
from airflow_provider_batch.hooks.connection import BatchConnection

__all__ = ["PROBE", "explain", "judge"]

#: The smallest read that needs a right on the account.
PROBE = Request("list_pools", "GET", "/pools", {"maxresults": "1", "$select": "id"})


def judge(connection: BatchConnection, answer: Answer) -> tuple[bool, str]:
    """
    Judge the answer to the probe.

    :param connection: what was connected to.
    :param answer: what came back.
    """
    url = connection.account.account_url
    if not isinstance(answer.json.get("value"), list):
        return False, f"{url} answers with JSON that is not a list of pools: it is not a Batch account"
    return True, f"{url} answers, signed in by {connection.account.credential.kind}"


def explain(error: AzureBatchError, connection: BatchConnection | None) -> str:
    """
    Say what failed and what to do.

    :param error: what the connection, or the probe, raised.
    :param connection: the connection, unless it could not be read.
    """
    text = redact(str(error))
    if connection is None:
        return text
    kind = connection.account.credential.kind
    if isinstance(error, BatchAuthenticationError):
        return f"{text} | {_REMEDIES.get(kind, _ENTRA_REMEDY)}"
    if isinstance(error, BatchPermissionError):
        return f"{text} | the identity ({kind}) is known and lacks a role on the account"
    return text


_REMEDIES = {
    "shared_key": "check account name and key, that the account allows shared keys, and this machine's clock"
}
_ENTRA_REMEDY = "check tenant, client and secret, and that the identity has a role on the account"
