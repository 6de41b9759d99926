"""What keeps a command from starting."""

from __future__ import annotations

import errno

from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.failures import FailureInfo

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class PreparationFailed(Exception):
    """
    A task cannot start.

    :param failure: why, in the service's words.
    """

    def __init__(self, failure: FailureInfo) -> None:
        super().__init__(failure.code)
        self.failure = failure


def no_room(error: OSError, what: str) -> FailureInfo | None:
    """The failure for a full disk; None when the error is another one."""
    return failures.disk_full(what) if error.errno in _NO_ROOM else None
