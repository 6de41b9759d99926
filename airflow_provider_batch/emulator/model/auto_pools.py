"""Pools that the service creates for a job or a job schedule, and deletes after it."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.model.pools import PoolSpec
from airflow_provider_batch.emulator.model.states import PoolLifetime


@dataclass(frozen=True)
class AutoPoolSpec:
    """
    The pool that a job brings with it.

    :param pool: its id is not read: the service makes one.
    :param lifetime: each job has a pool of its own, or all jobs of one schedule share one.
    :param id_prefix: what the made id begins with.
    :param keep_alive: the pool stays when its lifetime is over, and is the user's to delete.
    """

    pool: PoolSpec
    lifetime: PoolLifetime
    id_prefix: str = ""
    keep_alive: bool = False
