"""
Outlives the emulator for a moment and ends what it left running; a program of its own.

Standard input names the process groups, one a line: ``+123`` for a new one, ``-123`` for one that is gone.
Its end means that the emulator has closed it or has died, however that came about.

``PR_SET_PDEATHSIG`` would be no substitute: it reaches only the direct child, whose own children would live
on, and it fires when the *thread* that started the child ends.

Imports nothing of this package, so that it starts in a few milliseconds.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def kill_group(group: int) -> None:
    """Kill a process group, if there still is one."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def strays(root: str) -> list[int]:
    """
    Return processes that a task started and that left its process group: their environment names our root.

    Also finds a task that was started in the moment in which the emulator died. Linux only; elsewhere there
    are none to see.
    """
    mark = f"AZ_BATCH_NODE_ROOT_DIR={root}/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(variable.startswith(mark) for variable in variables):
            found.append(int(entry.name))
    return found


def kill_strays(root: str) -> None:
    """Kill strays until there are none; each round may find what was forked during the last."""
    for _ in range(100):
        found = strays(root)
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Keep the list of groups until standard input ends, then kill them."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Who ends the emulator may signal everything at once; our work begins only after that.
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        kill_group(group)
    kill_strays(sys.argv[1])


if __name__ == "__main__":
    main()
