"""The account: its tags, its keys, and how requests may prove who they are from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_batch.emulator.machine import management_events as events
from airflow_provider_batch.emulator.machine.world import World


def update(world: World, event: events.UpdateAccount) -> None:
    """Change what is given."""
    account = world.state.account
    if event.tags is not None:
        account.tags = event.tags
    if event.authentication_modes is not None:
        account.authentication_modes = event.authentication_modes
    if event.public_network_access is not None:
        account.public_network_access = event.public_network_access


def regenerate_key(world: World, event: events.RegenerateKey) -> None:
    """Take another key; the one before signs nothing any more."""
    account = world.state.account
    account.keys = {**account.keys, event.name: event.key}


def synchronize_auto_storage_keys(world: World, _event: events.SynchronizeAutoStorageKeys) -> None:
    """Remember when that was."""
    world.state.account.last_key_sync = world.now


HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    events.UpdateAccount: update,
    events.RegenerateKey: regenerate_key,
    events.SynchronizeAutoStorageKeys: synchronize_auto_storage_keys,
}
