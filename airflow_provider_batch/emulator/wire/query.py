"""The query string: names without regard to case, and the values that several operations take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from airflow_provider_batch.emulator import errors

MAX_RESULTS = 1000
"""Most elements on one page, and how many there are when the client does not say."""


@dataclass(frozen=True)
class Query:
    """
    The parameters of one request.

    :param values: first value by lower-case name.
    :param sent: all pairs as they were sent, for links to further pages.
    """

    values: Mapping[str, str]
    sent: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read a query string."""
        pairs = parse_qsl(text, keep_blank_values=True)
        values: dict[str, str] = {}
        for name, value in pairs:
            values.setdefault(name.lower(), value)
        return cls(values, tuple(pairs))

    def text(self, name: str) -> str | None:
        """A parameter; empty is absent."""
        return self.values.get(name.lower()) or None

    def flag(self, name: str) -> bool:
        """
        A parameter that is ``true`` or ``false``; absent is false.

        :raises ServiceError: ``InvalidQueryParameterValue``.
        """
        value = self.text(name)
        if value is None:
            return False
        if value.lower() not in ("true", "false"):
            raise errors.invalid_query_parameter_value(name, value, "true or false is expected")
        return value.lower() == "true"

    def max_results(self) -> int:
        """
        How many elements the client takes on one page.

        :raises ServiceError: ``InvalidQueryParameterValue``.
        """
        value = self.text("maxresults")
        if value is None:
            return MAX_RESULTS
        if not value.removeprefix("-").isdecimal() or len(value) > 10:
            raise errors.invalid_query_parameter_value("maxresults", value, "An integer is expected")
        if int(value) < 1:
            raise errors.invalid_query_parameter_value(
                "maxresults", value, "MaxResults cannot be less than 1"
            )
        if int(value) > MAX_RESULTS:
            reason = f"MaxResults cannot be greater than {MAX_RESULTS}"
            raise errors.invalid_query_parameter_value("maxresults", value, reason)
        return int(value)

    def select(self) -> frozenset[str] | None:
        """The names in ``$select``; ``None`` when everything is wanted."""
        value = self.text("$select")
        return None if value is None else frozenset(name.strip() for name in value.split(","))

    def check_expand(self) -> None:
        """
        Accept ``$expand=stats`` only: there are no statistics yet, so it adds nothing.

        :raises ServiceError: ``InvalidQueryParameterValue``.
        """
        value = self.text("$expand")
        if value not in (None, "stats"):
            raise errors.invalid_query_parameter_value("$expand", value, "Only stats can be expanded")
