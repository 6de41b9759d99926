"""What is needed to run a command line on a node; tasks, start tasks and those of jobs share it."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_batch.emulator.model.containers import ContainerSettings
from airflow_provider_batch.emulator.model.states import OutputFileUploadCondition


@dataclass(frozen=True)
class EnvironmentSetting:
    """One environment variable."""

    name: str
    value: str = ""


@dataclass(frozen=True)
class ResourceFile:
    """
    A file that is downloaded before the command runs.

    :param http_url: ``http`` or ``https`` address.
    :param file_path: place relative to the working directory; must stay in it.
    :param file_mode: octal text, for example ``0770``, which is the service's default.
    :param has_identity: a managed identity was named to read it with.
    """

    http_url: str = field(repr=False)
    file_path: str
    file_mode: str = "0770"
    has_identity: bool = False


@dataclass(frozen=True)
class ResourceContainer:
    """
    The blobs of a container that are downloaded before the command runs; their names become paths.

    :param url: of the container; None for one of the auto-storage account.
    :param auto_storage_container: its name there; None when there is an address.
    :param blob_prefix: beginning of the names that are wanted.
    :param directory: where to, relative to the working directory; must stay in it.
    """

    url: str | None = field(default=None, repr=False)
    auto_storage_container: str | None = None
    blob_prefix: str = ""
    directory: str = ""
    file_mode: str = "0770"
    has_identity: bool = False


Resource = ResourceFile | ResourceContainer


@dataclass(frozen=True)
class OutputFile:
    """
    Files that are uploaded when the command has ended.

    :param file_pattern: as the user wrote it, variables not expanded.
    :param container_url: of the container, with a signature.
    :param path: name of the blob, or the beginning of all names when the pattern has wildcards.
    :param upload_headers: name and value pairs.
    :param has_identity: a managed identity was named to write with.
    """

    file_pattern: str
    container_url: str = field(repr=False)
    condition: OutputFileUploadCondition
    path: str = ""
    upload_headers: tuple[tuple[str, str], ...] = ()
    has_identity: bool = False


@dataclass(frozen=True)
class PackageReference:
    """
    An application package that a node or a task needs.

    :param application_id: the last part of what may be a whole ARM id.
    :param version: None for the application's default version.
    """

    application_id: str
    version: str | None = None


@dataclass(frozen=True)
class Command:
    """
    A command line with its surroundings.

    :param command_line: split without a shell: no variables, no redirection, no globbing. May be empty only
        for a container, which then runs what its image says.
    :param container: None to run on the node itself.
    """

    command_line: str
    environment_settings: tuple[EnvironmentSetting, ...] = ()
    resource_files: tuple[Resource, ...] = ()
    output_files: tuple[OutputFile, ...] = ()
    packages: tuple[PackageReference, ...] = ()
    container: ContainerSettings | None = None
