"""Keys and passwords in what users have sent: taken, and never shown again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SECRETS = frozenset({"password", "accountKey", "sasKey", "sshPrivateKey"})


def without_secrets(value: Any) -> Any:
    """The same JSON without the properties that are secrets, at any depth."""
    if isinstance(value, Mapping):
        return {name: without_secrets(part) for name, part in value.items() if name not in _SECRETS}
    if isinstance(value, list):
        return [without_secrets(part) for part in value]
    return value
