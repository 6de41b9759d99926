"""
Airflow's public REST API, as far as the demo and the system tests need it: v1 of Airflow 2.11, v2 of 3.x.

What it reads is what the web UI shows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

_FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True)
class TaskInstance:
    """
    One row of the grid: a task, or one index of a mapped task.

    :param map_index: -1 for an unmapped task.
    :param state: None while Airflow has not looked at it.
    :param try_number: 0 before the first try.
    """

    task_id: str
    map_index: int
    state: str | None
    try_number: int

    @property
    def name(self) -> str:
        """The task id, with the index of a mapped task: ``count[2]``."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"

    @property
    def finished(self) -> bool:
        """Whether this try has ended for good."""
        return self.state in _FINISHED


class AirflowRest:
    """
    Client of one Airflow.

    Any error answer raises :class:`httpx.HTTPStatusError`; reads may be repeated at will.

    :param url: address of the UI, without a trailing slash.
    :param username: login, also of the UI.
    :param password: its password.
    :param major: Airflow's major version, 2 or 3.
    """

    def __init__(self, url: str, username: str, password: str, major: int) -> None:
        self._major = major
        self._login = {"username": username, "password": password}
        basic = httpx.BasicAuth(username, password) if major < 3 else None
        # trust_env=False: a proxy of this machine has nothing to do with loopback.
        self._http = httpx.Client(base_url=url, auth=basic, timeout=30, trust_env=False)
        self._api = "/api/v1" if major < 3 else "/api/v2"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        if self._major >= 3 and "Authorization" not in self._http.headers:
            answer = self._http.post("/auth/token", json=self._login).raise_for_status()
            self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self._http.request(method, self._api + path, **options).raise_for_status()

    def healthy(self) -> bool:
        """Whether every component says so; False also while nothing listens yet."""
        path = "/api/v2/monitor/health" if self._major >= 3 else "/api/v1/health"
        components = ["metadatabase", "scheduler", "triggerer"] + ["dag_processor"] * (self._major >= 3)
        try:
            answer = self._http.get(path)
        except httpx.TransportError:
            return False
        if answer.status_code != httpx.codes.OK:
            return False
        health = answer.json()
        return all((health.get(name) or {}).get("status") == "healthy" for name in components)

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG's file has been parsed."""
        try:
            self._call("GET", f"/dags/{dag_id}")
        except httpx.HTTPStatusError as error:
            if error.response.status_code == httpx.codes.NOT_FOUND:
                return False
            raise
        return True

    def import_errors(self) -> Sequence[Mapping[str, Any]]:
        """DAG files that could not be parsed: ``filename`` and ``stack_trace``."""
        found: list[Mapping[str, Any]] = self._call("GET", "/importErrors").json()["import_errors"]
        return found

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def unpause_all(self, dag_id_pattern: str) -> None:
        """Let all DAGs run whose id has the pattern, ``%`` standing for anything, in one request."""
        params = {"dag_id_pattern": dag_id_pattern, "limit": 1000}
        self._call("PATCH", "/dags", params=params, json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> str:
        """
        Start a run; each call starts another.

        :param conf: its configuration.
        :param run_id: its run id; by default Airflow chooses one.
        :return: its run id.
        """
        body: dict[str, Any] = {"conf": dict(conf)}
        if run_id is not None:
            body["dag_run_id"] = run_id
        if self._major >= 3:
            body["logical_date"] = None
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", json=body).json()["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """State of a run: ``queued``, ``running``, ``success`` or ``failed``."""
        return str(self._call("GET", self._run(dag_id, run_id)).json()["state"])

    def run_states(self) -> dict[tuple[str, str], str]:
        """State of every run, by DAG id and run id, in one request."""
        answer = self._call("GET", "/dags/~/dagRuns", params={"limit": 1000})
        return {(row["dag_id"], row["dag_run_id"]): row["state"] for row in answer.json()["dag_runs"]}

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run as a person does in the UI: ``success`` or ``failed``."""
        self._call("PATCH", self._run(dag_id, run_id), json={"state": state})

    def clear_run(self, dag_id: str, run_id: str) -> None:
        """Let every task of a run run again."""
        self._call("POST", f"{self._run(dag_id, run_id)}/clear", json={"dry_run": False})

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete a run that has ended, with all that Airflow knows of it."""
        self._call("DELETE", self._run(dag_id, run_id))

    def create_connection(self, connection_id: str, connection: Mapping[str, Any]) -> None:
        """Create a connection from the JSON object that an environment variable would have."""
        extra = json.dumps(connection.get("extra", {}))
        self._call(
            "POST", "/connections", json={**connection, "connection_id": connection_id, "extra": extra}
        )

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """All task instances of a run, mapped ones by index."""
        answer = self._call("GET", f"{self._run(dag_id, run_id)}/taskInstances", params={"limit": 1000})
        return [
            TaskInstance(row["task_id"], row["map_index"], row["state"], row["try_number"] or 0)
            for row in answer.json()["task_instances"]
        ]

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str], *, only_failed: bool = False) -> None:
        """Let tasks run again, with all that comes after them."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "only_failed": only_failed,
            "include_downstream": True,
            "reset_dag_runs": True,
        }
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def set_state(self, dag_id: str, run_id: str, task: TaskInstance, state: str) -> None:
        """Mark a task instance as a person does in the UI: ``success`` or ``failed``."""
        path = self._task(dag_id, run_id, task.task_id)
        if task.map_index >= 0:
            path += f"/{task.map_index}"
        body: dict[str, Any] = {"new_state": state}
        if self._major < 3:
            body["dry_run"] = False
        self._call("PATCH", path, json=body)

    def xcom(self, dag_id: str, run_id: str, task: TaskInstance, key: str = "return_value") -> Any:
        """One XCom of a task instance, as the object that was pushed."""
        path = f"{self._task(dag_id, run_id, task.task_id)}/xcomEntries/{quote(key)}"
        params: dict[str, Any] = {"map_index": task.map_index, "stringify": "false"}
        return self._call("GET", path, params=params).json()["value"]

    def log_page(
        self, dag_id: str, run_id: str, task: TaskInstance, token: str | None = None
    ) -> tuple[list[str], str | None]:
        """
        Read the log of a task instance's current try.

        :param token: continuation of an earlier page; None reads from the start.
        :return: lines of the messages, without Airflow's own note on where it found them, and the token
            that continues after them; None when Airflow offers no continuation.
        """
        path = f"{self._task(dag_id, run_id, task.task_id)}/logs/{task.try_number}"
        params: dict[str, Any] = {"map_index": task.map_index}
        if self._major < 3:
            # Its JSON form is a Python literal cut at character positions; the text form is whole.
            answer = self._call("GET", path, params=params, headers={"Accept": "text/plain"})
            return _messages(answer.text), None
        if token:
            params["token"] = token
        page = self._call("GET", path, params=params, headers={"Accept": "application/json"}).json()
        return _events(page["content"]), page.get("continuation_token")

    @staticmethod
    def _run(dag_id: str, run_id: str) -> str:
        return f"/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"

    def _task(self, dag_id: str, run_id: str, task_id: str) -> str:
        return f"{self._run(dag_id, run_id)}/taskInstances/{quote(task_id, safe='')}"


def _events(content: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of a page of Airflow 3's structured log."""
    return _without_sources([line for entry in content for line in str(entry["event"]).splitlines()])


def _messages(text: str) -> list[str]:
    """Lines of Airflow 2's formatted log, without time and place."""
    return _without_sources([_PLACE.sub("", line) for line in text.splitlines()])


#: how 2.11 opens a line: ``[2026-01-31T08:00:00.000+0000] {module.py:12} INFO - ``
_PLACE = re.compile(r"^(\[[^\]]+\] \{[^}]+\})? (DEBUG|INFO|WARNING|ERROR|CRITICAL) - ")


def _without_sources(lines: list[str]) -> list[str]:
    """Drop the group that opens a log read from its start (in 2.11 after the host's name)."""
    if any(line.startswith("::group::Log message source") for line in lines[:2]):
        return lines[lines.index("::endgroup::") + 1 :]
    return lines
