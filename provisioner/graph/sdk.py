"""The door to msgraph-sdk and kiota: everything imported from them comes through here, when it is first needed.

Importing `msgraph` costs about 0.1 s and must not happen for `--help`. Its generated builders are imported as they
are first used, and each warns of deprecated classes of its own then; those warnings are not ours to pass on.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any, Protocol

from provisioner.signin.tokens import TokenSource


class Info(Protocol):
    """What we use of kiota's `RequestInformation`: one request, not yet sent."""

    url: str
    http_method: Any
    headers: Any
    content: bytes | None
    path_parameters: dict[str, Any]


def load(module: str, name: str) -> Any:
    """One class of the SDK, by its module."""
    return getattr(importlib.import_module(module), name)


def model(name: str, module: str) -> Any:
    """One request model. Never used for replies: a model's first reply imports all of them."""
    return load(f"msgraph.generated.models.{module}", name)


def query(builder: Any, *, headers: dict[str, str] | None = None, **parameters: object) -> Any:
    """A request configuration with the builder's own query parameters (`select`, `filter`, `top`)."""
    kind = type(builder)
    configuration = load("kiota_abstractions.base_request_configuration", "RequestConfiguration")()
    if parameters:
        configuration.query_parameters = getattr(kind, f"{kind.__name__}GetQueryParameters")(**parameters)
    for name, value in (headers or {}).items():
        configuration.headers.add(name, value)
    return configuration


def request(method: str, url: str, content: bytes | None = None, headers: Mapping[str, str] | None = None) -> Info:
    """A request by its whole address: a page that Graph names itself, `$batch`, or what might have been part of one."""
    information = load("kiota_abstractions.request_information", "RequestInformation")
    verb = load("kiota_abstractions.method", "Method")(method)
    info: Info = information(verb)
    info.url = url
    info.headers.try_add("Accept", "application/json")
    if content is not None:
        info.headers.try_add("Content-Type", "application/json")
        info.content = content
    for name, value in (headers or {}).items():
        info.headers.try_add(name, value)
    return info


class Sdk:
    """Microsoft's client for one tenant, wired so that only `host` ever gets a token of ours."""

    def __init__(self, http: Any, tokens: TokenSource, *, base_url: str, host: str, audience: str) -> None:
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"msgraph\.generated|kiota_abstractions")
        from kiota_authentication_azure.azure_identity_authentication_provider import (
            AzureIdentityAuthenticationProvider,
        )
        from kiota_http.middleware.options import RedirectHandlerOption, RetryHandlerOption
        from msgraph import GraphServiceClient
        from msgraph.generated.models.o_data_errors.o_data_error import ODataError
        from msgraph.graph_request_adapter import GraphRequestAdapter, options
        from msgraph_core import GraphClientFactory

        no_repeats = {
            RetryHandlerOption.get_key(): RetryHandlerOption(should_retry=False),
            RedirectHandlerOption.get_key(): RedirectHandlerOption(should_redirect=False),
        }
        credential: Any = tokens.azure_credential()
        provider = AzureIdentityAuthenticationProvider(
            credential, scopes=[f"{audience}/.default"], allowed_hosts=[host], is_cae_enabled=False
        )
        # the SDK's own transport forgets to close the one below it, so those are kept here
        self._below = [each for each in (http._transport, *http._mounts.values()) if each is not None]
        client = GraphClientFactory.create_with_default_middleware(client=http, options={**options, **no_repeats})
        self._adapter = GraphRequestAdapter(provider, client=client)
        self._adapter.base_url = base_url  # before the client is built, or its paths begin with two slashes
        self._errors = {"XXX": ODataError}
        self.client: Any = GraphServiceClient(request_adapter=self._adapter)

    async def close(self) -> None:
        """Close all connections."""
        for transport in self._below:
            await transport.aclose()

    def address(self, info: Info) -> str:
        """The whole address of a request."""
        info.path_parameters["baseurl"] = self._adapter.base_url
        return info.url

    async def send(self, info: Info) -> bytes | None:
        """The reply's body; None where it has none. Raises kiota's `APIError`, or `ODataError`, or httpx's errors."""
        info.headers.remove("Authorization")  # kiota keeps the token of an earlier try
        body: bytes | None = await self._adapter.send_primitive_async(info, "bytes", self._errors)
        return body
