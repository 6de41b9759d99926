#!/usr/bin/env python3
"""
Ask a real Azure Batch account what its documentation leaves open, and compare with what we assume.

The facts and what follows from each are in docs/assumptions.md. The script needs a pool with at least one
Linux node (one is best: see "rerun_output" there) and creates none; it makes one job on it, whose short tasks
take three to four minutes, and deletes the job at the end, however it ends.

    pip install azure-batch azure-identity
    az login
    python scripts/check_assumptions.py --account-url https://NAME.REGION.batch.azure.com --pool POOL

With AZURE_BATCH_ACCOUNT and AZURE_BATCH_ACCESS_KEY in the environment it uses the account's key instead of
Microsoft Entra ID.

Exit status: 0 when all is as assumed, 1 when a fact is not or could not be found out, 2 when it cannot begin.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError

JOB_PREFIX = "check-assumptions-"
POLL_SECONDS = 0.5
DELETE_SECONDS = 120

EXIT_AS_ASSUMED, EXIT_DIFFERS, EXIT_USAGE = 0, 1, 2


class CannotTellError(Exception):
    """A check could not come to a result; the text says why."""


@dataclass(frozen=True)
class Finding:
    """What one check has found."""

    value: str
    note: str = ""


@dataclass(frozen=True)
class Bench:
    """
    The account, and the job in which everything is tried.

    :param run_seconds: how long a task runs that is to be met while it runs.
    :param settle_seconds: how long to wait for what may never happen.
    :param limit_seconds: how long to wait for what must happen.
    :param empty_seconds: how long to wait for the end of a job without tasks.
    """

    client: BatchClient
    job_id: str
    run_seconds: float
    settle_seconds: float
    limit_seconds: float
    empty_seconds: float
    pool_id: str

    @contextmanager
    def other_job(self, **more: Any) -> Iterator[Bench]:
        """A further job without dependencies, for as long as it is needed."""
        job_id = f"{self.job_id}-{uuid.uuid4().hex[:6]}"
        job: Any = {
            "id": job_id,
            "poolInfo": {"poolId": self.pool_id},
            "constraints": {"maxWallClockTime": "PT1H"},
            **more,
        }
        self.client.create_job(job)
        try:
            yield replace(self, job_id=job_id)
        finally:
            self.client.begin_delete_job(job_id)

    def add(self, task_id: str, command_line: str = "/bin/true", **more: Any) -> Any:
        """Add one task in a collection; return its result, whose refusal is raised."""
        task: Any = {"id": task_id, "commandLine": command_line, **more}
        group: Any = {"value": [task]}
        answer = self.client.create_task_collection(self.job_id, models.BatchTaskGroup(group))
        result = next(iter(answer.result_values or ()))
        if result.error is not None:
            raise RefusedError(str(result.error.code))
        return result

    def get(self, task_id: str) -> Any:
        """Look at a task."""
        return self.client.get_task(self.job_id, task_id)

    def completed(self, task_id: str, until: Callable[[Any], bool] = bool) -> Any:
        """
        Wait until a task is completed.

        :param until: what else is wanted of it.
        :raises CannotTellError: it takes too long.
        """

        def look() -> Any:
            task = self.get(task_id)
            return task if word(task.state) == "completed" and until(task) else None

        task = self.wait(look, self.limit_seconds)
        if task is None:
            raise CannotTellError(f"task {task_id} was not completed within {self.limit_seconds:g} s")
        return task

    def wait(self, look: Callable[[], Any], seconds: float) -> Any:
        """Look until there is something, or the time is over."""
        end = time.monotonic() + seconds
        while not (seen := look()) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        return seen

    def seconds_until(self, look: Callable[[], bool]) -> float:
        """How long something takes to show: 0 when it does so at the first look."""
        if look():
            return 0.0
        begin = time.monotonic()
        if not self.wait(look, self.settle_seconds):
            raise CannotTellError(f"it did not show within {self.settle_seconds:g} s")
        return time.monotonic() - begin


class RefusedError(Exception):
    """The service refused a task of a collection; the text is its code."""


# --- the checks ---------------------------------------------------------------------------------------


def stale_counts(bench: Bench) -> Finding:
    """Whether counts show at once what GET of the task shows."""
    before = bench.client.get_job_task_counts(bench.job_id).task_counts.completed
    bench.add("counted")
    bench.completed("counted")

    def look() -> bool:
        return bench.client.get_job_task_counts(bench.job_id).task_counts.completed > before

    return Finding(_seconds(bench.seconds_until(look)))


def list_lag(bench: Bench) -> Finding:
    """Whether lists show at once what GET of the task shows."""

    def listed(state: str | None) -> bool:
        found = bench.client.list_tasks(bench.job_id, select=["id", "state"])
        return any(task.id == "listed" and state in (None, word(task.state)) for task in found)

    bench.add("listed")
    new = bench.seconds_until(lambda: listed(None))
    bench.completed("listed")
    changed = bench.seconds_until(lambda: listed("completed"))
    return Finding(_seconds(max(new, changed)), f"new: {new:.1f} s, changed: {changed:.1f} s")


def forward_references(bench: Bench) -> Finding:
    """Whether parents may be added by a later request."""
    try:
        bench.add("early-by-id", dependsOn={"taskIds": ["1001"]})
        bench.add("early-by-range", dependsOn={"taskIdRanges": [{"start": 1001, "end": 1001}]})
    except RefusedError as error:
        return Finding("refused", str(error))
    bench.add("1001")
    bench.completed("early-by-id")
    bench.completed("early-by-range")
    return Finding("accepted")


def reactivation_unblocks(bench: Bench) -> Finding:
    """Whether a child that its parent's failure blocked runs when the reactivated parent succeeds."""
    bench.add("parent", f"/bin/sleep {bench.run_seconds}")
    bench.add("child", dependsOn={"taskIds": ["parent"]})
    bench.client.terminate_task(bench.job_id, "parent")
    bench.completed("parent")
    bench.client.reactivate_task(bench.job_id, "parent")
    bench.completed("parent", lambda task: word(task.execution_info.result) == "success")
    ran = bench.wait(lambda: word(bench.get("child").state) == "completed", bench.settle_seconds)
    return Finding("yes" if ran else "no", "" if ran else f"still {word(bench.get('child').state)}")


def rerun_output(bench: Bench) -> Finding:
    """What the second run of a task does to the output of the first."""
    bench.add("twice", "/bin/sh -c 'echo run; exit 1'", constraints={"maxTaskRetryCount": 1})
    task = bench.completed("twice")
    if task.execution_info.retry_count != 1:
        raise CannotTellError("the task was not run again")
    output = b"".join(bench.client.download_task_file(bench.job_id, "twice", "stdout.txt"))
    return Finding("append" if output.count(b"run") > 1 else "truncate")


def enum_case(bench: Bench) -> Finding:
    """Whether the words that recordings show with capitals have them."""
    status = word(bench.add("wrong", "/bin/sh -c 'exit 1'").status)
    category = word(bench.completed("wrong").execution_info.failure_info.category)
    lower = (status + category).islower()
    return Finding("lower" if lower else "capital", f"{status}, {category}")


def wall_clock(bench: Bench) -> Finding:
    """Whether two runs, each within the limit and both together beyond it, are let run."""
    limits = {"maxTaskRetryCount": 1, "maxWallClockTime": f"PT{bench.run_seconds * 5 / 3:.3f}S"}
    bench.add("clock", f"/bin/sh -c 'sleep {bench.run_seconds}; exit 1'", constraints=limits)
    info = bench.completed("clock").execution_info
    own_exit = info.exit_code == 1
    if own_exit and info.retry_count != 1:
        raise CannotTellError("the task was not run again")
    return Finding("per_run" if own_exit else "total", "" if own_exit else str(info.failure_info.code))


def patch_active_job(bench: Bench) -> Finding:
    """Whether an active job can be changed."""
    limit = models.BatchJobConstraints(max_wall_clock_time=timedelta(hours=1, minutes=1))
    try:
        bench.client.update_job(bench.job_id, models.BatchJobUpdateOptions(constraints=limit))
    except HttpResponseError as error:
        return Finding("refused", _code(error))
    return Finding("accepted")


def etag_on_node_changes(bench: Bench) -> Finding:
    """Whether a task that nobody touched has the ETag of its creation when it is completed."""
    first = _plain(bench.add("tagged").etag)
    last = _plain(bench.completed("tagged").etag)
    return Finding("stable" if first == last else "moves", "" if first == last else f"{first} -> {last}")


def undeclared_dependencies(bench: Bench) -> Finding:
    """How a task with dependencies is refused by a job that does not use them."""
    with bench.other_job() as other:
        try:
            other.add("child", dependsOn={"taskIds": ["parent"]})
        except RefusedError as error:
            return Finding(str(error))
    return Finding("accepted")


def empty_job(bench: Bench) -> Finding:
    """Whether a job that ends with its tasks ends without any; it may take longer than we wait."""
    with bench.other_job(onAllTasksComplete="terminatejob") as other:

        def ended() -> bool:
            return word(bench.client.get_job(other.job_id).state) in ("terminating", "completed")

        return Finding("completes" if bench.wait(ended, bench.empty_seconds) else "stays_active")


def deleted_parent(bench: Bench) -> Finding:
    """Whether those run that wait for a task when it is deleted."""
    bench.add("gone", f"/bin/sleep {bench.run_seconds}")
    bench.add("orphan", dependsOn={"taskIds": ["gone"]})
    bench.client.delete_task(bench.job_id, "gone")
    ran = bench.wait(lambda: word(bench.get("orphan").state) == "completed", bench.settle_seconds)
    return Finding("satisfies" if ran else "blocks")


def killed_exit_code(bench: Bench) -> Finding:
    """The exit code of a task that is ended while it runs."""
    bench.add("ended", f"/bin/sleep {bench.limit_seconds}")

    def runs() -> bool:
        task = bench.get("ended")
        return word(task.state) == "running" and task.execution_info.start_time is not None

    if not bench.wait(runs, bench.limit_seconds):
        raise CannotTellError(f"the task did not run within {bench.limit_seconds:g} s")
    bench.client.terminate_task(bench.job_id, "ended")
    code = bench.completed("ended").execution_info.exit_code
    return Finding("none" if code is None else str(code))


def wall_clock_code(bench: Bench) -> Finding:
    """The failure code of a task that runs too long."""
    bench.add("slow", f"/bin/sleep {bench.limit_seconds}", constraints={"maxWallClockTime": "PT1S"})
    return Finding(str(bench.completed("slow").execution_info.failure_info.code))


def long_collection(bench: Bench) -> Finding:
    """How more than 100 tasks in one request are refused."""
    tasks: Any = [{"id": f"many-{number}", "commandLine": "/bin/true"} for number in range(101)]
    group: Any = {"value": tasks}
    try:
        bench.client.create_task_collection(bench.job_id, models.BatchTaskGroup(group))
    except HttpResponseError as error:
        return Finding(_code(error))
    return Finding("accepted")


def task_order(bench: Bench) -> Finding:
    """Whether lists are in order of ids or of creation."""
    with bench.other_job() as other:
        for name in ("c", "a", "b"):
            other.add(name)
        found = [task.id for task in bench.client.list_tasks(other.job_id, select=["id"])]
    orders = {("a", "b", "c"): "id", ("c", "a", "b"): "creation"}
    return Finding(orders.get(tuple(found), "other"), " ".join(found))


def file_mode(bench: Bench) -> Finding:
    """How the mode of a file is written."""
    bench.add("file", "/bin/sh -c 'echo text'")
    bench.completed("file")
    mode = next(
        file.properties.file_mode
        for file in bench.client.list_task_files(bench.job_id, "file")
        if file.name == "stdout.txt" and file.properties is not None
    )
    return Finding("0o100644" if str(mode).startswith("0o") else "100644", str(mode))


@dataclass(frozen=True)
class Check:
    """A fact, what is assumed of it, and how to find out; the name is that of the function."""

    assumed: str
    find: Callable[[Bench], Finding]

    @property
    def name(self) -> str:
        """Name of the fact, as in docs/assumptions.md."""
        return self.find.__name__


CHECKS = {
    check.name: check
    for check in (
        # First, as long as no other task is on its way into the counts.
        Check("0", stale_counts),
        Check("accepted", forward_references),
        Check("yes", reactivation_unblocks),
        Check("truncate", rerun_output),
        Check("0", list_lag),
        Check("lower", enum_case),
        Check("per_run", wall_clock),
        Check("accepted", patch_active_job),
        Check("stable", etag_on_node_changes),
        Check("UnsupportedProperty", undeclared_dependencies),
        Check("completes", empty_job),
        Check("blocks", deleted_parent),
        Check("none", killed_exit_code),
        Check("TaskEnded", wall_clock_code),
        Check("InvalidPropertyValue", long_collection),
        Check("id", task_order),
        Check("0o100644", file_mode),
    )
}


# --- the program --------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    # The poller of the deletion logs what it meets; whoever reads the table need not.
    logging.disable(logging.CRITICAL)
    names = options.only or list(CHECKS)
    try:
        client = BatchClient(options.account_url, _credential())
        _check_pool(client, options.pool)
        job_id = JOB_PREFIX + uuid.uuid4().hex[:12]
        if not options.yes and not _agreed(options, job_id):
            return EXIT_USAGE
        with _job(client, job_id, options.pool):
            bench = Bench(
                client,
                job_id,
                options.run_seconds,
                options.settle_seconds,
                options.limit_seconds,
                options.empty_seconds,
                options.pool,
            )
            findings = [(CHECKS[name], _find(bench, CHECKS[name])) for name in names]
    except (AzureError, CannotTellError) as error:
        sys.stderr.write(f"{_sentence(error)}\n")
        return EXIT_USAGE
    _write_table(findings)
    differs = any(finding.value != check.assumed for check, finding in findings)
    return EXIT_DIFFERS if differs else EXIT_AS_ASSUMED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    endpoint = os.environ.get("AZURE_BATCH_ENDPOINT")
    parser.add_argument("--account-url", default=endpoint, required=endpoint is None, help="of the account")
    parser.add_argument("--pool", required=True, help="id of a pool with at least one Linux node")
    parser.add_argument("--only", action="append", choices=CHECKS, help="one fact; may be repeated")
    parser.add_argument("--yes", action="store_true", help="do not ask before the job is created")
    parser.add_argument(
        "--run-seconds", type=float, default=12.0, help="how long tasks run that are met while they run (12)"
    )
    parser.add_argument(
        "--settle-seconds", type=float, default=60.0, help="wait for what may never happen (60)"
    )
    parser.add_argument("--limit-seconds", type=float, default=600.0, help="wait for what must happen (600)")
    parser.add_argument(
        "--empty-seconds", type=float, default=90.0, help="wait for the end of a job without tasks (90)"
    )
    return parser


def _credential() -> Any:
    account, key = os.environ.get("AZURE_BATCH_ACCOUNT"), os.environ.get("AZURE_BATCH_ACCESS_KEY")
    if account and key:
        return AzureNamedKeyCredential(account, key)
    # Only here: who uses the key need not install it.
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _check_pool(client: BatchClient, pool_id: str) -> None:
    pool = client.get_pool(pool_id)
    if not (pool.current_dedicated_nodes or 0) + (pool.current_low_priority_nodes or 0):
        raise CannotTellError(f"Pool {pool_id} has no nodes; give it one, or name another pool.")


def _agreed(options: argparse.Namespace, job_id: str) -> bool:
    sys.stdout.write(
        f"Creates job {job_id} on pool {options.pool} of {options.account_url},\n"
        "with some twenty short tasks, and three small ones beside it, and deletes them. Go on? [y/N] "
    )
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def _job(client: BatchClient, job_id: str, pool_id: str) -> Iterator[None]:
    """The job, which is deleted however the block ends; should even that fail, it ends within an hour."""
    body: Any = {
        "id": job_id,
        "poolInfo": {"poolId": pool_id},
        "usesTaskDependencies": True,
        "constraints": {"maxWallClockTime": "PT1H"},
    }
    client.create_job(body)
    try:
        yield
    finally:
        try:
            client.begin_delete_job(job_id, polling_interval=1).wait(DELETE_SECONDS)
        except AzureError as error:
            sys.stderr.write(f"Job {job_id} was not deleted, please do: {_sentence(error)}\n")


def _find(bench: Bench, check: Check) -> Finding:
    """Run one check; one that fails does not keep the others from being tried."""
    sys.stderr.write(f"{check.name} ...\n")
    try:
        return check.find(bench)
    except (AzureError, CannotTellError, RefusedError) as error:
        return Finding("?", _sentence(error))


def _write_table(findings: Sequence[tuple[Check, Finding]]) -> None:
    rows = [("fact", "assumed", "found", "")]
    for check, finding in findings:
        mark = "" if finding.value == check.assumed else "NOT AS ASSUMED"
        note = f"{mark}  {finding.note}".strip() if finding.note else mark
        rows.append((check.name, check.assumed, finding.value, note))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        line = "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]])
        sys.stdout.write(f"{line.rstrip()}\n")


def word(value: Any) -> str:
    """A word of the service as it was sent: the SDK's enumerations know only one casing."""
    return str(getattr(value, "value", value))


def _plain(etag: Any) -> str:
    return str(etag).strip('"')


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value else "0"


def _code(error: HttpResponseError) -> str:
    return str(getattr(error.error, "code", None) or error.status_code)


def _sentence(error: Exception) -> str:
    if isinstance(error, HttpResponseError) and error.status_code:
        return f"The service refused: {_code(error)}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
