"""An executor that starts nothing: a test says what becomes of each command."""

from __future__ import annotations

from airflow_provider_batch.emulator.execution.executor import Reports
from airflow_provider_batch.emulator.machine.instructions import (
    DeleteDirectory,
    FreezeProcess,
    KillProcess,
    PrepareNode,
    ProceedRun,
    RunProcess,
)


class ScriptedExecutor:
    """
    Performs instructions by writing them down.

    :param reports: the engine's ear.
    """

    def __init__(self, reports: Reports) -> None:
        self.reports = reports
        self.runs: list[RunProcess] = []
        self.killed: list[int] = []
        self.proceeded: list[int] = []
        self.frozen: dict[int, bool] = {}
        self.deleted: list[DeleteDirectory] = []
        self.nodes: list[PrepareNode] = []
        self.closed = 0
        #: raised by the next call that would touch the disk
        self.trouble: OSError | None = None

    def prepare_node(self, instruction: PrepareNode) -> None:
        self._fail()
        self.nodes.append(instruction)

    def run(self, instruction: RunProcess) -> None:
        self._fail()
        self.runs.append(instruction)

    def kill(self, instruction: KillProcess) -> None:
        self.killed.append(instruction.run_id)

    def proceed(self, instruction: ProceedRun) -> None:
        self.proceeded.append(instruction.run_id)

    def freeze(self, instruction: FreezeProcess) -> None:
        self.frozen[instruction.run_id] = instruction.frozen

    def delete(self, instruction: DeleteDirectory) -> None:
        self.deleted.append(instruction)

    def close(self) -> None:
        self.closed += 1

    def exit(self, task_id: str, exit_code: int) -> None:
        """Let the newest command of a task run and exit."""
        run = next(run for run in reversed(self.runs) if run.task_id == task_id)
        self.reports.started(run.run_id)
        self.reports.exited(run.run_id, exit_code)

    def _fail(self) -> None:
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
