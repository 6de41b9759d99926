"""A task of a Batch job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Json, Number, Spec, named_values, rest
from airflow_provider_batch.specs.constraints import TaskConstraints
from airflow_provider_batch.specs.container import ContainerSettings
from airflow_provider_batch.specs.dependencies import TaskDependencies
from airflow_provider_batch.specs.exit_conditions import ExitConditions
from airflow_provider_batch.specs.identity import UserIdentity
from airflow_provider_batch.specs.schema import TASK
from airflow_provider_batch.specs.storage import ApplicationPackage, OutputFile, ResourceFile


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """
    A Batch task; its body becomes that of "Create Task".

    Example::

        TaskSpec(
            task_id="frame-17",
            command_line="/bin/bash -c 'python3 render.py 17'",
            environment_settings={"QUALITY": "high"},
            constraints=TaskConstraints(max_wall_clock_time=timedelta(hours=1)),
        )

    :param task_id: the Batch task's id (never Airflow's): 1 to 64 letters, digits, hyphens and underscores.
    :param command_line: started directly, without a shell: variables, pipes and wildcards need
        ``/bin/bash -c '...'``.
    :param display_name: any text of at most 1,024 characters.
    :param environment_settings: names and values, both strings.
    :param resource_files: what is downloaded before the start.
    :param output_files: what is uploaded after the end.
    :param constraints: limits on time and retries.
    :param container_settings: to run in a container.
    :param user_identity: the operating system user.
    :param required_slots: how many of the node's slots the task takes; 1 when left out.
    :param exit_conditions: what its end means for the job and for dependents.
    :param depends_on: tasks that must have ended before.
    :param application_package_references: packages that the node installs before.
    :param affinity_id: the node, or the task's node, to prefer; only a hint.
    :param multi_instance_settings: REST JSON of a task that spans several nodes (MPI).
    :param extra: REST JSON for the rest.
    """

    definition: ClassVar[str] = TASK

    command_line: str
    task_id: str | None = field(default=None, metadata=rest("id"))
    display_name: str | None = None
    environment_settings: Mapping[str, str] | Sequence[Json] | str | None = field(
        default=None, repr=False, metadata=rest("environmentSettings", named_values)
    )
    resource_files: Sequence[ResourceFile | Json] | str | None = None
    output_files: Sequence[OutputFile | Json] | str | None = None
    constraints: TaskConstraints | Json | None = None
    container_settings: ContainerSettings | Json | None = None
    user_identity: UserIdentity | Json | None = None
    required_slots: Number | None = None
    exit_conditions: ExitConditions | Json | None = None
    depends_on: TaskDependencies | Json | None = None
    application_package_references: Sequence[ApplicationPackage | Json] | str | None = None
    affinity_id: str | None = field(default=None, metadata=rest("affinityInfo.affinityId"))
    multi_instance_settings: Json | None = None
    extra: Json = field(default_factory=dict)
