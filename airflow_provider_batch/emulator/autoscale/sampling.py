"""The methods of the read-only variables, which look into the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from airflow_provider_batch.emulator.autoscale.inputs import Inputs, Metric, Sample
from airflow_provider_batch.emulator.autoscale.values import (
    DoubleVec,
    TimeInterval,
    Timestamp,
    Value,
    kind_of,
)


class TooFewSamples(Exception):
    """
    More samples were wanted than there are.

    :param wanted: percent.
    :param received: percent.
    """

    def __init__(self, wanted: float, received: float) -> None:
        super().__init__(f"wanted {wanted:.0f}%, received {received:.0f}%")


@dataclass(frozen=True)
class SampledMetric:
    """One read-only variable, as formulas see it now."""

    metric: Metric
    inputs: Inputs

    def call(self, method: str, arguments: Sequence[Value]) -> Value:
        """
        Call a method.

        :raises KeyError: there is no such method.
        :raises ValueError: wrong arguments.
        :raises TooFewSamples: not as many as are needed.
        """
        return _METHODS[method](self, arguments)

    def value(self) -> float:
        """
        Return the present value, else that of the latest sample.

        :raises TooFewSamples: there is none.
        """
        if self.metric.current is not None:
            return float(self.metric.current)
        latest = next(self._newest_first(), None)
        if latest is None:
            raise TooFewSamples(100, 0)
        return latest[1]

    # --- methods --------------------------------------------------------------------------------------

    def get_sample(self, arguments: Sequence[Value]) -> DoubleVec:
        """``GetSample(count)``, ``GetSample(start[, percent])``, ``GetSample(start, end[, percent])``."""
        if len(arguments) == 1 and isinstance(arguments[0], float):
            return self._latest(arguments[0])
        *times, last = arguments or (0.0,)
        percent = last if times and isinstance(last, float) else None
        found, received = self._window("GetSample", times if percent is not None else arguments)
        if not found or (percent is not None and received < percent):
            raise TooFewSamples(100 if percent is None else percent, received)
        return found

    def get_sample_percent(self, arguments: Sequence[Value]) -> float:
        """``GetSamplePercent(start[, end])``."""
        return self._window("GetSamplePercent", arguments)[1]

    def get_sample_period(self, arguments: Sequence[Value]) -> TimeInterval:
        """``GetSamplePeriod()``."""
        _no_arguments("GetSamplePeriod", arguments)
        return TimeInterval.of(self.inputs.sample_period)

    def count(self, arguments: Sequence[Value]) -> float:
        """``Count()``."""
        _no_arguments("Count", arguments)
        return float(sum(1 for _ in self._newest_first()))

    def history_begin_time(self, arguments: Sequence[Value]) -> Timestamp:
        """``HistoryBeginTime()``."""
        _no_arguments("HistoryBeginTime", arguments)
        if next(self._newest_first(), None) is None:
            raise TooFewSamples(100, 0)
        return Timestamp.of(self.metric.samples[0][0])

    # --- looking back ---------------------------------------------------------------------------------

    def _newest_first(self) -> Iterator[Sample]:
        newest = self.inputs.now - self.inputs.sample_delay
        # Callers may give whole numbers; the language has none.
        return ((at, float(value)) for at, value in reversed(self.metric.samples) if at <= newest)

    def _latest(self, count: float) -> DoubleVec:
        if not 0 <= count < 2**31:
            raise ValueError("GetSample takes a number of samples that is not negative")
        wanted = int(count)
        found = [value for _, value in islice(self._newest_first(), wanted)]
        if len(found) < wanted:
            raise TooFewSamples(100, 100 * len(found) // wanted)
        return tuple(reversed(found))

    def _window(self, method: str, arguments: Sequence[Value]) -> tuple[DoubleVec, float]:
        """Samples between two moments, given in either order, and how many of the possible ones they are."""
        if len(arguments) not in (1, 2):
            raise ValueError(f"{method} takes a start and an end")
        moments = [self._moment(method, argument) for argument in arguments]
        start, end = sorted((moments[0], moments[1] if len(moments) == 2 else self.inputs.now))
        found: list[float] = []
        for at, value in self._newest_first():
            if at <= start:
                break
            if at <= end:
                found.append(value)
        possible = max(1, (end - start) // self.inputs.sample_period)
        return tuple(reversed(found)), min(100.0, 100 * len(found) / possible)

    def _moment(self, method: str, argument: Value) -> datetime:
        if isinstance(argument, Timestamp):
            return argument.datetime()
        if isinstance(argument, TimeInterval):
            try:
                return self.inputs.now - argument.timedelta()
            except OverflowError:
                raise ValueError(f"{method} looks back too far") from None
        raise ValueError(f"{method} takes a timestamp or a timeinterval, not a {kind_of(argument)}")


def _no_arguments(method: str, arguments: Sequence[Value]) -> None:
    if arguments:
        raise ValueError(f"{method} takes no arguments")


_METHODS: Mapping[str, Callable[[SampledMetric, Sequence[Value]], Value]] = {
    "GetSample": SampledMetric.get_sample,
    "GetSamplePercent": SampledMetric.get_sample_percent,
    "GetSamplePeriod": SampledMetric.get_sample_period,
    "Count": SampledMetric.count,
    "HistoryBeginTime": SampledMetric.history_begin_time,
}
