"""What can be set about the machine: speeds, quotas, and answers to open questions about the service."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_batch.emulator.model.assumptions import Assumptions


@dataclass(frozen=True)
class MachineSettings:
    """
    Settings of the machine.

    :param node_start_seconds: from the request until a node is up and begins its start task: a third until
        the pool is steady and the node is ``creating``, a third each for ``creating`` and ``starting``.
    :param preempted_seconds: from the preemption of a spot node until it has a machine again and boots.
    :param job_end_seconds: how long a job without running tasks stays ``terminating`` or ``deleting``.
    :param empty_job_seconds: after how long a job with ``terminatejob`` and without tasks counts as complete,
        if it does. (The documentation says so; recordings show it active after milliseconds.)
    :param dedicated_core_quota: of all pools together; beyond it a resize ends with
        ``AccountCoreQuotaReached``.
    :param low_priority_core_quota: likewise, ``AccountLowPriorityCoreQuotaReached``.
    :param pool_quota: pools of the account; beyond it ``PoolQuotaReached``.
    :param active_job_quota: jobs that are not completed; beyond it ``ActiveJobAndScheduleQuotaReached``.
    :param sample_seconds: between two samples of a pool that scales automatically.
    :param sample_delay_seconds: how old a sample must be before a formula sees it; the documentation speaks
        of about a minute, and here each is seen at once.
    :param sample_limit: samples that are kept of each metric of a pool: a day's.
    :param enable_auto_scale_seconds: pause that must lie between two requests to enable automatic scaling of
        one pool; before, they answer ``TooManyEnableAutoScaleRequests``.
    :param assumptions: what is answered at first where the service's behaviour is not known.
    :param seed: goes into node ids, so that two emulators on one root directory never share one.
    """

    node_start_seconds: float = 0.2
    preempted_seconds: float = 30.0
    job_end_seconds: float = 0.0
    empty_job_seconds: float = 10.0
    dedicated_core_quota: int = 10_000
    low_priority_core_quota: int = 10_000
    pool_quota: int = 500
    active_job_quota: int = 1_000
    sample_seconds: float = 30.0
    sample_delay_seconds: float = 0.0
    sample_limit: int = 2880
    enable_auto_scale_seconds: float = 30.0
    assumptions: Assumptions = field(default_factory=Assumptions)
    seed: str = ""
