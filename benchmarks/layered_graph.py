"""
The same layered graph as one Batch group and with the official operator: 12 levels of 5 tasks, 5 s each.

Every task of a level comes after all tasks of the level before. All ways run one after the other in one
Airflow on one emulator, on nodes that are idle when they begin, and poll every 5 seconds; the official
operator also runs "as shipped", with its own intervals (15 s, deferred 30 s). A run of it that fails is
counted as failed and is followed by one with retries, so that there is a time to compare with.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_batch.domain.ids import member_task_id
from benchmarks import shapes
from benchmarks.site import Run, Site, open_site
from demo.airflow_rest import TaskInstance
from demo.processes import exit_on_sigterm

LIMIT_SECONDS = 1200.0
RETRIES = 6
#: the bars
SPEED = 2.0
BEYOND_PER_LEVEL = 3.5
WORKERS = 2

GROUP = "group"
OFFICIAL = {
    "official sync": (False, True),
    "official deferrable": (True, True),
    "shipped sync": (False, False),
    "shipped deferrable": (True, False),
}


@dataclass(frozen=True)
class Shape:
    """What each way runs."""

    levels: int
    width: int
    seconds: float
    poll_interval: int

    @property
    def members(self) -> int:
        """How many tasks."""
        return self.levels * self.width


@dataclass(frozen=True)
class Result:
    """What one way took: the run that counts, and how many failed before it."""

    way: str
    run: Run
    failed_runs: int
    retries: int
    #: seconds from the first start to the last end in Batch; None where each task has a job of its own
    batch_seconds: float | None = None
    #: seconds from the start of a Batch task to the start of its mirror, sorted
    lags: Sequence[float] = ()

    def as_json(self, members: int) -> dict[str, Any]:
        """Return the figures."""
        return {
            "way": self.way,
            **self.run.as_json(),
            "cpu_total_s": round(sum(self.run.cpu.values()), 2),
            "cpu_per_member_s": round(sum(self.run.cpu.values()) / members, 3),
            "failed_runs": self.failed_runs,
            "retries": self.retries,
            "batch_s": self.batch_seconds,
            "lag_s": {"p50": self.lag(0.5), "p95": self.lag(0.95)} if self.lags else None,
        }

    def lag(self, share: float) -> float:
        """One quantile of the lags."""
        return round(self.lags[min(len(self.lags) - 1, int(len(self.lags) * share))], 2)


def run_group(site: Site, shape: Shape, number: int) -> Result:
    """
    Run the graph as one group.

    :param site: where.
    :param shape: the graph.
    :param number: tells it from other runs.
    """
    dag_id, run_id = f"group_{number}", f"r{number}"
    text = shapes.source(
        shapes.group,
        dag_id=dag_id,
        members=shape.members,
        width=shape.width,
        seconds=shape.seconds,
        pool="group",
        poll_interval=float(shape.poll_interval),
    )
    run = run_dag(site, dag_id, run_id, text)
    launched = site.airflow.rest.xcom(dag_id, run_id, TaskInstance("g.launch", -1, None, 1))
    times = {
        task_id: tuple(_seconds(task["executionInfo"][name]) for name in ("startTime", "endTime"))
        for task_id, task in site.batch_tasks(launched["batch_job_id"]).items()
        if "endTime" in task.get("executionInfo", {})
    }
    mirrors = site.first_lines(dag_id, run_id)
    lags = sorted(
        started - times[member_task_id(task_id)][0]
        for task_id, started in mirrors.items()
        if member_task_id(task_id) in times
    )
    ends = [end for _, end in times.values()]
    batch_seconds = max(ends) - min(start for start, _ in times.values()) if ends else None
    return Result(GROUP, run, int(run.state != "success"), 0, batch_seconds, lags)


def run_official(site: Site, shape: Shape, number: int, way: str) -> Result:
    """
    Run the graph with the official operator.

    :param site: where.
    :param shape: the graph.
    :param number: tells it from other runs.
    :param way: which of :data:`OFFICIAL`.
    """
    deferrable, equal = OFFICIAL[way]
    failed = 0
    for retries in (0, RETRIES):
        dag_id = f"{way.replace(' ', '_')}_{number}_{retries}"
        text = shapes.source(
            shapes.official,
            dag_id=dag_id,
            members=shape.members,
            width=shape.width,
            seconds=shape.seconds,
            pools=[f"place-{place}" for place in range(shape.width)],
            deferrable=deferrable,
            poll_interval=shape.poll_interval if equal else None,
            retries=retries,
        )
        run = run_dag(site, dag_id, "r", text)
        if run.state == "success":
            break
        failed += 1
        print(f"    {way} failed: {dict(run.states)}, {run.late_reports} late reports", flush=True)
        time.sleep(shape.seconds + 5)  # what still runs in Batch ends, so that all nodes are idle
    return Result(way, run, failed, retries)


def run_dag(site: Site, dag_id: str, run_id: str, text: str) -> Run:
    """
    Run a DAG once.

    :param site: where.
    :param dag_id: its id.
    :param run_id: a run id.
    :param text: text of its file.
    """
    site.add_dag(dag_id, text)
    time.sleep(3.0)  # the parsing is over
    return site.run(dag_id, run_id, limit_seconds=LIMIT_SECONDS)


def line(result: Result) -> str:
    """One line of the table."""
    run = result.run
    retries = f" retries={result.retries}" if result.retries else ""
    return (
        f"{result.way + retries:<32}{run.state:>9}{result.failed_runs:>7}{run.makespan:>10.1f} s"
        f"{sum(run.cpu.values()):>8.1f} s{run.workers:>9}{run.requests.total():>10}"
    )


HEAD = f"{'':<32}{'state':>9}{'failed':>7}{'makespan':>12}{'CPU':>10}{'workers':>9}{'requests':>10}"


def details(results: Sequence[Result]) -> str:
    """Requests by operation, CPU by service, and lags."""
    lines = []
    for result in results:
        cpu = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result.run.cpu.items())
        counts = ", ".join(f"{count} {name}" for name, count in sorted(result.run.requests.items()))
        lines += [f"{result.way}:", f"    CPU s: {cpu}", f"    requests: {counts}"]
        if result.lags:
            lines.append(f"    mirror after Batch task: p50 {result.lag(0.5)} s, p95 {result.lag(0.95)} s")
    return "\n".join(lines)


def bars(results: dict[str, Result], shape: Shape) -> dict[str, bool]:
    """What has to hold, and whether it does; a bar without the runs that it compares is left out."""
    ours = results[GROUP]
    found = {
        f"{ours.failed_runs} failed runs of the group, at most 0": not ours.failed_runs,
        f"{ours.run.workers} workers for the group, at most {WORKERS}": ours.run.workers <= WORKERS,
    }
    if ours.batch_seconds is not None:
        beyond = (ours.run.makespan - ours.batch_seconds) / shape.levels
        text = f"{beyond:.2f} s per level beyond Batch's own {ours.batch_seconds:.1f} s"
        found[f"{text}, at most {BEYOND_PER_LEVEL}"] = beyond <= BEYOND_PER_LEVEL
    for way in ("official sync", "official deferrable"):
        if way not in results:
            continue
        theirs = results[way].run
        faster = theirs.makespan / ours.run.makespan
        found[f"{faster:.2f} times faster than {way}, at least {SPEED}"] = faster >= SPEED
        share = sum(ours.run.cpu.values()) / sum(theirs.cpu.values())
        found[f"{share:.2f} of the CPU seconds of {way}, below 1"] = share < 1
    return found


def main() -> int:
    """Run the comparison; the status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ways", nargs="*", default=[GROUP, *OFFICIAL], help=f"{GROUP}, {', '.join(OFFICIAL)}")
    parser.add_argument("--levels", type=int, default=12)
    parser.add_argument("--width", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each task runs")
    parser.add_argument("--poll-interval", type=int, default=5)
    parser.add_argument("--keep-logs", type=Path, help="folder that gets the logs of all services and tasks")
    parser.add_argument("--json", type=Path, help="file that gets the figures")
    options = parser.parse_args()
    shape = Shape(options.levels, options.width, options.seconds, options.poll_interval)
    exit_on_sigterm()
    results: dict[str, Result] = {}
    # As many workers as a level has tasks: without that, what does not defer waits for its turn.
    parallelism = {"AIRFLOW__CORE__PARALLELISM": str(max(8, shape.width))}
    with open_site(parallelism, options.keep_logs) as site:
        site.add_pool("group", nodes=shape.width)
        for place in range(shape.width):
            site.add_pool(f"place-{place}")
        site.warm_up(
            shapes.source(shapes.group, dag_id="warm", members=2, width=1, seconds=0.1, pool="group")
        )
        site.measure_idle()
        print(HEAD, flush=True)
        for number, way in enumerate(options.ways):
            results[way] = (
                run_group(site, shape, number) if way == GROUP else run_official(site, shape, number, way)
            )
            print(line(results[way]), flush=True)
    print(details(list(results.values())))
    held = bars(results, shape) if GROUP in results else {}
    for text, met in held.items():
        print(f"{'ok    ' if met else 'MISSED'} {text}")
    if options.json is not None:
        figures = [result.as_json(shape.members) for result in results.values()]
        options.json.write_text(json.dumps({"shape": vars(shape), "ways": figures, "bars": held}, indent=2))
    return 0 if all(held.values()) else 1


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


if __name__ == "__main__":
    sys.exit(main())
