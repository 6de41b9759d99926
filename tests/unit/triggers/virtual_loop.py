"""An event loop whose time passes only while nothing else can happen: hours take no time and are the same."""

from __future__ import annotations

import asyncio
import gc
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _NoWaiting(selectors.DefaultSelector):
    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0)
        if not events:
            assert timeout is not None, "everything waits for ever"
            self.passed += timeout
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _NoWaiting()
        super().__init__(self._clock)

    def time(self) -> float:
        return 1_000.0 + self._clock.passed


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time; it must leave no task behind and no error that nobody saw."""
    loop = VirtualLoop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    try:
        result = loop.run_until_complete(main)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        assert not left, f"left behind: {left}"
    finally:
        loop.close()
    gc.collect(1)  # what is old by now is of another test, and a whole collection takes long
    assert not complaints, complaints
    return result
