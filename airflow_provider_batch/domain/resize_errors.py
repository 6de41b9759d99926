"""
What the service says when it could not allocate the nodes of a pool, and what that means for who waits.

Source: "Azure Batch pool resizing failure" and "Check for pool and node errors", Azure Batch documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from airflow_provider_batch.domain.redaction import redact

__all__ = ["Disposition", "ResizeError", "read_resize_errors"]


class Disposition(Enum):
    """What a resize error means while nodes are missing."""

    #: what evaluates the size again may well succeed; nobody does so for a fixed size
    WAIT = "wait"
    #: said, and decides nothing by itself
    WARN = "warn"
    #: the same request meets the same error
    FAIL = "fail"


@dataclass(frozen=True)
class _Meaning:
    disposition: Disposition
    reason: str


_QUOTA: Final = "request a higher quota, use a smaller VM size, or free cores of other pools"
_MEANINGS: Mapping[str, _Meaning] = {
    "AllocationTimedout": _Meaning(
        Disposition.WAIT,
        "the region had no capacity in time; a longer resize timeout or another VM size helps",
    ),
    "AccountCoreQuotaReached": _Meaning(
        Disposition.FAIL, f"the account's dedicated cores are used up: {_QUOTA}"
    ),
    "AccountLowPriorityCoreQuotaReached": _Meaning(
        Disposition.FAIL, f"the account's spot cores are used up: {_QUOTA}"
    ),
    "AccountSpotCoreQuotaReached": _Meaning(
        Disposition.FAIL, f"the account's spot cores are used up: {_QUOTA}"
    ),
    "AccountVMSeriesCoreQuotaReached": _Meaning(
        Disposition.FAIL, f"the account's cores of this VM series are used up: {_QUOTA}"
    ),
    "AllocationFailed": _Meaning(
        Disposition.FAIL, "Azure refused to allocate the machines: look at VM size, region, image and network"
    ),
    "ImageNotFound": _Meaning(Disposition.FAIL, "the image does not exist, or the account may not read it"),
    "InvalidImage": _Meaning(Disposition.FAIL, "the image does not fit the VM size or the node agent"),
    "UnsupportedVMSize": _Meaning(
        Disposition.FAIL, "Batch does not have this VM size in the region, or not any more: choose another"
    ),
    "InsufficientFreeAddressesInSubnet": _Meaning(
        Disposition.FAIL, "the subnet has too few free addresses: use a larger one"
    ),
    "SubnetNotFound": _Meaning(Disposition.FAIL, "the subnet does not exist, or Batch may not join it"),
    "ResizeStopped": _Meaning(Disposition.WARN, "somebody stopped the resize"),
    "RemoveNodesFailed": _Meaning(Disposition.WARN, "nodes could not be removed; they still bill"),
}
#: a code that is not listed decides nothing: the service may grow new ones
_UNLISTED: Final = _Meaning(Disposition.WARN, "")


@dataclass(frozen=True)
class ResizeError:
    """
    One error of a resize.

    :param code: the service's code.
    :param message: the service's message, with its values.
    :param disposition: what it means while nodes are missing.
    :param reason: what it is about and what to do; empty for a code that is not known.
    """

    code: str
    message: str
    disposition: Disposition
    reason: str

    def __str__(self) -> str:
        remedy = f" ({self.reason})" if self.reason else ""
        return f"{self.code}: {self.message}{remedy}"


def read_resize_errors(found: Any) -> tuple[ResizeError, ...]:
    """
    Read ``resizeErrors`` of a pool.

    :param found: as the service sent it; absent counts as none.
    """
    errors = found if isinstance(found, (list, tuple)) else ()
    return tuple(_read(error) for error in errors if isinstance(error, Mapping))


def _read(error: Mapping[str, Any]) -> ResizeError:
    code = str(error.get("code") or "Unknown")
    meaning = _MEANINGS.get(code, _UNLISTED)
    return ResizeError(code, redact(_message(error)), meaning.disposition, meaning.reason)


def _message(error: Mapping[str, Any]) -> str:
    values: Iterable[Any] = error.get("values") or ()
    details = ", ".join(f"{v.get('name')}: {v.get('value')}" for v in values if isinstance(v, Mapping))
    message = str(error.get("message") or "").strip()
    return f"{message} [{details}]" if details else message
