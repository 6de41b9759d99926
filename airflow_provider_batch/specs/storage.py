"""Files in and out: resource files, output files and application packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Json, Spec, named_values, rest


@dataclass(frozen=True, kw_only=True)
class ResourceFile(Spec):
    """
    A file, or the blobs of a container, that the node downloads before the command line starts.

    Exactly one of the three sources is given.

    Example::

        ResourceFile(http_url="https://films.blob.core.windows.net/in/scene.blend", file_path="scene.blend")
        ResourceFile(auto_storage_container_name="textures", blob_prefix="wood/", file_path="textures")

    :param http_url: one file; needs ``file_path``.
    :param storage_container_url: a container; the address needs read and list rights, by SAS or identity.
    :param auto_storage_container_name: a container of the storage account that belongs to the Batch account.
    :param file_path: where it lands below the task's working directory: a path or a container's directory.
    :param blob_prefix: only blobs whose names start so; for containers.
    :param file_mode: octal text for Linux nodes; the service's own is 0770.
    :param identity_resource_id: user-assigned identity of the pool that may read the source.
    """

    definition: ClassVar[str] = "ResourceFile"

    http_url: str | None = field(default=None, repr=False)
    storage_container_url: str | None = field(default=None, repr=False)
    auto_storage_container_name: str | None = None
    file_path: str | None = None
    blob_prefix: str | None = None
    file_mode: str | None = None
    identity_resource_id: str | None = field(default=None, metadata=rest("identityReference.resourceId"))


@dataclass(frozen=True, kw_only=True)
class OutputFileDestination(Spec):
    """
    The blob container that output files go to.

    Example::

        OutputFileDestination(
            container_url="https://films.blob.core.windows.net/out",
            path="frames",
            identity_resource_id="/subscriptions/...",
        )

    :param container_url: address with a SAS that allows writing, or plain with an identity.
    :param path: name of the blob; with wildcards in the pattern, the directory that the blobs are put below.
    :param identity_resource_id: user-assigned identity of the pool that may write.
    :param upload_headers: headers of the upload, for example ``{"Content-Type": "image/png"}``.
    """

    definition: ClassVar[str] = "OutputFileDestination"

    container_url: str = field(repr=False, metadata=rest("container.containerUrl"))
    path: str | None = field(default=None, metadata=rest("container.path"))
    identity_resource_id: str | None = field(
        default=None, metadata=rest("container.identityReference.resourceId")
    )
    upload_headers: Mapping[str, str] | None = field(
        default=None, metadata=rest("container.uploadHeaders", named_values)
    )


@dataclass(frozen=True, kw_only=True)
class OutputFile(Spec):
    """
    Files that the node uploads when the command line has ended.

    Example::

        OutputFile(
            file_pattern="../std*.txt",
            destination=OutputFileDestination(container_url="https://films.blob.core.windows.net/logs?sv=..."),
            upload_condition="taskcompletion",
        )

    :param file_pattern: relative to the working directory; ``*``, ``**``, ``?`` and ``[abc]`` are wildcards.
    :param destination: where to.
    :param upload_condition: ``tasksuccess``, ``taskfailure`` or ``taskcompletion`` (both).
    """

    definition: ClassVar[str] = "OutputFile"

    file_pattern: str
    destination: OutputFileDestination | Json
    upload_condition: str = field(default="taskcompletion", metadata=rest("uploadOptions.uploadCondition"))


@dataclass(frozen=True)
class ApplicationPackage(Spec):
    """
    An application package of the Batch account.

    Example::

        ApplicationPackage("blender", version="4.2")

    :param application_id: name of the application; for a pool its full resource id
        (``/subscriptions/.../applications/blender``).
    :param version: the application's default version when left out.
    """

    definition: ClassVar[str] = "BatchApplicationPackageReference"

    application_id: str
    version: str | None = None
