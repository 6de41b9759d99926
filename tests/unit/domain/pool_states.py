"""Pools and nodes as the service sends them, in the states that a test needs."""

from __future__ import annotations

from typing import Any

SINCE = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:10:00Z"

FAILED_START = {
    "state": "completed",
    "exitCode": 7,
    "result": "failure",
    "failureInfo": {"category": "usererror", "code": "FailureExitCode", "message": "exit code"},
}


def pool(
    target: int = 2,
    current: int | None = None,
    *,
    spot: int = 0,
    current_spot: int | None = None,
    allocation: str = "steady",
    errors: tuple[str, ...] = (),
    moved: str = LATER,
    formula_run: dict[str, Any] | None = None,
    scaled: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """A pool; it has what it wants unless a test says otherwise."""
    return {
        "id": "p",
        "state": "active",
        "creationTime": SINCE,
        "vmSize": "standard_d2s_v5",
        "allocationState": allocation,
        "allocationStateTransitionTime": moved,
        "targetDedicatedNodes": target,
        "currentDedicatedNodes": target if current is None else current,
        "targetLowPriorityNodes": spot,
        "currentLowPriorityNodes": spot if current_spot is None else current_spot,
        "enableAutoScale": scaled,
        **({"resizeErrors": [{"code": code, "message": f"{code}."} for code in errors]} if errors else {}),
        **({"autoScaleRun": formula_run} if formula_run is not None else {}),
        **more,
    }


def nodes(*states: str) -> list[dict[str, Any]]:
    """Nodes in these states, with what belongs to the state."""
    return [node(f"n{index}", state) for index, state in enumerate(states)]


def node(node_id: str, state: str, **more: Any) -> dict[str, Any]:
    """A node in a state, with what belongs to the state."""
    found: dict[str, Any] = {
        "id": node_id,
        "state": state,
        "schedulingState": "disabled" if state == "offline" else "enabled",
        "isDedicated": True,
    }
    if state == "starttaskfailed":
        found["startTaskInfo"] = FAILED_START
    if state == "unusable":
        found["errors"] = [{"code": "DiskFull", "message": "There is no space left."}]
    return {**found, **more}
