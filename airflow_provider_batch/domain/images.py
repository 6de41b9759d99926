"""
The image of a pool that is to be created, looked up in the service's list of supported images.

The list tells what a description may leave open (the newest image that matches, the node agent of an image),
and whether an image that is named exists: before anything is created.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_batch.domain import requests
from airflow_provider_batch.domain.flow import Flow, Log, Now, pages
from airflow_provider_batch.domain.supported_images import SupportedImage, newest_of
from airflow_provider_batch.exceptions import AzureBatchError, SpecError
from airflow_provider_batch.specs import from_iso8601
from airflow_provider_batch.specs.image_names import PATTERN_FIELDS, name_matches

__all__ = ["resolve_auto_pool_image", "resolve_image"]

#: an image whose support ends so soon is worth a warning
SUPPORT_ENDS_SOON = timedelta(days=120)

_MACHINE = "virtualMachineConfiguration"
#: the capability that a container configuration needs
_CONTAINERS = "DockerCompatible"
_RELEASE = re.compile(r"[ 0-9._]+$")
_SHOWN = 5
_REMEDY = "'az batch pool supported-images list' shows all"


def resolve_image(pool: Mapping[str, Any], path: str = "pool") -> Flow[dict[str, Any]]:
    """
    Flow: complete the image of a pool that is to be created, and refuse one that does not exist.

    A gallery image is left as it is, without a request: the service lists none of them.

    :param pool: the pool (REST JSON), checked.
    :param path: what the pool is called in messages.
    :return: the pool with nothing left to look up.
    :raises SpecError: no supported image is the one that is meant, or the node agent does not go with it.
    """
    machine = pool.get(_MACHINE) or {}
    if not set(PATTERN_FIELDS) <= set(machine.get("imageReference") or ()):
        return dict(pool)
    wanted = _Wanted(f"{path}.{_MACHINE}", machine, (yield Now()))
    try:
        listed = yield from pages(requests.list_supported_images())
    except AzureBatchError as error:
        if not wanted.is_complete:
            raise
        # The service itself judges the image when it creates the pool.
        yield Log(f"The image is not looked up in the list of supported images: {error}")
        return dict(pool)
    image = yield from _chosen(wanted, [SupportedImage.read(image) for image in listed])
    return {**pool, _MACHINE: wanted.machine_with(image)}


def resolve_auto_pool_image(job: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """
    Flow: the same for the pool that a job brings with it; other jobs are left as they are.

    :param job: the job (REST JSON), checked.
    """
    info = job.get("poolInfo") or {}
    auto_pool = info.get("autoPoolSpecification") or {}
    if "pool" not in auto_pool:
        return dict(job)
    pool = yield from resolve_image(auto_pool["pool"], "batch_job.poolInfo.autoPoolSpecification.pool")
    return {**job, "poolInfo": {**info, "autoPoolSpecification": {**auto_pool, "pool": pool}}}


def _chosen(wanted: _Wanted, listed: Sequence[SupportedImage]) -> Flow[SupportedImage]:
    named = wanted.named(listed)
    if wanted.conditions is None:
        image = wanted.exact(named)
        which = "as named"
    else:
        fitting = wanted.fitting(named)
        image = newest_of(fitting)
        which = f"the newest of {len(fitting)} verified that match {wanted.names}"
    if not wanted.is_complete:
        end = "without a known end" if image.end is None else f"until {image.end:%Y-%m-%d}"
        yield Log(f"Image {image} ({which}), node agent {image.node_agent_sku_id!r}, supported {end}.")
    for sentence in _doubts(image, wanted.now):
        yield Log(f"Image {image}: {sentence}", "WARNING")
    if "containerConfiguration" in wanted.machine and not _having(_CONTAINERS)(image):
        yield Log(
            f"{wanted.path}.containerConfiguration: the image {image} is not listed as {_CONTAINERS}, so its"
            ' nodes may run no containers; take VmImage.ubuntu_hpc("24.04") or'
            f' VmImage.newest(..., capabilities=["{_CONTAINERS}"]).',
            "WARNING",
        )
    return image


def _doubts(image: SupportedImage, now: datetime) -> Iterator[str]:
    if not image.is_verified:
        yield "Batch lists it as unverified, so some of Batch may not work with it."
    if image.end is not None and image.end <= now:
        yield f"Batch has stopped to create pools with it on {image.end:%Y-%m-%d}; take another image."
    elif image.end is not None and image.end - now < SUPPORT_ENDS_SOON:
        yield f"Batch stops to create pools with it on {image.end:%Y-%m-%d}; look for its successor."


@dataclass(frozen=True)
class _Wanted:
    """What a description says of its image."""

    path: str
    machine: Mapping[str, Any]
    now: datetime

    @property
    def reference(self) -> Mapping[str, Any]:
        return self.machine["imageReference"]  # type: ignore[no-any-return]

    @property
    def agent(self) -> str | None:
        return self.machine.get("nodeAgentSKUId")

    @property
    def conditions(self) -> Mapping[str, Any] | None:
        """What the newest image must have; None for one that is named."""
        return self.machine.get("newestImage")

    @property
    def is_complete(self) -> bool:
        return self.conditions is None and self.agent is not None

    @property
    def names(self) -> str:
        return " ".join(str(self.reference[name]) for name in PATTERN_FIELDS)

    def machine_with(self, image: SupportedImage) -> dict[str, Any]:
        machine = {name: value for name, value in self.machine.items() if name != "newestImage"}
        if self.conditions is None:
            return {"nodeAgentSKUId": image.node_agent_sku_id, **machine}
        reference = {name: getattr(image, name) for name in (*PATTERN_FIELDS, "version")}
        return {**machine, "imageReference": reference, "nodeAgentSKUId": image.node_agent_sku_id}

    def named(self, listed: Sequence[SupportedImage]) -> list[SupportedImage]:
        """Return what is listed under the names, at least one."""
        left = list(listed)
        for index, name in enumerate(PATTERN_FIELDS):
            kept = [image for image in left if image.is_named(self.reference, (name,))]
            if not kept:
                others = " ".join(str(self.reference[other]) for other in PATTERN_FIELDS[:index])
                raise SpecError(
                    f"{self.path}.imageReference.{name}",
                    f"no supported image{' of ' if others else ''}{others} has the {name}"
                    f" {self.reference[name]!r};"
                    f" {_nearest(str(self.reference[name]), {getattr(image, name) for image in left})}",
                )
            left = kept
        return left

    def exact(self, named: Sequence[SupportedImage]) -> SupportedImage:
        """Return the one image that is named, with the agent that is named or its best one."""
        agent = self.agent
        if agent is None:
            good = [image for image in named if image.is_verified and self._supported(timedelta(0))(image)]
            return newest_of(good or named)
        for image in named:
            if name_matches(agent, image.node_agent_sku_id):
                return image
        agents = " or ".join(sorted({repr(image.node_agent_sku_id) for image in named}))
        raise SpecError(
            f"{self.path}.nodeAgentSKUId",
            f"{agent!r} does not go with the image {self.names}, which needs {agents}; without this field it"
            " is looked up",
        )

    def fitting(self, named: Sequence[SupportedImage]) -> list[SupportedImage]:
        """Return the images that have all that the newest must have, at least one."""
        left = list(named)
        for field, what, keeps in self._sieves():
            kept = [image for image in left if keeps(image)]
            if not kept:
                raise SpecError(
                    f"{self.path}.{field}",
                    f"no image that matches {self.names} {what}; without that, there are"
                    f" {_some([_described(image) for image in left])}; {_REMEDY}",
                )
            left = kept
        distributions = sorted({_RELEASE.sub("", image.node_agent_sku_id.lower()) for image in left})
        if len(distributions) > 1:
            raise SpecError(
                f"{self.path}.imageReference",
                f"{self.names} matches images of several distributions ({_some(distributions)}), and none of"
                " them is newer than another; name publisher and offer more closely, or the node agent, for"
                f" example {distributions[0] + '*'!r}",
            )
        return left

    def _sieves(self) -> Iterator[tuple[str, str, Callable[[SupportedImage], bool]]]:
        conditions = self.conditions or {}
        agent, system = self.agent, conditions.get("osType")
        yield "imageReference", "is verified", lambda image: image.is_verified
        if agent is not None:
            goes = f"goes with the node agent {agent!r}"
            yield "nodeAgentSKUId", goes, lambda image: name_matches(agent, image.node_agent_sku_id)
        if system is not None:
            yield "newestImage.osType", f"is for {system}", lambda image: image.os_type == system
        for capability in conditions.get("capabilities") or ():
            yield "newestImage.capabilities", f"has {capability}", _having(capability)
        if "containerConfiguration" in self.machine:
            yield (
                "containerConfiguration",
                f"can run containers ({_CONTAINERS})",
                _having(_CONTAINERS),
            )
        yield from self._support(conditions.get("supportLeft"))

    def _support(self, left: str | None) -> Iterator[tuple[str, str, Callable[[SupportedImage], bool]]]:
        yield "imageReference", "is supported still", self._supported(timedelta(0))
        if left is not None:
            longer = self._supported(from_iso8601(left))
            yield "newestImage.supportLeft", f"will be supported for {left}", longer

    def _supported(self, left: timedelta) -> Callable[[SupportedImage], bool]:
        return lambda image: image.end is None or image.end - self.now > left


def _having(capability: str) -> Callable[[SupportedImage], bool]:
    return lambda image: capability.lower() in image.capabilities


def _described(image: SupportedImage) -> str:
    about = [] if image.is_verified else ["unverified"]
    if image.end is not None:
        about.append(f"supported until {image.end:%Y-%m-%d}")
    return f"{image} ({', '.join([image.node_agent_sku_id, *about])})"


def _nearest(pattern: str, known: set[str]) -> str:
    names = {name.lower(): name for name in sorted(known)}
    close = difflib.get_close_matches(pattern.strip("*?").lower(), names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(names[name]) for name in close)}? ({_REMEDY})"
    return f"there are {_some([repr(name) for name in names.values()]) or 'none'}; {_REMEDY}"


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
