"""Why a resize ends without having reached its targets: codes and texts of the service.

Source: reference of the service, section 6.2.
"""

from __future__ import annotations

from airflow_provider_batch.emulator.model.pools import ResizeError

_SHORT = "Desired number of {kind} nodes could not be allocated"
_TEXTS = {
    "AllocationTimedout": _SHORT + " as the resize timeout was reached",
    "AllocationFailed": _SHORT,
    "ResizeStopped": _SHORT + " due to a stop resize operation",
    "AccountCoreQuotaReached": "The specified account has reached its quota of {kind} cores",
    "AccountLowPriorityCoreQuotaReached": "The specified account has reached its quota of {kind} cores",
    "AccountVMSeriesCoreQuotaReached": "The specified account has reached its core quota of the VM series",
    "RemoveNodesFailed": "The nodes could not be removed",
    "Unknown": "The resize failed for an unknown reason",
}
_REASONS = {
    "AllocationFailed": "The requested VM size is not available in the current region at this time",
}


def resize_error(code: str, message: str = "", *, is_dedicated: bool) -> ResizeError:
    """
    Return an error of a resize.

    :param message: empty for the service's own text.
    :param is_dedicated: the kind of nodes that the text speaks of.
    """
    kind = "dedicated" if is_dedicated else "low-priority"
    text = message or _TEXTS.get(code, _TEXTS["Unknown"]).format(kind=kind)
    values = (("Reason", _REASONS[code]),) if code in _REASONS else ()
    return ResizeError(code, text, values)


def quota_reached(*, is_dedicated: bool) -> ResizeError:
    """The account has as many cores of a kind as it may."""
    code = "AccountCoreQuotaReached" if is_dedicated else "AccountLowPriorityCoreQuotaReached"
    return resize_error(code, is_dedicated=is_dedicated)
