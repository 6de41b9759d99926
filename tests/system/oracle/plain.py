"""Tasks of the oracle: they do by Airflow's own means what a member does by its exit code."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BaseBranchOperator,
    BaseOperator,
    Context,
    TaskGroup,
)

from tests.system.oracle.shapes import FAIL_FOR_GOOD, SKIP, Node, Scripts, Shape, trace_name


@contextmanager
def traced(context: Context) -> Iterator[None]:
    """Note start and end in the same way as a member's command line does."""
    task_instance: Any = context["ti"]
    folder = Path(os.environ["AIRFLOW_HOME"]) / "oracle" / task_instance.dag_id
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / trace_name(task_instance.task_id, task_instance.map_index)).open("a") as trace:
        print("start", time.time_ns(), file=trace, flush=True)
        yield
        print("end", time.time_ns(), file=trace)


class ScriptedOperator(BaseOperator):
    """
    Succeed, skip or fail as the script says for the try.

    :param script: see :mod:`shapes`.
    :param returns: pushed as the result.
    """

    def __init__(self, *, script: Sequence[int], returns: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.script = script
        self.returns = returns

    def execute(self, context: Context) -> Any:
        """Do what the script says."""
        task_instance: Any = context["ti"]
        with traced(context):
            code = self.script[min(task_instance.try_number, len(self.script)) - 1]
        if code == SKIP:
            raise AirflowSkipException
        if code == FAIL_FOR_GOOD:
            raise AirflowFailException
        if code:
            raise AirflowException(f"exit code {code}")
        return self.returns


class ScriptedBranchOperator(BaseBranchOperator):
    """
    Let only some of the direct children run.

    :param picks: their task ids.
    """

    def __init__(self, *, picks: Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.picks = list(picks)

    def choose_branch(self, context: Context) -> list[str]:
        """Return what was given."""
        with traced(context):
            return self.picks


class Oracle:
    """A plain Airflow DAG."""

    def dag_id(self, shape: Shape) -> str:
        return f"oracle_{shape.name}"

    def job_group(self, group_id: str) -> TaskGroup:
        return TaskGroup(group_id)

    def member(self, dag_id: str, node: Node, **arguments: Any) -> Any:
        return ScriptedOperator(script=node.script, **arguments)

    def mapped_member(self, dag_id: str, node: Node, values: Any, scripts: Scripts, **arguments: Any) -> Any:
        return ScriptedOperator.partial(**arguments).expand(script=values)

    def values(self, dag_id: str, node: Node, scripts: Scripts) -> list[Any]:
        return [list(script) for script in scripts]
