"""The account on the management plane: its properties, its keys, its storage account."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import management_events as events
from airflow_provider_batch.emulator.model.account import AuthenticationMode, KeyName
from airflow_provider_batch.emulator.service.access import Access
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.management_resources import (
    AccountAddress,
    AccountFacts,
    account_json,
)

_KEY_BYTES = 64
#: kept by Azure and of no meaning here, so that changing it would deceive
_UNIMPLEMENTED = ("encryption", "networkProfile")


class ManagedAccount:
    """The operations on the account itself."""

    def __init__(self, engine: Engine, access: Access, address: AccountAddress) -> None:
        self._engine = engine
        self._access = access
        self._address = address
        self._started = datetime.now(timezone.utc)

    def get(self, links: Links) -> Json:
        """Return the account; its endpoint is the one under which the client came."""
        with self._engine.reading() as state:
            return account_json(self._address, state.account, self._facts(links))

    def list(self, links: Links) -> Json:
        """Return the accounts of the subscription, or of the resource group: this one."""
        return {"value": [self.get(links)]}

    def create(self, body: Json, links: Links) -> Json:
        """Accept the account that there is; it takes the properties that are given."""
        location = body["location"].replace(" ", "").lower()
        if location != self._address.location:
            raise errors.invalid_property_value("location", body["location"], "The account is elsewhere")
        return self.update(body, links)

    def update(self, body: Json, links: Links) -> Json:
        """Change tags, authentication modes and public network access."""
        properties = body.get("properties", {})
        for name in _UNIMPLEMENTED:
            if properties.get(name):
                raise errors.not_implemented(f"properties.{name}")
        if body.get("identity", {}).get("type", "None") != "None":
            raise errors.not_implemented("identity")
        self._check_auto_storage(properties)
        self._engine.feed(
            events.UpdateAccount(
                self._engine.now(),
                tags=body.get("tags"),
                authentication_modes=_modes(properties),
                public_network_access=properties.get("publicNetworkAccess"),
            )
        )
        return self.get(links)

    def keys(self) -> Json:
        """Return both keys."""
        keys = self._access.keys()
        return {
            "accountName": self._address.account_name,
            "primary": keys[KeyName.PRIMARY],
            "secondary": keys[KeyName.SECONDARY],
        }

    def regenerate_key(self, body: Json) -> Json:
        """Replace one key by a random one; return both."""
        key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
        self._engine.feed(events.RegenerateKey(self._engine.now(), KeyName(body["keyName"]), key))
        return self.keys()

    def synchronize_auto_storage_keys(self) -> None:
        """Read the keys of auto storage again, which never change here."""
        if self._engine.auto_storage is None:
            raise errors.account_not_enabled_for_auto_storage()
        self._engine.feed(events.SynchronizeAutoStorageKeys(self._engine.now()))

    def _check_auto_storage(self, properties: Mapping[str, Any]) -> None:
        wanted = properties.get("autoStorage")
        if wanted is None:
            return
        linked = self._engine.auto_storage
        name = wanted["storageAccountId"].rpartition("/")[2]
        if linked is None or name.lower() != linked.account.lower():
            reason = "The storage account is named when the emulator starts, with --auto-storage"
            path = "properties.autoStorage.storageAccountId"
            raise errors.invalid_property_value(path, wanted["storageAccountId"][:256], reason)

    def _facts(self, links: Links) -> AccountFacts:
        settings = self._engine.machine_settings
        linked = self._engine.auto_storage
        synchronized = self._engine.account.last_key_sync or self._started
        return AccountFacts(
            endpoint=links.endpoint.partition("://")[2],
            dedicated_core_quota=settings.dedicated_core_quota,
            low_priority_core_quota=settings.low_priority_core_quota,
            pool_quota=settings.pool_quota,
            active_job_quota=settings.active_job_quota,
            auto_storage=None
            if linked is None
            else (self._address.storage_account_id(linked.account), synchronized),
        )


def _modes(properties: Mapping[str, Any]) -> tuple[AuthenticationMode, ...] | None:
    given = properties.get("allowedAuthenticationModes")
    return None if given is None else tuple(AuthenticationMode(mode) for mode in dict.fromkeys(given))
