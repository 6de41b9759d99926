"""Do something to some nodes of a pool."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_batch.exceptions import BatchPoolUnusableError, SpecError
from airflow_provider_batch.operators.pools.base import PoolOperator, duration
from airflow_provider_batch.operators.pools.resize import LEAST_RESIZE_TIMEOUT, check_deallocation
from airflow_provider_batch.specs import decided_later

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_batch.domain.flow import Flow
    from airflow_provider_batch.domain.pool_wait import PoolWait

__all__ = ["AzureBatchNodeActionOperator", "AzureBatchRemoveNodesOperator"]

_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "reboot": ("requeue", "terminate", "taskcompletion", "retaineddata"),
    "reimage": ("requeue", "terminate", "taskcompletion", "retaineddata"),
    "drain": ("taskcompletion", "requeue", "terminate"),
    "enable": ("",),
}


#: states that a node can be in, API 2025-06-01
_STATES = frozenset(
    {
        *(
            "creating",
            "deallocated",
            "deallocating",
            "idle",
            "offline",
            "preempted",
            "rebooting",
            "reimaging",
        ),
        *("running", "starting", "starttaskfailed", "unknown", "unusable", "upgradingos"),
        "waitingforstarttask",
    }
)


def _states(given: Collection[str]) -> list[str]:
    """States in lower case; a misspelt one would choose no node, and succeed."""
    if isinstance(given, str):
        raise SpecError("node_states", f"{given!r} is a string; give a list of states")
    states = sorted(str(state).lower() for state in given)
    if unknown := [state for state in states if state not in _STATES]:
        raise SpecError("node_states", f"{unknown[0]!r} is none of {', '.join(sorted(_STATES))}")
    return states


def _check_choice(node_ids: Any, node_states: Collection[str]) -> None:
    if (node_ids is None) == (not node_states):
        raise SpecError("node_ids", "name nodes, or give node_states, and not both")
    if isinstance(node_ids, str) and not decided_later(node_ids):
        raise SpecError("node_ids", f"{node_ids!r} is a string; give a list of ids")


class _NodesOperator(PoolOperator):
    """Choose nodes by id or by state."""

    template_fields: Sequence[str] = (*PoolOperator.template_fields, "node_ids")

    def __init__(
        self, *, node_ids: Sequence[str] | None = None, node_states: Collection[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.node_ids = node_ids
        self.node_states = _states(node_states)
        _check_choice(node_ids, node_states)

    def prepare(self, context: Context) -> None:
        """
        Check what the template of the ids came to.

        :param context: the template context.
        """
        _check_choice(self.node_ids, self.node_states)

    def chosen(self) -> Flow[dict[str, Mapping[str, Any]]]:
        """Flow: read the nodes that are chosen and in the pool."""
        from airflow_provider_batch.domain.node_actions import choose_nodes

        return (yield from choose_nodes(self.batch_pool_id, self.node_ids, self.node_states))


class AzureBatchRemoveNodesOperator(_NodesOperator):
    """
    Take nodes out of a pool of fixed size, which gets smaller by them, and wait until they are gone.

    Nodes that are gone already are no error. The returned XCom has ``batch_pool_id`` and ``removed_nodes``.

    :param node_ids: the nodes (templated).
    :param node_states: instead of ids, all nodes in these states, for example ``unusable``.
    :param node_deallocation_option: what becomes of tasks on them: ``requeue`` (the service's default),
        ``terminate``, ``taskcompletion`` or ``retaineddata``.
    :param resize_timeout: how long the service tries, at least 5 minutes; 15 when left out.
    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises AzureBatchConfigurationError: a formula decides the size of the pool.
    :raises BatchPoolUnusableError: the service could not remove them.
    :raises BatchPoolLostError: the pool does not exist, or not any more.

    .. seealso:: Nodes - Remove Nodes, Azure Batch REST API 2025-06-01.
    """

    def __init__(
        self,
        *,
        node_deallocation_option: str | None = None,
        resize_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.node_deallocation_option = node_deallocation_option
        self.resize_timeout = resize_timeout
        check_deallocation(node_deallocation_option)
        duration(resize_timeout, "resize_timeout", LEAST_RESIZE_TIMEOUT)

    def act(self, context: Context) -> Flow[PoolWait | Mapping[str, Any]]:
        """
        Flow: begin the removal.

        :param context: the template context.
        :return: the wait for its end.
        """
        from airflow_provider_batch.domain.node_actions import remove_nodes

        nodes = yield from self.chosen()
        yield from remove_nodes(
            self.batch_pool_id,
            list(nodes),
            deallocation=self.node_deallocation_option,
            resize_timeout=duration(self.resize_timeout, "resize_timeout", LEAST_RESIZE_TIMEOUT),
            patience=self.patience,
        )
        # Those that were gone or leaving already are waited for too.
        node_ids = list(nodes) if self.node_ids is None else list(self.node_ids)
        return self.wait_for("removed", boots=dict.fromkeys(node_ids))


class AzureBatchNodeActionOperator(_NodesOperator):
    """
    Restart nodes, install them anew, empty them, or give them tasks again; wait until it is done.

    *Drain* gives a node no more tasks and waits until it runs none; *enable* takes that back. A retry
    restarts again what an earlier try had restarted; the rest is safe to repeat. The returned XCom has
    ``batch_pool_id`` and ``node_ids``.

    :param action: ``reboot``, ``reimage``, ``drain`` or ``enable``.
    :param node_ids: the nodes (templated).
    :param node_states: instead of ids, all nodes in these states, for example ``unusable``.
    :param tasks: what becomes of tasks on them: ``requeue``, ``terminate`` or ``taskcompletion``. By default
        they run to their end when a node is drained, and are queued again otherwise.
    :param kwargs: see :class:`~airflow_provider_batch.operators.pools.base.PoolOperator`.
    :raises BatchPoolUnusableError: a node is not in the pool, or did not come back.
    :raises BatchPoolLostError: the pool does not exist, or not any more.
    :raises BatchDeadlineError: it was not done within ``node_timeout``.

    .. seealso:: Nodes - Reboot Node, Reimage Node, Disable Node Scheduling, Azure Batch REST API 2025-06-01.
    """

    def __init__(
        self,
        *,
        action: Literal["reboot", "reimage", "drain", "enable"],
        tasks: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if action not in _OPTIONS:
            raise SpecError("action", f"{action!r} is none of {', '.join(_OPTIONS)}")
        if tasks is not None and action == "enable":
            raise SpecError("tasks", "has no effect on a node that is given tasks again; leave it out")
        if tasks is not None and tasks not in _OPTIONS[action]:
            raise SpecError("tasks", f"{tasks!r} is none of {', '.join(_OPTIONS[action])}")
        self.action = action
        self.tasks = tasks

    def act(self, context: Context) -> Flow[PoolWait | Mapping[str, Any]]:
        """
        Flow: begin it.

        :param context: the template context.
        :return: the wait for its end.
        """
        from airflow_provider_batch.domain.node_actions import act_on_nodes

        nodes = yield from self.chosen()
        if missing := sorted(set(self.node_ids or ()) - set(nodes)):
            raise BatchPoolUnusableError(f"nodes {', '.join(missing)} are not in pool {self.batch_pool_id}.")
        boots = yield from act_on_nodes(
            self.batch_pool_id, nodes, self.action, self.tasks or _OPTIONS[self.action][0]
        )
        if self.action == "enable" or not nodes:
            return {"batch_pool_id": self.batch_pool_id, "node_ids": sorted(nodes)}
        return self.wait_for("drained" if self.action == "drain" else "restarted", boots=boots)
