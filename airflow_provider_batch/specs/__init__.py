"""
What a user writes: pools, jobs and tasks, and their parts, as typed data.

Everywhere a specification is accepted, a mapping in REST JSON or an ``azure.batch.models`` object is too.
Each specification takes ``extra`` (REST JSON) for what its fields do not cover. Nothing here imports Airflow
or the Azure SDK; wrong input raises :class:`airflow_provider_batch.exceptions.SpecError` while the DAG is
parsed.

A name is loaded when it is first used: an operator, which every DAG imports, needs the functions only, and
the classes are most of the time that the import takes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from airflow_provider_batch.specs.auto_pool import AutoPoolSpec
    from airflow_provider_batch.specs.autoscale import Autoscale
    from airflow_provider_batch.specs.autoscale_nodes import SpotWithFallback
    from airflow_provider_batch.specs.autoscale_rules import (
        FixedNodes,
        PendingTasks,
        ResourceUsage,
        Rule,
        WorkingHours,
        greatest,
        least,
    )
    from airflow_provider_batch.specs.comparison import fingerprint, pool_differences
    from airflow_provider_batch.specs.constraints import JobConstraints, TaskConstraints
    from airflow_provider_batch.specs.container import (
        ContainerConfiguration,
        ContainerRegistry,
        ContainerSettings,
    )
    from airflow_provider_batch.specs.dependencies import TaskDependencies
    from airflow_provider_batch.specs.disk import DataDisk, DiskEncryption, OsDisk
    from airflow_provider_batch.specs.durations import from_iso8601, to_iso8601
    from airflow_provider_batch.specs.exit_conditions import ExitConditions, ExitOptions
    from airflow_provider_batch.specs.identity import AutoUser, UserAccount, UserIdentity
    from airflow_provider_batch.specs.image import VmImage
    from airflow_provider_batch.specs.job import JobSpec
    from airflow_provider_batch.specs.mount import AzureFilesMount, BlobMount, CifsMount, NfsMount
    from airflow_provider_batch.specs.network import (
        InboundEndpoint,
        NetworkConfiguration,
        NetworkRule,
        PublicIpAddresses,
    )
    from airflow_provider_batch.specs.pool import PoolSpec, StartTask
    from airflow_provider_batch.specs.rest import job_to_rest, pool_to_rest, task_to_rest
    from airflow_provider_batch.specs.security import SecurityProfile
    from airflow_provider_batch.specs.storage import (
        ApplicationPackage,
        OutputFile,
        OutputFileDestination,
        ResourceFile,
    )
    from airflow_provider_batch.specs.task import TaskSpec
    from airflow_provider_batch.specs.templates import decided_later
    from airflow_provider_batch.specs.upgrade import UpgradePolicy

__all__ = [
    "ApplicationPackage",
    "AutoPoolSpec",
    "AutoUser",
    "Autoscale",
    "AzureFilesMount",
    "BlobMount",
    "CifsMount",
    "ContainerConfiguration",
    "ContainerRegistry",
    "ContainerSettings",
    "DataDisk",
    "DiskEncryption",
    "ExitConditions",
    "ExitOptions",
    "FixedNodes",
    "InboundEndpoint",
    "JobConstraints",
    "JobSpec",
    "NetworkConfiguration",
    "NetworkRule",
    "NfsMount",
    "OsDisk",
    "OutputFile",
    "OutputFileDestination",
    "PendingTasks",
    "PoolSpec",
    "PublicIpAddresses",
    "ResourceFile",
    "ResourceUsage",
    "Rule",
    "SecurityProfile",
    "SpotWithFallback",
    "StartTask",
    "TaskConstraints",
    "TaskDependencies",
    "TaskSpec",
    "UpgradePolicy",
    "UserAccount",
    "UserIdentity",
    "VmImage",
    "WorkingHours",
    "decided_later",
    "fingerprint",
    "from_iso8601",
    "greatest",
    "job_to_rest",
    "least",
    "pool_differences",
    "pool_to_rest",
    "task_to_rest",
    "to_iso8601",
]

_MODULES: Final = {
    "auto_pool": ("AutoPoolSpec",),
    "autoscale": ("Autoscale",),
    "autoscale_nodes": ("SpotWithFallback",),
    "autoscale_rules": (
        "FixedNodes",
        "PendingTasks",
        "ResourceUsage",
        "Rule",
        "WorkingHours",
        "greatest",
        "least",
    ),
    "comparison": (
        "fingerprint",
        "pool_differences",
    ),
    "constraints": (
        "JobConstraints",
        "TaskConstraints",
    ),
    "container": (
        "ContainerConfiguration",
        "ContainerRegistry",
        "ContainerSettings",
    ),
    "dependencies": ("TaskDependencies",),
    "disk": ("DataDisk", "DiskEncryption", "OsDisk"),
    "durations": (
        "from_iso8601",
        "to_iso8601",
    ),
    "exit_conditions": (
        "ExitConditions",
        "ExitOptions",
    ),
    "identity": (
        "AutoUser",
        "UserAccount",
        "UserIdentity",
    ),
    "image": ("VmImage",),
    "job": ("JobSpec",),
    "mount": ("AzureFilesMount", "BlobMount", "CifsMount", "NfsMount"),
    "network": ("InboundEndpoint", "NetworkConfiguration", "NetworkRule", "PublicIpAddresses"),
    "pool": (
        "PoolSpec",
        "StartTask",
    ),
    "rest": (
        "job_to_rest",
        "pool_to_rest",
        "task_to_rest",
    ),
    "security": ("SecurityProfile",),
    "storage": (
        "ApplicationPackage",
        "OutputFile",
        "OutputFileDestination",
        "ResourceFile",
    ),
    "task": ("TaskSpec",),
    "templates": ("decided_later",),
    "upgrade": ("UpgradePolicy",),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
