"""Applications as the data plane shows them."""

from __future__ import annotations

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.engine.engine import Engine
from airflow_provider_batch.emulator.model.applications import (
    Application,
    ApplicationPackage,
)
from airflow_provider_batch.emulator.service.results import Found
from airflow_provider_batch.emulator.wire.fields import Fields, Json, render
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.listing import Listing
from airflow_provider_batch.emulator.wire.query import Query

_FIELDS: Fields[Application] = {
    "id": lambda application, links: application.id,
    "displayName": lambda application, links: application.display_name,
    "versions": lambda application, links: application.active_versions,
}
_LIST = Listing(
    "listapplicationsummariesresponses", _FIELDS, {}, lambda application: (application.id.lower(),)
)


class Applications:
    """Read applications; only versions that nodes can use are seen."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, application_id: str, links: Links) -> Found:
        """
        Return one application.

        :raises ServiceError: ``ApplicationNotFound``, also for one without an active version.
        """
        with self._engine.reading() as state:
            application = state.application(application_id)
            if not application.active_versions:
                raise errors.application_not_found()
            return Found(render(_FIELDS, application, links))

    def list(self, path: str, query: Query, links: Links) -> Json:
        """Return one page of the applications."""
        with self._engine.reading() as state:
            usable = [each for each in state.applications.values() if each.active_versions]
            return _LIST.page(usable, path, query, links)

    def application_package(self, application_id: str, version: str | None = None) -> ApplicationPackage:
        """
        Return the package that a reference means, with its container and blob in auto storage.

        :param version: None for the default version.
        :raises ServiceError: ``ApplicationNotFound``, ``InvalidApplicationPackageReferences``.
        """
        with self._engine.reading() as state:
            return state.usable_package(application_id, version)
