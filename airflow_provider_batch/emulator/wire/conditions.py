"""Conditional headers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.etags import Conditions


def parse_conditions(headers: Mapping[str, str]) -> Conditions:
    """
    Read the conditional headers of a request.

    :param headers: with lower-case names.
    :raises ServiceError: ``InvalidHeaderValue`` for a date that is none.
    """
    return Conditions(
        if_match=headers.get("if-match"),
        if_none_match=headers.get("if-none-match"),
        if_modified_since=_date(headers, "if-modified-since"),
        if_unmodified_since=_date(headers, "if-unmodified-since"),
    )


def _date(headers: Mapping[str, str], name: str) -> datetime | None:
    text = headers.get(name)
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        raise errors.invalid_header_value(name, text) from None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
