"""Users of nodes: accounts for remote login. Passwords are checked for their presence and then forgotten."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import node_events as events
from airflow_provider_batch.emulator.model.nodes import NodeUser
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.times import parse_time

DEFAULT_LIFE = timedelta(days=1)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,19}", re.ASCII)


class NodeUsers:
    """The operations on users of nodes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, pool_id: str, node_id: str, body: Json) -> None:
        """Add a user."""
        if not _NAME.fullmatch(body["name"]):
            reason = "A user name has 1 to 20 characters and begins with a letter or '_'"
            raise errors.invalid_property_value("name", body["name"], reason)
        now = self._engine.now()
        user = _user(body["name"], body, now)
        self._engine.feed(events.CreateNodeUser(now, pool_id, node_id, user))

    def replace(self, pool_id: str, node_id: str, name: str, body: Json) -> None:
        """Replace a user's password, key and expiry; what is omitted is removed or set to its default."""
        now = self._engine.now()
        self._engine.feed(events.ReplaceNodeUser(now, pool_id, node_id, _user(name, body, now)))

    def delete(self, pool_id: str, node_id: str, name: str) -> None:
        """Remove a user."""
        self._engine.feed(events.DeleteNodeUser(self._engine.now(), pool_id, node_id, name))


def _user(name: str, body: Json, now: datetime) -> NodeUser:
    if not body.get("password") and not body.get("sshPublicKey"):
        # A password is optional only beside a key.
        raise errors.missing_required_property("password")
    expiry = parse_time(body["expiryTime"]) if "expiryTime" in body else now + DEFAULT_LIFE
    if expiry <= now:
        raise errors.invalid_property_value("expiryTime", body["expiryTime"], "It is in the past")
    return NodeUser(
        name=name,
        expiry_time=expiry,
        is_admin=body.get("isAdmin", False),
        has_password=bool(body.get("password")),
        ssh_public_key=body.get("sshPublicKey"),
    )
