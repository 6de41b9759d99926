from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from asgiref.sync import async_to_sync

from airflow_provider_batch.client.ports import AsyncBatchPort, BatchPort
from airflow_provider_batch.domain import requests
from airflow_provider_batch.exceptions import BatchNotFoundError, ConnectionFieldError
from airflow_provider_batch.hooks.batch import AzureBatchAsyncHook, AzureBatchHook
from airflow_provider_batch.hooks.secrets import amask_sas, mask_sas
from airflow_provider_batch.version_compat import AIRFLOW_V_3_0_PLUS
from tests.scripted_server import Reply, ScriptedServer, error
from tests.unit.hooks.conftest import KEY, Connect

MASKER = "airflow.sdk._shared.secrets_masker" if AIRFLOW_V_3_0_PLUS else "airflow.utils.log.secrets_masker"


def _masked_by_airflow(text: str) -> bool:
    return text not in import_module(MASKER).redact(f"a line with {text} in it")


def test_hook_sends_through_one_session(server: ScriptedServer, connect: Connect) -> None:
    server.script = [Reply(body={"id": "j"}), Reply(body={"id": "j"})]
    with AzureBatchHook(connect(server.url)) as hook:
        assert hook.send(requests.get_job("j")).json == {"id": "j"}
        assert isinstance(hook.get_conn(), BatchPort)
        assert hook.get_conn() is hook.get_conn()
    assert server.received[0].headers["authorization"].startswith("SharedKey acct:")


async def test_async_hook_sends_through_one_session(server: ScriptedServer, connect: Connect) -> None:
    server.default = Reply(body={"id": "j"})
    async with AzureBatchAsyncHook(connect(server.url)) as hook:
        answers = await asyncio.gather(*(hook.send(requests.get_job("j")) for _ in range(5)))
        sessions = await asyncio.gather(*(hook.get_conn() for _ in range(5)))
        assert isinstance(sessions[0], AsyncBatchPort)
        assert len({id(session) for session in sessions}) == 1
    assert [answer.json for answer in answers] == [{"id": "j"}] * 5


def test_hook_reads_nothing_until_it_is_used() -> None:
    AzureBatchHook("no_such_connection").close()


async def test_unknown_connection_is_airflows_own_error(connect: Connect) -> None:
    with pytest.raises(AirflowNotFoundException, match="no_such_connection"):
        AzureBatchHook("no_such_connection").send(requests.get_job("j"))


def test_closed_hook_opens_another_session(server: ScriptedServer, connect: Connect) -> None:
    server.default = Reply(body={"id": "j"})
    hook = AzureBatchHook(connect(server.url))
    hook.send(requests.get_job("j"))
    hook.close()
    hook.send(requests.get_job("j"))
    hook.close()


def test_threads_share_one_session(server: ScriptedServer, connect: Connect) -> None:
    hook = AzureBatchHook(connect(server.url))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(hook.get_conn())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    hook.close()
    assert len(set(map(id, found))) == 1


def test_service_error_passes_through_the_hook(server: ScriptedServer, connect: Connect) -> None:
    server.script = [error(404, "JobNotFound")]
    with AzureBatchHook(connect(server.url)) as hook, pytest.raises(BatchNotFoundError):
        hook.send(requests.get_job("j"))


def test_field_of_the_connection_is_named_at_the_first_use(connect: Connect) -> None:
    with pytest.raises(ConnectionFieldError, match="connection 'batch_test', account_url"):
        AzureBatchHook(connect("")).send(requests.get_job("j"))


# --- secrets -------------------------------------------------------------------------------------


def test_account_key_is_masked_once_the_connection_was_read(connect: Connect) -> None:
    key = "a2V5LW9mLXRoZS1zeW5jLWhvb2s="
    assert not _masked_by_airflow(key)
    _ = AzureBatchHook(connect("http://127.0.0.1:1", password=key)).connection
    assert _masked_by_airflow(key)


class _ConnectionThatMasksItsExtras(SimpleNamespace):
    """A connection of Airflow 3.0 in the triggerer."""

    @property
    def extra_dejson(self) -> dict[str, str]:
        return async_to_sync(self._extras_are_masked)()

    async def _extras_are_masked(self) -> dict[str, str]:
        return {"account_url": "https://acct.westeurope.batch.azure.com"}


async def test_async_hook_reads_a_connection_that_masks_its_extras_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def aget_connection(conn_id: str) -> Any:
        return _ConnectionThatMasksItsExtras(
            conn_id=conn_id, conn_type="azure_batch_account", host=None, login="acct", password=KEY
        )

    monkeypatch.setattr("airflow_provider_batch.hooks.batch.aget_connection", aget_connection)
    connection = await AzureBatchAsyncHook("of_3_0").get_connection()
    assert connection.account.account_url == "https://acct.westeurope.batch.azure.com"


async def test_account_key_is_masked_in_an_event_loop(connect: Connect) -> None:
    key = "a2V5LW9mLXRoZS1hc3luYy1ob29r"
    await AzureBatchAsyncHook(connect("http://127.0.0.1:1", password=key)).get_connection()
    assert _masked_by_airflow(key)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_certificate_is_masked_line_by_line(connect: Connect, kind: str) -> None:
    # Airflow masks a password by itself; of a certificate it knows nothing.
    line = f"Q2VydGlmaWNhdGVMaW5lT2ZUaGVUZXN0{kind}"
    pem = f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----"
    conn_id = connect(
        "https://a.b.batch.azure.com", None, None, tenant_id="t", client_id="c", certificate_data=pem
    )
    assert not _masked_by_airflow(line)
    if kind == "async":
        await AzureBatchAsyncHook(conn_id).get_connection()
    else:
        _ = AzureBatchHook(conn_id).connection
    assert _masked_by_airflow(line)


def test_signatures_of_a_body_are_masked() -> None:
    signature = "sYnCsIgNaTuReOfAbOdY0123456789abcdefghijklm%3D"
    mask_sas({"resourceFiles": [{"httpUrl": f"https://a/b?sig={signature}&se=1"}]})
    assert _masked_by_airflow(signature)
    assert _masked_by_airflow(signature.replace("%3D", "="))


async def test_signatures_of_a_body_are_masked_in_an_event_loop() -> None:
    signature = "aSyNcSiGnAtUrEoFaBoDy0123456789abcdefghijkl"
    await amask_sas([f"https://a/b?sig={signature}"])
    assert _masked_by_airflow(signature)


# --- test of the connection ----------------------------------------------------------------------


async def _test_connection(kind: str, conn_id: str) -> tuple[bool, str]:
    if kind == "async":
        return await AzureBatchAsyncHook(conn_id).test_connection()
    return await asyncio.to_thread(AzureBatchHook(conn_id).test_connection)


HTML = Reply(body=b"<html></html>", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("reply", "works", "message"),
    [
        (Reply(body={"value": []}), True, "signed in by shared_key"),
        (error(403, "AuthenticationFailed"), False, "AuthenticationFailed.*check account name and key"),
        (Reply(401), False, "check account name and key"),
        (error(403, "InsufficientAccountPermissions"), False, "lacks a role"),
        (HTML, False, "not an answer of Azure Batch.*is this the account URL"),
        (Reply(404, b"<html></html>"), False, "HTTP 404.*is this the account URL"),
        (Reply(body={"status": "ok"}), False, "is not a Batch account"),
    ],
    ids=["works", "403", "401", "permission", "html", "404", "other json"],
)
async def test_connection_test_explains_what_it_found(
    server: ScriptedServer, connect: Connect, kind: str, reply: Reply, works: bool, message: str
) -> None:
    server.default = reply
    found, text = await _test_connection(kind, connect(server.url))
    assert found is works
    assert re.search(message, text), text
    assert (server.received[0].method, server.received[0].path) == ("GET", "/pools")
    assert KEY not in text


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_connection_test_names_a_host_that_does_not_exist(
    connect: Connect, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_batch.client.retries.FIRST_WAIT_SECONDS", 0.001)
    found, text = await _test_connection(kind, connect("https://acct.nowhere.invalid"))
    assert not found
    assert "the name acct.nowhere.invalid cannot be resolved" in text


async def test_connection_test_names_a_missing_field(connect: Connect) -> None:
    found, text = await _test_connection("sync", connect("http://127.0.0.1:1", password=None))
    assert not found
    assert "password: it is empty" in text


# --- imports -------------------------------------------------------------------------------------


def test_importing_the_hooks_does_not_import_the_azure_sdk() -> None:
    code = (
        "import sys, airflow_provider_batch.hooks.batch, airflow_provider_batch.hooks.secrets\n"
        "sys.exit(any(name.split('.')[0] == 'azure' for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
