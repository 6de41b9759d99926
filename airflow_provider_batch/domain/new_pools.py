"""What is looked at before a pool is created, and only then: its VM size, and what is left of the quotas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_batch.domain import ids, requests
from airflow_provider_batch.domain.flow import Flow, Log, get_or_none, pages
from airflow_provider_batch.domain.quotas import Quotas, warn_of_quotas
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.domain.supported_sizes import RegionSizes
from airflow_provider_batch.exceptions import AzureBatchError

__all__ = ["check_new_pool"]


def check_new_pool(
    pool: Mapping[str, Any],
    region: Callable[[], RegionSizes | None],
    quotas: Callable[[], Quotas | None],
) -> Flow[None]:
    """
    Flow: refuse a pool that is to be created when the region lacks its VM size; say which quotas it exceeds.

    Of a pool that exists, nothing is asked. A pool that a job brings has no id before the service makes it:
    it exists when a pool carries its owner. What cannot be known is no error: the service judges for itself.

    :param pool: the pool (REST JSON); with our labels when it has no id.
    :param region: reads what Batch has in the account's region, when it is needed; None when that cannot be
        known.
    :param quotas: the same for the account's quotas.
    :raises SpecError: naming the field, the region and the nearest sizes.
    """
    try:
        if (yield from _exists(pool)):
            return
    except AzureBatchError as error:
        yield Log(f"Neither quotas nor the VM size are looked at: {error}")
        return
    if (there := region()) is not None:
        path = "batch_pool" if "id" in pool else "batch_job.poolInfo.autoPoolSpecification.pool"
        there.check(str(pool["vmSize"]), f"{path}.vmSize")
    if (known := quotas()) is not None:
        yield from warn_of_quotas(pool, known)


def _exists(pool: Mapping[str, Any]) -> Flow[bool]:
    if "id" in pool:
        found = yield from get_or_none(requests.get_pool(str(pool["id"]), ("id", "state")))
        return found is not None and lower(found.json.get("state")) != "deleting"
    owner = ids.named_value(pool.get("metadata"), ids.OWNER)
    if owner is None:
        return False
    others = yield from pages(requests.list_pools(("id", "metadata")))
    return any(ids.named_value(other.get("metadata"), ids.OWNER) == owner for other in others)
