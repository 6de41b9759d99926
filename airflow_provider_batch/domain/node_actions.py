"""
What can be done to some nodes of a pool: restart, install anew, empty, take out.

Each flow begins it and returns what tells later whether it is done; a look then sees that. What has been
done, or is under way, is not done again, except for a restart: who asks twice, restarts twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, pages
from airflow_provider_batch.domain.pool_changes import CHANGE_PATIENCE, read_pool, when_steady
from airflow_provider_batch.domain.pool_readiness import NODE_SELECT, Phase, broken_node
from airflow_provider_batch.domain.pool_watch import Look
from airflow_provider_batch.domain.requests import Answer
from airflow_provider_batch.domain.states import NODE_USABLE, lower
from airflow_provider_batch.exceptions import (
    AzureBatchConfigurationError,
    BatchConflictError,
    BatchNotFoundError,
    BatchPoolUnusableError,
)

__all__ = [
    "act_on_nodes",
    "choose_nodes",
    "look_at_drained",
    "look_at_removed",
    "look_at_restarted",
    "remove_nodes",
]

#: nodes that one request may take out
_MOST_AT_ONCE: Final = 100
#: nodes that are named in one line
_NAMED: Final = 5
#: what the service says of a node that has, or is about to have, what is asked for
_UNDER_WAY: Mapping[str, frozenset[str]] = {
    "reboot": frozenset({"NodeBeingRebooted"}),
    "reimage": frozenset({"NodeBeingReimaged"}),
    "drain": frozenset({"NodeAlreadyInTargetSchedulingState"}),
    "enable": frozenset({"NodeAlreadyInTargetSchedulingState"}),
}
_DRAINED: Final = frozenset({"offline", "leavingpool", "deallocated", "preempted"})


def choose_nodes(
    batch_pool_id: str, node_ids: Collection[str] | None, states: Collection[str] = ()
) -> Flow[dict[str, Mapping[str, Any]]]:
    """
    Flow: read the nodes that are named, or are in some states; those that leave the pool are left out.

    :param batch_pool_id: the pool.
    :param node_ids: the nodes; None to go by their states.
    :param states: states in lower case.
    :return: nodes by id; a named node that the pool does not have is not among them.
    """
    yield from read_pool(batch_pool_id)
    nodes = yield from _nodes(batch_pool_id)
    return {
        node_id: node
        for node_id, node in nodes.items()
        if (node_id in node_ids if node_ids is not None else lower(node.get("state")) in states)
    }


def _nodes(batch_pool_id: str) -> Flow[dict[str, Mapping[str, Any]]]:
    listed = yield from pages(requests.list_nodes(batch_pool_id, NODE_SELECT))
    return {str(node["id"]): node for node in listed if lower(node.get("state")) != "leavingpool"}


def act_on_nodes(
    batch_pool_id: str, nodes: Mapping[str, Mapping[str, Any]], action: str, option: str
) -> Flow[dict[str, str | None]]:
    """
    Flow: restart, install anew, empty, or give tasks again to some nodes.

    :param batch_pool_id: the pool.
    :param nodes: the nodes as they are, by id.
    :param action: ``reboot``, ``reimage``, ``drain`` or ``enable``.
    :param option: what becomes of the tasks on them, for example ``requeue``.
    :return: time of the last boot of each node before, as the service sent it.
    """
    for node_id in nodes:
        try:
            yield _request(batch_pool_id, node_id, action, option)
        except BatchConflictError as error:
            if error.code not in _UNDER_WAY[action]:
                raise
            yield Log(f"Node {node_id} needs no {action} ({error.code}).")
        except BatchNotFoundError as error:
            # The look that follows says what that means: a node that is gone is drained, or never back.
            if error.code != "NodeNotFound":
                raise
            yield Log(f"Node {node_id} has left pool {batch_pool_id}.", "WARNING")
    yield Log(f"Asked for {action} of {_named(nodes)} of pool {batch_pool_id}.")
    return {node_id: node.get("lastBootTime") for node_id, node in nodes.items()}


def _request(batch_pool_id: str, node_id: str, action: str, option: str) -> requests.Request:
    match action:
        case "reboot":
            return requests.reboot_node(batch_pool_id, node_id, option)
        case "reimage":
            return requests.reimage_node(batch_pool_id, node_id, option)
        case "drain":
            return requests.disable_node_scheduling(batch_pool_id, node_id, option)
    return requests.enable_node_scheduling(batch_pool_id, node_id)


def remove_nodes(
    batch_pool_id: str,
    node_ids: Sequence[str],
    *,
    deallocation: str | None = None,
    resize_timeout: str | None = None,
    patience: float = CHANGE_PATIENCE,
) -> Flow[None]:
    """
    Flow: take nodes out of a pool, which gets smaller by them.

    :param batch_pool_id: the pool.
    :param node_ids: the nodes; those that are gone or leave already are left out.
    :param deallocation: what becomes of tasks on them, for example ``taskcompletion``.
    :param resize_timeout: how long the service tries, ISO 8601.
    :param patience: seconds to wait for another change of the pool to end, each time.
    :raises AzureBatchConfigurationError: a formula decides the size of this pool.
    :raises BatchDeadlineError: another change of the pool does not end.
    """
    pool = yield from read_pool(batch_pool_id)
    present = yield from _nodes(batch_pool_id)
    left = [node_id for node_id in node_ids if node_id in present]
    if left and pool.get("enableAutoScale"):
        raise AzureBatchConfigurationError(
            f"batch_pool_id: a formula decides the size of pool {batch_pool_id!r}; disable automatic scaling "
            "first."
        )
    if not left:
        yield Log(f"None of these nodes is in pool {batch_pool_id}: there is nothing to remove.")
    for start in range(0, len(left), _MOST_AT_ONCE):
        body: dict[str, Any] = {"nodeList": left[start : start + _MOST_AT_ONCE]}
        if deallocation is not None:
            body["nodeDeallocationOption"] = deallocation
        if resize_timeout is not None:
            body["resizeTimeout"] = resize_timeout
        yield from _remove(batch_pool_id, body, patience)


def _remove(batch_pool_id: str, body: Mapping[str, Any], patience: float) -> Flow[None]:
    """Take out the nodes of one request that are there still; the service refuses a request with others."""
    node_ids = list(body["nodeList"])
    while node_ids:
        request = requests.remove_nodes(batch_pool_id, {**body, "nodeList": node_ids})
        try:
            yield from when_steady(batch_pool_id, request, patience)
        except BatchNotFoundError as error:
            present = yield from _nodes(batch_pool_id)
            left = [node_id for node_id in node_ids if node_id in present]
            if error.code != "NodeNotFound" or left == node_ids:
                raise
            node_ids = left
        else:
            yield Log(f"Pool {batch_pool_id} gets rid of {_named(node_ids)}.")
            return


def look_at_removed(batch_pool_id: str, node_ids: Collection[str]) -> Flow[Look]:
    """
    Flow: see whether nodes are gone.

    :param batch_pool_id: the pool.
    :param node_ids: the nodes.
    """
    answer: Answer = yield requests.get_pool(batch_pool_id, ("id", "allocationState", "resizeErrors"))
    listed = yield from pages(requests.list_nodes(batch_pool_id, ("id", "state")))
    left = [str(node["id"]) for node in listed if str(node["id"]) in node_ids]
    if not left:
        value = {"batch_pool_id": batch_pool_id, "removed_nodes": sorted(node_ids)}
        return Look(f"pool {batch_pool_id} has none of these nodes any more", value=value)
    text = f"{_named(left)} of pool {batch_pool_id} are leaving"
    staying = [n for n in listed if str(n["id"]) in left and lower(n.get("state")) != "leavingpool"]
    steady = lower(answer.json.get("allocationState")) == "steady"
    errors = [str(error.get("code")) for error in answer.json.get("resizeErrors") or ()]
    failure = f"{text}; the removal failed: {', '.join(errors)}; they still bill"
    return Look(text, failure=failure if staying and steady and errors else None)


def look_at_drained(batch_pool_id: str, node_ids: Collection[str]) -> Flow[Look]:
    """
    Flow: see whether nodes run nothing any more, and get nothing new.

    :param batch_pool_id: the pool.
    :param node_ids: the nodes.
    """
    nodes = yield from _nodes(batch_pool_id)
    left = [node_id for node_id in node_ids if node_id in nodes and not _is_drained(nodes[node_id])]
    if not left:
        value = {"batch_pool_id": batch_pool_id, "node_ids": sorted(node_ids)}
        return Look(f"{_named(node_ids)} of pool {batch_pool_id} run nothing any more", value=value)
    return Look(f"{_named(left)} of pool {batch_pool_id} still run tasks", phase=Phase.NODES)


def _is_drained(node: Mapping[str, Any]) -> bool:
    return lower(node.get("state")) in _DRAINED or broken_node(node) is not None


def look_at_restarted(batch_pool_id: str, boots: Mapping[str, str | None]) -> Flow[Look]:
    """
    Flow: see whether nodes have booted again and are usable.

    :param batch_pool_id: the pool.
    :param boots: time of the last boot of each node before.
    :raises BatchPoolUnusableError: a node is not in the pool any more.
    """
    nodes = yield from _nodes(batch_pool_id)
    if gone := sorted(set(boots) - set(nodes)):
        raise BatchPoolUnusableError(f"{_named(gone)} left pool {batch_pool_id} instead of coming back.")
    left = [node_id for node_id, boot in boots.items() if not _is_back(nodes[node_id], boot)]
    if not left:
        value = {"batch_pool_id": batch_pool_id, "node_ids": sorted(boots)}
        return Look(f"{_named(boots)} of pool {batch_pool_id} are usable again", value=value)
    broken = [found for node_id in left if (found := _broken_again(nodes[node_id], boots[node_id]))]
    states = ", ".join(sorted({lower(nodes[node_id].get("state")) for node_id in left}))
    failure = "; ".join(f"node {node.node_id} is {node.state}: {node.reason}" for node in broken[:_NAMED])
    return Look(
        f"{_named(left)} of pool {batch_pool_id} are {states}",
        failure=failure or None,
        phase=Phase.NODES,
        failed_node=next((node.node_id for node in broken if node.start_task_failed), None),
    )


def _has_booted(node: Mapping[str, Any], boot: str | None) -> bool:
    return node.get("lastBootTime") not in (None, boot)


def _is_back(node: Mapping[str, Any], boot: str | None) -> bool:
    return lower(node.get("state")) in NODE_USABLE | {"offline"} and _has_booted(node, boot)


def _broken_again(node: Mapping[str, Any], boot: str | None) -> Any:
    return broken_node(node) if _has_booted(node, boot) else None


def _named(node_ids: Collection[str]) -> str:
    shown = ", ".join(sorted(node_ids)[:_NAMED])
    more = len(node_ids) - _NAMED
    return f"nodes {shown} and {more} more" if more > 0 else f"nodes {shown}"
