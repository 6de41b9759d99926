"""
Resource files: fetched before the command runs.

Source: reference of the service, sections 4.6 and 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from airflow_provider_batch.emulator.execution.downloads import download
from airflow_provider_batch.emulator.execution.errands import Abandoned, Cancelled
from airflow_provider_batch.emulator.execution.preparation import PreparationFailed
from airflow_provider_batch.emulator.execution.storage_access import StorageAccess
from airflow_provider_batch.emulator.model import failures
from airflow_provider_batch.emulator.model.commands import Resource, ResourceContainer, ResourceFile
from airflow_provider_batch.emulator.model.failures import FailureInfo
from airflow_provider_batch.emulator.storage import blobs
from airflow_provider_batch.emulator.storage.sas import masked


def fetch(
    resources: Sequence[Resource],
    directory: Path,
    access: StorageAccess,
    timeout_seconds: float,
    cancelled: Cancelled,
) -> None:
    """
    Fetch resource files, one after the other.

    :param directory: what their paths are relative to.
    :param timeout_seconds: of each read.
    :raises PreparationFailed: one of them cannot be had.
    """
    for resource in resources:
        for file in _files(resource, access, cancelled):
            download(file, directory, timeout_seconds, cancelled)


def _files(resource: Resource, access: StorageAccess, cancelled: Cancelled) -> Iterator[ResourceFile]:
    if isinstance(resource, ResourceFile):
        url = access.readable(resource.http_url, has_identity=resource.has_identity)
        yield ResourceFile(url, resource.file_path, resource.file_mode)
        return
    container = _container(resource, access)
    try:
        for blob in container.list(resource.blob_prefix):
            if cancelled():
                raise Abandoned
            if blob.name.endswith("/"):
                # A mark for an empty directory, as some clients leave it.
                continue
            path = f"{resource.directory}/{blob.name}" if resource.directory else blob.name
            yield ResourceFile(container.blob_url(blob.name), path, resource.file_mode)
    except blobs.BlobError as error:
        raise PreparationFailed(_not_listed(_name(resource), error)) from None


def _container(resource: ResourceContainer, access: StorageAccess) -> blobs.BlobContainer:
    if resource.auto_storage_container is not None:
        url = access.auto_storage_container(resource.auto_storage_container)
        if url is None:
            reason = "AccountNotEnabledForAutoStorage: the emulator was started without --auto-storage"
            raise PreparationFailed(failures.resource_container_list_failed(_name(resource), reason))
    else:
        url = access.readable(resource.url or "", has_identity=resource.has_identity)
    try:
        return blobs.BlobContainer.from_url(url)
    except ValueError as error:
        raise PreparationFailed(
            failures.resource_container_list_failed(_name(resource), str(error))
        ) from None


def _name(resource: ResourceContainer) -> str:
    return resource.auto_storage_container or masked(resource.url or "")


def _not_listed(name: str, error: blobs.BlobError) -> FailureInfo:
    if isinstance(error, blobs.ContainerNotFoundError | blobs.BlobNotFoundError):
        return failures.resource_container_not_found(name)
    if isinstance(error, blobs.BlobAccessDeniedError) or error.code == "PublicAccessNotPermitted":
        return failures.resource_container_access_denied(name)
    if isinstance(error, blobs.BlobTimedOutError):
        return failures.resource_container_list_timed_out(name)
    return failures.resource_container_list_failed(name, error.code)
