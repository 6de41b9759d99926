"""Puts the emulator together and serves it until a signal ends it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from airflow_provider_batch.emulator import (
    DEFAULT_LOCATION,
    DEFAULT_RESOURCE_GROUP,
    DEFAULT_SUBSCRIPTION_ID,
    errors,
)
from airflow_provider_batch.emulator.clock import ScaledClock
from airflow_provider_batch.emulator.engine.engine import Engine, MakeExecutor
from airflow_provider_batch.emulator.execution.settings import ExecutionSettings
from airflow_provider_batch.emulator.execution.simulated import SimulatedExecutor
from airflow_provider_batch.emulator.machine.settings import MachineSettings
from airflow_provider_batch.emulator.middleware.authentication import Authentication
from airflow_provider_batch.emulator.middleware.bodies import BodyLimit
from airflow_provider_batch.emulator.middleware.errors import ErrorBodies
from airflow_provider_batch.emulator.middleware.headers import StandardHeaders
from airflow_provider_batch.emulator.middleware.hosts import LocalHosts
from airflow_provider_batch.emulator.middleware.versions import ApiVersion
from airflow_provider_batch.emulator.model.assumptions import Assumptions
from airflow_provider_batch.emulator.model.sizes import SizeList
from airflow_provider_batch.emulator.routes.control import ControlRoutes
from airflow_provider_batch.emulator.routes.control_requests import ControlKey
from airflow_provider_batch.emulator.routes.counting import RequestCounter
from airflow_provider_batch.emulator.routes.fault_control import FaultRoutes
from airflow_provider_batch.emulator.routes.management import ManagementRoutes, Planes
from airflow_provider_batch.emulator.routes.pages import Pages
from airflow_provider_batch.emulator.routes.request_faults import RequestFaults
from airflow_provider_batch.emulator.routes.service import BatchRoutes
from airflow_provider_batch.emulator.routes.time_control import TimeRoutes
from airflow_provider_batch.emulator.routes.trouble_control import TroubleRoutes
from airflow_provider_batch.emulator.server import Connections, Server
from airflow_provider_batch.emulator.service.access import Access
from airflow_provider_batch.emulator.service.management import Management
from airflow_provider_batch.emulator.service.overview import Overview
from airflow_provider_batch.emulator.service.services import Services
from airflow_provider_batch.emulator.service.time import TimeControl
from airflow_provider_batch.emulator.service.troubles import Troubles
from airflow_provider_batch.emulator.storage.auto_storage import AutoStorage
from airflow_provider_batch.emulator.wire.management_resources import AccountAddress

SHUTDOWN_SECONDS = 3
"""How long open requests may take to end after a signal."""

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than a client waits between two looks at a task."""


@dataclass(frozen=True)
class Settings:
    """
    What ``batch-emulator serve`` was told.

    :param root: folder for the account's state and the nodes' files; None for a temporary one.
    :param node_start_seconds: time that a node takes from allocation to idle; None for what the account
        has, 0.2 for a new one.
    :param allowed_hosts: names beside the local ones that a request may give as its Host.
    :param url: the address, for the tasks' environment.
    :param assume: turns the account's answers to open questions into those that are wanted.
    :param bearer_token: the only bearer token that passes; see :class:`Access` for None.
    :param auto_storage: the storage account that is linked with the account.
    :param container_runtime: program that runs containers; None to refuse tasks in containers.
    :param time_scale: seconds that pass for the account in one real second.
    :param simulated_seconds: how long simulated commands take that do not say; None to run real ones.
    :param vm_sizes: VM sizes that pools may have beside those that are known.
    """

    account_name: str
    account_key: str
    root: Path | None
    node_start_seconds: float | None
    allowed_hosts: tuple[str, ...]
    url: str
    log_level: str = "warning"
    assume: Callable[[Assumptions], Assumptions] = lambda answers: answers
    time_scale: float = 1.0
    simulated_seconds: str | None = None
    bearer_token: str | None = None
    subscription_id: str = DEFAULT_SUBSCRIPTION_ID
    resource_group: str = DEFAULT_RESOURCE_GROUP
    location: str = DEFAULT_LOCATION
    auto_storage: AutoStorage | None = None
    container_runtime: str | None = None
    vm_sizes: tuple[str, ...] = ()

    def machine(self, present: MachineSettings) -> MachineSettings:
        """
        Return the settings of the machine that are wanted.

        :param present: what the account has.
        """
        if self.node_start_seconds is None:
            return present
        return replace(present, node_start_seconds=self.node_start_seconds)

    @property
    def address(self) -> AccountAddress:
        """Where the account stands in Azure Resource Manager."""
        return AccountAddress(self.subscription_id, self.resource_group, self.location, self.account_name)


def build_app(engine: Engine, settings: Settings, clock: ScaledClock) -> ASGIApp:
    """Build the ASGI application over an engine."""
    counter = RequestCounter()
    services = Services.over(engine, SizeList(settings.vm_sizes))
    access = Access(engine, settings.account_name, settings.account_key, settings.bearer_token)
    faults = RequestFaults()
    key = ControlKey(settings.account_key)
    control = [
        *ControlRoutes(counter, services.assumptions, settings.account_name, key).routes(),
        *FaultRoutes(faults, key).routes(),
        *TimeRoutes(TimeControl(engine, clock), key).routes(),
        *TroubleRoutes(Troubles(engine), key).routes(),
        *Pages(Overview(engine), settings.account_name).routes(),
    ]
    routes: ASGIApp = BatchRoutes(services, counter, faults)
    service = Authentication(ApiVersion(routes), access.check_data_plane)
    management = Management.over(engine, services.pools, services.auto_scaling, access, settings.address)
    planes = Planes(service, ManagementRoutes(management, access, counter, clock))
    # Order: what comes first sees the request first.
    middleware = [
        Middleware(StandardHeaders, clock=clock),
        Middleware(ErrorBodies, clock=clock, assumptions=lambda: engine.assumptions),
        Middleware(LocalHosts, allowed=settings.allowed_hosts),
        Middleware(BodyLimit),
    ]
    app = Starlette(routes=control, middleware=middleware, exception_handlers={405: _refuse_verb})
    # Not mounted: a mount's pattern takes no path with a line break, which a file's name may have.
    app.router.default = planes
    return app


def _refuse_verb(request: Request, _error: Exception) -> Response:
    """Let the emulator's own addresses refuse a verb in the service's form, too."""
    raise errors.unsupported_http_verb(request.method)


def _executor(simulated_seconds: str | None) -> MakeExecutor | None:
    if simulated_seconds is None:
        return None
    return lambda reports, later: SimulatedExecutor(reports, later, simulated_seconds)


def serve(settings: Settings, listener: socket.socket, listening: Callable[[], None]) -> None:
    """
    Serve until SIGINT or SIGTERM; every process of every task is ended before this returns.

    :param listener: bound and listening.
    :param listening: called once, when requests are answered.
    """
    clock = ScaledClock(settings.time_scale)
    engine = Engine(
        settings.root,
        account_name=settings.account_name,
        account_url=settings.url,
        machine_settings=settings.machine(MachineSettings(assumptions=settings.assume(Assumptions()))),
        execution_settings=ExecutionSettings(container_runtime=settings.container_runtime),
        clock=clock,
        auto_storage=settings.auto_storage,
        executor=_executor(settings.simulated_seconds),
    )
    connections = Connections()
    try:
        if engine.is_restored:
            engine.reconfigure(settings.machine(engine.machine_settings), settings.assume(engine.assumptions))
        config = uvicorn.Config(
            connections.middleware(build_app(engine, settings, clock)),
            http=connections.protocol(),
            log_config=None,
            log_level=settings.log_level,
            access_log=settings.log_level in ("info", "debug"),
            server_header=False,
            date_header=False,
            lifespan="off",
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            # Any web page may open a WebSocket to here, and no check above would see it.
            ws="none",
        )
        Server(config, listening).run(sockets=[listener])
    finally:
        engine.close()
