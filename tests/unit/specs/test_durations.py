from __future__ import annotations

from datetime import timedelta

import isodate  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_batch.specs.durations import UNLIMITED, from_iso8601, to_iso8601

LONGEST = from_iso8601(UNLIMITED)
DURATIONS = st.timedeltas(min_value=-LONGEST, max_value=LONGEST)


@given(DURATIONS)
def test_a_duration_survives_writing_and_reading(duration):
    assert from_iso8601(to_iso8601(duration)) == duration


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_an_independent_parser_reads_what_is_written(duration):
    assert isodate.parse_duration(to_iso8601(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "PT0S"),
        (timedelta(minutes=90), "PT1H30M"),
        (timedelta(hours=36), "P1DT12H"),
        (timedelta(days=7), "P7D"),
        (timedelta(milliseconds=500), "PT0.5S"),
        (timedelta(minutes=-5), "-PT5M"),
        (LONGEST, "P10675199DT2H48M5.4775807S"),
        (timedelta.max, "P10675199DT2H48M5.4775807S"),
    ],
)
def test_durations_are_written_as_the_service_normalises_them(duration, text):
    assert to_iso8601(duration) == text


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT01H05M00S", timedelta(hours=1, minutes=5)),  # the vendor SDK pads with zeros
        ("PT06M00S", timedelta(minutes=6)),
        ("P3Y6M4DT12H30M5S", timedelta(days=1279, hours=12, minutes=30, seconds=5)),  # as the service counts
        ("P1W", timedelta(days=7)),
        (" pt1.5h ", timedelta(minutes=90)),
        ("PT0,5S", timedelta(milliseconds=500)),
        ("+PT1S", timedelta(seconds=1)),
    ],
)
def test_reading_is_lenient(text, duration):
    assert from_iso8601(text) == duration


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "5", "PT5", "1:30:00", "PT5M3H", "P1D2H", "PT\u0665M"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is no ISO 8601 duration"):
        from_iso8601(text)


def test_a_duration_that_python_cannot_hold_is_refused_with_its_text():
    with pytest.raises(ValueError, match="longer than any duration"):
        from_iso8601("P9999999999D")
