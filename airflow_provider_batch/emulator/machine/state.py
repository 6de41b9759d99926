"""The account's pools, jobs and job schedules as the machine keeps them: look-ups for those who read."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.model.account import Account
from airflow_provider_batch.emulator.model.applications import Application, ApplicationPackage
from airflow_provider_batch.emulator.model.ids import id_key
from airflow_provider_batch.emulator.model.jobs import Job
from airflow_provider_batch.emulator.model.nodes import Node, NodeUsage
from airflow_provider_batch.emulator.model.pools import Pool
from airflow_provider_batch.emulator.model.schedules import JobSchedule
from airflow_provider_batch.emulator.model.tasks import Task


@dataclass
class State:
    """
    Pools (with their nodes), jobs (with their tasks) and job schedules.

    Readers hold the engine's lock, copy what they need, and change nothing.

    :param pools: by ``id_key`` of the id, in order of creation; pools being deleted included.
    :param jobs: likewise, those of job schedules included.
    :param schedules: likewise.
    :param applications: likewise.
    :param usage: of machines that nodes held and gave back, by the end; of those that are held, nodes know.
    """

    pools: dict[str, Pool] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    schedules: dict[str, JobSchedule] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    usage: deque[NodeUsage] = field(default_factory=deque)

    def pool(self, pool_id: str) -> Pool:
        """
        Return a pool.

        :raises ServiceError: ``PoolNotFound``.
        """
        try:
            return self.pools[id_key(pool_id)]
        except KeyError:
            raise errors.pool_not_found() from None

    def node(self, pool_id: str, node_id: str) -> Node:
        """
        Return a node.

        :raises ServiceError: ``PoolNotFound``, ``NodeNotFound``.
        """
        try:
            return self.pool(pool_id).nodes[id_key(node_id)]
        except KeyError:
            raise errors.node_not_found() from None

    def job(self, job_id: str) -> Job:
        """
        Return a job.

        :raises ServiceError: ``JobNotFound``.
        """
        try:
            return self.jobs[id_key(job_id)]
        except KeyError:
            raise errors.job_not_found() from None

    def schedule(self, schedule_id: str) -> JobSchedule:
        """
        Return a job schedule.

        :raises ServiceError: ``JobScheduleNotFound``.
        """
        try:
            return self.schedules[id_key(schedule_id)]
        except KeyError:
            raise errors.job_schedule_not_found() from None

    def application(self, application_id: str) -> Application:
        """
        Return an application.

        :raises ServiceError: ``ApplicationNotFound``.
        """
        try:
            return self.applications[id_key(application_id)]
        except KeyError:
            raise errors.application_not_found() from None

    def application_package(self, application_id: str, version: str) -> ApplicationPackage:
        """
        Return one version of an application, whether nodes may use it or not.

        :raises ServiceError: ``ApplicationNotFound``, ``ApplicationPackageNotFound``.
        """
        try:
            return self.application(application_id).packages[id_key(version)]
        except KeyError:
            raise errors.application_package_not_found() from None

    def usable_package(self, application_id: str, version: str | None) -> ApplicationPackage:
        """
        Return the package that a reference means: active, and of the default version when none is given.

        :raises ServiceError: ``ApplicationNotFound``; ``InvalidApplicationPackageReferences`` when the
            version is absent or not active, or no default is set.
        """
        package = self.application(application_id).active_package(version)
        if package is None:
            raise errors.invalid_application_package_references(application_id, version)
        return package

    def task(self, job_id: str, task_id: str) -> Task:
        """
        Return a task.

        :raises ServiceError: ``JobNotFound``, ``TaskNotFound``.
        """
        try:
            return self.job(job_id).tasks[id_key(task_id)]
        except KeyError:
            raise errors.task_not_found() from None
