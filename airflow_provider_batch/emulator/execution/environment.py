"""
The environment of a task's process.

It starts from a few harmless variables, not from the emulator's own environment, which may hold secrets.
Users' settings come over these, and the service's variables over both.

Source: reference of the service, section 5.2.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow_provider_batch.emulator.execution.layout import WORKING_DIRECTORY, Layout
from airflow_provider_batch.emulator.machine.instructions import RunProcess

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(run: RunProcess, layout: Layout, *, account_name: str, account_url: str) -> dict[str, str]:
    """
    Return all variables for one run.

    :param account_url: with or without a slash at its end; the variable has one.
    """
    directory = layout.inside_node(run.pool_id, run.node_id, run.directory)
    variables = _base(directory)
    variables.update({setting.name: setting.value for setting in run.command.environment_settings})
    variables.update(_node_variables(run, layout))
    variables["AZ_BATCH_ACCOUNT_NAME"] = account_name
    variables["AZ_BATCH_ACCOUNT_URL"] = account_url.rstrip("/") + "/"
    variables["AZ_BATCH_TASK_DIR"] = str(directory)
    variables["AZ_BATCH_TASK_WORKING_DIR"] = str(directory / WORKING_DIRECTORY)
    if run.job_id is not None and run.task_id is not None:
        variables["AZ_BATCH_JOB_ID"] = run.job_id
        variables["AZ_BATCH_TASK_ID"] = run.task_id
    if run.preparation_directory is not None:
        prepared = layout.inside_node(run.pool_id, run.node_id, run.preparation_directory)
        variables["AZ_BATCH_JOB_PREP_DIR"] = str(prepared)
        variables["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(prepared / WORKING_DIRECTORY)
    return variables


def _base(directory: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", _DEFAULT_PATH),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(directory / WORKING_DIRECTORY),
    }


def _node_variables(run: RunProcess, layout: Layout) -> dict[str, str]:
    root = layout.node(run.pool_id, run.node_id)
    return {
        "AZ_BATCH_POOL_ID": run.pool_id,
        "AZ_BATCH_NODE_ID": run.node_id,
        "AZ_BATCH_NODE_IS_DEDICATED": "true" if run.is_dedicated else "false",
        "AZ_BATCH_NODE_ROOT_DIR": str(root),
        "AZ_BATCH_NODE_SHARED_DIR": str(root / "shared"),
        "AZ_BATCH_NODE_STARTUP_DIR": str(root / "startup"),
        "AZ_BATCH_NODE_STARTUP_WORKING_DIR": str(root / "startup" / WORKING_DIRECTORY),
        "AZ_BATCH_NODE_MOUNTS_DIR": str(root / "fsmounts"),
    }
