"""
What the schema cannot say: contradictions between fields, and limits on a whole.

A rule receives the path of an object and its checked members, and raises :class:`SpecError`. Members that
are decided later (templates) are taken for consistent; the rules run again after rendering.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from airflow_provider_batch.exceptions import SpecError
from airflow_provider_batch.specs.image_names import PATTERN_FIELDS, is_pattern
from airflow_provider_batch.specs.pool_identities import check_pool_identity, check_resource_id
from airflow_provider_batch.specs.resource_ids import check_image_id, check_subnet_id
from airflow_provider_batch.specs.templates import decided_later

Body: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[str, Body], None]

#: characters of a start task's definition as a whole ("Batch service quotas and limits")
START_TASK_CHARACTERS: Final = 32_768
#: a request that adds tasks must stay below 1 MB
TASK_BODY_BYTES: Final = 1_048_576
#: characters of all the ids of ``dependsOn.taskIds`` together
TASK_IDS_CHARACTERS: Final = 64_000

_TARGETS: Final = ("targetDedicatedNodes", "targetLowPriorityNodes")
_GALLERY_IDS: Final = ("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId")
_MARKETPLACE: Final = ("publisher", "offer", "sku")
_SOURCES: Final = ("httpUrl", "storageContainerUrl", "autoStorageContainerName")
#: tier, family, and the figure that every size has; "Azure virtual machine sizes naming conventions"
_VM_SIZE: Final = re.compile(r"[a-z]+_[a-z]+[0-9][a-z0-9_-]*", re.ASCII | re.IGNORECASE)
#: what is written where a size has an underscore; the hyphen of Standard_E8-2s_v5 stands between figures
_NO_UNDERSCORE: Final = re.compile(r"[\s_]+|(?<![0-9])-|-(?![0-9])")
_MODE: Final = re.compile(r"(0o)?[0-7]{3,5}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]*")
_RESERVED_BACKEND_PORTS: Final = (29876, 29877)
_RESERVED_FRONTEND_PORTS: Final = (50_000, 55_000)
_LEAST_FRONTEND_PORTS: Final = 40
#: Docker Hub, as its registry is called in different places
_DOCKER_HUB: Final = frozenset(
    {"docker.io", "hub.docker.com", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
)


def _given(body: Body, *names: str) -> list[str]:
    return [name for name in names if name in body]


def _exactly_one(path: str, body: Body, names: tuple[str, ...], remedy: str) -> str:
    given = _given(body, *names)
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise SpecError(path, f"needs exactly one of {', '.join(names)}, found {found}; {remedy}")
    return given[0]


# --- pools ---------------------------------------------------------------------------------------


def _sizing(path: str, pool: Body) -> None:
    automatic = pool.get("enableAutoScale", False)
    if decided_later(automatic):
        return
    if automatic:
        for target in _given(pool, *_TARGETS):
            raise SpecError(
                f"{path}.{target}",
                "contradicts enableAutoScale: the formula decides the size; remove one of them",
            )
        if "autoScaleFormula" not in pool:
            raise SpecError(
                f"{path}.autoScaleFormula", "is required with enableAutoScale; give Autoscale(formula=...)"
            )
        return
    for name in _given(pool, "autoScaleFormula", "autoScaleEvaluationInterval"):
        raise SpecError(
            f"{path}.{name}", "has no effect without enableAutoScale; set it to true or remove this field"
        )


def _vm_size(path: str, pool: Body) -> None:
    """Refuse what cannot be the name of a size; which sizes a region has, the management plane knows only."""
    size = pool["vmSize"]
    if decided_later(size) or _VM_SIZE.fullmatch(size):
        return
    likely = _NO_UNDERSCORE.sub("_", size.strip().lower())
    if not likely.startswith(("standard_", "basic_")):
        likely = f"standard_{likely}"
    meant = f"did you mean {likely!r}?" if _VM_SIZE.fullmatch(likely) else "write for example standard_d2s_v5"
    raise SpecError(f"{path}.vmSize", f"{size!r} is no name of a VM size; {meant}")


def _has_image(path: str, pool: Body) -> None:
    if "virtualMachineConfiguration" not in pool:
        raise SpecError(
            f"{path}.virtualMachineConfiguration",
            'is required and missing; give an image, for example image=VmImage.ubuntu("22.04")',
        )


def _pool_packages(path: str, pool: Body) -> None:
    for index, package in enumerate(_objects(pool, "applicationPackageReferences")):
        application = package["applicationId"]
        if not decided_later(application) and not application.lower().startswith("/subscriptions/"):
            raise SpecError(
                f"{path}.applicationPackageReferences[{index}].applicationId",
                "must be the full resource id for a pool (/subscriptions/.../applications/<name>), as the API"
                " since 2025-06-01 wants it",
            )


def _image(path: str, image: Body) -> None:
    galleries = _given(image, *_GALLERY_IDS)
    marketplace = _given(image, *_MARKETPLACE, "version")
    if galleries and (marketplace or len(galleries) > 1):
        both = ", ".join([*galleries, *marketplace])
        raise SpecError(
            path, f"names more than one image ({both}); keep a gallery image id or a Marketplace image"
        )
    if galleries:
        check_image_id(path, galleries[0], image)
        return
    for name in _MARKETPLACE:
        if name not in image:
            raise SpecError(
                f"{path}.{name}",
                "is required and missing: a Marketplace image has publisher, offer and sku;"
                " a Compute Gallery image has only its id (virtualMachineImageId)",
            )


def _looked_up(path: str, machine: Body) -> None:
    """Check what is left to the service's list of images."""
    reference = machine["imageReference"]
    if decided_later(reference):
        return
    galleries = _given(reference, *_GALLERY_IDS)
    if "newestImage" not in machine:
        if galleries and "nodeAgentSKUId" not in machine:
            raise SpecError(
                f"{path}.nodeAgentSKUId",
                "is required and missing: of a gallery image nobody knows it but you; give for example"
                ' node_agent_sku_id="batch.node.ubuntu 22.04"',
            )
        for name in PATTERN_FIELDS:
            if is_pattern(str(reference.get(name, ""))) and not decided_later(reference[name]):
                raise SpecError(
                    f"{path}.imageReference.{name}",
                    f"{reference[name]!r} is a pattern, and only VmImage.newest(...) takes patterns;"
                    " give a name",
                )
        return
    for name in (*galleries, *_given(reference, "version")):
        raise SpecError(
            f"{path}.imageReference.{name}",
            "contradicts newestImage: the newest image is found by publisher, offer and sku; remove one of"
            " them",
        )


def _mount(path: str, mount: Body) -> None:
    kinds = (
        "azureBlobFileSystemConfiguration",
        "nfsMountConfiguration",
        "cifsMountConfiguration",
        "azureFileShareConfiguration",
    )
    _exactly_one(path, mount, kinds, "each mount has its own element of the list")


def _blobfuse(path: str, mount: Body) -> None:
    _exactly_one(
        path, mount, ("accountKey", "sasKey", "identityReference"), "it says how to reach the storage"
    )


def _registry(path: str, registry: Body) -> None:
    password = _given(registry, "username", "password")
    if password and "identityReference" in registry:
        raise SpecError(
            path, "has a password and an identity; keep one of username with password and identityReference"
        )
    if len(password) == 1:
        raise SpecError(path, "needs username and password together")


def _registries_have_images(path: str, containers: Body) -> None:
    """
    Check that something comes from each registry.

    A registry by another name than in its images' is never asked, and the images are refused to a stranger:
    every node becomes unusable. Without images there is nothing to compare: tasks may name them.
    """
    images = containers.get("containerImageNames") or ()
    if not images or decided_later(images) or any(decided_later(image) for image in images):
        return
    servers = {_server_of_image(image) for image in images}
    for index, registry in enumerate(_objects(containers, "containerRegistries")):
        _check_server(f"{path}.containerRegistries[{index}].registryServer", registry, servers, images)


def _registry_has_image(path: str, settings: Body) -> None:
    registry, image = settings.get("registry"), settings["imageName"]
    if isinstance(registry, Mapping) and not decided_later(image):
        _check_server(f"{path}.registry.registryServer", registry, {_server_of_image(image)}, [image])


def _check_server(path: str, registry: Body, servers: Collection[str], images: Sequence[str]) -> None:
    server = registry.get("registryServer", "docker.io")
    if decided_later(server):
        return
    host = server.lower().removeprefix("https://").removeprefix("http://").partition("/")[0]
    if ("docker.io" if host in _DOCKER_HUB else host) in servers:
        return
    shown = ", ".join(images[:3]) + (" ..." if len(images) > 3 else "")
    raise SpecError(
        path,
        f"none of the images comes from {server!r} ({shown}); an image of a private registry begins with the"
        f" registry's name, for example {host}/name:1",
    )


def _server_of_image(image: str) -> str:
    """Registry in the name of an image; the first part is one when it looks like a host."""
    first, slash, _ = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return "docker.io"
    return "docker.io" if first.lower() in _DOCKER_HUB else first.lower()


def _public_addresses(path: str, addresses: Body) -> None:
    provision = addresses.get("provision", "batchmanaged")
    if decided_later(provision):
        return
    if "ipAddressIds" in addresses and provision != "usermanaged":
        raise SpecError(f"{path}.ipAddressIds", 'needs provision "usermanaged"')
    if provision == "usermanaged" and "ipAddressIds" not in addresses:
        raise SpecError(f"{path}.ipAddressIds", 'is required with provision "usermanaged"')


def _endpoints_are_reachable(path: str, network: Body) -> None:
    addresses = network.get("publicIPAddressConfiguration", {})
    if not isinstance(addresses, Mapping) or addresses.get("provision") != "nopublicipaddresses":
        return
    if "endpointConfiguration" in network:
        raise SpecError(
            f"{path}.endpointConfiguration",
            "contradicts nopublicipaddresses: there is no address to reach it by",
        )


def _ports(path: str, endpoint: Body) -> None:
    if endpoint["backendPort"] in _RESERVED_BACKEND_PORTS:
        raise SpecError(f"{path}.backendPort", "29876 and 29877 are the service's own; take another port")
    first, last = endpoint["frontendPortRangeStart"], endpoint["frontendPortRangeEnd"]
    if decided_later(first) or decided_later(last):
        return
    if last - first + 1 < _LEAST_FRONTEND_PORTS:
        raise SpecError(
            f"{path}.frontendPortRangeEnd",
            f"the range {first} to {last} must hold at least {_LEAST_FRONTEND_PORTS} ports",
        )
    if first <= _RESERVED_FRONTEND_PORTS[1] and last >= _RESERVED_FRONTEND_PORTS[0]:
        raise SpecError(
            f"{path}.frontendPortRangeStart", "50000 to 55000 are the service's own; take another range"
        )


def _start_task_size(path: str, task: Body) -> None:
    size = len(_json(task))
    if size > START_TASK_CHARACTERS:
        raise SpecError(
            path,
            f"has {size:,} characters as a whole, the service takes {START_TASK_CHARACTERS:,};"
            " put the script into a resource file",
        )


# --- jobs ----------------------------------------------------------------------------------------


def _pool_of_job(path: str, info: Body) -> None:
    _exactly_one(
        path, info, ("poolId", "autoPoolSpecification"), "a job runs on a pool that exists or on its own"
    )


def _auto_pool(path: str, auto_pool: Body) -> None:
    if "pool" not in auto_pool:
        raise SpecError(f"{path}.pool", "is required and missing; give AutoPoolSpec(pool=PoolSpec(...))")
    prefix = auto_pool.get("autoPoolIdPrefix", "")
    if not decided_later(prefix) and not _PREFIX.fullmatch(prefix):
        raise SpecError(f"{path}.autoPoolIdPrefix", "may hold letters, digits, hyphens and underscores only")


def _release_needs_preparation(path: str, job: Body) -> None:
    if "jobReleaseTask" in job and "jobPreparationTask" not in job:
        raise SpecError(
            f"{path}.jobReleaseTask",
            "needs a jobPreparationTask: it runs on the nodes that the preparation task ran on",
        )


def _pool_lives_with_job(path: str, job: Body) -> None:
    auto_pool = job["poolInfo"].get("autoPoolSpecification") if isinstance(job["poolInfo"], Mapping) else None
    if isinstance(auto_pool, Mapping) and auto_pool.get("poolLifetimeOption") == "jobschedule":
        raise SpecError(
            f"{path}.poolInfo.autoPoolSpecification.poolLifetimeOption",
            "must be job: only the jobs of a job schedule share a pool with the lifetime jobschedule;"
            " for a pool that several jobs use, describe it (batch_pool)",
        )


def _parallel_tasks(path: str, job: Body) -> None:
    if job.get("maxParallelTasks") == 0:
        raise SpecError(f"{path}.maxParallelTasks", "must be at least 1, or -1 for no limit, found 0")


# --- tasks ---------------------------------------------------------------------------------------


def _task_size(path: str, task: Body) -> None:
    size = len(_json(task).encode(errors="surrogatepass"))
    if size >= TASK_BODY_BYTES:
        raise SpecError(
            path,
            f"has {size:,} bytes as a whole, the service takes less than {TASK_BODY_BYTES:,};"
            " name a container instead of single resource files",
        )


def _dependency_ids(path: str, dependencies: Body) -> None:
    ids = dependencies.get("taskIds", [])
    size = sum(len(task_id) for task_id in ids if isinstance(task_id, str)) if isinstance(ids, list) else 0
    if size > TASK_IDS_CHARACTERS:
        raise SpecError(
            f"{path}.taskIds",
            f"has {size:,} characters, the service takes {TASK_IDS_CHARACTERS:,};"
            " number the tasks and use taskIdRanges",
        )


def _range(path: str, numbers: Body) -> None:
    start, end = numbers["start"], numbers["end"]
    if not decided_later(start) and not decided_later(end) and start > end:
        raise SpecError(path, f"starts at {start} and ends before, at {end}; swap them")


def _user(path: str, identity: Body) -> None:
    _exactly_one(
        path,
        identity,
        ("username", "autoUser"),
        "an account of the pool (userAccounts) or a user that Batch makes",
    )


def _resource_file(path: str, file: Body) -> None:
    source = _exactly_one(path, file, _SOURCES, "a list takes one ResourceFile for each source")
    if source == "httpUrl":
        if "filePath" not in file:
            raise SpecError(f"{path}.filePath", "is required with httpUrl: the name of the file on the node")
        if "blobPrefix" in file:
            raise SpecError(f"{path}.blobPrefix", "works with a container only; httpUrl names one file")
    _stays_inside(f"{path}.filePath", file.get("filePath", ""))
    mode = file.get("fileMode", "0770")
    if not decided_later(mode) and not _MODE.fullmatch(mode):
        raise SpecError(f"{path}.fileMode", f"must be octal text such as 0770, found {mode!r}")


def _stays_inside(path: str, file_path: str) -> None:
    if decided_later(file_path):
        return
    if ".." in posixpath.join("/", file_path.replace("\\", "/")).split("/"):
        raise SpecError(path, "must stay inside the task's working directory; remove '..'")


def _destination(path: str, destination: Body) -> None:
    if "container" not in destination:
        raise SpecError(
            f"{path}.container", "is required and missing; give OutputFileDestination(container_url=...)"
        )


# --- lists of names ------------------------------------------------------------------------------


def _distinct(field: str) -> Rule:
    """Make the rule that no two elements of a list have the same name."""

    def rule(path: str, body: Body) -> None:
        for name, count in Counter(element.get("name") for element in _objects(body, field)).items():
            if count > 1 and not decided_later(name):
                raise SpecError(f"{path}.{field}", f"names {name!r} {count} times; keep one")

    return rule


def _objects(body: Body, field: str) -> Iterator[Body]:
    """Elements of a list that are known already."""
    elements = body.get(field, ())
    if decided_later(elements):
        return iter(())
    return (element for element in elements if isinstance(element, Mapping))


def _json(body: Body) -> str:
    # default=str: a value that is decided later may be an object of Airflow.
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=str)


_ENVIRONMENT: Final = _distinct("environmentSettings")
_POOL: Final = (
    _vm_size,
    _has_image,
    _sizing,
    _pool_packages,
    _distinct("metadata"),
    _distinct("userAccounts"),
)

#: rules by definition; each runs wherever an object of the definition stands
RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "AzureBlobFileSystemConfiguration": (_blobfuse,),
    "BatchAutoPoolSpecification": (_auto_pool,),
    "BatchContainerConfiguration": (_registries_have_images,),
    "BatchInboundNatPool": (_ports,),
    "BatchJobCreateOptions": (
        _pool_lives_with_job,
        _release_needs_preparation,
        _parallel_tasks,
        _distinct("commonEnvironmentSettings"),
        _distinct("metadata"),
    ),
    "BatchJobManagerTask": (_ENVIRONMENT,),
    "BatchJobNetworkConfiguration": (check_subnet_id,),
    "BatchJobPreparationTask": (_ENVIRONMENT,),
    "BatchJobReleaseTask": (_ENVIRONMENT,),
    "BatchPoolCreateOptions": (*_POOL, check_pool_identity),
    "BatchPoolEndpointConfiguration": (_distinct("inboundNATPools"),),
    "BatchPoolInfo": (_pool_of_job,),
    "BatchPoolSpecification": _POOL,
    "BatchPublicIpAddressConfiguration": (_public_addresses,),
    "BatchStartTask": (_ENVIRONMENT, _start_task_size),
    "BatchTaskContainerSettings": (_registry_has_image,),
    "BatchTaskCreateOptions": (_ENVIRONMENT, _task_size),
    "BatchTaskDependencies": (_dependency_ids,),
    "BatchTaskIdRange": (_range,),
    "BatchUserAssignedIdentity": (check_resource_id,),
    "BatchVmImageReference": (_image,),
    "ContainerRegistryReference": (_registry,),
    "ExitCodeRangeMapping": (_range,),
    "MountConfiguration": (_mount,),
    "NetworkConfiguration": (check_subnet_id, _endpoints_are_reachable),
    "OutputFileDestination": (_destination,),
    "ResourceFile": (_resource_file,),
    "UserIdentity": (_user,),
    "VirtualMachineConfiguration": (_looked_up,),
}
