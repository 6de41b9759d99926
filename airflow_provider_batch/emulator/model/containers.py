"""Containers that tasks run in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class ContainerWorkingDirectory(str, Enum):
    """Where the command of a container begins."""

    TASK = "taskWorkingDirectory"
    IMAGE_DEFAULT = "containerImageDefault"


class HostDataPath(str, Enum):
    """A part of the node's directories that a container may be given."""

    SHARED = "Shared"
    STARTUP = "Startup"
    VFS_MOUNTS = "VfsMounts"
    TASK = "Task"
    JOB_PREP = "JobPrep"
    APPLICATIONS = "Applications"


@dataclass(frozen=True)
class ContainerRegistry:
    """
    Where images come from, and who asks for them.

    :param server: host, with a port if need be; Docker's own registry by default.
    :param username: None for a registry that is read by anybody, or by a managed identity.
    """

    server: str = "docker.io"
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class BindMount:
    """A part of the node's directories that a container sees."""

    source: HostDataPath
    is_read_only: bool = False


@dataclass(frozen=True)
class ContainerSettings:
    """
    How a command runs in a container.

    :param run_options: further arguments for the container runtime, one text as the user wrote it.
    :param registry: None for those of the pool.
    :param mounts: None for the node's whole root directory.
    """

    image: str
    run_options: str = ""
    registry: ContainerRegistry | None = None
    working_directory: ContainerWorkingDirectory = ContainerWorkingDirectory.TASK
    mounts: tuple[BindMount, ...] | None = None


@dataclass(frozen=True)
class ContainerInfo:
    """
    The container in which a task ran.

    :param state: as the runtime calls it, for example ``exited``.
    """

    container_id: str
    state: str
    error: str = ""
