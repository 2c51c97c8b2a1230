"""A mail server as we are told of it, and what its silence means."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import StrEnum

TIMEOUT_SECONDS = 30.0
"""Per reply. RFC 5321 4.5.3.2 allows minutes; a server that people wait for answers in seconds."""


class Trouble(StrEnum):
    """Why there was no reply to judge."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    DROPPED = "dropped"
    CERTIFICATE = "certificate"
    PROTOCOL = "protocol"


@dataclass(frozen=True)
class Server:
    """A mail server. `tls` must verify; the sandbox's brings its own CA."""

    host: str
    port: int
    tls: ssl.SSLContext
    timeout_seconds: float = TIMEOUT_SECONDS


def trouble_of(error: OSError | UnicodeError, server: Server, *, answered: bool) -> tuple[str, Trouble]:
    """What ended a conversation without a reply, in words and as data. `answered`: the server had spoken before."""
    match error:
        case TimeoutError():
            return f"no answer within {server.timeout_seconds:g} seconds", Trouble.TIMEOUT
        case ssl.SSLCertVerificationError():
            return f"certificate of {server.host}: {error.verify_message}", Trouble.CERTIFICATE
        case ssl.SSLError():
            return f"TLS: {error.reason or type(error).__name__}", Trouble.PROTOCOL
        case OSError():
            what = error.strerror or str(error) or type(error).__name__
            return what, Trouble.DROPPED if answered else Trouble.UNREACHABLE
        case _:
            return f"{server.host!r} is no host name", Trouble.UNREACHABLE
