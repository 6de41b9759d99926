"""
The quotas of an account, and whether a pool that is described fits into what is left of them.

A pool that does not fit is created all the same: the service says so much later, as an error of its resize.
What is said here is said before, with figures. It stays a warning: other pools may shrink, and the service
counts for itself.

Source: "Batch service quotas and limits"; properties of the Batch account, management API 2025-06-01.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, pages
from airflow_provider_batch.domain.states import lower
from airflow_provider_batch.domain.vm_sizes import cores_of
from airflow_provider_batch.exceptions import AzureBatchError

__all__ = ["POOL_QUOTA_SELECT", "Quotas", "missing_for", "warn_of_quotas"]

#: what is read of the pools that there are
POOL_QUOTA_SELECT = (
    "id",
    "metadata",
    "vmSize",
    "currentDedicatedNodes",
    "currentLowPriorityNodes",
    "targetDedicatedNodes",
    "targetLowPriorityNodes",
)


@dataclass(frozen=True)
class Quotas:
    """
    What an account may have; None where the account has no such quota (user subscription mode), or says none.

    :param dedicated_cores: cores of dedicated nodes of all pools.
    :param spot_cores: cores of spot nodes of all pools.
    :param pools: pools.
    :param active_jobs: jobs and job schedules that have not completed.
    """

    dedicated_cores: int | None = None
    spot_cores: int | None = None
    pools: int | None = None
    active_jobs: int | None = None

    @classmethod
    def read(cls, properties: Mapping[str, Any]) -> Quotas:
        """
        Read the properties of a Batch account.

        :param properties: ``properties`` of the account, REST JSON of the management plane.
        """
        dedicated, spot = properties.get("dedicatedCoreQuota"), properties.get("lowPriorityCoreQuota")
        if lower(properties.get("poolAllocationMode")) == "usersubscription":
            dedicated = spot = None  # the cores are those of the subscription, and counted there
        return cls(
            dedicated_cores=_count(dedicated),
            spot_cores=_count(spot),
            pools=_count(properties.get("poolQuota")),
            active_jobs=_count(properties.get("activeJobAndJobScheduleQuota")),
        )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def missing_for(pool: Mapping[str, Any], quotas: Quotas, others: Iterable[Mapping[str, Any]]) -> list[str]:
    """
    Say what a pool needs and the account has not; pure.

    What a formula will ask for is not known before, so such a pool needs nothing. Of pools whose VM size does
    not tell its cores, nodes are not counted.

    :param pool: the pool that is to be created (REST JSON).
    :param quotas: the account's quotas.
    :param others: the pools that there are, with :data:`POOL_QUOTA_SELECT`.
    :return: a sentence for each quota that it exceeds; empty when it fits.
    """
    there = [other for other in others if other.get("id") != pool.get("id")]
    missing = []
    if quotas.pools is not None and len(there) >= quotas.pools:
        missing.append(f"The account has {len(there)} pools, and its quota is {quotas.pools}.")
    for kind, name, quota in (
        ("dedicated", "DedicatedNodes", quotas.dedicated_cores),
        ("spot", "LowPriorityNodes", quotas.spot_cores),
    ):
        sentence = _missing_cores(pool, there, kind, name, quota)
        if sentence is not None:
            missing.append(sentence)
    return missing


def _missing_cores(
    pool: Mapping[str, Any], others: Iterable[Mapping[str, Any]], kind: str, name: str, quota: int | None
) -> str | None:
    nodes, cores = int(pool.get(f"target{name}") or 0), cores_of(pool.get("vmSize"))
    if quota is None or not nodes or cores is None:
        return None
    needed = nodes * cores
    used = sum(_nodes(other, name) * (cores_of(other.get("vmSize")) or 0) for other in others)
    lacking = used + needed - quota
    if lacking <= 0:
        return None
    return (
        f"{needed} {kind} cores are needed ({nodes} x {pool.get('vmSize')}), the account's quota is {quota}, "
        f"and other pools have or ask for {used}: {lacking} are missing."
    )


def warn_of_quotas(pool: Mapping[str, Any], quotas: Quotas) -> Flow[None]:
    """
    Flow: say what a pool that is to be created lacks. Never an error.

    :param pool: the pool (REST JSON).
    :param quotas: the account's quotas.
    """
    try:
        others = yield from pages(requests.list_pools(POOL_QUOTA_SELECT))
    except AzureBatchError as error:
        yield Log(f"Quotas are not looked at: {error}")
        return
    for sentence in missing_for(pool, quotas, others):
        name = f"Pool {pool['id']}" if "id" in pool else "The pool of the job"
        yield Log(f"{name} may not get its nodes. {sentence} Ask Azure support for more.", "WARNING")


def _nodes(pool: Mapping[str, Any], name: str) -> int:
    return max(int(pool.get(f"{of}{name}") or 0) for of in ("current", "target"))
