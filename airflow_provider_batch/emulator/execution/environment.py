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
from airflow_provider_batch.emulator.execution.packages import node_variables
from airflow_provider_batch.emulator.machine.instructions import RunProcess
from airflow_provider_batch.emulator.model.multi_instance import PRIMARY, InstancePlace

BASE_VARIABLES = ("PATH", "LANG", "HOME")
"""What a process on the node has besides the service's variables."""

_MASTER_PORT = 6000
#: what a node keeps free for itself; the service names no figure
_RESERVED_DISK_BYTES = str(1024**3)
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
    variables.update(node_variables(layout.node(run.pool_id, run.node_id)))
    variables["AZ_BATCH_ACCOUNT_NAME"] = account_name
    variables["AZ_BATCH_ACCOUNT_URL"] = account_url.rstrip("/") + "/"
    variables["AZ_BATCH_TASK_DIR"] = str(directory)
    variables["AZ_BATCH_TASK_WORKING_DIR"] = str(directory / WORKING_DIRECTORY)
    variables["AZ_BATCH_RESERVED_DISK_SPACE_BYTES"] = _RESERVED_DISK_BYTES
    variables["AZ_BATCH_TASK_RESERVED_EPHEMERAL_DISK_SPACE_BYTES"] = _RESERVED_DISK_BYTES
    if run.instance is not None:
        variables.update(_instance_variables(run.instance, directory))
    if run.job_id is not None and run.task_id is not None:
        variables["AZ_BATCH_JOB_ID"] = run.job_id
        variables["AZ_BATCH_TASK_ID"] = run.task_id
    if run.preparation_directory is not None:
        prepared = layout.inside_node(run.pool_id, run.node_id, run.preparation_directory)
        variables["AZ_BATCH_JOB_PREP_DIR"] = str(prepared)
        variables["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(prepared / WORKING_DIRECTORY)
    return variables


def _instance_variables(instance: InstancePlace, directory: Path) -> dict[str, str]:
    addresses = instance.addresses
    return {
        "AZ_BATCH_NODE_LIST": ";".join(addresses),
        "AZ_BATCH_HOST_LIST": ",".join(addresses),
        "AZ_BATCH_MASTER_NODE": f"{addresses[PRIMARY]}:{_MASTER_PORT}",
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "true" if instance.number == PRIMARY else "false",
        # On the nodes of the service it is one path on all of them; here each node has a root of its own.
        "AZ_BATCH_TASK_SHARED_DIR": str(directory),
        "CCP_NODES": " ".join([str(len(addresses)), *(f"{address} 1" for address in addresses)]),
    }


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
