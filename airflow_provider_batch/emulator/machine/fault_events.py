"""Troubles with nodes, resizes and tasks, brought about by whoever tests a client."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_batch.emulator.machine.events import Event


@dataclass(frozen=True)
class NodeFault(Event):
    """Base: something happens to a node."""

    pool_id: str
    node_id: str


@dataclass(frozen=True)
class PreemptNode(NodeFault):
    """
    A spot node loses its machine; its tasks run again, which is not counted.

    :param seconds: until it has another one, and boots; None for the setting.
    """

    seconds: float | None = None


@dataclass(frozen=True)
class BreakNode(NodeFault):
    """
    A node becomes unusable; its tasks run again elsewhere, which is not counted.

    :param code: of the node's error; empty for a node without errors, as when contact is lost for good.
    """

    code: str = "Unknown"
    message: str = "The node was lost."
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class MissNode(NodeFault):
    """The service loses contact with a node: it takes no tasks; those on it go on."""


@dataclass(frozen=True)
class RecoverNode(NodeFault):
    """The service has contact with a node again."""


@dataclass(frozen=True)
class UpgradeNode(NodeFault):
    """A node gets a new operating system, and with it a new disk; its tasks run again."""


@dataclass(frozen=True)
class LoseFiles(NodeFault):
    """The files of all completed tasks on a node are gone."""


@dataclass(frozen=True)
class FailStartTask(Event):
    """
    Start tasks of a pool fail, after their retries, without being run.

    :param node_ids: each of these fails once, at its next boot; without any, the next ``times`` that begin.
    """

    pool_id: str
    node_ids: tuple[str, ...] = ()
    exit_code: int = 1
    times: int = 1


@dataclass(frozen=True)
class FailResize(Event):
    """
    The next resize of a pool, which need not exist yet, ends with an error.

    That an empty pool becomes empty, as when it is created so, is none.

    :param code: ``AllocationFailed``, ``AccountCoreQuotaReached`` or any other.
    :param message: empty for the one that belongs to the code.
    :param nodes: how many of the missing nodes there are all the same, of each kind.
    """

    pool_id: str
    code: str = "AllocationFailed"
    message: str = ""
    nodes: int = 0


@dataclass(frozen=True)
class FreezeTask(Event):
    """A running task neither ends nor writes any more, until it is ended or goes on."""

    job_id: str
    task_id: str


@dataclass(frozen=True)
class UnfreezeTask(Event):
    """A task that was frozen goes on."""

    job_id: str
    task_id: str
