"""
A Batch account in memory, with a virtual clock, for flows that are driven without a network.

It implements :class:`~airflow_provider_batch.client.ports.BatchPort`: jobs, tasks and what they depend on,
collections, pools, files, ETags that only writes move (unless ``moving_etags``), and the service's error
codes. A request can be made to fail, or the caller to die, before or after its effect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

from airflow_provider_batch.domain.flow import (
    Effect,
    Flow,
    Log,
    Now,
    Random,
    Recall,
    Save,
    Sleep,
    Snapshot,
    StillOurs,
    alone,
    drive,
    tasks_of,
)
from airflow_provider_batch.domain.requests import Answer, Request, TaskKey
from airflow_provider_batch.exceptions import (
    BatchConflictError,
    BatchNotFoundError,
    BatchPreconditionError,
    BatchQuotaError,
    BatchServiceError,
    BatchThrottledError,
)

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
MAX_EFFECTS = 20_000

_STATUS_AND_CLASS: Mapping[str, tuple[int, type[BatchServiceError]]] = {
    "JobNotFound": (404, BatchNotFoundError),
    "TaskNotFound": (404, BatchNotFoundError),
    "PoolNotFound": (404, BatchNotFoundError),
    "FileNotFound": (404, BatchNotFoundError),
    "ConditionNotMet": (412, BatchPreconditionError),
    "PoolQuotaReached": (409, BatchQuotaError),
    "ActiveJobAndScheduleQuotaReached": (409, BatchQuotaError),
    "InvalidPropertyValue": (400, BatchServiceError),
    "InvalidRange": (416, BatchServiceError),
}


def service_error(code: str, operation: str = "test", **more: Any) -> BatchServiceError:
    """What a client raises for an error code of the service."""
    if code == "TooManyRequests":
        return BatchThrottledError(code=code, message="slow down", status=429, operation=operation, **more)
    status, cls = _STATUS_AND_CLASS.get(code, (409, BatchConflictError))
    return cls(code=code, message=f"{code}.", status=status, operation=operation, **more)


class Crash(BaseException):
    """The process that drives the flow dies here."""


class Hang(BaseException):
    """The flow goes on and on."""


def stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def supported_image(
    publisher: str, offer: str, sku: str, agent: str = "batch.node.ubuntu 22.04", **more: Any
) -> dict[str, Any]:
    """One element of the service's list of supported images."""
    return {
        "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
        "nodeAgentSKUId": agent,
        "osType": "linux",
        "verificationType": "verified",
        **more,
    }


class FakeBatch:
    def __init__(self) -> None:
        self.now = START
        self.requests: list[Request] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.tasks: dict[tuple[str, str], dict[str, Any]] = {}
        self.pools: dict[str, dict[str, Any]] = {}
        self.nodes: dict[str, list[dict[str, Any]]] = {}
        self.files: dict[tuple[str, str], dict[str, bytes]] = {}
        #: what the service's list of supported images shows
        self.images: list[dict[str, Any]] = [
            supported_image("canonical", "ubuntu", "22_04-lts"),
            supported_image("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts"),
        ]
        #: a task id to the number of times that it became runnable
        self.submissions: dict[tuple[str, str], int] = {}
        self.crash_at: tuple[int, str] | None = None
        #: whether what nodes do moves the ETag of a task too
        self.moving_etags = False
        #: whether an active job is never changed
        self.refuses_changes = False
        self._failures: list[tuple[str, BaseException, str]] = []
        self._hooks: list[tuple[str, Callable[[FakeBatch], Any]]] = []
        self._etags = 0

    # --- faults -----------------------------------------------------------------------------------

    def fail(self, operation: str, error: BaseException, *, when: str = "before", times: int = 1) -> None:
        """Fail the next requests of an operation, before or after their effect."""
        self._failures += [(operation, error, when)] * times

    def before(self, operation: str, act: Callable[[FakeBatch], Any]) -> None:
        """Let something happen right before the next request of an operation is served."""
        self._hooks.append((operation, act))

    def send(self, request: Request) -> Answer:
        number = len(self.requests)
        self.requests.append(request)
        for hook in [h for h in self._hooks if h[0] == request.operation][:1]:
            self._hooks.remove(hook)
            hook[1](self)
        failure = next((f for f in self._failures if f[0] == request.operation), None)
        if failure:
            self._failures.remove(failure)
        if self.crash_at == (number, "before"):
            raise Crash
        if failure and failure[2] == "before":
            raise failure[1]
        try:
            answer: Answer = getattr(self, f"_{request.operation}")(request, *_ids(request))
        finally:
            if self.crash_at == (number, "after"):
                raise Crash
        if failure:
            raise failure[1]
        return answer

    def close(self) -> None:
        """Nothing to give back."""

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    # --- what the world does ----------------------------------------------------------------------

    def run(self, key: TaskKey, *, node: str = "node-1", retry_count: int = 0) -> None:
        """A node takes the task: no write of ours, so its ETag stays."""
        task = self.task(key)
        if task["state"] not in ("active", "preparing") or self.is_blocked(key):
            return
        if self.jobs[key.batch_job_id]["state"] == "completed":
            return
        task["state"] = "running"
        self._moved_by_node(task)
        info = task.setdefault("executionInfo", {"requeueCount": 0})
        info.update(startTime=stamp(self.now), retryCount=retry_count)
        task["nodeInfo"] = {
            "nodeId": node,
            "poolId": self.jobs[key.batch_job_id]["poolInfo"]["poolId"],
            "taskRootDirectoryUrl": f"https://node/{key}",
        }
        self.files[self._key(key)] = {"stdout.txt": b"", "stderr.txt": b""}

    def complete(
        self, key: TaskKey, exit_code: int | None = 0, failure: Mapping[str, Any] | None = None
    ) -> None:
        """The task ends by itself."""
        self.run(key)
        task = self.task(key)
        if task["state"] != "running":
            return
        if failure is None and exit_code != 0:
            failure = {"category": "UserError", "code": "FailureExitCode", "message": "exit code"}
        self._end_task(task, exit_code, failure)
        self._moved_by_node(task)
        self._settle(key.batch_job_id)

    def _moved_by_node(self, task: dict[str, Any]) -> None:
        task["stateTransitionTime"] = stamp(self.now)
        if self.moving_etags:
            self._written(task)

    def is_blocked(self, key: TaskKey) -> bool:
        """Whether a task that it depends on has not ended as it must."""
        depends_on = self.task(key).get("dependsOn") or {}
        parents = list(depends_on.get("taskIds", ()))
        for span in depends_on.get("taskIdRanges", ()):
            parents += [str(number) for number in range(span["start"], span["end"] + 1)]
        return not all(self._satisfies((key.batch_job_id, parent)) for parent in parents)

    def _satisfies(self, key: tuple[str, str]) -> bool:
        task = self.tasks.get(key)
        if task is None or task["state"] != "completed":
            return False
        default = (task.get("exitConditions") or {}).get("default") or {}
        return task["executionInfo"]["result"] == "success" or default.get("dependencyAction") == "satisfy"

    def _end_task(
        self, task: dict[str, Any], exit_code: int | None, failure: Mapping[str, Any] | None
    ) -> None:
        info = task.setdefault("executionInfo", {"requeueCount": 0, "retryCount": 0})
        task.update(state="completed", stateTransitionTime=stamp(self.now))
        info.update(endTime=stamp(self.now), result="failure" if failure else "success")
        if exit_code is not None:
            info["exitCode"] = exit_code
        if failure:
            info["failureInfo"] = dict(failure)

    def end_job(self, job_id: str, reason: str = "UserTerminate") -> None:
        """Somebody ends the job: running tasks end, active ones stay active for ever."""
        job = self.jobs[job_id]
        if job["state"] == "completed":
            return
        job["state"] = "completed"
        job["executionInfo"] = {**job.get("executionInfo", {}), "terminateReason": reason}
        for (of_job, _), task in self.tasks.items():
            if of_job == job_id and task["state"] in ("running", "preparing"):
                self._end_task(task, None, {"category": "UserError", "code": "TaskEnded", "message": "ended"})

    def _settle(self, job_id: str) -> None:
        job = self.jobs[job_id]
        states = [task["state"] for (of_job, _), task in self.tasks.items() if of_job == job_id]
        if (
            job["state"] == "active"
            and job.get("onAllTasksComplete") == "terminatejob"
            and states
            and set(states) == {"completed"}
        ):
            self.end_job(job_id, "AllTasksComplete")

    def write(self, key: TaskKey, **files: bytes) -> None:
        """The task prints: ``stdout=b"..."`` is appended."""
        for name, content in files.items():
            self.files[self._key(key)][f"{name}.txt"] += content

    # --- what a test asks -------------------------------------------------------------------------

    def task(self, key: TaskKey) -> dict[str, Any]:
        return self.tasks[self._key(key)]

    def keys(self) -> list[TaskKey]:
        return [TaskKey(*key) for key in self.tasks]

    def live_tasks(self) -> list[TaskKey]:
        """Tasks that run or will run: those of a job that has ended never do."""
        return [
            TaskKey(*key)
            for key, task in self.tasks.items()
            if task["state"] != "completed" and self.jobs[key[0]]["state"] != "completed"
        ]

    def active_jobs(self) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job["state"] != "completed"]

    @staticmethod
    def _key(key: TaskKey) -> tuple[str, str]:
        return key.batch_job_id, key.batch_task_id

    def _etag(self) -> str:
        self._etags += 1
        return f"0x{self._etags:X}"

    # --- pools ------------------------------------------------------------------------------------

    def _list_supported_images(self, request: Request) -> Answer:
        return Answer(json={"value": deepcopy(self.images)})

    def _create_pool(self, request: Request) -> Answer:
        body = deepcopy(request.json)
        if body["id"] in self.pools:
            raise service_error("PoolExists", request.operation)
        body.setdefault("enableAutoScale", False)
        self.pools[body["id"]] = {**body, "state": "active", "allocationState": "resizing"}
        return Answer()

    def _get_pool(self, request: Request, pool_id: str) -> Answer:
        if pool_id not in self.pools:
            raise service_error("PoolNotFound", request.operation)
        return _selected(request, self.pools[pool_id])

    def _update_pool(self, request: Request, pool_id: str) -> Answer:
        self.pools[pool_id].update(deepcopy(request.json))
        return Answer()

    def _list_pools(self, request: Request) -> Answer:
        return Answer(json={"value": [_selected(request, pool).json for pool in self.pools.values()]})

    def _begin_delete_pool(self, request: Request, pool_id: str) -> Answer:
        if pool_id not in self.pools:
            raise service_error("PoolNotFound", request.operation)
        del self.pools[pool_id]
        return Answer()

    def _list_nodes(self, request: Request, pool_id: str) -> Answer:
        if pool_id not in self.pools:
            raise service_error("PoolNotFound", request.operation)
        return Answer(json={"value": deepcopy(self.nodes.get(pool_id, []))})

    def _download_node_file(self, request: Request, pool_id: str, node_id: str, path: str) -> Answer:
        raise service_error("FileNotFound", request.operation)

    # --- jobs -------------------------------------------------------------------------------------

    def _create_job(self, request: Request) -> Answer:
        body = json.loads(json.dumps(request.json))
        if body["id"] in self.jobs:
            raise service_error("JobExists", request.operation)
        self.jobs[body["id"]] = {**body, "state": "active", "eTag": self._etag()}
        return Answer(headers={"etag": self.jobs[body["id"]]["eTag"]})

    def _list_jobs(self, request: Request) -> Answer:
        wanted = re.findall(r"(id|state) eq '([^']+)'", request.query["$filter"])
        assert wanted
        found = [
            _selected(request, job).json
            for job in self.jobs.values()
            if any(job[name] == value for name, value in wanted)
        ]
        return Answer(json={"value": found})

    def _job(self, request: Request, job_id: str) -> dict[str, Any]:
        if job_id not in self.jobs:
            raise service_error("JobNotFound", request.operation)
        return self.jobs[job_id]

    def _open_job(self, request: Request, job_id: str) -> dict[str, Any]:
        job = self._job(request, job_id)
        if job["state"] in ("terminating", "completed", "deleting"):
            code = {"terminating": "JobBeingTerminated", "completed": "JobCompleted"}
            raise service_error(code.get(job["state"], "JobBeingDeleted"), request.operation)
        return job

    def _get_job(self, request: Request, job_id: str) -> Answer:
        return _selected(request, self._job(request, job_id))

    def _update_job(self, request: Request, job_id: str) -> Answer:
        job = self._open_job(request, job_id)
        _check_condition(request, job)
        if self.refuses_changes:
            raise service_error("OperationInvalidForCurrentState", request.operation)
        wanted = request.json.get("onAllTasksComplete")
        if wanted == "noaction" and job.get("onAllTasksComplete") == "terminatejob":
            raise service_error("InvalidPropertyValue", request.operation)
        job.update(json.loads(json.dumps(request.json)), eTag=self._etag())
        self._settle(job_id)
        return Answer(headers={"etag": job["eTag"]})

    def _begin_terminate_job(self, request: Request, job_id: str) -> Answer:
        job = self._open_job(request, job_id)
        _check_condition(request, job)
        job["eTag"] = self._etag()
        self.end_job(job_id, request.json["terminateReason"])
        return Answer()

    def _begin_delete_job(self, request: Request, job_id: str) -> Answer:
        self._job(request, job_id)
        del self.jobs[job_id]
        for key in [key for key in self.tasks if key[0] == job_id]:
            del self.tasks[key]
        return Answer()

    # --- tasks ------------------------------------------------------------------------------------

    def _list_tasks(self, request: Request, job_id: str) -> Answer:
        self._job(request, job_id)
        filter_ = request.query.get("$filter", "startswith(id,'')")
        wanted = re.fullmatch(r"startswith\(id,'(?P<prefix>[^']*)'\)|state eq '(?P<state>\w+)'", filter_)
        assert wanted, request.query
        found = [
            _selected(request, task).json
            for (of_job, task_id), task in self.tasks.items()
            if of_job == job_id
            and task_id.startswith(wanted["prefix"] or "")
            and wanted["state"] in (None, task["state"])
        ]
        return Answer(json={"value": found})

    def _create_task_collection(self, request: Request, job_id: str) -> Answer:
        self._open_job(request, job_id)
        made = [self._entry(job_id, body) for body in json.loads(request.content or "")["value"]]
        # In another order than they were sent, as the service may answer.
        return Answer(json={"value": [found for found in made if found is not None][::-1]})

    def _entry(self, job_id: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            self._create_task(Request("create_task", "POST", "", json=body), job_id)
        except BatchServiceError as error:
            return entry(body["id"], "clienterror", error.code)
        return entry(body["id"], "success")

    def _create_task(self, request: Request, job_id: str) -> Answer:
        self._open_job(request, job_id)
        body = json.loads(json.dumps(request.json))
        key = (job_id, body["id"])
        if any(j == job_id and t.lower() == body["id"].lower() for j, t in self.tasks):
            raise service_error("TaskExists", request.operation)
        times = dict.fromkeys(("creationTime", "lastModified", "stateTransitionTime"), stamp(self.now))
        self.tasks[key] = {**body, "state": "active", "eTag": self._etag(), **times}
        self.submissions[key] = 1
        return Answer(headers={"etag": self.tasks[key]["eTag"]})

    def _written(self, task: dict[str, Any]) -> None:
        """What users write moves both; what nodes do moves neither, unless ``moving_etags``."""
        task.update(eTag=self._etag(), lastModified=stamp(self.now + timedelta(seconds=1)))

    def _existing(self, request: Request, job_id: str, task_id: str) -> dict[str, Any]:
        self._job(request, job_id)
        if (job_id, task_id) not in self.tasks:
            raise service_error("TaskNotFound", request.operation)
        return self.tasks[job_id, task_id]

    def _get_task(self, request: Request, job_id: str, task_id: str) -> Answer:
        return _selected(request, self._existing(request, job_id, task_id))

    def _replace_task(self, request: Request, job_id: str, task_id: str) -> Answer:
        task = self._existing(request, job_id, task_id)
        self._open_job(request, job_id)
        _check_condition(request, task)
        if task["state"] == "completed":
            raise service_error("TaskCompleted", request.operation)
        # A PUT replaces the constraints as a whole: what it leaves out goes back to its default.
        task.update(constraints=dict(request.json.get("constraints") or {}))
        self._written(task)
        return Answer(headers={"etag": task["eTag"]})

    def _terminate_task(self, request: Request, job_id: str, task_id: str) -> Answer:
        task = self._existing(request, job_id, task_id)
        _check_condition(request, task)
        if task["state"] == "completed":
            raise service_error("TaskCompleted", request.operation)
        self._end_task(task, None, {"category": "UserError", "code": "TaskEnded", "message": "ended"})
        self._written(task)
        self._settle(job_id)
        return Answer()

    def _reactivate_task(self, request: Request, job_id: str, task_id: str) -> Answer:
        task = self._existing(request, job_id, task_id)
        self._open_job(request, job_id)
        _check_condition(request, task)
        if task["state"] != "completed":
            raise service_error("TaskNotCompleted", request.operation)
        if task["executionInfo"].get("exitCode") == 0:
            raise service_error("TaskSucceeded", request.operation)
        task.update(state="active", stateTransitionTime=stamp(self.now))
        self._written(task)
        task["executionInfo"] = {"retryCount": 0, "requeueCount": 0}
        task.pop("nodeInfo", None)
        self.submissions[job_id, task_id] += 1
        return Answer(headers={"etag": task["eTag"]})

    # --- files ------------------------------------------------------------------------------------

    def _download_task_file(self, request: Request, job_id: str, task_id: str, path: str) -> Answer:
        files = self.files.get((job_id, task_id), {})
        if path not in files:
            raise service_error("FileNotFound", request.operation)
        first, last = (int(n) for n in request.headers["ocp-range"].removeprefix("bytes=").split("-"))
        if first >= len(files[path]):
            raise service_error("InvalidRange", request.operation)
        return Answer(content=files[path][first : last + 1])

    def _list_task_files(self, request: Request, job_id: str, task_id: str) -> Answer:
        files = self.files.get((job_id, task_id), {})
        value = [
            {"name": name, "properties": {"contentLength": str(len(content))}}
            for name, content in files.items()
        ]
        return Answer(json={"value": value})


def entry(task_id: str, status: str, code: str | None = None) -> dict[str, Any]:
    """What the answer to a collection says of one of its tasks."""
    made: dict[str, Any] = {"taskId": task_id, "status": status}
    if code:
        made["error"] = {
            "code": code,
            "message": {"lang": "en-US", "value": f"It is {code}.\nRequestId:1\nTime:2"},
        }
    return made


def _ids(request: Request) -> list[str]:
    """The ids in a path: every second part of ``/jobs/<id>/tasks/<id>/files/<path>``."""
    return [unquote(part) for part in request.path.strip("/").split("/")[1::2]]


def _selected(request: Request, resource: Mapping[str, Any]) -> Answer:
    names = request.query.get("$select")
    chosen = {k: v for k, v in resource.items() if names is None or k in names.split(",")}
    headers = {"etag": str(resource["eTag"])} if "eTag" in resource else {}
    return Answer(json=deepcopy(chosen), headers=headers)


def _check_condition(request: Request, resource: Mapping[str, Any]) -> None:
    wanted = request.headers.get("If-Match")
    if wanted is not None and wanted.strip('"') != resource["eTag"]:
        raise service_error("ConditionNotMet", request.operation)


class Process:
    """
    What drives a flow: performs effects against a fake account, in virtual time.

    Scheduled events happen while the flow sleeps; ``logs`` and ``saved`` are what it said and kept.
    """

    def __init__(self, batch: FakeBatch) -> None:
        self.batch = batch
        self.logs: list[tuple[str, str]] = []
        self.saved: list[tuple[datetime, dict[str, Any]]] = []
        self.sleeps: list[float] = []
        #: what is said of a task whose ETag is another one than ours
        self.still_ours: Callable[[Answer], bool] = lambda seen: False
        self._events: list[tuple[datetime, Callable[[], Any]]] = []
        self._effects = 0

    def at(self, seconds: float, act: Callable[[], Any]) -> None:
        """Let something happen so many seconds after the start."""
        self._events.append((START + timedelta(seconds=seconds), act))
        self._events.sort(key=lambda event: event[0])

    def __call__(self, effect: Effect) -> Any:
        self._count(effect)
        match alone(effect):
            case Request() as request:
                return self.batch.send(request)
            case Snapshot(batch_job_id):
                return drive(tasks_of(batch_job_id), self)
            case Sleep(seconds):
                assert seconds >= 0
                self.sleeps.append(seconds)
                self.sleep(seconds)
            case Now():
                return self.batch.now
            case Log(text, level):
                self.logs.append((level, text))
            case Random():
                return 0.0
            case StillOurs(_, seen):
                return self.still_ours(seen)
            case Save(state):
                json.dumps(state)
                self.saved.append((self.batch.now, state))
            case Recall():
                return self.saved[-1][1] if self.saved else None
        return None

    def _count(self, effect: Effect) -> None:
        self._effects += 1
        if self._effects > MAX_EFFECTS:
            raise Hang(f"more than {MAX_EFFECTS} effects; the last is {effect}")

    def sleep(self, seconds: float) -> None:
        """Let time pass, and what is scheduled happen."""
        end = self.batch.now + timedelta(seconds=seconds)
        while self._events and self._events[0][0] <= end:
            time, act = self._events.pop(0)
            self.batch.now = max(self.batch.now, time)
            act()
        self.batch.now = end

    def drive(self, flow: Flow[Any]) -> Any:
        return drive(flow, self)

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.logs)
