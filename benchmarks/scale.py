"""
How groups of many members run: makespan, CPU of the triggerer, what they do to other triggers beside them.

Beside each shape runs its floor, the same tasks with triggers that only sleep: what Airflow itself takes, on
this machine and in this hour.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import shapes
from benchmarks.event_loop import PAUSE
from benchmarks.site import Run, Site, open_site
from demo.processes import exit_on_sigterm

POOL = "scale"
SECONDS = 1.0
LIMIT_SECONDS = 1800.0
#: greatest p99 of the lag of other triggers, seconds, beside at most this many mirrors
LAG_BAR = 0.5
LAG_BAR_MEMBERS = 250


@dataclass(frozen=True)
class Case:
    """One DAG to run."""

    name: str
    source: str


@dataclass(frozen=True)
class Lag:
    """How late the probe was woken during a run, seconds."""

    p50: float
    p99: float
    longest: float


def case(name: str, dag_id: str) -> Case:
    """
    Read the name of a case: ``flat-N``, ``layered-N`` (levels of 20), ``mapped-N``, ``workers-N``.

    Before the first three, ``floor-`` stands for triggers that only sleep, ``result-floor-`` for those that
    leave a result, too.

    :param name: the name.
    :param dag_id: id for its DAG.
    """
    kind, _, number = name.rpartition("-")
    members = int(number)
    common: dict[str, Any] = {"dag_id": dag_id, "members": members, "seconds": SECONDS}
    if kind.startswith("result-floor-"):
        kind = kind.removeprefix("result-")
        common["leaves_result"] = True
    width = {"width": 20 if kind.endswith("layered") else members}
    batch = {"pool": POOL}
    match kind:
        case "flat" | "layered":
            text = shapes.source(shapes.group, **common, **width, **batch, max_mirrors=members)
        case "workers":
            text = shapes.source(shapes.group, **common, **width, **batch, max_mirrors=0)
        case "blocking":
            options = {"max_mirrors": 0, "deferrable": False}
            text = shapes.source(shapes.group, **common, **width, **batch, **options)
        case "mapped":
            text = shapes.source(shapes.mapped, **common, **batch)
        case "floor-flat" | "floor-layered":
            text = shapes.source(shapes.floor, **common, **width)
        case "floor-mapped":
            text = shapes.source(shapes.mapped_floor, **common)
        case _:
            raise SystemExit(f"unknown case {name!r}")
    return Case(name, text)


def lag_between(samples: Path, begin: float, end: float) -> Lag:
    """
    Return how late the probe was in a time.

    While it is held up it takes no sample, so those that it would have taken are added: each a pause later,
    and so much less late.

    :param samples: its notes.
    :param begin: seconds since the epoch.
    :param end: seconds since the epoch.
    """
    notes = [tuple(map(float, line.split())) for line in samples.read_text().splitlines()]
    lags = sorted(
        late - missed * PAUSE
        for at, late in notes
        if begin <= at <= end
        for missed in range(1 + int(late / PAUSE))
    )
    if not lags:
        return Lag(end - begin, end - begin, end - begin)
    return Lag(lags[len(lags) // 2], lags[int(len(lags) * 0.99)], lags[-1])


def measure(site: Site, name: str, number: int, samples: Path, limit_seconds: float) -> tuple[Run, Lag]:
    """
    Run one case.

    :param site: where.
    :param name: name of the case.
    :param number: tells it from others of that name.
    :param samples: the probe's notes.
    :param limit_seconds: longest time of the run.
    """
    dag_id = f"{name.replace('-', '_')}_{number}"
    site.add_dag(dag_id, case(name, dag_id).source)
    time.sleep(3.0)  # the parsing is over
    began = time.time()
    run = site.run(dag_id, f"r{number}", limit_seconds=limit_seconds)
    lag = lag_between(samples, began, time.time())
    return run, lag


CASES = [
    *("floor-flat-60", "flat-60", "floor-flat-240", "result-floor-flat-240", "flat-240"),
    *("floor-mapped-500", "result-floor-mapped-500", "mapped-500"),
]
HEAD = (
    f"{'case':<26}{'state':>9}{'makespan':>10}{'triggerer':>11}{'scheduler':>11}{'api':>7}{'dag-proc':>9}"
    f"{'workers':>9}{'lag p50':>9}{'p99':>7}{'max':>7}  requests"
)


def line(name: str, run: Run, lag: Lag) -> str:
    """One line of the table."""
    cpu = run.cpu
    return (
        f"{name:<26}{run.state:>9}{run.makespan:>8.1f} s{cpu['triggerer']:>9.1f} s{cpu['scheduler']:>9.1f} s"
        f"{cpu['api-server']:>7.1f}{cpu['dag-processor']:>9.1f}{run.workers:>9}"
        f"{lag.p50:>9.2f}{lag.p99:>7.2f}{lag.longest:>7.2f}  "
        + ", ".join(f"{count} {operation}" for operation, count in sorted(run.requests.items()))
    )


def main() -> int:
    """Run the cases; the status is 1 when a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--keep-logs", type=Path, help="folder that gets the logs of all services and tasks")
    parser.add_argument("--json", type=Path, help="file that gets the figures")
    parser.add_argument("--limit", type=float, default=LIMIT_SECONDS, help="longest time of a run, seconds")
    options = parser.parse_args()
    exit_on_sigterm()
    results: list[dict[str, Any]] = []
    with open_site({}, options.keep_logs) as site:
        site.add_pool(POOL, nodes=4, slots=256)
        samples = site.folder / "samples"
        site.add_dag("probe", shapes.source(shapes.probe, dag_id="probe", samples=str(samples)))
        site.airflow.rest.trigger("probe", {}, "probe")
        site.warm_up(shapes.source(shapes.group, dag_id="warm", members=2, width=1, seconds=0.1, pool=POOL))
        site.measure_idle()
        print(HEAD, flush=True)
        for number, name in enumerate(options.cases):
            run, lag = measure(site, name, number, samples, options.limit)
            print(line(name, run, lag), flush=True)
            if run.state != "success":
                print(f"    {dict(run.states)}", flush=True)
            results.append({"case": name, **run.as_json(), "lag_s": vars(lag)})
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2))
    return 0 if all(result["state"] == "success" for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
