"""Addresses in the Azure portal."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.domain.requests import TaskKey
from airflow_provider_batch.links import portal
from airflow_provider_batch.links.portal import LINKS, account_resource_id, portal_urls

ACCOUNT = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Batch/batchAccounts/acc"
KEY = TaskKey("job-1", "task-1")


def test_the_account_is_named_by_its_arm_id() -> None:
    assert account_resource_id("s", "rg", "acc") == ACCOUNT


@pytest.mark.parametrize("known", [(None, "rg", "acc"), ("s", "", "acc"), ("s", "rg", None)])
def test_an_account_that_is_known_in_part_has_no_address(known: Any) -> None:
    assert account_resource_id(*known) is None
    assert portal_urls(None, KEY, "p1") == {link.stored_key: "" for link in LINKS}


def test_job_task_and_pool_have_an_address_each() -> None:
    urls = portal_urls(ACCOUNT, KEY, "p1")
    assert set(urls) == {link.stored_key for link in LINKS}
    assert all(url.startswith(f"https://portal.azure.com/#resource{ACCOUNT}/") for url in urls.values())
    assert "taskId=task-1" in urls["azure_batch_task_url"]
    assert "jobId=job-1" in urls["azure_batch_task_url"]
    assert "poolId=p1" in urls["azure_batch_pool_url"]


def test_an_unknown_pool_has_no_address() -> None:
    assert portal_urls(ACCOUNT, KEY, None)["azure_batch_pool_url"] == ""


def test_what_users_write_cannot_change_the_address() -> None:
    urls = portal_urls(account_resource_id("s", "r g&x=1#y", "acc"), TaskKey("a&b=c#d", "t"), "p?q")
    assert "r%20g%26x%3D1%23y" in urls["azure_batch_job_url"]
    assert urls["azure_batch_job_url"].endswith("jobId=a%26b%3Dc%23d")
    assert urls["azure_batch_pool_url"].endswith("poolId=p%3Fq")


@pytest.mark.parametrize("link", [cls() for cls in LINKS])
def test_a_link_is_read_where_the_operator_wrote_it(link: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {link.stored_key: "https://portal"}

    class Store:
        """Stands for XCom."""

        @staticmethod
        def get_value(*, ti_key: Any, key: str) -> str | None:
            return kept.get(key)

    monkeypatch.setattr(portal, "XCom", Store)
    assert link.get_link(None, ti_key=object()) == "https://portal"
    # Airflow 3 reads this key itself, from the moment that the operator wrote it.
    assert link.xcom_key == link.stored_key
    kept.clear()
    assert link.get_link(None, ti_key=object()) == ""
