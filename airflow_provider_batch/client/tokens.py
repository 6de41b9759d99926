"""
Entra ID tokens: tell a failure to get one from a failure of the Batch service.

Both come out of one pipeline, as the same classes: a name that cannot be resolved may be the authority's or
the account's, and a 401 may be said by either.
"""

from __future__ import annotations

from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, BearerTokenCredentialPolicy

__all__ = ["AsyncTokenPolicy", "TokenError", "TokenPolicy"]


class TokenError(ClientAuthenticationError):
    """No token could be had; the credential tried again itself, so the pipeline does not."""


class TokenPolicy(BearerTokenCredentialPolicy[Any, Any]):
    """Signs a request with a token."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """
        Sign a request.

        :param request: the message.
        """
        try:
            super().on_request(request)
        except AzureError as error:
            raise TokenError(error.message, error=error) from error


class AsyncTokenPolicy(AsyncBearerTokenCredentialPolicy[Any, Any]):
    """Signs a request with a token, without blocking the loop."""

    async def on_request(self, request: PipelineRequest[Any]) -> None:
        """
        Sign a request.

        :param request: the message.
        """
        try:
            await super().on_request(request)
        except AzureError as error:
            raise TokenError(error.message, error=error) from error
