"""Entity tags and conditions on them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_batch.emulator.model.etags import Conditions, etag

MODIFIED = datetime(2024, 3, 21, 23, 8, 7, 769292, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)


def test_etag_is_the_tick_count_in_hex_as_recorded() -> None:
    # Recorded: lastModified 2024-03-21T23:08:07.7692921Z, ETag 0x8DC49FBC56DC7F9; we have no tenth of a
    # microsecond.
    assert etag(MODIFIED) == f"0x{0x8DC49FBC56DC7F9 - 1:X}"


@pytest.mark.parametrize("form", ["{}", '"{}"', '"0x0", "{}"', "*"])
def test_if_match_holds_with_and_without_quotes(form: str) -> None:
    assert Conditions(if_match=form.format(etag(MODIFIED))).hold(MODIFIED)


def test_if_match_does_not_hold_after_a_change() -> None:
    assert not Conditions(if_match=etag(MODIFIED)).hold(MODIFIED + SECOND)


def test_if_none_match_is_the_opposite() -> None:
    assert not Conditions(if_none_match=etag(MODIFIED)).hold(MODIFIED)
    assert not Conditions(if_none_match="*").hold(MODIFIED)
    assert Conditions(if_none_match=etag(MODIFIED)).hold(MODIFIED + SECOND)


def test_dates_compare_in_whole_seconds_as_http_dates_are() -> None:
    whole = MODIFIED.replace(microsecond=0)
    assert Conditions(if_unmodified_since=whole).hold(MODIFIED)
    assert not Conditions(if_unmodified_since=whole - SECOND).hold(MODIFIED)
    assert not Conditions(if_modified_since=whole).hold(MODIFIED)
    assert Conditions(if_modified_since=whole - SECOND).hold(MODIFIED)


def test_no_conditions_always_hold() -> None:
    assert Conditions().hold(MODIFIED)
