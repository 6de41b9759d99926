"""The disks of a pool's nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Flag, Json, Number, Spec, rest


@dataclass(frozen=True, kw_only=True)
class OsDisk(Spec):
    """
    The disk with the operating system.

    Example::

        OsDisk(disk_size_gb=128, storage_account_type="standardssd_lrs")
        OsDisk.ephemeral()

    :param disk_size_gb: GiB; that of the image when left out.
    :param caching: ``none``, ``readonly`` or ``readwrite``.
    :param storage_account_type: ``standard_lrs``, ``standardssd_lrs`` or ``premium_lrs``.
    :param encryption_set_id: resource id of a disk encryption set.
    :param placement: ``cachedisk`` for an ephemeral disk on the machine itself: faster, and not billed apart.
    :param extra: REST JSON for the rest.
    """

    definition: ClassVar[str] = "BatchOsDisk"

    disk_size_gb: Number | None = field(default=None, metadata=rest("diskSizeGB"))
    caching: str | None = None
    storage_account_type: str | None = field(default=None, metadata=rest("managedDisk.storageAccountType"))
    encryption_set_id: str | None = field(default=None, metadata=rest("managedDisk.diskEncryptionSet.id"))
    placement: str | None = field(default=None, metadata=rest("ephemeralOSDiskSettings.placement"))
    extra: Json = field(default_factory=dict)

    @classmethod
    def ephemeral(cls) -> OsDisk:
        """A disk on the machine itself; the VM size must have room for it in its cache."""
        return cls(placement="cachedisk", caching="readonly")


@dataclass(frozen=True, kw_only=True)
class DataDisk(Spec):
    """
    A further, empty disk; a start task must format and mount it.

    Example::

        DataDisk(lun=0, disk_size_gb=512, storage_account_type="premium_lrs")

    :param lun: its number on the machine, different for each disk.
    :param disk_size_gb: GiB.
    :param caching: ``none`` (the service's default), ``readonly`` or ``readwrite``.
    :param storage_account_type: ``standard_lrs``, ``standardssd_lrs`` or ``premium_lrs``.
    :param encryption_set_id: resource id of a disk encryption set.
    """

    definition: ClassVar[str] = "DataDisk"

    lun: Number
    disk_size_gb: Number = field(metadata=rest("diskSizeGB"))
    caching: str | None = None
    storage_account_type: str | None = field(default=None, metadata=rest("managedDisk.storageAccountType"))
    encryption_set_id: str | None = field(default=None, metadata=rest("managedDisk.diskEncryptionSet.id"))


@dataclass(frozen=True, kw_only=True)
class DiskEncryption(Spec):
    """
    Encryption of the nodes' disks, with the platform's key unless another one is named.

    Example::

        DiskEncryption(targets=["osdisk", "temporarydisk"])

    :param targets: ``osdisk``, ``temporarydisk``; Linux pools take ``temporarydisk`` too, Windows needs both.
    :param key_url: address of an own key in Azure Key Vault.
    :param identity_resource_id: resource id of the user-assigned identity of the pool that reads the key.
    :param rotate_to_latest_key: take new versions of the key as they come.
    """

    definition: ClassVar[str] = "DiskEncryptionConfiguration"

    targets: Sequence[str] | str | None = None
    key_url: str | None = field(default=None, metadata=rest("customerManagedKey.keyUrl"))
    identity_resource_id: str | None = field(
        default=None, metadata=rest("customerManagedKey.identityReference.resourceId")
    )
    rotate_to_latest_key: Flag | None = field(
        default=None, metadata=rest("customerManagedKey.rotationToLatestKeyVersionEnabled")
    )
