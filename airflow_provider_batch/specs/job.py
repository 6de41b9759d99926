"""A Batch job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_batch.specs.base import Flag, Json, Number, Spec, named_values, rest
from airflow_provider_batch.specs.constraints import JobConstraints
from airflow_provider_batch.specs.schema import JOB

if TYPE_CHECKING:
    from airflow_provider_batch.specs.auto_pool import AutoPoolSpec


@dataclass(frozen=True, kw_only=True)
class JobSpec(Spec):
    """
    A Batch job; its body becomes that of "Create Job".

    Example::

        JobSpec(job_id="film", pool_id="render", priority=100, uses_task_dependencies=True)

    :param job_id: 1 to 64 letters, digits, hyphens and underscores.
    :param pool_id: the pool that it runs on.
    :param auto_pool_specification: a pool that comes and goes with the job, instead of ``pool_id``.
    :param display_name: any text of at most 1,024 characters.
    :param priority: -1000 (lowest) to 1000; 0 when left out.
    :param max_parallel_tasks: at least 1, or -1 for no limit.
    :param constraints: limits on time and retries.
    :param common_environment_settings: environment of every task, which a task may override.
    :param uses_task_dependencies: whether tasks may depend on each other; cannot be changed later.
    :param on_all_tasks_complete: ``noaction`` or ``terminatejob``.
    :param on_task_failure: ``noaction`` or ``performexitoptionsjobaction``.
    :param job_preparation_task: REST JSON of the task that runs first on each node.
    :param job_release_task: REST JSON of the task that runs last on these nodes.
    :param job_manager_task: REST JSON of the task that runs the job.
    :param metadata: names and values without meaning to the service.
    :param extra: REST JSON for the rest.
    """

    definition: ClassVar[str] = JOB

    job_id: str | None = field(default=None, metadata=rest("id"))
    pool_id: str | None = field(default=None, metadata=rest("poolInfo.poolId"))
    auto_pool_specification: AutoPoolSpec | Json | None = field(
        default=None, metadata=rest("poolInfo.autoPoolSpecification")
    )
    display_name: str | None = None
    priority: Number | None = None
    max_parallel_tasks: Number | None = None
    constraints: JobConstraints | Json | None = None
    common_environment_settings: Mapping[str, str] | Sequence[Json] | str | None = field(
        default=None, repr=False, metadata=rest("commonEnvironmentSettings", named_values)
    )
    uses_task_dependencies: Flag | None = None
    on_all_tasks_complete: str | None = None
    on_task_failure: str | None = None
    job_preparation_task: Json | None = None
    job_release_task: Json | None = None
    job_manager_task: Json | None = None
    metadata: Mapping[str, str] | Sequence[Json] | str | None = field(
        default=None, metadata=rest("metadata", named_values)
    )
    extra: Json = field(default_factory=dict)
