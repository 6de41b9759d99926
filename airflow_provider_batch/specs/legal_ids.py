"""Which ids of pools, jobs and tasks the service accepts."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_ID_LENGTH", "is_legal_id"]

#: longest id of a pool, job or task
MAX_ID_LENGTH: Final = 64
_LEGAL: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_LENGTH}}}")


def is_legal_id(text: str) -> bool:
    """Tell whether the service accepts ``text`` as the id of a pool, job or task."""
    return _LEGAL.fullmatch(text) is not None
