"""The Batch account itself: what the management plane changes about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class KeyName(str, Enum):
    """The two keys of an account, either of which signs requests."""

    PRIMARY = "Primary"
    SECONDARY = "Secondary"


class AuthenticationMode(str, Enum):
    """How requests to the data plane may prove who they are from."""

    SHARED_KEY = "SharedKey"
    ENTRA_ID = "AAD"
    TASK_AUTHENTICATION_TOKEN = "TaskAuthenticationToken"  # noqa: S105 - the name of a mode


ALL_AUTHENTICATION_MODES = tuple(AuthenticationMode)


@dataclass
class Account:
    """
    The account.

    :param keys: keys that have replaced those that the emulator was started with.
    :param authentication_modes: what the data plane accepts.
    :param public_network_access: kept and shown.
    :param last_key_sync: when the keys of auto storage were last synchronised; None for never.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[KeyName, str] = field(default_factory=dict, repr=False)
    authentication_modes: tuple[AuthenticationMode, ...] = ALL_AUTHENTICATION_MODES
    public_network_access: str = "Enabled"
    last_key_sync: datetime | None = None
