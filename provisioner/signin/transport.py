"""The HTTP side of signing in: the tenant's own certificates, short patience, and what a dead line means.

The credentials' library speaks through `requests`; it is given a session of ours, so that its sockets are closed
after each sign-in while the credential lives on with its refresh token.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import FaultyPlace, InputFault, ServiceFault, Unreachable
from provisioner.model.faults import Fault
from provisioner.model.tenant import Tenant

if TYPE_CHECKING:
    import requests
    from azure.core.pipeline.transport import RequestsTransport

SERVICE = "signin"
CONNECT_SECONDS = 10
MACHINE_CONNECT_SECONDS = 2
"""For an endpoint on this machine: where there is none, nothing refuses the connection either."""

READ_SECONDS = 30


class Line:
    """A way to the tenant's sign-in service, which remembers the last answer: the library drops status and headers."""

    def __init__(self, transport: RequestsTransport, session: requests.Session) -> None:
        self.transport = transport
        self.status = 0
        """HTTP status of the last answer; 0 where none has come."""
        self.retry_after: float | None = None
        self._session = session
        session.hooks["response"].append(self._answered)

    def pick_up(self) -> None:
        """Forget the last answer."""
        self.status, self.retry_after = 0, None

    def hang_up(self) -> None:
        """Close the sockets; the line can be used again."""
        self._session.close()

    def _answered(self, response: requests.Response, *_: object, **__: object) -> None:
        told = response.headers.get("Retry-After", "")
        self.status = response.status_code
        self.retry_after = float(told) if told.isdigit() else None


def line_to(tenant: Tenant, *, on_this_machine: bool = False) -> Line:
    """A line to the tenant's sign-in service, or to an endpoint of Azure's `on_this_machine`.

    The latter is never reached by a proxy, which would be handed what only this machine may see. Source: Azure
    documentation of the instance metadata service. Raises `InputFault` where the tenant's `ca_file` cannot be found.
    """
    import requests
    from azure.core.pipeline.transport import RequestsTransport

    ca_file = tenant.endpoints.ca_file
    if ca_file is not None and not Path(ca_file).is_file():
        raise InputFault(
            f"tenant {tenant.name}: its certificate file is not there",
            (FaultyPlace(ca_file, 0, 0, "no such file"),),
            advice="correct `ca_file` of the tenant; the sandbox writes its own when it is started",
        )
    proxied = not tenant.sandbox and not on_this_machine
    session = requests.Session()
    transport = RequestsTransport(
        session=session,
        session_owner=False,
        use_env_settings=proxied,  # a company's proxy does not lead to a simulated tenant on loopback
        connection_timeout=MACHINE_CONNECT_SECONDS if on_this_machine else CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        connection_verify=ca_file or True,
    )
    session.trust_env = proxied
    return Line(transport, session)


def network_error(error: BaseException | None, tenant: Tenant, operation: str) -> ServiceFault | None:
    """The error for a chain of exceptions that has a network failure in it; None where there is none."""
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ServiceRequestError):
            return _nobody_answers(str(error), tenant, operation)
        if isinstance(error, ServiceResponseError):
            fault = Fault(SERVICE, operation, 0, "ConnectionLost", "the connection was lost before the answer came")
            return Unreachable(fault, advice=f"is something between here and {tenant.endpoints.login} cutting in?")
        error = error.__cause__ or error.__context__
    return None


def _nobody_answers(text: str, tenant: Tenant, operation: str) -> Unreachable:
    host = tenant.endpoints.login
    lowered = text.lower()
    if "certificate" in lowered or "ssl" in lowered:
        code, message = "CertificateNotTrusted", f"{host} shows a certificate that is not trusted here"
        advice = "does something inspect TLS on the way? set REQUESTS_CA_BUNDLE to its certificate, or `ca_file`"
    elif "resolve" in lowered or "getaddrinfo" in lowered or "name or service" in lowered:
        code, message = "NameNotFound", f"the name of {host} cannot be resolved"
        advice = "check the network, and the login host in the inventory"
    else:
        code, message = "NoConnection", f"nobody answers at {host}"
        advice = "check the network and the proxy" if not tenant.sandbox else "is the sandbox running?"
    return Unreachable(Fault(SERVICE, operation, 0, code, message, sent=False), advice=advice)
