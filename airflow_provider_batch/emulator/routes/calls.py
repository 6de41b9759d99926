"""One request, as handlers see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.wire.conditions import parse_conditions
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.schema import parse_body


@dataclass(frozen=True)
class Call:
    """
    A request.

    :param operation: name of the operation, as the vendor SDK's method.
    :param path: as the client sent it, percent-encoded.
    :param ids: the variable parts of the path, decoded.
    :param headers: with lower-case names.
    """

    operation: str
    path: str
    ids: Mapping[str, str]
    query: Query
    headers: Mapping[str, str]
    body: bytes
    links: Links
    request_id: str

    @property
    def conditions(self) -> Conditions:
        """The conditional headers."""
        return parse_conditions(self.headers)

    def json(self) -> Json:
        """The checked body."""
        return parse_body(self.operation, self.body, self.links.api_version)

    def optional_json(self) -> Json:
        """The checked body; an absent one is an empty object."""
        return self.json() if self.body.strip() else {}
