"""From what Graph answered, or did not, to one of our errors. Pure, but for reading the SDK's exceptions.

Nothing is chained: the SDK's exceptions hold the request, and with it the token.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from provisioner.errors import Absent, AlreadyThere, Refused, ServiceFault, Unreachable
from provisioner.graph.rights import Right
from provisioner.graph.texts import mended
from provisioner.model.faults import Fault
from provisioner.pace import Clock, Verdict, classify

if TYPE_CHECKING:
    import httpx

SERVICE = "graph"
UNREADABLE = "UnreadableReply"
"""Our own code for a reply that is not what Graph's schema says."""

SIGN_IN_AGAIN = "the access token was not accepted: sign in again"


def error_of(fault: Fault, right: Right) -> ServiceFault:
    """The leaf that fits a fault.

    What may be not-yet stays a plain `ServiceFault` or `Absent`: only the caller knows what it has just written.
    """
    if fault.status == 0 and not fault.sent:
        return Unreachable(fault, advice="check the network and the proxy")
    if fault.status == 0:
        return Unreachable(fault, advice="the connection was lost; look at what is there before trying again")
    if fault.status == 404:  # its usual text is also that of a lagging replica, so the status goes first
        return Absent(fault)
    match classify(fault):
        case Verdict.ALREADY:
            return AlreadyThere(fault)
        case Verdict.REFUSED if fault.status == 401:
            return Refused(fault, advice=SIGN_IN_AGAIN)
        case Verdict.REFUSED:
            return Refused(fault, who_can=right.who_can, advice=right.advice)
        case Verdict.THROTTLED:
            return ServiceFault(fault, advice="the tenant is throttled; try again later")
        case _:
            return ServiceFault(fault)


def fault_of_sdk(error: Exception, operation: str, clock: Clock) -> Fault | None:
    """The fault in an exception of the SDK or of httpx; None for any other exception, which is a bug."""
    from kiota_abstractions.api_error import APIError

    if isinstance(error, APIError):
        main = getattr(error, "error", None)
        inner = getattr(main, "inner_error", None)
        headers = _headers(error.response_headers)
        return Fault(
            service=SERVICE,
            operation=operation,
            status=error.response_status_code or 0,
            code=getattr(main, "code", None) or "",
            message=_sentence(getattr(main, "message", None), error.response_status_code),
            detail_codes=tuple(each.code for each in getattr(main, "details", None) or () if each.code),
            retry_after=retry_after(headers, clock),
            request_id=getattr(inner, "request_id", None) or headers.get("request-id"),
        )
    return _fault_of_httpx(error, operation)


def fault_of_item(status: int, headers: object, body: object, operation: str, clock: Clock) -> Fault:
    """The fault in one item of a `$batch` reply."""
    main = _object(_object(body).get("error"))
    inner = _object(main.get("innerError") or main.get("innererror"))
    details = main.get("details")
    codes = [_object(each).get("code") for each in details] if isinstance(details, list) else []
    known = _headers(headers)
    request_id = inner.get("request-id") or known.get("request-id")
    code, message = main.get("code"), main.get("message")
    return Fault(
        service=SERVICE,
        operation=operation,
        status=status,
        code=code if isinstance(code, str) else "",
        message=_sentence(message if isinstance(message, str) else None, status),
        detail_codes=tuple(each for each in codes if isinstance(each, str)),
        retry_after=retry_after(known, clock),
        request_id=request_id if isinstance(request_id, str) else None,
    )


def retry_after(headers: Mapping[str, str], clock: Clock) -> float | None:
    """`Retry-After` in seconds from now, given as seconds or as a date."""
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(told) - clock.now()).total_seconds())
    except (ValueError, TypeError):
        return None


def unreadable(operation: str, what: str) -> ServiceFault:
    """The error for a reply that is not what Graph's schema says. It names the field, never the content."""
    fault = Fault(SERVICE, operation, 200, UNREADABLE, f"the reply cannot be understood: {what}")
    return ServiceFault(fault, advice="does something on the way answer in Graph's place?")


def _fault_of_httpx(error: Exception, operation: str) -> Fault | None:
    import httpx

    if not isinstance(error, httpx.RequestError):
        return None
    not_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError)
    if not not_sent:
        return Fault(SERVICE, operation, 0, "ConnectionLost", "the connection was lost before the answer came")
    host = _host(error)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, (ssl.SSLError, socket.gaierror)):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE" in str(error).upper():
        code, message = "CertificateNotTrusted", f"the certificate of {host} is not trusted here"
    elif isinstance(cause, ssl.SSLError):
        code, message = "NoTls", f"{host} does not speak TLS"
    elif isinstance(cause, socket.gaierror):
        code, message = "NameNotFound", f"the name of {host} cannot be resolved"
    else:
        code, message = "NoConnection", f"nobody answers at {host}"
    return Fault(SERVICE, operation, 0, code, message, sent=False)


def _host(error: httpx.RequestError) -> str:
    """The host and port that were asked; a proxy in between is not named."""
    try:
        return error.request.url.netloc.decode("ascii")
    except RuntimeError:  # httpx had no request to speak of
        return "the host"


def _sentence(message: str | None, status: int | None) -> str:
    return (
        " ".join(mended(message).split())
        if message and message.strip()
        else f"the answer was {status} without a reason"
    )


def _headers(headers: Any) -> dict[str, str]:
    """Headers by lower-case name, from httpx's own or from a batch item's object."""
    if not headers or not hasattr(headers, "items"):
        return {}
    return {str(name).lower(): value for name, value in headers.items() if isinstance(value, str)}


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
