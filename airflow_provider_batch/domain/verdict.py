"""What the end of a Batch task means for its Airflow task."""

from __future__ import annotations

from enum import Enum

__all__ = ["Verdict"]


class Verdict(str, Enum):
    """What the end of a Batch task means for its Airflow task."""

    SUCCESS = "success"
    FAILED = "failed"
    #: failed, and trying again is pointless
    FAILED_FOR_GOOD = "failed_for_good"
    SKIPPED = "skipped"
