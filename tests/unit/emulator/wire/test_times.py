from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.emulator.wire.durations import (
    INFINITE,
    INFINITE_TEXT,
    format_duration,
    normalise_duration,
    parse_duration,
)
from airflow_provider_batch.emulator.wire.times import format_http_date, format_time, parse_time


@pytest.mark.parametrize(
    ("sent", "normal"),
    [
        ("PT06M00S", "PT6M"),
        ("PT01H00M00S", "PT1H"),
        ("P3Y6M4DT12H30M5S", "P1279DT12H30M5S"),
        ("PT24H", "P1D"),
        ("PT90S", "PT1M30S"),
        ("P1W", "P7D"),
        ("PT0S", "PT0S"),
        ("PT0.5S", "PT0.5S"),
        ("PT1.500S", "PT1.5S"),
        (INFINITE_TEXT, INFINITE_TEXT),
    ],
)
def test_duration_is_normalised_as_the_service_does(sent, normal):
    assert normalise_duration(sent) == normal


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "5", "-PT5M", "P1H", "PT5", "PT\u0665M", "P99999999D", "P999999999Y", "PT1S "]
)
def test_text_that_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=INFINITE))
def test_written_duration_reads_back(value):
    assert parse_duration(format_duration(value)) == value


@given(st.text(alphabet="PTYMWDHS0123456789.-", max_size=24))
def test_any_text_is_a_duration_or_a_value_error(text):
    try:
        value = parse_duration(text)
    except ValueError:
        return
    assert timedelta(0) <= value <= INFINITE


def test_time_drops_trailing_zeros():
    assert (
        format_time(datetime(2022, 9, 6, 23, 44, 11, 515370, tzinfo=timezone.utc))
        == "2022-09-06T23:44:11.51537Z"
    )
    assert format_time(datetime(2022, 9, 6, 23, 44, 11, tzinfo=timezone.utc)) == "2022-09-06T23:44:11Z"


def test_seventh_digit_is_read_and_dropped():
    expected = datetime(2022, 9, 6, 23, 44, 11, 515371, tzinfo=timezone.utc)
    assert parse_time("2022-09-06T23:44:11.5153719Z") == expected


def test_offset_is_turned_to_utc():
    assert (
        parse_time("2022-09-06T02:00:00+02:00")
        == parse_time("2022-09-06T00:00:00Z")
        == parse_time("2022-09-06")
    )


def test_header_date_has_whole_seconds():
    value = datetime(2020, 3, 21, 2, 12, 24, 999999, tzinfo=timezone.utc)
    assert format_http_date(value) == "Sat, 21 Mar 2020 02:12:24 GMT"


@pytest.mark.parametrize(
    "text", ["", "now", "2022-13-01T00:00:00Z", "2022-09-06 00:00:00", "0001-01-01T00:00:00+09:00"]
)
def test_text_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_written_time_reads_back(value):
    assert parse_time(format_time(value)) == value
