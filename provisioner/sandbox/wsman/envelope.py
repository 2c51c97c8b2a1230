"""SOAP envelopes of WSMan: requests read into a record, replies and faults written as Windows writes them.

Replies are text templates, not serialised trees: namespace prefixes, their order and the order of headers are part
of what is held against the recordings of real hosts.
"""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

NAMESPACES: dict[str, str] = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "e": "http://schemas.xmlsoap.org/ws/2004/08/eventing",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "pwsh": "http://schemas.microsoft.com/powershell",
    "cfg": "http://schemas.microsoft.com/wbem/wsman/1/config",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
}
TRANSFER = NAMESPACES["x"]
SHELL = NAMESPACES["rsp"]
ENUMERATION = NAMESPACES["n"]
FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"

# Which prefixes the envelope of a reply declares, in the recorded order. Not listed: "w p" alone.
_DECLARED: Mapping[str, tuple[str, ...]] = {
    "Create": ("x", "w", "rsp", "p"),
    "Command": ("x", "w", "rsp", "p"),
    "Send": ("x", "w", "rsp", "p"),
    "Signal": ("x", "w", "rsp", "p"),
    "Connect": ("x", "w", "rsp", "p"),
    "Receive": ("w", "rsp", "p"),
    "Get": ("x", "w", "p"),
    "Enumerate": ("n", "w", "p"),
    "fault": ("x", "e", "n", "w", "p"),
}
_DURATION = re.compile(r"^P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$")


class MalformedEnvelope(ValueError):
    """The body is no SOAP envelope that WSMan can read."""


@dataclass(frozen=True)
class Request:
    """One request: `operation_timeout` in seconds, `max_envelope_size` in bytes, `to` as the client wrote it."""

    action: str
    message_id: str
    to: str
    resource_uri: str
    operation_timeout: float
    max_envelope_size: int
    selectors: Mapping[str, str]
    options: Mapping[str, str]
    body: ET.Element

    @property
    def verb(self) -> str:
        """The last part of the action: Create, Command, Send, Receive, Signal, Delete, Get ..."""
        return self.action.rsplit("/", 1)[-1]

    def shell_id(self) -> str:
        """The shell the request addresses, as upper-case GUID text; empty when it names none."""
        return self.selectors.get("ShellId", "").upper()


def parse(raw: bytes) -> Request:
    """A request from the bytes of an HTTP body.

    Raises:
        MalformedEnvelope: not XML, not SOAP, or a document type declaration (WSMan knows none).

    """
    if b"<!DOCTYPE" in raw[:4096]:
        raise MalformedEnvelope("document type declaration")
    try:
        root = ET.fromstring(raw)  # noqa: S314 - a document type declaration, hence entities, was refused above
    except ET.ParseError as problem:
        raise MalformedEnvelope(str(problem)) from None
    header = root.find("s:Header", NAMESPACES)
    body = root.find("s:Body", NAMESPACES)
    if header is None or body is None:
        raise MalformedEnvelope("no header or no body")
    size = header.findtext("w:MaxEnvelopeSize", "153600", NAMESPACES)
    return Request(
        action=header.findtext("a:Action", "", NAMESPACES),
        message_id=header.findtext("a:MessageID", "", NAMESPACES),
        to=header.findtext("a:To", "", NAMESPACES),
        resource_uri=header.findtext("w:ResourceURI", "", NAMESPACES),
        operation_timeout=seconds(header.findtext("w:OperationTimeout", "PT60S", NAMESPACES)),
        max_envelope_size=int(size) if size.isdecimal() else 153600,
        selectors={s.get("Name", ""): s.text or "" for s in header.iterfind("w:SelectorSet/w:Selector", NAMESPACES)},
        options={o.get("Name", ""): o.text or "" for o in header.iterfind("w:OptionSet/w:Option", NAMESPACES)},
        body=body,
    )


def seconds(duration: str) -> float:
    """An XML duration in seconds; 60 when it cannot be read."""
    match = _DURATION.match(duration)
    if match is None:
        return 60.0
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + rest


def identifier() -> str:
    """A GUID as WSMan writes it."""
    return str(uuid.uuid4()).upper()


def reply(request: Request, body: str) -> bytes:
    """The reply to `request` with `body` as inner text of s:Body."""
    return _envelope(request.verb, request.action + "Response", request.message_id, body)


def fault(message_id: str, body: str) -> bytes:
    """A fault relating to `message_id`, `body` being the s:Fault element."""
    return _envelope("fault", FAULT_ACTION, message_id, body)


def text(value: str) -> str:
    """Character data, escaped."""
    return escape(value)


def _envelope(verb: str, action: str, relates_to: str, body: str) -> bytes:
    declared = "".join(f' xmlns:{p}="{NAMESPACES[p]}"' for p in ("s", "a", *_DECLARED.get(verb, ("w", "p"))))
    return (
        f'<s:Envelope xml:lang="en-US"{declared}><s:Header><a:Action>{action}</a:Action>'
        f"<a:MessageID>uuid:{identifier()}</a:MessageID><p:ActivityId>{identifier()}</p:ActivityId>"
        f"<a:To>{ANONYMOUS}</a:To><a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    ).encode()
