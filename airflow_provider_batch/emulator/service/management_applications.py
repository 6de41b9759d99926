"""Applications and their packages on the management plane."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.machine import management_events as events
from airflow_provider_batch.emulator.model.applications import ApplicationPackage, container_of
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.service.checks import check_display_name, check_id
from airflow_provider_batch.emulator.service.management_listing import page
from airflow_provider_batch.emulator.storage import blobs
from airflow_provider_batch.emulator.storage.auto_storage import AutoStorage
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.management_resources import (
    AccountAddress,
    application_json,
    package_json,
)
from airflow_provider_batch.emulator.wire.query import Query

URL_LIFETIME = timedelta(hours=4)
"""How long the address of a package's blob may be used."""

_VERSION = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class ManagedApplications:
    """The operations on applications and packages. Those that ask storage do so without the engine's lock."""

    def __init__(self, engine: Engine, address: AccountAddress) -> None:
        self._engine = engine
        self._address = address

    # --- applications --------------------------------------------------------------------------------

    def create(self, application_id: str, body: Json) -> Json:
        """Create an application, or replace the properties of one that exists."""
        check_id(application_id, "applicationName")
        properties = _properties(body)
        self._engine.feed(
            events.CreateApplication(
                self._engine.now(),
                application_id,
                properties.get("displayName"),
                properties.get("allowUpdates", True),
                properties.get("defaultVersion"),
                body.get("tags"),
            )
        )
        return self.get(application_id)

    def update(self, application_id: str, body: Json) -> Json:
        """Change what is given."""
        properties = _properties(body)
        self._engine.feed(
            events.UpdateApplication(
                self._engine.now(),
                application_id,
                properties.get("displayName"),
                properties.get("allowUpdates"),
                properties.get("defaultVersion"),
                body.get("tags"),
            )
        )
        return self.get(application_id)

    def get(self, application_id: str) -> Json:
        """Return one application."""
        with self._engine.reading() as state:
            return application_json(self._address, state.application(application_id))

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the applications."""
        with self._engine.reading() as state:
            return page(
                state.applications.values(),
                lambda application: (application.id.lower(),),
                lambda application: application_json(self._address, application),
                (path, query, links),
            )

    def delete(self, application_id: str) -> bool:
        """Delete an application; whether there was one."""
        with self._engine.reading() as state:
            if id_key(application_id) not in state.applications:
                return False
            self._engine.feed(events.DeleteApplication(self._engine.now(), application_id))
            return True

    # --- packages ------------------------------------------------------------------------------------

    def create_package(self, application_id: str, version: str, body: Json) -> Json:
        """Create a version, or have one replaced; the answer says where its file is to be uploaded."""
        if not _VERSION.fullmatch(version):
            reason = "A version has 1 to 64 characters: letters, digits, '-', '_' and '.'"
            raise errors.invalid_property_value("versionName", version[:256], reason)
        storage = self._auto_storage()
        with self._engine.reading() as state:
            container = container_of(state.application(application_id).id)
        # First: were it to fail afterwards, there would be a version that nobody can upload.
        with _storage_errors():
            blobs.create_container(storage.container_maker_url(container, _now()))
        event = events.CreatePackage(self._engine.now(), application_id, version, body.get("tags"))
        self._engine.feed(event)
        return self.get_package(application_id, version)

    def activate_package(self, application_id: str, version: str, body: Json) -> Json:
        """Let nodes use a version whose file has been uploaded."""
        storage = self._auto_storage()
        if body["format"].lower() != "zip":
            raise errors.invalid_property_value("format", body["format"][:256], "Only zip is supported")
        with self._engine.reading() as state:
            package = state.application_package(application_id, version)
            url = _blob_url(storage, package, "r", _now())
        try:
            with _storage_errors():
                blobs.size_of(url)
        except (blobs.BlobNotFoundError, blobs.ContainerNotFoundError):
            raise errors.application_package_blob_not_found() from None
        self._engine.feed(events.ActivatePackage(self._engine.now(), application_id, version, "zip"))
        return self.get_package(application_id, version)

    def get_package(self, application_id: str, version: str) -> Json:
        """Return one version, with an address at which to upload its file, or to read it once active."""
        storage = self._engine.auto_storage
        with self._engine.reading() as state:
            application = state.application(application_id)
            package = state.application_package(application_id, version)
            if storage is None:
                return package_json(self._address, application, package)
            now = _now()
            permissions = "rw" if package.format is None else "r"
            url = _blob_url(storage, package, permissions, now)
            return package_json(self._address, application, package, (url, now + URL_LIFETIME))

    def list_packages(self, application_id: str, path: str, query: Query, links: Links) -> Json:
        """Return one page of the versions of an application, without addresses of their blobs."""
        with self._engine.reading() as state:
            application = state.application(application_id)
            return page(
                application.packages.values(),
                lambda package: (package.version.lower(),),
                lambda package: package_json(self._address, application, package),
                (path, query, links),
            )

    def delete_package(self, application_id: str, version: str) -> bool:
        """Delete a version and its blob; whether there was one."""
        with self._engine.reading() as state:
            application = state.application(application_id)
            package = application.packages.get(id_key(version))
            if package is None:
                return False
        storage = self._engine.auto_storage
        if storage is not None:
            # Perhaps nothing was ever uploaded.
            with suppress(blobs.BlobNotFoundError, blobs.ContainerNotFoundError), _storage_errors():
                blobs.delete(_blob_url(storage, package, "d", _now()))
        self._engine.feed(events.DeletePackage(self._engine.now(), application_id, version))
        return True

    def _auto_storage(self) -> AutoStorage:
        if self._engine.auto_storage is None:
            raise errors.account_not_enabled_for_auto_storage()
        return self._engine.auto_storage


def _properties(body: Mapping[str, Any]) -> Json:
    properties: Json = body.get("properties", {})
    check_display_name(properties)
    return properties


def _now() -> datetime:
    """The storage account goes by the real time, whatever the time of the Batch account."""
    return datetime.now(timezone.utc)


def _blob_url(storage: AutoStorage, package: ApplicationPackage, permissions: str, now: datetime) -> str:
    return storage.signed_blob_url(package.container, package.blob, permissions, now, URL_LIFETIME)


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Say that auto storage cannot be used; what is only absent is the caller's to judge."""
    try:
        yield
    except (blobs.BlobNotFoundError, blobs.ContainerNotFoundError):
        raise
    except blobs.BlobError as error:
        raise errors.auto_storage_not_usable(str(error)) from None
