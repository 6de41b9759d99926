"""
The ASGI application of the management plane: Azure Resource Manager for one account.

Checks in the order of Azure Resource Manager: token, version, subscription, resource group, account.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_batch.emulator import errors
from airflow_provider_batch.emulator.clock import Clock
from airflow_provider_batch.emulator.routes.counting import RequestCounter
from airflow_provider_batch.emulator.routes.management_calls import ManagementCall
from airflow_provider_batch.emulator.routes.management_handlers import JSON_TYPE
from airflow_provider_batch.emulator.routes.management_table import (
    MANAGEMENT_OPERATIONS,
    ManagementOperation,
)
from airflow_provider_batch.emulator.routes.matching import Match, Matcher
from airflow_provider_batch.emulator.service.access import Access
from airflow_provider_batch.emulator.service.management import Management
from airflow_provider_batch.emulator.wire.links import Links
from airflow_provider_batch.emulator.wire.management_errors import render_management_error
from airflow_provider_batch.emulator.wire.management_resources import ACCOUNT_TYPE, AccountAddress
from airflow_provider_batch.emulator.wire.query import Query

SUPPORTED_VERSIONS = ("2025-06-01",)
"""The versions of the management plane that are served."""

_ROOTS = ("/subscriptions/", "/providers/")
_COUNTED_AS = "management."
_log = logging.getLogger(__name__)


class Planes:
    """Gives a request to the plane whose path it has."""

    def __init__(self, data_plane: ASGIApp, management: ASGIApp) -> None:
        self._data_plane = data_plane
        self._management = management

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        is_managed = scope["type"] == "http" and scope["path"].lower().startswith(_ROOTS)
        await (self._management if is_managed else self._data_plane)(scope, receive, send)


class ManagementRoutes:
    """Answers the operations of the management plane, and its errors in their own form."""

    def __init__(self, management: Management, access: Access, counter: RequestCounter, clock: Clock) -> None:
        self._management = management
        self._access = access
        self._counter = counter
        self._clock = clock
        self._matcher: Matcher[ManagementOperation] = Matcher(MANAGEMENT_OPERATIONS, ignore_case=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except errors.ServiceError as error:
            answer = self._refusal(error, request)
        except Exception:  # noqa: BLE001 - as in ErrorBodies, whose form of errors is the other plane's
            # A bug here; the caller gets it in the form that its client reads.
            _log.exception("%s %s failed", request.method, request.url.path)
            answer = self._refusal(errors.internal_error(), request)
        answer.headers["x-ms-request-id"] = scope["state"]["request_id"]
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        client = request.client
        self._access.check_management(request.headers, client.host if client else "")
        query = Query.parse(request.scope["query_string"].decode("latin-1"))
        match = self._matcher.find(request.method, request.scope["raw_path"].decode("latin-1"))
        _check_version(query)
        _check_address(match.ids, self._management)
        self._counter.count(_COUNTED_AS + match.operation.name)
        return await self._handled(request, match, query)

    async def _handled(self, request: Request, match: Match[ManagementOperation], query: Query) -> Response:
        handler = match.operation.handler
        if handler is None:
            raise errors.not_implemented(f"The operation {match.operation.name}")
        call = ManagementCall(
            operation=match.operation.name,
            path=request.scope["raw_path"].decode("latin-1"),
            ids=match.ids,
            query=query,
            headers=request.headers,
            body=await request.body(),
            links=Links.of_scope(request.scope),
        )
        return await run_in_threadpool(handler, self._management, call)

    def _refusal(self, error: errors.ServiceError, request: Request) -> Response:
        headers = {"content-type": JSON_TYPE}
        if error.status == 401:
            headers["www-authenticate"] = 'Bearer error="invalid_token"'
        body = render_management_error(error, request.scope["state"]["request_id"], self._clock.now())
        return Response(body, status_code=error.status, headers=headers)


def _check_version(query: Query) -> None:
    version = query.text("api-version")
    if version is None:
        raise errors.missing_api_version_parameter()
    if version not in SUPPORTED_VERSIONS:
        raise errors.invalid_api_version_parameter(version, SUPPORTED_VERSIONS)


def _check_address(ids: Mapping[str, str], management: Management) -> None:
    """Refuse what lies in another subscription, resource group, account or region."""
    address: AccountAddress = management.address
    subscription = ids.get("subscriptionId", address.subscription_id)
    if subscription.lower() != address.subscription_id.lower():
        raise errors.subscription_not_found(subscription)
    group = ids.get("resourceGroupName", address.resource_group)
    if group.lower() != address.resource_group.lower():
        raise errors.resource_group_not_found(group)
    account = ids.get("accountName", address.account_name)
    if account.lower() != address.account_name.lower():
        raise errors.arm_resource_not_found(ACCOUNT_TYPE, account, group)
    if "locationName" in ids:
        management.locations.check_location(ids["locationName"])
