"""
Who may ask: the account's two keys, and bearer tokens.

A bearer token comes from Entra ID, which is not emulated, so nothing in it can be verified. Any token that
looks like one passes while it protects nothing: from this machine, to an account whose key is the public one.
An account with a key of its own, and clients on other machines, need the token that the emulator was told
(``--bearer-token``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime, timezone

from airflow_provider_batch.emulator import DEFAULT_ACCOUNT_KEY, errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.account import AuthenticationMode, KeyName
from airflow_provider_batch.emulator.wire.signature import SignedRequest, check_signature, decode_key

_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)


class Access:
    """
    Checks requests.

    :param account_key: the primary key, until it is regenerated.
    :param bearer_token: the only one that passes; None for any, under the conditions above.
    """

    def __init__(
        self, engine: Engine, account_name: str, account_key: str, bearer_token: str | None = None
    ) -> None:
        self._engine = engine
        self._account_name = account_name
        self._first_keys = {
            KeyName.PRIMARY: account_key,
            KeyName.SECONDARY: _derived(account_key),
        }
        self._bearer_token = bearer_token

    def keys(self) -> dict[KeyName, str]:
        """The present keys."""
        return {**self._first_keys, **self._engine.account.keys}

    def check_data_plane(self, request: SignedRequest, client: str) -> None:
        """
        Let a request pass that is signed with one of the keys, or carries a token.

        The date under a signature is compared with the computer's clock; the engine's may stand still.

        :param client: address of the client.
        :raises ServiceError: ``AuthenticationFailed`` (403; 401 for tokens and for no credentials at all).
        """
        modes = self._engine.account.authentication_modes
        token = bearer_token(request.headers)
        if token is not None:
            _check_mode(AuthenticationMode.ENTRA_ID, modes)
            if not self._accepts(token, client):
                raise errors.authentication_failed("The bearer token is not accepted.", status=401)
            return
        check_signature(request, self._account_name, tuple(self.keys().values()), datetime.now(timezone.utc))
        _check_mode(AuthenticationMode.SHARED_KEY, modes)

    def check_management(self, headers: Mapping[str, str], client: str) -> None:
        """
        Let a request pass that carries a token.

        :raises ServiceError: ``AuthenticationFailed`` without one, ``InvalidAuthenticationToken`` (401).
        """
        token = bearer_token(headers)
        if token is None:
            raise errors.management_authentication_missing()
        if not self._accepts(token, client):
            raise errors.invalid_authentication_token()

    def _accepts(self, token: str, client: str) -> bool:
        if self._bearer_token is not None:
            return hmac.compare_digest(token.encode(), self._bearer_token.encode())
        public = self._first_keys[KeyName.PRIMARY] == DEFAULT_ACCOUNT_KEY
        return public and _is_loopback(client) and _JWT.fullmatch(token) is not None


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """Return the token of a request; None when it proves otherwise, or not at all, who it is from."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _check_mode(mode: AuthenticationMode, allowed: tuple[AuthenticationMode, ...]) -> None:
    if mode not in allowed:
        raise errors.authentication_failed(
            f"The account does not allow the authentication mode {mode.value}."
        )


def _derived(key: str) -> str:
    """The secondary key of an account that was never given one: always the same for one primary key."""
    return base64.b64encode(hmac.new(decode_key(key), b"secondary key", hashlib.sha512).digest()).decode()


def _is_loopback(client: str) -> bool:
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
