"""Containers: what a pool prepares for them, and how a task runs in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Json, Spec, rest


@dataclass(frozen=True, kw_only=True)
class ContainerRegistry(Spec):
    """
    A private registry, reached with a password or with a managed identity of the pool.

    Example::

        ContainerRegistry(registry_server="films.azurecr.io", identity_resource_id="/subscriptions/.../films")

    :param registry_server: host name; Docker Hub when left out.
    :param username: with ``password``.
    :param password: a secret; better taken from a connection by a template than written in a DAG.
    :param identity_resource_id: resource id of a user-assigned identity of the pool, instead of a password.
    """

    definition: ClassVar[str] = "ContainerRegistryReference"

    registry_server: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    identity_resource_id: str | None = field(default=None, metadata=rest("identityReference.resourceId"))


@dataclass(frozen=True, kw_only=True)
class ContainerConfiguration(Spec):
    """
    A pool that can run containers; the pool's image must carry a container runtime.

    Example::

        ContainerConfiguration(container_image_names=["films.azurecr.io/render:4"])

    :param type: ``dockerCompatible`` or ``criCompatible``.
    :param container_image_names: images that every node fetches before it takes tasks.
    :param container_registries: private registries that the images come from.
    """

    definition: ClassVar[str] = "BatchContainerConfiguration"

    type: str = "dockerCompatible"
    container_image_names: Sequence[str] | str | None = None
    container_registries: Sequence[ContainerRegistry | Json] | str | None = None


@dataclass(frozen=True, kw_only=True)
class ContainerSettings(Spec):
    """
    Run a task's command line in a container.

    Example::

        ContainerSettings(image_name="films.azurecr.io/render:4", container_run_options="--rm --gpus all")

    :param image_name: image with its tag.
    :param container_run_options: further options of ``docker create``.
    :param working_directory: ``taskWorkingDirectory`` (the service's default) or ``containerImageDefault``.
    :param registry: where the image comes from, when the pool does not say.
    :param extra: REST JSON for the rest.
    """

    definition: ClassVar[str] = "BatchTaskContainerSettings"

    image_name: str
    container_run_options: str | None = None
    working_directory: str | None = None
    registry: ContainerRegistry | Json | None = None
    extra: Json = field(default_factory=dict)
