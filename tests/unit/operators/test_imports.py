"""What a DAG file imports each time that it is parsed is what parsing needs; counted, since times vary."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROGRAM = """
import importlib, json, sys
importlib.import_module("airflow.providers.common.compat.sdk").BaseOperator
# An Airflow that looks for providers itself loads some of ours, and our word on what there is.
before = {m for m in sys.modules if not m.startswith("airflow_provider_batch") or "provider_info" in m}
module, _, name = sys.argv[1].partition(":")
getattr(importlib.import_module(module), name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""
#: what is for workers and triggerers
_LATER = (
    "azure",
    "airflow.triggers",
    "airflow_provider_batch.triggers",
    "airflow_provider_batch.domain.pool_",
)
PACKAGE = "airflow_provider_batch"


def imported(name: str) -> list[str]:
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, f"{PACKAGE}.{name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    modules: list[str] = json.loads(done.stdout.splitlines()[-1])
    return modules


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("operators.pools:AzureBatchCreatePoolOperator", 29),
        ("operators.pools:AzureBatchDeletePoolOperator", 16),
        ("operators.pools:AzureBatchResizePoolOperator", 16),
        ("operators.pools:AzureBatchEnableAutoScaleOperator", 16),
        ("operators.pools:AzureBatchNodeActionOperator", 17),
        ("sensors.pool:AzureBatchPoolSensor", 9),
        ("sensors.job:AzureBatchJobSensor", 9),
        ("sensors.task:AzureBatchTaskSensor", 9),
    ],
)
def test_parsing_imports_nothing_that_only_running_needs(name: str, most: int) -> None:
    modules = imported(name)
    assert [module for module in modules if module.startswith(_LATER)] == []
    ours = [module for module in modules if module.startswith(PACKAGE)]
    assert len(ours) <= most, ours


@pytest.mark.parametrize(
    ("name", "most"),
    [("operators.task:AzureBatchTaskOperator", 34), ("task_groups.job:AzureBatchJobTaskGroup", 49)],
)
def test_parsing_imports_no_flow_that_only_running_needs(name: str, most: int) -> None:
    modules = imported(name)
    needed_by_flows = (
        "azure",
        "asgiref",
        f"{PACKAGE}.client",
        f"{PACKAGE}.domain.flow",
        f"{PACKAGE}.domain.ids",
        f"{PACKAGE}.domain.outcome",
        f"{PACKAGE}.domain.requests",
        f"{PACKAGE}.operators.effects",
        f"{PACKAGE}.triggers.job_poller",
        f"{PACKAGE}.triggers.task",
    )
    assert [module for module in modules if module.startswith(needed_by_flows)] == []
    ours = [module for module in modules if module.startswith(PACKAGE)]
    assert len(ours) <= most, ours


def test_parsing_a_task_imports_no_trigger() -> None:
    assert "airflow.triggers.base" not in imported("operators.task:AzureBatchTaskOperator")


def test_package_of_the_pool_operators_loads_only_what_is_named() -> None:
    modules = imported("operators.pools:AzureBatchDeletePoolOperator")
    assert f"{PACKAGE}.operators.pools.delete" in modules
    assert f"{PACKAGE}.operators.pools.create" not in modules


def test_every_pool_operator_that_is_exported_is_found() -> None:
    from airflow_provider_batch.operators import pools

    assert sorted(pools._MODULE_OF) == pools.__all__ == dir(pools)
    for name in pools.__all__:
        assert getattr(pools, name).__name__ == name
    with pytest.raises(AttributeError, match="AzureBatchNothing"):
        pools.AzureBatchNothing  # noqa: B018
