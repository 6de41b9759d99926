"""
Links to the Azure portal: the Batch task, its job, its pool.

A link is an XCom that the operator writes as soon as the Batch task is submitted, so that it works while the
task runs or is deferred, and in Airflow 2 and 3 alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow_provider_batch.domain.requests import TaskKey

__all__ = [
    "AzureBatchJobLink",
    "AzureBatchPoolLink",
    "AzureBatchTaskLink",
    "account_resource_id",
    "portal_urls",
]

_PORTAL = "https://portal.azure.com"


class _PortalLink(BaseOperatorLink):
    """A link whose address the operator stored under :attr:`stored_key`."""

    stored_key: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """Where Airflow 3 looks for the address; its own choice would be written only when the task ends."""
        return self.stored_key

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """
        Return the stored address; empty while nothing is submitted, or without a portal to link to.

        :param operator: the operator that the link belongs to.
        :param ti_key: the task instance.
        """
        return XCom.get_value(ti_key=ti_key, key=self.stored_key) or ""


class AzureBatchTaskLink(_PortalLink):
    """The Batch task in the Azure portal."""

    name = "Azure Batch task"
    stored_key = "azure_batch_task_url"


class AzureBatchJobLink(_PortalLink):
    """The Batch job in the Azure portal."""

    name = "Azure Batch job"
    stored_key = "azure_batch_job_url"


class AzureBatchPoolLink(_PortalLink):
    """The pool in the Azure portal."""

    name = "Azure Batch pool"
    stored_key = "azure_batch_pool_url"


LINKS: tuple[type[_PortalLink], ...] = (AzureBatchTaskLink, AzureBatchJobLink, AzureBatchPoolLink)


def account_resource_id(
    subscription_id: str | None, resource_group: str | None, account_name: str | None
) -> str | None:
    """
    Return the ARM id of a Batch account; None when a part of it is not known.

    :param subscription_id: subscription of the account.
    :param resource_group: resource group of the account.
    :param account_name: name of the account.
    """
    if not (subscription_id and resource_group and account_name):
        return None
    return (
        f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"
        f"/providers/Microsoft.Batch/batchAccounts/{account_name}"
    )


def portal_urls(resource_id: str | None, key: TaskKey, batch_pool_id: str | None) -> dict[str, str]:
    """
    Return the addresses to store, by the key of their XCom.

    The portal documents addresses of resources (``#resource{ARM id}``), and a Batch job is no ARM resource.
    So the address opens the account at its jobs or pools, and carries the ids for the person who looks for
    them. The names of the account's pages are assumed; for one that it does not know, the portal opens the
    account's overview.

    All of them are there, empty where there is no address: for a key that it does not find, Airflow writes
    an error into the worker's log.

    :param resource_id: ARM id of the Batch account; None when the connection does not name its
        subscription and resource group: without it there is no address.
    :param key: the Batch task.
    :param batch_pool_id: the pool, when it is known.
    """
    urls = dict.fromkeys((link.stored_key for link in LINKS), "")
    if resource_id is None:
        return urls
    account = f"{_PORTAL}/#resource{quote(resource_id)}"
    job = f"{account}/jobs?jobId={quote(key.batch_job_id)}"
    urls[AzureBatchJobLink.stored_key] = job
    urls[AzureBatchTaskLink.stored_key] = f"{job}&taskId={quote(key.batch_task_id)}"
    if batch_pool_id:
        urls[AzureBatchPoolLink.stored_key] = f"{account}/pools?poolId={quote(batch_pool_id)}"
    return urls
