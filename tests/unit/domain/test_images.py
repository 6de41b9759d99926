"""The image of a pool that is to be created: what is looked up, what is refused, what is said."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_batch.domain.flow import Flow
from airflow_provider_batch.domain.images import resolve_image
from airflow_provider_batch.domain.job_creation import create_job
from airflow_provider_batch.domain.pool_adoption import adopt_pool
from airflow_provider_batch.exceptions import (
    BatchOwnershipError,
    BatchServiceError,
    BatchThrottledError,
    SpecError,
)
from airflow_provider_batch.specs import ContainerConfiguration, PoolSpec, VmImage, fingerprint, pool_to_rest
from tests.unit.domain.fake_batch import FakeBatch, Process, service_error, supported_image

# The clock of the account stands at 2026-01-01.
IMAGES = [
    supported_image("canonical", "jammy", "22_04-lts", "batch.node.ubuntu 22.04"),
    supported_image("Canonical", "Ubuntu-24_04-LTS", "Server", "batch.node.ubuntu 24.04"),
    supported_image("canonical", "ubuntu-24_04-lts", "server-gen1", "batch.node.ubuntu 24.04"),
    supported_image(
        "canonical",
        "focal",
        "20_04-lts",
        "batch.node.ubuntu 20.04",
        batchSupportEndOfLife="2025-05-31T00:00:00Z",
    ),
    supported_image(
        "canonical", "ubuntu-26_04-lts", "server", "batch.node.ubuntu 26.04", verificationType="unverified"
    ),
    supported_image("debian", "debian-9", "9", "batch.node.debian 9"),
    supported_image("debian", "debian-10", "10", "batch.node.debian 10"),
    supported_image(
        "debian",
        "debian-12",
        "12",
        "batch.node.debian 12",
        batchSupportEndOfLife="2026-03-01T00:00:00Z",
    ),
    supported_image(
        "microsoft-dsvm",
        "ubuntu-hpc",
        "2204",
        "batch.node.ubuntu 22.04",
        capabilities=["DockerCompatible", "NvidiaTeslaDriverInstalled"],
    ),
    supported_image("microsoft-dsvm", "ubuntu-hpc", "2404", "batch.node.ubuntu 24.04"),
    supported_image("microsoft-dsvm", "dsvm-win-2022", "22", "batch.node.windows amd64", osType="windows"),
]
GALLERY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/films/images/i"
PATH = "pool.virtualMachineConfiguration"


@pytest.fixture
def batch() -> FakeBatch:
    made = FakeBatch()
    made.images = IMAGES
    return made


def body(image: VmImage, **more: Any) -> dict[str, Any]:
    return pool_to_rest(PoolSpec(pool_id="p1", vm_size="standard_d2s_v5", image=image, **more))


def resolved(batch: FakeBatch, image: VmImage, **more: Any) -> tuple[dict[str, Any], Process]:
    process = Process(batch)
    pool = process.drive(resolve_image(body(image, **more)))
    machine: dict[str, Any] = pool["virtualMachineConfiguration"]
    return machine, process


def refusal(batch: FakeBatch, image: VmImage, **more: Any) -> SpecError:
    with pytest.raises(SpecError) as caught:
        resolved(batch, image, **more)
    return caught.value


def newest(**names: Any) -> VmImage:
    return VmImage.newest(**{"publisher": "canonical", **names})


# --- the newest ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "reference", "agent"),
    [
        (newest(), ("Canonical", "Ubuntu-24_04-LTS", "Server"), "batch.node.ubuntu 24.04"),
        (newest(publisher="CANONICAL", offer="JAM*"), ("canonical", "jammy", "22_04-lts"), None),
        (newest(sku="*gen1"), ("canonical", "ubuntu-24_04-lts", "server-gen1"), None),
        (
            newest(node_agent_sku_id="Batch.Node.Ubuntu 2?.04", sku="2*"),
            ("canonical", "jammy", "22_04-lts"),
            None,
        ),
        (newest(publisher="debian", offer="debian-*"), ("debian", "debian-12", "12"), None),
        (
            newest(publisher="debian", support_left="P90D"),
            ("debian", "debian-10", "10"),
            "batch.node.debian 10",
        ),
        (
            newest(publisher="microsoft-dsvm", capabilities=["dockercompatible"]),
            ("microsoft-dsvm", "ubuntu-hpc", "2204"),
            "batch.node.ubuntu 22.04",
        ),
        (
            newest(publisher="microsoft-dsvm", os_type="Windows"),
            ("microsoft-dsvm", "dsvm-win-2022", "22"),
            "batch.node.windows amd64",
        ),
    ],
)
def test_the_newest_image_that_matches_is_found(
    batch: FakeBatch, image: VmImage, reference: tuple[str, str, str], agent: str | None
) -> None:
    machine, _ = resolved(batch, image)
    assert machine["imageReference"] == {
        **dict(zip(("publisher", "offer", "sku"), reference, strict=True)),
        "version": "latest",
    }
    assert "newestImage" not in machine
    assert agent is None or machine["nodeAgentSKUId"] == agent


def test_the_rest_of_the_machine_stays(batch: FakeBatch) -> None:
    machine, _ = resolved(batch, newest(), extra={"virtualMachineConfiguration": {"licenseType": "x"}})
    assert machine["licenseType"] == "x"


def test_a_pool_that_runs_containers_gets_an_image_that_can(batch: FakeBatch) -> None:
    containers = {"container_configuration": ContainerConfiguration()}
    machine, _ = resolved(batch, newest(publisher="microsoft-dsvm", offer="ubuntu-hpc"), **containers)
    assert machine["imageReference"]["sku"] == "2204"
    assert refusal(batch, newest(), **containers).path == f"{PATH}.containerConfiguration"


def test_an_image_by_name_that_may_run_no_containers_is_taken_with_a_warning(batch: FakeBatch) -> None:
    containers = {"container_configuration": ContainerConfiguration()}
    image = named(node_agent_sku_id="batch.node.ubuntu 22.04")
    machine, process = resolved(batch, image, **containers)
    assert machine["imageReference"] == image.to_rest()["imageReference"]
    ((level, text),) = process.logs
    assert level == "WARNING"
    assert text.startswith(f"{PATH}.containerConfiguration: the image canonical jammy 22_04-lts")
    assert 'VmImage.newest(..., capabilities=["DockerCompatible"])' in text
    _, process = resolved(batch, VmImage.ubuntu_hpc("22.04"), **containers)
    assert not process.logs


def test_the_log_says_what_was_chosen_of_how_many_and_until_when(batch: FakeBatch) -> None:
    _, process = resolved(batch, newest(publisher="debian"))
    (_, chosen), (level, warning) = process.logs
    assert "debian debian-12 12 (the newest of 3 verified that match debian * *)" in chosen
    assert "'batch.node.debian 12', supported until 2026-03-01" in chosen
    assert (level, "stops to create pools with it on 2026-03-01" in warning) == ("WARNING", True)
    _, process = resolved(batch, newest())
    assert [level for level, _ in process.logs] == ["INFO"]
    assert "without a known end" in process.logs[0][1]


@pytest.mark.parametrize(
    ("image", "field", "parts"),
    [
        (
            newest(publisher="canonicl"),
            "imageReference.publisher",
            ["did you mean 'canonical'"],
        ),
        (newest(offer="ubuntu-24_04-its"), "imageReference.offer", ["of canonical", "'ubuntu-24_04-lts'"]),
        (newest(offer="zzz*"), "imageReference.offer", ["'zzz*'; there are ", "'focal', 'jammy', "]),
        (newest(offer="jammy", sku="24*"), "imageReference.sku", ["of canonical jammy", "'22_04-lts'"]),
        (newest(offer="ubuntu-26*"), "imageReference", ["is verified", "unverified"]),
        (newest(offer="focal"), "imageReference", ["is supported still", "supported until 2025-05-31"]),
        (newest(os_type="windows"), "newestImage.osType", ["is for windows"]),
        (newest(capabilities=["SRIOV"]), "newestImage.capabilities", ["has SRIOV"]),
        (
            newest(publisher="debian", offer="debian-12", support_left="P90D"),
            "newestImage.supportLeft",
            ["will be supported for P90D", "supported until 2026-03-01"],
        ),
        (newest(node_agent_sku_id="batch.node.el*"), "nodeAgentSKUId", ["'batch.node.el*'"]),
        (
            newest(publisher="*", os_type="linux"),
            "imageReference",
            ["several distributions (batch.node.debian, batch.node.ubuntu)", "'batch.node.debian*'"],
        ),
    ],
)
def test_no_match_names_the_field_what_there_is_and_the_remedy(
    batch: FakeBatch, image: VmImage, field: str, parts: list[str]
) -> None:
    error = refusal(batch, image)
    assert error.path == f"{PATH}.{field}"
    for part in parts:
        assert part in error.problem


# --- images that are named -----------------------------------------------------------------------


def named(**more: Any) -> VmImage:
    return VmImage(**{"publisher": "Canonical", "offer": "jammy", "sku": "22_04-LTS", **more})


def test_the_node_agent_of_an_image_is_looked_up_and_its_names_stay(batch: FakeBatch) -> None:
    machine, process = resolved(batch, named(version="22.04.1"))
    assert machine["imageReference"] == {
        "publisher": "Canonical",
        "offer": "jammy",
        "sku": "22_04-LTS",
        "version": "22.04.1",
    }
    assert machine["nodeAgentSKUId"] == "batch.node.ubuntu 22.04"
    assert "'batch.node.ubuntu 22.04'" in process.logs[0][1]


def test_an_image_in_full_stays_as_it_is_and_nothing_is_said(batch: FakeBatch) -> None:
    image = named(node_agent_sku_id="Batch.Node.Ubuntu 22.04")
    machine, process = resolved(batch, image)
    assert machine == image.to_rest()
    assert not process.logs
    assert batch.operations() == ["list_supported_images"]


def test_a_gallery_image_asks_nothing(batch: FakeBatch) -> None:
    image = VmImage.compute_gallery(GALLERY, node_agent_sku_id="batch.node.el 9")
    machine, _ = resolved(batch, image)
    assert machine == image.to_rest()
    assert not batch.operations()


@pytest.mark.parametrize(
    ("image", "field", "part"),
    [
        (named(offer="jamy", node_agent_sku_id="x"), "imageReference.offer", "did you mean 'jammy'"),
        (named(sku="24_04-lts"), "imageReference.sku", "'22_04-lts'"),
        (named(node_agent_sku_id="batch.node.el 9"), "nodeAgentSKUId", "needs 'batch.node.ubuntu 22.04'"),
    ],
)
def test_an_image_that_does_not_exist_is_refused_before_anything_is_created(
    batch: FakeBatch, image: VmImage, field: str, part: str
) -> None:
    with pytest.raises(SpecError) as caught:
        Process(batch).drive(adopt_pool(body(image)))
    assert caught.value.path == f"{PATH}.{field}"
    assert part in caught.value.problem
    assert not batch.pools


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (VmImage(publisher="canonical", offer="ubuntu-26_04-lts", sku="server"), "lists it as unverified"),
        (VmImage(publisher="canonical", offer="focal", sku="20_04-lts"), "has stopped to create pools"),
    ],
)
def test_an_image_that_is_named_is_taken_with_a_warning_where_the_newest_would_not_be(
    batch: FakeBatch, image: VmImage, said: str
) -> None:
    _, process = resolved(batch, image)
    assert [said in text for level, text in process.logs if level == "WARNING"] == [True]


def test_a_list_that_cannot_be_read_matters_only_to_what_must_be_looked_up(batch: FakeBatch) -> None:
    batch.fail("list_supported_images", service_error("TooManyRequests"), times=2)
    machine, process = resolved(batch, named(node_agent_sku_id="batch.node.ubuntu 22.04"))
    assert machine["nodeAgentSKUId"] == "batch.node.ubuntu 22.04"
    assert "not looked up" in process.logs[0][1]
    with pytest.raises(BatchThrottledError):
        resolved(batch, newest())


# --- pools and jobs ------------------------------------------------------------------------------


def drive(batch: FakeBatch, flow: Flow[Any]) -> Any:
    return Process(batch).drive(flow)


def test_a_pool_is_created_from_what_was_found_and_remembers_what_was_asked(batch: FakeBatch) -> None:
    wanted = body(newest())
    assert drive(batch, adopt_pool(wanted)).how == "created"
    made = batch.pools["p1"]
    assert made["virtualMachineConfiguration"]["imageReference"]["sku"] == "Server"
    assert {"name": "AIRFLOW_BATCH_DEFINITION", "value": fingerprint(wanted)} in made["metadata"]


def test_a_pool_of_an_older_image_that_matches_is_adopted_without_a_look_at_the_list(
    batch: FakeBatch,
) -> None:
    wanted = body(newest())
    batch.images = IMAGES[:1]
    drive(batch, adopt_pool(wanted))
    batch.images = IMAGES
    batch.requests.clear()
    assert drive(batch, adopt_pool(wanted)).how == "adopted"
    assert batch.pools["p1"]["virtualMachineConfiguration"]["imageReference"]["offer"] == "jammy"
    assert "list_supported_images" not in batch.operations()


@pytest.mark.parametrize(
    ("image", "field"),
    [
        (newest(offer="ubuntu*"), "imageReference.offer: wanted 'ubuntu*', found 'jammy'"),
        (
            newest(node_agent_sku_id="*24.04"),
            "nodeAgentSKUId: wanted '*24.04', found 'batch.node.ubuntu 22.04'",
        ),
    ],
)
def test_a_pool_of_an_image_that_does_not_match_is_refused(
    batch: FakeBatch, image: VmImage, field: str
) -> None:
    drive(batch, adopt_pool(body(named())))
    with pytest.raises(BatchOwnershipError, match="exists and is not as described") as caught:
        drive(batch, adopt_pool(body(image)))
    assert field in str(caught.value)


def test_a_pool_that_is_changed_gets_what_was_found(batch: FakeBatch) -> None:
    drive(batch, adopt_pool(body(VmImage(publisher="debian", offer="debian-9", sku="9"))))
    changed = body(newest(publisher="debian", offer="debian-1*"))
    assert drive(batch, adopt_pool(changed, update=True)).how == "updated"
    machine = batch.pools["p1"]["virtualMachineConfiguration"]
    assert (machine["imageReference"]["sku"], machine["nodeAgentSKUId"]) == ("12", "batch.node.debian 12")
    assert "newestImage" not in machine


def test_the_pool_that_a_job_brings_with_it_gets_what_was_found(batch: FakeBatch) -> None:
    pool = body(newest())
    del pool["id"]
    auto_pool = {"poolLifetimeOption": "job", "pool": pool}
    job = {"id": "j1", "poolInfo": {"autoPoolSpecification": auto_pool}}
    drive(batch, create_job(job))
    sent = batch.requests[-1].json["poolInfo"]["autoPoolSpecification"]
    assert sent["poolLifetimeOption"] == "job"
    assert sent["pool"]["virtualMachineConfiguration"]["imageReference"]["sku"] == "Server"
    assert "newestImage" in pool["virtualMachineConfiguration"]
    with pytest.raises(SpecError, match=r"^batch_job\.poolInfo\.autoPoolSpecification\.pool\.virtualMachine"):
        drive(batch, create_job(_with_image(job, newest(offer="nothing-like-it"))))


def test_a_job_on_a_pool_that_exists_asks_for_no_image(batch: FakeBatch) -> None:
    drive(batch, create_job({"id": "j1", "poolInfo": {"poolId": "p1"}}))
    assert batch.operations() == ["create_job"]


def _with_image(job: dict[str, Any], image: VmImage) -> dict[str, Any]:
    pool = {**body(image)}
    del pool["id"]
    return {**job, "poolInfo": {"autoPoolSpecification": {"poolLifetimeOption": "job", "pool": pool}}}


def test_an_error_of_creation_is_not_hidden(batch: FakeBatch) -> None:
    batch.fail("create_pool", service_error("InvalidPropertyValue"))
    with pytest.raises(BatchServiceError, match="InvalidPropertyValue"):
        drive(batch, adopt_pool(body(newest())))
