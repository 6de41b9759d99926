"""The group that the tests of its flows launch, and its members: ``split``, ``frame`` and ``merge``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_batch.domain import group_job, group_launch, ids
from airflow_provider_batch.domain.claim import Claim
from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.group_job import Generation, GroupJobPlan, end_jobs
from airflow_provider_batch.domain.group_launch import Opening
from airflow_provider_batch.domain.ids import GroupIdentity, WorkIdentity
from airflow_provider_batch.domain.late_member import submit_late
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.membership import MemberPlan
from airflow_provider_batch.domain.mirror import MirrorPlan
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission, TaskPlan, task_fingerprint
from tests.unit.domain.fake_batch import FakeBatch, Process
from tests.unit.domain.plans import account

RUN_STARTED = "2026-01-01T00:00:00.000000+00:00"
GROUP = GroupIdentity("dep", "film", "manual__1", "film", RUN_STARTED)
JOB = ids.group_job_id(GROUP)
PLAN = GroupJobPlan(GROUP, "p1")
OPENING = Opening(0, "shape")
DEFINITION = "d1"
Parents = Mapping[str, Sequence[str]]


def job(generation: int) -> str:
    """Id of a generation of the group's job."""
    return ids.group_job_id(GROUP, generation)


def planned(member_id: str, map_index: int = -1, generation: int = 1) -> TaskKey:
    """The task that launch plans for a member."""
    return TaskKey(job(generation), ids.member_task_id(member_id, map_index))


def attempt(member_id: str, number: int = 1, max_tries: int = 0, generation: int = 1) -> TaskKey:
    """A task that a worker adds for a member."""
    return TaskKey(job(generation), ids.member_attempt_id(member_id, -1, max_tries, number))


def body(member_id: str, *parents: str, command: str = "run", definition: str = DEFINITION) -> dict[str, Any]:
    """The planned task of a member, as launch makes it."""
    rendered = {"commandLine": command}
    own = ids.task_environment(GROUP, member_id, -1, task_fingerprint(rendered))
    own.append({"name": ids.DEFINITION, "value": definition})
    made: dict[str, Any] = {**rendered, "id": ids.member_task_id(member_id), "environmentSettings": own}
    if parents:
        made["dependsOn"] = {"taskIds": [ids.member_task_id(parent) for parent in parents]}
    return made


def chain() -> list[dict[str, Any]]:
    """``split`` before ``frame`` before ``merge``."""
    return [body("split"), body("frame", "split"), body("merge", "frame")]


def launching(
    bodies: Sequence[Mapping[str, Any]],
    opening: Opening = OPENING,
    plan: GroupJobPlan = PLAN,
    *,
    is_new: bool = False,
) -> Flow[Launched]:
    """Flow: what the launch operator does with the service."""
    yield from group_job.prepare_pool(plan)
    generation: Generation
    generation, plans_into_it = yield from group_launch.open_for_launch(plan, opening)
    if generation.is_open:
        yield from group_launch.launch(plan, generation, bodies if plans_into_it else (), is_new=is_new)
    return Launched(
        generation.batch_job_id,
        generation.number,
        plan.batch_pool_id,
        "conn",
        plans_anew=plans_into_it and opening.max_tries > 0,
    )


def launched(
    bodies: Sequence[Mapping[str, Any]] | None = None, batch: FakeBatch | None = None
) -> tuple[FakeBatch, Launched]:
    """An account whose group has been launched; by default the chain."""
    batch = batch or account()
    said = Process(batch).drive(launching(chain() if bodies is None else bodies))
    return batch, said


def work(member_id: str, max_tries: int = 0) -> WorkIdentity:
    """The work of a member."""
    return WorkIdentity("dep", "film", "manual__1", member_id, -1, RUN_STARTED, max_tries)


def late(member_id: str, *, max_tries: int = 0, command: str = "run") -> TaskPlan:
    """The task of a member as a worker renders it."""
    return TaskPlan(
        work(member_id, max_tries),
        {"commandLine": command},
        batch_pool_id="p1",
        group=GROUP,
        definition=DEFINITION,
    )


def member(member_id: str, said: Launched | None, **changes: Any) -> MemberPlan:
    """What a worker knows of a member."""
    task = changes.pop("task", None) or late(member_id, max_tries=changes.pop("max_tries", 0))
    return replace(MemberPlan(PLAN, task, said), **changes)


def mirror(member_id: str, said: Launched, try_number: int = 1, **changes: Any) -> MirrorPlan:
    """What a mirror knows of a member."""
    return replace(MirrorPlan(said, member_id, -1, try_number, DEFINITION), **changes)


class Airflow:
    """What Airflow keeps of a task instance over the lives of its mirror: the claim."""

    def __init__(self, batch: FakeBatch, claim: Claim | None = None) -> None:
        self.process = Process(batch)
        self.claim_ = claim.as_json() if claim else None

    @property
    def claim(self) -> Claim | None:
        """The newest claim."""
        saved = [state for _, state in self.process.saved if "batch_task_id" in state]
        return Claim.read(saved[-1] if saved else self.claim_)


def go(batch: FakeBatch, flow: Flow[Any]) -> Any:
    return Process(batch).drive(flow)


def submitted(batch: FakeBatch, member_id: str = "split", **changes: Any) -> Submission:
    retire = changes.pop("retire", ())
    submission: Submission = go(batch, submit_late(PLAN, late(member_id, **changes), retire))
    return submission


def late_first() -> FakeBatch:
    """A group whose launch never ran, and one late member."""
    batch = account()
    submitted(batch)
    return batch


def after_an_ended_job() -> FakeBatch:
    batch, _ = launched()
    go(batch, end_jobs(GROUP, "test"))
    return batch


def unchangeable() -> FakeBatch:
    batch = account()
    batch.refuses_changes = True
    return batch


def unchangeable_after_an_ended_job() -> FakeBatch:
    batch, _ = launched(batch=unchangeable())
    go(batch, end_jobs(GROUP, "test"))
    return batch


def half_launched() -> FakeBatch:
    batch = account()
    generation, _ = go(batch, group_launch.open_for_launch(PLAN, OPENING))
    go(batch, group_launch.launch(PLAN, generation, chain()[:1], is_new=True))
    return batch


def late_before_launch() -> FakeBatch:
    """A late member runs in a job of its own opening; then launch opened another one."""
    batch = late_first()
    batch.run(attempt("split"))
    go(batch, launching([body("frame")]))
    return batch
