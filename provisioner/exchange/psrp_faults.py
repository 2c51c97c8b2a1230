"""What can go wrong between us, the management host and Exchange, each with the setting to look at.

`host.…` in an advice names a key of the tenant's entry in the inventory. Codes: MS-WSMV and exchange.md 2.1-2.2, 3.2.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from provisioner.errors import InputFault, Refused, ServiceFault, SignInRefused, UnknownOutcome, Unreachable
from provisioner.exchange.faults import ROLE_ADVICE, WHO_CAN, leaf, read_error, request_id_in, status_of
from provisioner.exchange.interface import is_read
from provisioner.exchange.psrp_objects import text_of
from provisioner.model.faults import Fault
from provisioner.model.tenant import ManagementHost

CONNECT = "Connect-ExchangeOnline"
INFORMATION = "Get-ConnectionInformation"
PLAIN_CONFIGURATION = "Microsoft.PowerShell"
HOST_ADMINISTRATOR = ("administrator of the management host",)

CUT = "ConnectionCut"
"""Our code for a connection that was there and broke. While it was being opened, anything may be tried again."""

OPERATION_TIMED_OUT = 0x80338029
SHELL_GONE = 0x8033805B
ACCESS_DENIED = 5
NO_SUCH_CONFIGURATION = frozenset({0x80338000, 0x8033803B, 0x803380F0})
"""Resource not found, resource URI not found, session configuration not found."""


class Phase(Enum):
    """How far a cmdlet had come when something broke."""

    OPENING = "opening"
    """The connection was being made; the cmdlet was not sent."""
    SENDING = "sending"
    """The cmdlet was being sent."""
    RUNNING = "running"
    """The host had taken it."""


@dataclass(frozen=True)
class Command:
    """What runs on the host: `name` is what we send, `cmdlet` what it means (they differ on a JEA endpoint)."""

    cmdlet: str
    name: str
    endpoint: str
    """The host and its endpoint, for messages."""


class ShellGone(Exception):
    """The host has dropped our shell (idle time-out, restart). The cmdlet was refused, so it can be sent again."""


def from_exception(error: Exception, command: Command, phase: Phase, host: ManagementHost) -> Exception:
    """The error of ours for one of pypsrp's or its HTTP library's. Anything unknown comes back as it is."""
    import requests
    from pypsrp.exceptions import AuthenticationError, WinRMError, WinRMTransportError, WSManFaultError
    from spnego.exceptions import SpnegoError

    match error:
        case AuthenticationError() if phase is Phase.RUNNING:
            return _lost(command, phase, "the host does not know us any more", host)
        case AuthenticationError() | SpnegoError():
            return _refused(
                command,
                401,
                "AuthenticationError",
                f"the host does not accept {host.username or 'us'} with {host.auth}",
                "look at --username, --password and --auth of `tenants add`",
            )
        case WSManFaultError():
            return _from_wsman(error, command, phase, host)
        case WinRMTransportError():
            return _from_http(int(error.code), command, phase, host)
        case requests.exceptions.SSLError():
            return _from_tls(str(error), command, host)
        case requests.exceptions.RequestException():
            return _from_network(error, command, phase, host)
        case WinRMError() | ET.ParseError():
            return _lost(command, phase, f"the host's answer makes no sense: {_one_line(str(error))}", host)
        case ImportError():
            return InputFault(f"--auth {host.auth} of `tenants add` needs a library that is not installed: {error}")
        case OSError() if phase is Phase.OPENING:
            return InputFault(f"--ca-file {host.ca_file!r} of `tenants add` cannot be used: {error}")
        case _:
            return error


def from_record(record: Any, command: Command, host: ManagementHost, hidden: tuple[str, ...]) -> ServiceFault:
    """The error of ours for an error record. `hidden` are texts that must not be shown (a token, a password)."""
    error_id = str(record.fq_error or "")
    short_id = error_id.rpartition("] ")[2].partition(",")[0]  # Exchange puts [Server=...] and the like before it
    message = _message(record)
    for text in hidden:
        message = message.replace(text, "…")
    error = read_error(_one_line(message), type_hint=str(record.reason or ""), error_id=error_id)
    fault = Fault(
        service="exchange",
        operation=command.cmdlet,
        status=status_of(error),
        code=error.type or short_id or "Error",
        message=error.text,
        detail_codes=tuple(code for code in (error.error_id, short_id) if code),
        request_id=request_id_in(error_id),
        sent=True,
    )
    if "CommandNotFoundException" in (fault.code, *fault.detail_codes):
        return _not_visible(fault, command, host, missing=str(record.target_name or command.name))
    if command.cmdlet == CONNECT:
        return _not_connected(fault, host)
    if fault.code == "ParameterBindingException":
        advice = "the module on the management host (or our functions there) does not know this parameter; update it"
        return ServiceFault(fault, advice=advice)
    return leaf(fault)


def cut(command: Command, phase: Phase, message: str, *, advice: str | None = None) -> ServiceFault:
    """The connection broke. What that means depends on how far we were, and on whether the cmdlet writes."""
    sent = phase is not Phase.OPENING
    fault = Fault(
        service="exchange",
        operation=command.cmdlet,
        status=0,
        code=CUT,
        message=message,
        sent=sent,
    )
    if not sent or is_read(command.cmdlet) or command.cmdlet == CONNECT:
        return Unreachable(fault, advice=advice)
    return UnknownOutcome(fault, advice=advice or "look at what is there before trying again")


def shell_dropped(command: Command) -> ServiceFault:
    """The host drops every shell of ours at once: its own decision, so trying on is no use."""
    message = f"{command.endpoint} drops our shell at once"
    return _unreachable(command, 0, message, "look at the quotas and the WinRM log of the host")


def _lost(command: Command, phase: Phase, message: str, host: ManagementHost) -> ServiceFault:
    return cut(command, phase, message, advice=f"look at the host's WinRM service and at {_settings(host)}")


def _from_wsman(error: Any, command: Command, phase: Phase, host: ManagementHost) -> Exception:
    status = getattr(error.__context__, "code", None)
    if error.code is None and isinstance(status, int):
        # a web server's own page, well-formed enough for pypsrp to look for a fault in it
        return _from_http(status, command, phase, host)
    code, reason = error.code, _one_line(str(error.reason or error.provider_fault or "no reason given"))
    if code == SHELL_GONE and phase is Phase.SENDING:
        return ShellGone()
    if code == OPERATION_TIMED_OUT:
        return cut(
            command,
            phase,
            f"{command.endpoint} did not finish in the time we gave it",
            advice="the host is busy, or its endpoint takes long to start; try again, then look at the host",
        )
    if code in NO_SUCH_CONFIGURATION or "session configuration" in reason or "resource URI" in reason:
        return _fault(
            command,
            400,
            str(code),
            reason,
            f"{host.configuration!r} (--configuration of `tenants add`) is not registered on the host",
        )
    if code == ACCESS_DENIED or "access is denied" in reason.lower():
        advice = (
            f"{host.username or 'this user'} needs access to the endpoint {host.configuration!r} (--configuration of "
            "`tenants add`)"
        )
        return _refused(command, 403, "AccessDenied", reason, advice)
    if phase is Phase.OPENING:
        return _fault(command, 500, str(code), reason, f"look at {_settings(host)} and at the host's WinRM log")
    return _lost(command, phase, reason, host)


def _from_http(status: int, command: Command, phase: Phase, host: ManagementHost) -> ServiceFault:
    if status in (404, 405):
        advice = (
            f"look at --port of `tenants add` ({host.port}) and at the path in the inventory ({host.path!r}): WinRM "
            "listens on 5986 under wsman"
        )
        return _unreachable(command, status, f"no WinRM service at {command.endpoint} (HTTP {status})", advice)
    if status == 403:
        return _refused(
            command,
            403,
            "Forbidden",
            "the host refuses us (HTTP 403)",
            "look at --username and --auth of `tenants add`",
        )
    if status in (429, 503) and phase is Phase.OPENING:
        fault = Fault("exchange", command.cmdlet, status, "Busy", f"the host is busy (HTTP {status})", sent=False)
        return ServiceFault(fault, advice="look at the host's WinRM service and its shell quotas")
    return _lost(command, phase, f"the host answered HTTP {status} without a reason", host)


def _from_tls(text: str, command: Command, host: ManagementHost) -> ServiceFault:
    if "CERTIFICATE_VERIFY_FAILED" in text:
        if "match" in text.lower():
            why, advice = (
                "its certificate is for another name",
                "--host of `tenants add` must be the name in the certificate",
            )
        else:
            why, advice = (
                "its certificate is not trusted",
                "give the PEM file of its issuer: --ca-file of `tenants add`",
            )
    elif any(
        part in text for part in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
    ):
        why = "that port does not speak TLS"
        advice = f"--port of `tenants add` is {host.port}; WinRM over HTTPS is usually 5986"
    else:
        why, advice = "no TLS connection", f"look at {_settings(host)}"
    return _unreachable(command, 0, f"{command.endpoint}: {why}", advice)


def _from_network(error: Exception, command: Command, phase: Phase, host: ManagementHost) -> ServiceFault:
    import requests

    text = str(error)
    unsent = isinstance(error, requests.exceptions.ConnectTimeout) or "NewConnectionError" in text
    if "NameResolutionError" in text or "getaddrinfo" in text:
        advice = "look at --host of `tenants add` and at your name server"
        return _unreachable(command, 0, f"no host of the name {host.host}", advice)
    if unsent or phase is Phase.OPENING:
        late = isinstance(error, requests.exceptions.Timeout)
        why = "does not answer" if late else "refuses the connection"
        if not unsent and not late:
            advice = f"look at {_settings(host)} and at firewalls"
            return cut(command, phase, f"{command.endpoint} closes the connection", advice=advice)
        return _unreachable(command, 0, f"{command.endpoint} {why}", f"look at {_settings(host)} and at firewalls")
    return cut(command, phase, f"the connection to {command.endpoint} was cut")


def _not_visible(fault: Fault, command: Command, host: ManagementHost, *, missing: str) -> ServiceFault:
    refused = replace(fault, status=403)
    if missing.lower() == CONNECT.lower() and host.configuration != PLAIN_CONFIGURATION and not host.jea:
        return Refused(
            refused,
            who_can=HOST_ADMINISTRATOR,
            message=f"{command.cmdlet}: the endpoint {host.configuration!r} does not offer us {CONNECT}",
            advice="for a JEA endpoint with functions of ours: --jea of `tenants add`; else look at --configuration",
        )
    if missing.lower() == CONNECT.lower():
        return ServiceFault(
            fault,
            message=f"{command.cmdlet}: the management host has no module ExchangeOnlineManagement",
            advice="on the host: Install-Module ExchangeOnlineManagement -Scope AllUsers; "
            "or name a JEA endpoint of ours: --configuration and --jea of `tenants add`",
        )
    if missing.lower() == INFORMATION.lower():
        return Refused(
            refused,
            who_can=HOST_ADMINISTRATOR,
            message=f"{command.cmdlet}: the endpoint {host.configuration!r} does not offer us {INFORMATION}, "
            "so we cannot tell which tenant it connects to",
            advice="make it visible there; it comes with ExchangeOnlineManagement 3.0.0",
        )
    if host.jea and missing.lower() == command.name.lower():
        return Refused(
            refused,
            who_can=HOST_ADMINISTRATOR,
            message=f"{command.cmdlet}: the endpoint {host.configuration!r} does not offer us {command.name}",
            advice="look at --configuration of `tenants add` and at the role capabilities this user has there",
        )
    return Refused(
        refused,
        who_can=WHO_CAN,
        message=f"{command.cmdlet}: Exchange does not offer it to the identity that the host connects as",
        advice=ROLE_ADVICE,
    )


_CONNECT_ADVICE = (
    # (what the text holds, what to look at). Sources: Microsoft365DSC issues 4380 and 4530 quote the first two.
    (
        "isn't supported in this scenario",
        "the host's application needs a directory role, such as Exchange Administrator",
    ),
    (
        "unauthorized",
        "the application (--host-app-id of `tenants add`) needs the consented permission Exchange.ManageAsApp, and "
        "this certificate as its own",
    ),
    (
        "certificate",
        "look at --thumbprint of `tenants add`: the host must hold that certificate with its key, readable for this "
        "session",
    ),
    (
        "managed identity",
        "look at --identity of `tenants add`: this host has no managed identity that may use Exchange",
    ),
    ("organization", "look at --organization of `tenants add`: it is the tenant's first .onmicrosoft.com domain"),
)
_AADSTS = re.compile(r"AADSTS\d+")


def _not_connected(fault: Fault, host: ManagementHost) -> ServiceFault:
    """The host could not sign in to Exchange Online with its own identity."""
    text = fault.message.lower()
    found = next((advice for part, advice in _CONNECT_ADVICE if part in text), None)
    advice = found or "look at --identity, --host-app-id, --thumbprint and --organization of `tenants add`"
    message = f"{host.host} cannot connect to Exchange Online: {fault.message}"
    aadsts = _AADSTS.search(fault.message)
    if aadsts:
        named = replace(fault, status=401, code=aadsts[0])
        return SignInRefused(named, message=message, advice=f"it is the host's own sign-in: {advice}")
    if any(part in text for part in ("isn't supported in this scenario", "unauthorized")):
        refused = replace(fault, status=403)
        return Refused(refused, who_can=("Privileged Role Administrator",), message=message, advice=advice)
    return ServiceFault(fault, message=message, advice=advice)


def _message(record: Any) -> str:
    exception = record.exception
    for properties in ("adapted_properties", "extended_properties"):
        found = getattr(exception, properties, {}).get("Message")
        if found:
            return str(found)
    return str(record.details_message or text_of(record) or record.message or "an error without a text")


def _fault(command: Command, status: int, code: str, message: str, advice: str) -> ServiceFault:
    return ServiceFault(Fault("exchange", command.cmdlet, status, code, message, sent=False), advice=advice)


def _refused(command: Command, status: int, code: str, message: str, advice: str) -> Refused:
    fault = Fault("exchange", command.cmdlet, status, code, message, sent=False)
    return Refused(fault, who_can=HOST_ADMINISTRATOR, advice=advice)


def _unreachable(command: Command, status: int, message: str, advice: str) -> Unreachable:
    return Unreachable(Fault("exchange", command.cmdlet, status, "Unreachable", message, sent=False), advice=advice)


def _settings(host: ManagementHost) -> str:
    return f"--host ({host.host}) and --port ({host.port}) of `tenants add`, at the path in the inventory ({host.path})"


def _one_line(text: str) -> str:
    """Errors are printed in one line; Entra's trace ids at the end say nothing to the reader."""
    return " ".join(text.partition("Trace ID:")[0].split())
