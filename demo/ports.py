"""Free loopback ports."""

from __future__ import annotations

import socket

LOOPBACK = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """
    Return ``preferred`` when nothing listens there, else a free port that the system picks.

    Another program may take the port before it is used; the service that wanted it then says so and ends.

    :param preferred: 0 for no preference.
    """
    for port in (preferred, 0):
        with socket.socket() as probe:
            # Without this, a port that a service left a minute ago would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("the system has no free port")
