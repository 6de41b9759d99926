"""Applications and their packages: what users do to them, and which package a reference means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.machine import management_events as events
from airflow_provider_batch.emulator.machine.world import World
from airflow_provider_batch.emulator.model.applications import (
    MAX_APPLICATIONS,
    MAX_PACKAGES,
    Application,
    ApplicationPackage,
    container_of,
)
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.states import PackageState


def create(world: World, event: events.CreateApplication) -> None:
    """Create an application; one that exists keeps its packages."""
    applications = world.state.applications
    present = applications.get(id_key(event.application_id))
    if present is None and len(applications) >= MAX_APPLICATIONS:
        raise errors.application_quota_reached()
    application = present or Application(event.application_id, world.now)
    _set_default(application, event.default_version)
    application.display_name = event.display_name
    application.allow_updates = event.allow_updates
    application.tags = event.tags or {}
    applications[id_key(application.id)] = application
    if present is not None:
        world.touch(application)


def update(world: World, event: events.UpdateApplication) -> None:
    """Change what is given."""
    application = world.state.application(event.application_id)
    _set_default(application, event.default_version)
    if event.display_name is not None:
        application.display_name = event.display_name
    if event.allow_updates is not None:
        application.allow_updates = event.allow_updates
    if event.tags is not None:
        application.tags = event.tags
    world.touch(application)


def _set_default(application: Application, version: str | None) -> None:
    if version is None:
        return
    package = application.active_package(version)
    if package is None:
        raise errors.requested_default_version_not_active()
    application.default_version = package.version


def delete(world: World, event: events.DeleteApplication) -> None:
    """Delete an application that has no packages."""
    application = world.state.application(event.application_id)
    if application.packages:
        raise errors.application_packages_not_empty()
    del world.state.applications[id_key(application.id)]


def create_package(world: World, event: events.CreatePackage) -> None:
    """Create a version that waits for its file; one that exists waits for another file."""
    application = world.state.application(event.application_id)
    present = application.packages.get(id_key(event.version))
    if present is None and len(application.packages) >= MAX_PACKAGES:
        raise errors.application_package_quota_reached()
    if present is not None and present.state is PackageState.ACTIVE and not application.allow_updates:
        raise errors.application_package_updates_not_allowed()
    package = present or ApplicationPackage(
        event.version, container_of(application.id), event.version, world.now
    )
    package.state, package.format, package.last_activation_time = PackageState.PENDING, None, None
    package.tags = event.tags or {}
    application.packages[id_key(event.version)] = package
    if present is not None:
        world.touch(package)


def activate_package(world: World, event: events.ActivatePackage) -> None:
    """Let nodes use a version."""
    package = world.state.application_package(event.application_id, event.version)
    package.state, package.format, package.last_activation_time = (
        PackageState.ACTIVE,
        event.format,
        world.now,
    )
    world.touch(package)


def delete_package(world: World, event: events.DeletePackage) -> None:
    """Delete a version; when it is the default one, there is none from now on."""
    application = world.state.application(event.application_id)
    package = world.state.application_package(event.application_id, event.version)
    del application.packages[id_key(package.version)]
    if application.default_version is not None and id_key(application.default_version) == id_key(
        package.version
    ):
        application.default_version = None
        world.touch(application)


HANDLERS: Mapping[type, Callable[[World, Any], None]] = {
    events.CreateApplication: create,
    events.UpdateApplication: update,
    events.DeleteApplication: delete,
    events.CreatePackage: create_package,
    events.ActivatePackage: activate_package,
    events.DeletePackage: delete_package,
}
