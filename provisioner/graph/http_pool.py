"""The pool that a connection to Graph speaks over: certificates, patience, proxies."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import FaultyPlace, InputFault
from provisioner.graph.wire import Listener
from provisioner.model.tenant import Tenant

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
MOST_CONNECTIONS = 10


def pool(tenant: Tenant, listener: Listener, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """One pool per connection, over HTTP/1.1.

    HTTP/2 costs more processor time a request and gained nothing where it was measured (python-stack.md 1), and what
    belongs together travels in one `$batch` anyway.
    """
    import httpx

    return httpx.AsyncClient(
        transport=transport,
        verify=_tls(tenant) if transport is None else True,
        trust_env=not tenant.sandbox,
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        limits=httpx.Limits(max_connections=MOST_CONNECTIONS),
        event_hooks={"request": [listener.sending], "response": [listener.replied]},
    )


def _tls(tenant: Tenant) -> ssl.SSLContext:
    import httpx

    ca_file = tenant.endpoints.ca_file
    if ca_file is None:
        return httpx.create_ssl_context()
    if not Path(ca_file).is_file():
        raise InputFault(
            f"tenant {tenant.name}: its certificate file is not there",
            (FaultyPlace(ca_file, 0, 0, "no such file"),),
            advice="correct `ca_file` of the tenant; the sandbox writes its own when it is started",
        )
    return ssl.create_default_context(cafile=ca_file)
