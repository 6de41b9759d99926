"""
Ends services whose owner died before it could end them.

:class:`demo.processes.Services` starts this program, writes the process id of each service to its standard
input, and closes that when all have ended. Should the owner be killed, the kernel closes it. SIGTERM, which
the kernel sends to the services then, can be lost while a service starts: so what is left after a grace is
killed here.
"""

from __future__ import annotations

import signal
import sys

import psutil

GRACE_SECONDS = 10.0


def end(services: list[psutil.Process]) -> None:
    """
    End what still runs of the services and of what they started.

    :param services: taken when they were started, so that a process id that was used again is not meant.
    """
    everything = with_children(services)
    for process in everything:
        _send(process, signal.SIGTERM)
    psutil.wait_procs(everything, timeout=GRACE_SECONDS)
    for process in {*everything, *with_children(services)}:
        _send(process, signal.SIGKILL)


def with_children(services: list[psutil.Process]) -> list[psutil.Process]:
    """Return the services that run, and all that they started."""
    found = []
    for service in services:
        try:
            found += [*service.children(recursive=True), service]
        except psutil.NoSuchProcess:
            continue
    return found


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def main() -> None:
    """Collect process ids until standard input ends, then end what is left."""
    services = []
    for line in sys.stdin:
        try:
            services.append(psutil.Process(int(line)))
        except psutil.NoSuchProcess:
            continue
    end(services)


if __name__ == "__main__":
    main()
