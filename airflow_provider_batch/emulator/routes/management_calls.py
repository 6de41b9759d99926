"""One request to the management plane, as handlers see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_batch.emulator.model.etags import Conditions
from airflow_provider_batch.emulator.wire.conditions import parse_conditions
from airflow_provider_batch.emulator.wire.fields import Json
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.query import Query
from airflow_provider_batch.emulator.wire.schema import management


@dataclass(frozen=True)
class ManagementCall:
    """
    A request.

    :param operation: name of the operation, see ``management_table``.
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

    @property
    def conditions(self) -> Conditions:
        """The conditional headers; the weakness of an ETag changes nothing."""
        conditional = ("if-match", "if-none-match")
        strong = {name: self.headers[name].replace("W/", "") for name in conditional if name in self.headers}
        return parse_conditions(strong)

    def json(self) -> Json:
        """The checked body; an absent one is an empty object."""
        return management().parse_body(self.operation, self.body if self.body.strip() else b"{}")
