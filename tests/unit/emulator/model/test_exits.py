"""Which exit options are in force."""

from __future__ import annotations

import pytest

from airflow_provider_batch.emulator.model.exits import (
    ExitCodeRange,
    ExitConditions,
    ExitKind,
    ExitOptions,
)
from airflow_provider_batch.emulator.model.states import DependencyAction, JobAction

DISABLE = ExitOptions(job_action=JobAction.DISABLE)
NONE = ExitOptions(job_action=JobAction.NONE)


@pytest.mark.parametrize("kind", [ExitKind.PRE_PROCESSING_ERROR, ExitKind.ENDED, ExitKind.FILE_UPLOAD_ERROR])
def test_every_failure_terminates_and_blocks_by_default(kind: ExitKind) -> None:
    actions = ExitConditions().actions(kind, None)
    assert (actions.job_action, actions.dependency_action) == (JobAction.TERMINATE, DependencyAction.BLOCK)


def test_success_does_nothing_and_satisfies_by_default() -> None:
    actions = ExitConditions(default=DISABLE).actions(ExitKind.EXITED, 0)
    assert (actions.job_action, actions.dependency_action) == (JobAction.NONE, DependencyAction.SATISFY)


def test_listed_code_beats_file_upload_error_which_beats_default() -> None:
    listed = ExitCodeRange(0, 0, NONE)
    upload = ExitKind.FILE_UPLOAD_ERROR
    terminate = ExitOptions(job_action=JobAction.TERMINATE)
    conditions = ExitConditions((listed,), file_upload_error=DISABLE, default=terminate)
    assert conditions.actions(upload, 0).job_action is JobAction.NONE
    assert conditions.actions(upload, 1).job_action is JobAction.DISABLE
    assert conditions.actions(ExitKind.EXITED, 1).job_action is JobAction.TERMINATE


def test_action_that_is_left_out_is_the_default_of_the_outcome() -> None:
    actions = ExitConditions(default=NONE).actions(ExitKind.EXITED, 1)
    assert (actions.job_action, actions.dependency_action) == (JobAction.NONE, DependencyAction.BLOCK)
