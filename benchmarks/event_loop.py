"""Triggers to compare with: one tells how long others hold it up, one does nothing but sleep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.bases.xcom import BaseXCom
from airflow.triggers.base import BaseTrigger, StartTriggerArgs, TaskSuccessEvent, TriggerEvent

#: seconds between two looks of the probe
PAUSE = 0.1


class ProbeTrigger(BaseTrigger):
    """
    Sleep again and again, and note how much longer than asked each sleep was.

    :param samples: file that gets a line for each sleep: when it ended, and how late, in seconds.
    """

    def __init__(self, samples: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.samples = samples

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make this trigger again."""
        return f"{__name__}.{type(self).__qualname__}", {"samples": self.samples}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Go on until the file ``stop`` stands beside the samples."""
        samples = Path(self.samples)
        stop = samples.with_name("stop")
        with samples.open("a", buffering=1) as file:  # noqa: ASYNC230 - a local file, a line at a time
            while not stop.exists():
                asked = time.monotonic()
                await asyncio.sleep(PAUSE)
                print(time.time(), time.monotonic() - asked - PAUSE, file=file)
        yield TaskSuccessEvent()


class PauseTrigger(BaseTrigger):
    """
    Sleep once: the least that a task that starts in the triggerer can cost.

    :param seconds: how long.
    :param leaves_result: write a return value as well. The one that an event can carry arrives encoded twice
        in Airflow 3.3, so each one is a message of its own.
    """

    def __init__(self, seconds: float, leaves_result: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds = seconds
        self.leaves_result = leaves_result

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make this trigger again."""
        arguments = {"seconds": self.seconds, "leaves_result": self.leaves_result}
        return f"{__name__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep."""
        await asyncio.sleep(self.seconds)
        if self.leaves_result:
            ti: Any = self.task_instance
            address = {name: getattr(ti, name) for name in ("dag_id", "task_id", "run_id", "map_index")}
            await BaseXCom.aset(key="return_value", value={"seconds": self.seconds}, **address)
        yield TaskSuccessEvent()


class TriggererOperator(BaseOperator):
    """
    A task that is only a trigger.

    :param trigger: name of one of the triggers above.
    :param arguments: its arguments.
    """

    start_from_trigger = True

    def __init__(self, *, trigger: str, arguments: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_trigger_args = start_args(trigger, arguments)


def start_args(trigger: str, arguments: dict[str, Any]) -> StartTriggerArgs:
    """
    Return how a task starts in the triggerer.

    :param trigger: name of one of the triggers above.
    :param arguments: its arguments.
    """
    return StartTriggerArgs(
        trigger_cls=f"{__name__}.{trigger}",
        next_method="execute",
        trigger_kwargs=arguments,
        next_kwargs=None,
        timeout=None,
    )
