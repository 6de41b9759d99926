"""
A failed Batch task explains itself: what happened, the likely cause, the next step.

The report is what a person finds at the end of the Airflow task's log; the same facts travel as data in the
outcome.
"""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_batch.domain.flow import utc
from airflow_provider_batch.domain.outcome import TaskOutcome
from airflow_provider_batch.domain.redaction import redact

#: likely cause and next step by failure code; the service's code decides, never its text
_HINTS = {
    "CommandProgramNotFound": (
        "the first word of command_line is not a program on the node. Batch runs no shell: write "
        "/bin/bash -c '...' for built-ins, pipes or variables, and check the path of the program."
    ),
    "CommandLaunchFailed": "the program exists and could not be started: check its format and its file mode.",
    "BlobNotFound": "a resource file does not exist at its URL: check the URL and that it was uploaded.",
    "BlobAccessDenied": "a resource file's URL was refused: check its SAS (expiry, rights) or identity.",
    "TaskEnded": "the task was terminated: by a person, by the end of its job, or by a time limit.",
    "DiskFull": "the node's disk is full: use fewer task slots, a larger VM, or a shorter retention time.",
    "ContainerInvalidImage": "the container image cannot be pulled: check its name and the registry's login.",
    "FileUploadAccessDenied": "an output file's container URL was refused: check its SAS or identity.",
    "FileUploadContainerNotFound": "an output file's container does not exist: create it first.",
}
#: likely cause by exit code of a process on Linux
_EXIT_HINTS = {
    126: "the shell found the program and could not run it: check its file mode.",
    127: "the shell did not find a program: check the PATH and what the node's image has installed.",
    137: "the process was killed (SIGKILL): often memory ran out. Use a larger VM or fewer task slots.",
    139: "the process crashed (segmentation fault).",
    143: "the process was ended (SIGTERM): the task or its job was terminated, or the node was taken away.",
}


def failure_report(
    outcome: TaskOutcome,
    stderr: Sequence[str] = (),
    output_note: str | None = None,
    cause: str | None = None,
) -> str:
    """
    Write the report of a failed task.

    :param outcome: how it ended.
    :param stderr: last lines of its standard error.
    :param output_note: why output is missing, if it is.
    :param cause: what is known of the cause; None for the likely one.
    """
    lines = [f"Batch task {outcome.key} failed."]
    lines += _facts(outcome)
    if output_note:
        lines.append(f"  output: not available from the node ({output_note})")
    if cause:
        lines.append(f"  cause: {cause}")
    elif hint := _hint(outcome):
        lines.append(f"  likely cause: {hint}")
    if stderr:
        lines.append("  last lines of stderr:")
        lines += [f"    {line}" for line in stderr]
    return redact("\n".join(lines))


def summary(outcome: TaskOutcome) -> str:
    """
    Say in one line how a task ended.

    :param outcome: how it ended.
    """
    exit_code = "no exit code" if outcome.exit_code is None else f"exit code {outcome.exit_code}"
    text = f"Batch task {outcome.key} ended with {outcome.result}, {exit_code}"
    if (seconds := _seconds(outcome)) is not None:
        text += f", after {seconds:.1f} s"
    # Last, as the name of a node is long.
    text += f", on node {outcome.node_id}" if outcome.node_id else ""
    if outcome.failure and outcome.failure.code not in ("", "FailureExitCode"):
        text += f" ({outcome.failure.code}: {outcome.failure.message})"
    return redact(text)


def held(outcome: TaskOutcome) -> str:
    """
    Say what the last run held and cost; nothing when that is not known.

    :param outcome: how it ended.
    """
    if not outcome.node_hours:
        return ""
    kind = "spot node-hours" if outcome.spot_node_hours else "node-hours"
    text = f"{outcome.node_hours:.4f} {kind}"
    if outcome.core_hours is not None:
        text += f" ({outcome.core_hours:.4f} core-hours)"
    if outcome.currency is None:
        return text
    if outcome.cost is None:
        return f"{text}, cost not known (no price of the pool's VM size)"
    # Every worker that runs a task imports this module; few connections have prices.
    from airflow_provider_batch.domain.cost import money

    return f"{text}, {money(outcome.cost, outcome.currency)}"


def _facts(outcome: TaskOutcome) -> list[str]:
    lines = []
    if failure := outcome.failure:
        lines.append(f"  reason: {failure.code or 'unknown'} ({failure.category}): {failure.message}")
        lines += [f"    {name}: {value}" for name, value in failure.details]
    exit_code = "none, no process ended by itself" if outcome.exit_code is None else str(outcome.exit_code)
    lines.append(f"  exit code: {exit_code}")
    if outcome.node_id:
        lines.append(f"  node: {outcome.node_id} of pool {outcome.batch_pool_id}")
    if (seconds := _seconds(outcome)) is not None:
        lines.append(f"  run time: {seconds:.1f} s, from {outcome.start_time} to {outcome.end_time}")
    if text := held(outcome):
        lines.append(f"  held: {text}")
    if outcome.retry_count or outcome.requeue_count:
        lines.append(
            f"  retried {outcome.retry_count} times, requeued {outcome.requeue_count} times by Batch"
        )
    return lines


def _seconds(outcome: TaskOutcome) -> float | None:
    if not outcome.start_time or not outcome.end_time:
        return None
    return (utc(outcome.end_time) - utc(outcome.start_time)).total_seconds()


def _hint(outcome: TaskOutcome) -> str | None:
    code = outcome.failure.code if outcome.failure else ""
    if code in _HINTS:
        return _HINTS[code]
    return _EXIT_HINTS.get(outcome.exit_code) if outcome.exit_code is not None else None
