"""File systems that every node of a pool mounts below ``AZ_BATCH_NODE_MOUNTS_DIR``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Json, Spec, rest

_BLOB = "azureBlobFileSystemConfiguration"
_FILES = "azureFileShareConfiguration"
_NFS = "nfsMountConfiguration"
_CIFS = "cifsMountConfiguration"


@dataclass(frozen=True, kw_only=True)
class BlobMount(Spec):
    """
    A Blob container, mounted with blobfuse; with one of a key, a SAS token and an identity of the pool.

    Example::

        BlobMount(
            account_name="films",
            container_name="frames",
            relative_mount_path="frames",
            identity_resource_id="/subscriptions/.../films",
        )

    :param account_name: storage account.
    :param container_name: container in it.
    :param relative_mount_path: directory below ``AZ_BATCH_NODE_MOUNTS_DIR``.
    :param account_key: a secret; better taken by a template than written in a DAG.
    :param sas_key: a secret: a SAS token for the container.
    :param identity_resource_id: resource id of a user-assigned identity of the pool.
    :param blobfuse_options: further options of blobfuse.
    """

    definition: ClassVar[str] = "MountConfiguration"

    account_name: str = field(metadata=rest(f"{_BLOB}.accountName"))
    container_name: str = field(metadata=rest(f"{_BLOB}.containerName"))
    relative_mount_path: str = field(metadata=rest(f"{_BLOB}.relativeMountPath"))
    account_key: str | None = field(default=None, repr=False, metadata=rest(f"{_BLOB}.accountKey"))
    sas_key: str | None = field(default=None, repr=False, metadata=rest(f"{_BLOB}.sasKey"))
    identity_resource_id: str | None = field(
        default=None, metadata=rest(f"{_BLOB}.identityReference.resourceId")
    )
    blobfuse_options: str | None = field(default=None, metadata=rest(f"{_BLOB}.blobfuseOptions"))


@dataclass(frozen=True, kw_only=True)
class AzureFilesMount(Spec):
    """
    A share of Azure Files.

    Example::

        AzureFilesMount(
            account_name="films",
            azure_file_url="https://films.file.core.windows.net/scratch",
            account_key="{{ conn.films.password }}",
            relative_mount_path="scratch",
        )

    :param account_name: storage account.
    :param azure_file_url: address of the share.
    :param account_key: a secret; better taken by a template than written in a DAG.
    :param relative_mount_path: directory below ``AZ_BATCH_NODE_MOUNTS_DIR``.
    :param mount_options: further options of mount.
    """

    definition: ClassVar[str] = "MountConfiguration"

    account_name: str = field(metadata=rest(f"{_FILES}.accountName"))
    azure_file_url: str = field(metadata=rest(f"{_FILES}.azureFileUrl"))
    account_key: str = field(repr=False, metadata=rest(f"{_FILES}.accountKey"))
    relative_mount_path: str = field(metadata=rest(f"{_FILES}.relativeMountPath"))
    mount_options: str | None = field(default=None, metadata=rest(f"{_FILES}.mountOptions"))


@dataclass(frozen=True, kw_only=True)
class NfsMount(Spec):
    """
    An NFS export; the pool usually needs a subnet that reaches it.

    Example::

        NfsMount(source="10.0.0.9:/films", relative_mount_path="films", mount_options="-o vers=4.1")

    :param source: server and path.
    :param relative_mount_path: directory below ``AZ_BATCH_NODE_MOUNTS_DIR``.
    :param mount_options: further options of mount.
    """

    definition: ClassVar[str] = "MountConfiguration"

    source: str = field(metadata=rest(f"{_NFS}.source"))
    relative_mount_path: str = field(metadata=rest(f"{_NFS}.relativeMountPath"))
    mount_options: str | None = field(default=None, metadata=rest(f"{_NFS}.mountOptions"))


@dataclass(frozen=True, kw_only=True)
class CifsMount(Spec):
    """
    A share of a CIFS (SMB) server.

    Example::

        CifsMount(
            source="//10.0.0.9/films",
            username="render",
            password="{{ conn.films_share.password }}",
            relative_mount_path="films",
        )

    :param source: address of the share.
    :param username: who mounts.
    :param password: a secret; better taken by a template than written in a DAG.
    :param relative_mount_path: directory below ``AZ_BATCH_NODE_MOUNTS_DIR``.
    :param mount_options: further options of mount.
    """

    definition: ClassVar[str] = "MountConfiguration"

    source: str = field(metadata=rest(f"{_CIFS}.source"))
    username: str = field(metadata=rest(f"{_CIFS}.username"))
    password: str = field(repr=False, metadata=rest(f"{_CIFS}.password"))
    relative_mount_path: str = field(metadata=rest(f"{_CIFS}.relativeMountPath"))
    mount_options: str | None = field(default=None, metadata=rest(f"{_CIFS}.mountOptions"))


Mount = BlobMount | AzureFilesMount | NfsMount | CifsMount | Json
