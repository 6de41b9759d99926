"""What users ask of the management plane: the account, applications, packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_batch.emulator.machine.events import Event
from airflow_provider_batch.emulator.model.account import AuthenticationMode, KeyName


@dataclass(frozen=True)
class UpdateAccount(Event):
    """A user changes the account; what is None stays."""

    tags: Mapping[str, str] | None = None
    authentication_modes: tuple[AuthenticationMode, ...] | None = None
    public_network_access: str | None = None


@dataclass(frozen=True)
class RegenerateKey(Event):
    """A user replaces one of the account's keys."""

    name: KeyName
    key: str


@dataclass(frozen=True)
class SynchronizeAutoStorageKeys(Event):
    """A user has the keys of auto storage read again."""


@dataclass(frozen=True)
class ApplicationVerb(Event):
    """Base: a user acts on an application."""

    application_id: str


@dataclass(frozen=True)
class CreateApplication(ApplicationVerb):
    """
    A user creates an application, or replaces its properties.

    :param default_version: None leaves that of an application that exists.
    """

    display_name: str | None = None
    allow_updates: bool = True
    default_version: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class UpdateApplication(ApplicationVerb):
    """A user changes an application; what is None stays."""

    display_name: str | None = None
    allow_updates: bool | None = None
    default_version: str | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class DeleteApplication(ApplicationVerb):
    """A user deletes an application."""


@dataclass(frozen=True)
class PackageVerb(ApplicationVerb):
    """Base: a user acts on one version of an application."""

    version: str


@dataclass(frozen=True)
class CreatePackage(PackageVerb):
    """A user creates a version, or has it replaced."""

    tags: Mapping[str, str] | None = None


@dataclass(frozen=True)
class ActivatePackage(PackageVerb):
    """A user has uploaded the file of a version, which nodes may use from now on."""

    format: str


@dataclass(frozen=True)
class DeletePackage(PackageVerb):
    """A user deletes a version."""
