"""Who may ask: keys and bearer tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_batch.emulator import DEFAULT_ACCOUNT_KEY
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.machine import management_events as events
from airflow_provider_batch.emulator.model.account import AuthenticationMode, KeyName
from airflow_provider_batch.emulator.service.access import Access
from airflow_provider_batch.emulator.wire.signature import SignedRequest

TOKEN = "head.body.signature"
OWN_KEY = "c2VjcmV0IGtleQ=="


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, run_timers=False)
    yield engine
    engine.close()


def code(access: Access, token: str, client: str = "127.0.0.1") -> str | None:
    """The code with which a token is refused on the management plane; both planes must agree on it."""
    headers = {"authorization": f"Bearer {token}"}
    request = SignedRequest("GET", "/pools", (), headers)
    managed = refusal(lambda: access.check_management(headers, client))
    other = refusal(lambda: access.check_data_plane(request, client))
    assert (managed is None) == (other is None)
    return None if managed is None else managed.code


def refusal(check: Callable[[], None]) -> ServiceError | None:
    try:
        check()
    except ServiceError as error:
        return error
    return None


@pytest.mark.parametrize("client", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_any_token_passes_from_this_machine_where_the_key_is_public(engine: Engine, client: str):
    assert code(Access(engine, "acct", DEFAULT_ACCOUNT_KEY), TOKEN, client) is None


@pytest.mark.parametrize("client", ["10.0.0.1", "172.17.0.2", "::2", "::ffff:10.0.0.1", "", "testclient"])
def test_unverified_token_passes_from_no_other_machine(engine: Engine, client: str):
    assert code(Access(engine, "acct", DEFAULT_ACCOUNT_KEY), TOKEN, client) == "InvalidAuthenticationToken"


def test_unverified_token_does_not_open_an_account_with_a_key_of_its_own(engine: Engine):
    assert code(Access(engine, "acct", OWN_KEY), TOKEN) == "InvalidAuthenticationToken"


def test_token_that_was_told_is_the_only_one_and_passes_from_anywhere(engine: Engine):
    access = Access(engine, "acct", OWN_KEY, "the right one")
    assert code(access, "the right one", "10.0.0.1") is None
    assert code(access, TOKEN) == "InvalidAuthenticationToken"
    assert code(access, "") == "InvalidAuthenticationToken"


def test_secondary_key_is_the_same_after_a_restart_and_differs_from_the_primary(engine: Engine):
    keys = Access(engine, "acct", OWN_KEY).keys()
    assert keys == Access(engine, "acct", OWN_KEY).keys()
    assert keys[KeyName.PRIMARY] == OWN_KEY
    assert keys[KeyName.SECONDARY] != Access(engine, "acct", DEFAULT_ACCOUNT_KEY).keys()[KeyName.SECONDARY]


def test_regenerated_key_takes_the_place_of_the_first(engine: Engine):
    access = Access(engine, "acct", OWN_KEY)
    engine.feed(events.RegenerateKey(engine.now(), KeyName.SECONDARY, "bmV3"))
    assert access.keys() == {KeyName.PRIMARY: OWN_KEY, KeyName.SECONDARY: "bmV3"}


def test_token_needs_its_mode_of_authentication(engine: Engine):
    access = Access(engine, "acct", DEFAULT_ACCOUNT_KEY)
    engine.feed(events.UpdateAccount(engine.now(), authentication_modes=(AuthenticationMode.SHARED_KEY,)))
    request = SignedRequest("GET", "/pools", (), {"authorization": f"Bearer {TOKEN}"})
    with pytest.raises(ServiceError) as caught:
        access.check_data_plane(request, "127.0.0.1")
    assert (caught.value.code, caught.value.status) == ("AuthenticationFailed", 403)
    access.check_management(request.headers, "127.0.0.1")
