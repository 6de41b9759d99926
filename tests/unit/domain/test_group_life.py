"""
The life of a group's run, with whatever people and accidents do to it.

Airflow is modelled as far as the group depends on it: it lets a member go when its upstream tasks are done,
starts eager members in the triggerer and others on workers, clears XComs only where a task starts on a
worker, raises ``max_tries`` with a clear, and may kill what a clear ended long after the new try has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_provider_batch.domain import ids
from airflow_provider_batch.domain.acceptance import Refused
from airflow_provider_batch.domain.claim import Claim
from airflow_provider_batch.domain.flow import Flow, Save, drive
from airflow_provider_batch.domain.group_end import finish_group
from airflow_provider_batch.domain.group_launch import Opening
from airflow_provider_batch.domain.launch_scope import launch_scope
from airflow_provider_batch.domain.launched import Launched
from airflow_provider_batch.domain.membership import find_member, submit_member
from airflow_provider_batch.domain.mirror import find_task
from airflow_provider_batch.domain.outcome import read_outcome
from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.domain.submission import Submission
from airflow_provider_batch.domain.termination import terminate
from tests.unit.domain.fake_batch import Crash, FakeBatch, Process, stamp
from tests.unit.domain.groups import GROUP, body, late, launching, member, mirror
from tests.unit.domain.plans import account

UPSTREAM = {"a": (), "b": ("a",), "c": ("b",), "late": ("b",), "first": (), "r": (), "e": ("r",)}
#: it is let go whatever became of its parent
ALL_DONE = "e"
#: Airflow starts them, whatever launch does; the second one waits for nobody
LATE = ("late", "first")
NAMES = st.sampled_from(list(UPSTREAM))
#: one of those that something can happen to
CHOICE = st.integers(0, len(UPSTREAM) - 1)
POINTS = st.integers(0, 12)
WHEN = st.sampled_from(["before", "after"])
SATISFY = {"default": {"dependencyAction": "satisfy"}}
AIRFLOW_STATE = {"none": None}
DONE = ("success", "failed", "upstream_failed")


def bodies() -> list[dict[str, Any]]:
    made = [body(name, *parents) for name, parents in UPSTREAM.items() if name not in LATE]
    return [{**task, "exitConditions": SATISFY} if task["id"].startswith("r-") else task for task in made]


@dataclass
class Instance:
    """What Airflow knows of a task instance."""

    name: str
    state: str = "none"
    try_number: int = 1
    max_tries: int = 0
    claim: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    found: Submission | None = None
    #: how its try is told to end; it may be called late
    kill: Callable[[], None] | None = None
    #: the Batch task whose success it took, and when
    taken: TaskKey | None = None
    succeeded_at: str = ""
    children: list[str] = field(default_factory=list)


class GroupLife(RuleBasedStateMachine):
    moving_etags = False
    refuses_changes = False
    #: Airflow 3.0 to 3.2 start no task in the triggerer
    starts_on_workers = False

    @initialize()
    def start(self) -> None:
        self.batch: FakeBatch = account()
        self.batch.moving_etags = self.moving_etags
        self.batch.refuses_changes = self.refuses_changes
        self.process = Process(self.batch)
        self.said: Launched | None = None
        self.launch_tries = 0
        self.launch_state = "none"
        self.launch_is_new = True
        self.created: dict[TaskKey, str] = {}
        self.late_kills: list[tuple[str, Callable[[], None]]] = []
        self.instances = {name: Instance(name) for name in UPSTREAM}
        for name, parents in UPSTREAM.items():
            for parent in parents:
                self.instances[parent].children.append(name)

    # --- the world -------------------------------------------------------------------------------

    def drive(
        self, flow: Flow[Any], instance: Instance | None = None, dies: tuple[int, str] | None = None
    ) -> Any:
        """Run a flow; it may die before or after one of its effects."""
        number = 0

        def perform(effect: Any) -> Any:
            nonlocal number
            here, number = number, number + 1
            if dies == (here, "before"):
                raise Crash
            if isinstance(effect, Save) and instance is not None:
                instance.claim = {**(instance.claim or {}), **effect.state}
            result: Any = None
            try:
                result = self.process(effect)
            finally:
                self.note_new_tasks()
                if dies == (here, "after"):
                    raise Crash
            return result

        return drive(flow, perform)

    def note_new_tasks(self) -> None:
        for key in self.batch.keys():  # noqa: SIM118 - a method of the account
            self.created.setdefault(key, stamp(self.batch.now))

    @rule()
    def time_passes(self) -> None:
        self.process.sleep(60)

    @rule(name=NAMES)
    def a_node_takes_a_task(self, name: str) -> None:
        self.process.sleep(60)
        for key in self.tasks_of(name):
            self.batch.run(key)

    @rule(name=NAMES, exit_code=st.sampled_from([0, 0, 0, 1]))
    def a_task_ends(self, name: str, exit_code: int) -> None:
        self.process.sleep(60)
        for key in self.tasks_of(name):
            self.batch.complete(key, exit_code)
        self.process.sleep(60)

    @rule()
    def every_task_that_may_run_succeeds(self) -> None:
        for name in UPSTREAM:
            self.a_task_ends(name, 0)

    def tasks_of(self, name: str) -> list[TaskKey]:
        return [key for key in self.batch.live_tasks() if key.batch_task_id.startswith(f"{name}-")]

    # --- launch ----------------------------------------------------------------------------------

    @precondition(lambda self: self.launch_state == "none")
    @rule(dies=st.one_of(st.none(), st.tuples(POINTS, WHEN)))
    def launch_runs(self, dies: tuple[int, str] | None) -> None:
        states = {name: [AIRFLOW_STATE.get(i.state, i.state)] for name, i in self.instances.items()}
        is_cleared = self.launch_tries > 0
        scope = launch_scope(states, is_cleared=is_cleared)
        opening = Opening(self.launch_tries, "shape", start_over=scope.starts_over, is_idle=scope.is_idle)
        over = {name for name, i in self.instances.items() if is_cleared and i.state != "none"}
        planned = [task for task in bodies() if not self.is_left_out(task, over)]
        running = self.live_tasks_of_running_members()
        try:
            self.said = self.drive(launching(planned, opening, is_new=self.launch_is_new), dies=dies)
        except Crash:
            self.launch_is_new = False
        else:
            self.launch_state = "success"
        assert self.live_tasks_of_running_members() == running, "launch ended what Airflow runs"

    def live_tasks_of_running_members(self) -> set[TaskKey]:
        running = {i.found.key for i in self.instances.values() if i.found and i.state == "running"}
        return running.intersection(self.batch.live_tasks())

    def is_left_out(self, task: dict[str, Any], over: set[str]) -> bool:
        """What is not pending is not planned again; nor is what depends on it, unless that has succeeded."""
        name = next(n for n in UPSTREAM if task["id"] == ids.member_task_id(n))
        parents = UPSTREAM[name]
        if name in over:
            return True
        if any(parent in over for parent in parents):
            succeeded = all(self.instances[p].state == "success" for p in parents if p in over)
            task.pop("dependsOn", None)
            return not succeeded
        return any(self.is_left_out(body(parent), over) for parent in parents)

    @precondition(lambda self: self.launch_state == "success")
    @rule()
    def everything_is_cleared(self) -> None:
        self.launch_state, self.launch_is_new = "none", False
        self.launch_tries += 1
        for name in UPSTREAM:
            self.clear(name)

    @precondition(lambda self: self.launch_state == "success")
    @rule()
    def launch_alone_is_cleared(self) -> None:
        self.launch_state, self.launch_is_new = "none", False
        self.launch_tries += 1

    # --- members ---------------------------------------------------------------------------------

    def may_go(self, instance: Instance) -> bool:
        states = [self.instances[parent].state for parent in UPSTREAM[instance.name]]
        if instance.state != "none" or (self.launch_state != "success" and instance.name not in LATE):
            return False
        return all(state in DONE if instance.name == ALL_DONE else state == "success" for state in states)

    def one_of(self, choice: int, fits: Callable[[Instance], bool]) -> Instance | None:
        fitting = [instance for instance in self.instances.values() if fits(instance)]
        return fitting[choice % len(fitting)] if fitting else None

    @precondition(lambda self: any(map(self.may_go, self.instances.values())))
    @rule(choice=CHOICE, dies=st.one_of(st.none(), st.tuples(POINTS, WHEN)))
    def a_member_starts(self, choice: int, dies: tuple[int, str] | None) -> None:
        instance = self.one_of(choice, self.may_go)
        assert instance is not None
        name = instance.name
        if name in LATE or self.starts_on_workers:
            self.on_a_worker(instance, None, dies)
            return
        assert self.said is not None
        self.read_result(instance)
        plan = mirror(
            name,
            self.said,
            instance.try_number,
            failure_satisfies=name == ALL_DONE,
            result_is_kept=True,
        )
        instance.kill = self.kill_of_mirror(instance, None)
        try:
            found = self.drive(find_task(plan, Claim.read(instance.claim)), instance, dies)
        except Crash:
            return  # the triggerer starts it again
        if isinstance(found, Refused):
            self.on_a_worker(instance, found, dies)
            return
        instance.found, instance.state = found, "running"
        instance.kill = self.kill_of_mirror(instance, found)

    def read_result(self, instance: Instance) -> None:
        """As the trigger does: a success without a claim has left its result."""
        if instance.claim is None and instance.try_number > 1 and instance.result is not None:
            claim = Claim.read({**instance.result, "try_number": instance.try_number - 1})
            instance.claim = claim.as_json() if claim else None
            instance.result = None

    def kill_of_mirror(self, instance: Instance, found: Submission | None) -> Callable[[], None]:
        said, known = self.said, Claim.read(instance.claim)
        assert said is not None
        key = said.planned_key(instance.name, -1)
        if known is not None and known.batch_job_id == said.batch_job_id:
            key = known.key
        return self.kill_of_trigger(instance, found or Submission(key, "p1", shared_job=True))

    def kill_of_trigger(self, instance: Instance, left: Submission) -> Callable[[], None]:
        try_number = instance.try_number

        def still_ours(seen: Any) -> bool:
            claim = Claim.read(instance.claim)
            return claim is None or claim.key != left.key or claim.try_number <= try_number

        def kill() -> None:
            """As the trigger does it."""
            self.process.still_ours = still_ours
            self.drive(terminate(left, "killed"))

        return kill

    def on_a_worker(self, instance: Instance, refused: Refused | None, dies: tuple[int, str] | None) -> None:
        if refused is None:
            instance.claim = instance.result = None
        plan = replace(
            member(instance.name, self.said, task=late(instance.name, max_tries=instance.max_tries)),
            try_number=instance.try_number,
            tries_before_clear=instance.max_tries,
            refused=refused,
            failure_satisfies=instance.name == ALL_DONE,
        )

        def kill_in_the_middle() -> None:
            left = self.drive(find_member(plan))
            if left is not None:
                self.drive(terminate(left, "killed"))

        instance.kill = kill_in_the_middle
        try:
            found = self.drive(submit_member(plan), None, dies)
        except Crash:
            instance.try_number += 1  # no sign of life: the next try begins
            instance.kill = None
            return
        claim = Claim(
            instance.try_number,
            found.key.batch_job_id,
            found.key.batch_task_id,
            found.etag,
            found.stale_end,
        )
        instance.claim = claim.as_json()
        instance.found, instance.state = found, "running"
        instance.kill = self.kill_of_trigger(instance, found)

    @rule(choice=CHOICE)
    def the_triggerer_restarts(self, choice: int) -> None:
        instance = self.one_of(choice, lambda one: one.state == "running" and one.name not in LATE)
        if instance is not None and instance.found is not None and not self.starts_on_workers:
            name = instance.name
            claim = Claim.read(instance.claim)
            if claim is not None and claim.try_number == instance.try_number:
                assert self.said is not None
                again = self.drive(find_task(mirror(name, self.said, instance.try_number), claim), instance)
                assert isinstance(again, Submission)
                assert again.key == instance.found.key

    @rule(retries=st.booleans())
    def watches_see_ends(self, retries: bool) -> None:
        for instance in self.instances.values():
            self.watch(instance, retries)

    def watch(self, instance: Instance, retries: bool) -> None:
        if instance.state != "running" or instance.found is None:
            return
        key = instance.found.key
        if self.batch._key(key) not in self.batch.tasks:
            return
        outcome = read_outcome(key, self.batch.task(key))
        if outcome is None:
            if key not in self.batch.live_tasks():
                self.fail(instance, retries)  # lost with its job
            return
        if outcome.end_time == instance.found.stale_end:
            return
        if not outcome.succeeded:
            self.fail(instance, retries)
            return
        self.check_what_is_taken(instance, key)
        instance.state, instance.taken, instance.found = "success", key, None
        instance.result = outcome.as_json()
        instance.succeeded_at = stamp(self.batch.now)

    def fail(self, instance: Instance, retries: bool) -> None:
        instance.found = instance.kill = None
        if retries:
            instance.try_number += 1
            instance.state = "none"
        else:
            instance.state = "failed"

    @rule()
    def what_cannot_run_is_upstream_failed(self) -> None:
        for instance in self.instances.values():
            parents = [self.instances[parent].state for parent in UPSTREAM[instance.name]]
            hopeless = any(state in ("failed", "upstream_failed") for state in parents)
            if instance.state == "none" and hopeless and instance.name != ALL_DONE:
                instance.state = "upstream_failed"

    @rule(choice=CHOICE)
    def somebody_clears_a_member_and_what_follows(self, choice: int) -> None:
        instance = self.one_of(choice, lambda one: one.state != "none")
        if instance is not None:
            self.clear_with_children(instance.name)

    def clear_with_children(self, name: str) -> None:
        self.clear(name)
        for child in self.instances[name].children:
            self.clear_with_children(child)

    @rule(choice=CHOICE)
    def somebody_clears_a_failed_member_alone(self, choice: int) -> None:
        instance = self.one_of(choice, lambda one: one.state in ("failed", "upstream_failed"))
        if instance is not None:
            self.clear(instance.name)

    def clear(self, name: str) -> None:
        instance = self.instances[name]
        # A mirror that died has been let go all the same.
        was_tried = instance.state in ("running", "success", "failed") or instance.kill is not None
        if instance.kill is not None and instance.state in ("none", "running"):
            self.late_kills.append((name, instance.kill))
        if was_tried:
            instance.try_number += 1
            instance.max_tries = instance.try_number - 1
        instance.state, instance.found, instance.kill, instance.taken = "none", None, None, None

    @precondition(lambda self: self.late_kills)
    @rule()
    def a_late_kill_arrives(self) -> None:
        running = {i.name: i.found.key for i in self.instances.values() if i.found and i.state == "running"}
        alive = {name for name, key in running.items() if key in self.batch.live_tasks()}
        self.late_kills.pop(0)[1]()
        for name in alive:
            assert running[name] in self.batch.live_tasks(), f"a late kill ended {name}"

    @rule(name=NAMES, to=st.sampled_from(["success", "failed"]))
    def somebody_marks_a_member(self, name: str, to: str) -> None:
        instance = self.instances[name]
        if instance.state == "running":
            assert instance.kill is not None
            instance.kill()
        if instance.state in ("running", "none"):
            instance.state, instance.found, instance.kill, instance.taken = to, None, None, None
            instance.succeeded_at = stamp(self.batch.now)

    @precondition(lambda self: len(self.batch.active_jobs()) > 1)
    @rule(choice=CHOICE)
    def somebody_ends_a_job(self, choice: int) -> None:
        jobs = [job_id for job_id in self.batch.active_jobs() if job_id != "nightly"]
        self.batch.end_job(jobs[choice % len(jobs)])

    @precondition(lambda self: all(i.state in DONE for i in self.instances.values()))
    @rule()
    def finish_runs(self) -> None:
        while self.late_kills:
            self.a_late_kill_arrives()
        figures = self.drive(finish_group(GROUP))
        assert self.batch.active_jobs() == ["nightly"]
        assert self.batch.live_tasks() == []
        assert figures.tasks == len(self.batch.tasks)

    # --- what always holds -----------------------------------------------------------------------

    def check_what_is_taken(self, instance: Instance, key: TaskKey) -> None:
        """The work ran after its parents had done theirs, and these are the parents' newest."""
        task = self.batch.task(key)
        started = task["executionInfo"]["startTime"]
        depends_on = (task.get("dependsOn") or {}).get("taskIds") or []
        for name in UPSTREAM[instance.name]:
            parent = self.instances[name]
            if parent.state not in DONE:
                continue  # it was cleared alone after this one had been let go
            if not depends_on:
                continue
            if parent.taken is not None:
                assert parent.taken.batch_task_id in depends_on, f"{key} ran on a superseded {name}"
                assert self.batch.task(parent.taken)["executionInfo"]["endTime"] <= started

    @invariant()
    def no_member_has_two_live_tasks(self) -> None:
        # What a clear is about to kill may meet what launch plans anew.
        dying = {name for name, _ in self.late_kills}
        for name in UPSTREAM:
            assert len(self.tasks_of(name)) <= 1 + (name in dying), name

    @invariant()
    def what_airflow_watches_exists(self) -> None:
        for instance in self.instances.values():
            if instance.found is not None:
                assert self.batch._key(instance.found.key) in self.batch.tasks


class GroupLifeWithMovingETags(GroupLife):
    """Nodes move ETags too: no kill may be lost, though a late one may meet a task that was written since."""

    moving_etags = True


class GroupLifeOnWorkers(GroupLife):
    """What a mirror's claim tells is not there; launch, which Airflow clears with its members, tells it."""

    starts_on_workers = True

    def clear(self, name: str) -> None:
        super().clear(name)
        if self.launch_state == "success":
            self.launch_alone_is_cleared()


class GroupLifeOfJobsThatCannotBeChanged(GroupLife):
    """A job keeps the life that it was created with."""

    refuses_changes = True


SETTINGS = settings(max_examples=150, stateful_step_count=40, deadline=None)
GroupLife.TestCase.settings = SETTINGS
TestGroupLife = GroupLife.TestCase
GroupLifeWithMovingETags.TestCase.settings = SETTINGS
TestGroupLifeWithMovingETags = GroupLifeWithMovingETags.TestCase
GroupLifeOnWorkers.TestCase.settings = SETTINGS
TestGroupLifeOnWorkers = GroupLifeOnWorkers.TestCase
GroupLifeOfJobsThatCannotBeChanged.TestCase.settings = SETTINGS
TestGroupLifeOfJobsThatCannotBeChanged = GroupLifeOfJobsThatCannotBeChanged.TestCase
