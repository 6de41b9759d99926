"""A pool of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.autoscale import Autoscale
from airflow_provider_batch.specs.base import Duration, Flag, Json, Number, Spec, named_values, rest
from airflow_provider_batch.specs.container import ContainerConfiguration, ContainerSettings
from airflow_provider_batch.specs.disk import DataDisk, DiskEncryption, OsDisk
from airflow_provider_batch.specs.identity import UserAccount, UserIdentity, user_assigned
from airflow_provider_batch.specs.image import VmImage
from airflow_provider_batch.specs.mount import Mount
from airflow_provider_batch.specs.network import NetworkConfiguration
from airflow_provider_batch.specs.schema import POOL
from airflow_provider_batch.specs.security import SecurityProfile
from airflow_provider_batch.specs.storage import ApplicationPackage, ResourceFile
from airflow_provider_batch.specs.upgrade import UpgradePolicy


@dataclass(frozen=True, kw_only=True)
class StartTask(Spec):
    """
    What every node runs when it joins the pool, and again after each reboot; at most 32,768 characters.

    Example::

        StartTask(
            command_line="/bin/bash -c 'apt-get update && apt-get install --yes ffmpeg'",
            user_identity=UserIdentity.automatic(elevation_level="admin"),
        )

    :param command_line: started without a shell, as that of a task.
    :param environment_settings: names and values, both strings.
    :param resource_files: what is downloaded before the start.
    :param user_identity: the operating system user.
    :param container_settings: to run in a container.
    :param max_task_retry_count: retries after a non-zero exit code; -1 for no limit.
    :param wait_for_success: whether a node takes tasks only after success; true when left out.
    """

    definition: ClassVar[str] = "BatchStartTask"

    command_line: str
    environment_settings: Mapping[str, str] | Sequence[Json] | str | None = field(
        default=None, repr=False, metadata=rest("environmentSettings", named_values)
    )
    resource_files: Sequence[ResourceFile | Json] | str | None = None
    user_identity: UserIdentity | Json | None = None
    container_settings: ContainerSettings | Json | None = None
    max_task_retry_count: Number | None = None
    wait_for_success: Flag | None = None


@dataclass(frozen=True, kw_only=True)
class PoolSpec(Spec):
    """
    A pool; its body becomes that of "Create Pool".

    Without targets and without ``autoscale`` the pool is created empty, as the service does.

    Example::

        PoolSpec(
            pool_id="render",
            vm_size="standard_d2s_v5",
            image=VmImage.ubuntu("22.04"),
            target_low_priority_nodes=4,
            task_slots_per_node=2,
        )

    :param pool_id: 1 to 64 letters, digits, hyphens and underscores.
    :param vm_size: size of the machines, for example ``standard_d2s_v5``.
    :param image: operating system; as a mapping it is REST's ``virtualMachineConfiguration``.
    :param target_dedicated_nodes: fixed number of dedicated nodes; not with ``autoscale``.
    :param target_low_priority_nodes: fixed number of spot nodes; not with ``autoscale``.
    :param autoscale: size by formula.
    :param resize_timeout: how long the service tries to allocate nodes, at least 5 minutes; 15 when left out.
    :param task_slots_per_node: 1 to 256 and at most 4 for each core; cannot be changed later.
    :param node_fill_type: ``spread`` (the service's default) or ``pack``.
    :param job_default_order: among jobs of one priority: ``none`` (the default) or ``creationtime``.
    :param start_task: what each node runs when it joins.
    :param container_configuration: makes the pool run containers.
    :param network_configuration: subnet and public addresses.
    :param application_package_references: packages on every node, by full resource id; at most 10.
    :param mounts: file systems that every node mounts; at most 10.
    :param os_disk: the disk with the operating system.
    :param data_disks: further disks.
    :param disk_encryption: encryption of the disks.
    :param security_profile: trusted launch, confidential machines, encryption at the host.
    :param node_placement: ``regional`` (the service's default) or ``zonal``: spread over availability zones.
    :param upgrade_policy: when the operating system of the nodes is upgraded.
    :param user_accounts: operating system accounts on every node.
    :param user_assigned_identities: resource ids of managed identities that every node has. Only the
        management plane can give them, when the pool is created: the connection needs ``subscription_id``,
        ``resource_group`` and a sign-in with Entra ID, and the extra ``[management]`` is to be installed.
    :param enable_inter_node_communication: for tasks that span nodes; limits the size of the pool.
    :param display_name: any text of at most 1,024 characters.
    :param metadata: names and values without meaning to the service.
    :param extra: REST JSON for the rest, for example the ``extensions`` of ``virtualMachineConfiguration``.
    """

    definition: ClassVar[str] = POOL

    vm_size: str
    pool_id: str | None = field(default=None, metadata=rest("id"))
    image: VmImage | Json | None = field(default=None, metadata=rest("virtualMachineConfiguration"))
    target_dedicated_nodes: Number | None = None
    target_low_priority_nodes: Number | None = None
    autoscale: Autoscale | Json | None = field(default=None, metadata=rest(""))
    resize_timeout: Duration | None = None
    task_slots_per_node: Number | None = None
    node_fill_type: str | None = field(default=None, metadata=rest("taskSchedulingPolicy.nodeFillType"))
    job_default_order: str | None = field(default=None, metadata=rest("taskSchedulingPolicy.jobDefaultOrder"))
    start_task: StartTask | Json | None = None
    container_configuration: ContainerConfiguration | Json | None = field(
        default=None, metadata=rest("virtualMachineConfiguration.containerConfiguration")
    )
    network_configuration: NetworkConfiguration | Json | None = None
    application_package_references: Sequence[ApplicationPackage | Json] | str | None = None
    mounts: Sequence[Mount] | str | None = field(default=None, metadata=rest("mountConfiguration"))
    os_disk: OsDisk | Json | None = field(default=None, metadata=rest("virtualMachineConfiguration.osDisk"))
    data_disks: Sequence[DataDisk | Json] | str | None = field(
        default=None, metadata=rest("virtualMachineConfiguration.dataDisks")
    )
    disk_encryption: DiskEncryption | Json | None = field(
        default=None, metadata=rest("virtualMachineConfiguration.diskEncryptionConfiguration")
    )
    security_profile: SecurityProfile | Json | None = field(
        default=None, metadata=rest("virtualMachineConfiguration.securityProfile")
    )
    node_placement: str | None = field(
        default=None, metadata=rest("virtualMachineConfiguration.nodePlacementConfiguration.policy")
    )
    upgrade_policy: UpgradePolicy | Json | None = None
    user_accounts: Sequence[UserAccount | Json] | str | None = None
    user_assigned_identities: Sequence[str] | str | None = field(
        default=None, metadata=rest("identity", user_assigned)
    )
    enable_inter_node_communication: Flag | None = None
    display_name: str | None = None
    metadata: Mapping[str, str] | Sequence[Json] | str | None = field(
        default=None, metadata=rest("metadata", named_values)
    )
    extra: Json = field(default_factory=dict)
