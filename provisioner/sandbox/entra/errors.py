"""AADSTS errors in the token endpoint's envelope."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from provisioner.sandbox.clock import format_time
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.ledger import mark
from provisioner.sandbox.store import Transaction

mark(
    "Error envelope: error, error_description 'AADSTSn: text Trace ID: .. Correlation ID: .. Timestamp: ..' with "
    "blanks between, error_codes, timestamp with a blank instead of T, trace_id, correlation_id, error_uri",
    source="recorded-graph.md 15 TEXT; blanks instead of CRLF graph.md 3.3 V: PUB 2026",
    if_wrong="the AADSTS code is not found in the text",
)


class SignInError(Exception):
    """A refusal by Entra's sign-in. ``suberror`` where clients branch on it.

    ``afterwards`` is what the refusal leaves behind: it is written once everything else was rolled back.
    """

    def __init__(
        self, status: int, error: str, code: int, text: str, *, suberror: str | None = None, uri: bool = True
    ) -> None:
        super().__init__(f"AADSTS{code}: {text}")
        self.status = status
        self.error = error
        self.code = code
        self.text = text
        self.suberror = suberror
        self.uri = uri
        self.afterwards: Callable[[Transaction], None] | None = None

    def envelope(self, sandbox: Sandbox, correlation_id: str) -> dict[str, Any]:
        """The JSON body."""
        stamp = format_time(sandbox.clock.now()).replace("T", " ")
        trace_id = str(uuid.uuid4())
        body: dict[str, Any] = {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self.text} Trace ID: {trace_id}"
            f" Correlation ID: {correlation_id} Timestamp: {stamp}",
            "error_codes": [self.code],
            "timestamp": stamp,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
        }
        if self.uri:
            login = sandbox.endpoints.get("login", "https://localhost")
            body["error_uri"] = f"{login}/error?code={self.code}"
        if self.suberror:
            body["suberror"] = self.suberror
        return body


def missing_parameter(name: str) -> SignInError:
    """400 AADSTS900144."""
    return SignInError(
        400, "invalid_request", 900144, f"The request body must contain the following parameter: '{name}'."
    )


def tenant_not_found(tenant: str, error: str) -> SignInError:
    """400 AADSTS90002, or 900023 for a name that cannot be a tenant; ``error`` depends on the endpoint."""
    if "." not in tenant and len(tenant) != 36:
        return SignInError(
            400,
            error,
            900023,
            f"Specified tenant identifier '{tenant}' is neither a valid DNS name, nor a valid external domain.",
        )
    return SignInError(
        400,
        error,
        90002,
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the"
        " correct cloud. Check with your subscription administrator, this may happen if there are no active"
        " subscriptions for the tenant.",
    )


def application_not_found(client_id: str, tenant: str) -> SignInError:
    """400 AADSTS700016."""
    return SignInError(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if"
        " the application has not been installed by the administrator of the tenant or consented to by any user in"
        " the tenant. You may have sent your authentication request to the wrong tenant.",
    )


def wrong_secret(client_id: str) -> SignInError:
    """401 AADSTS7000215: wrong, or not known here yet."""
    return SignInError(
        401,
        "invalid_client",
        7000215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value,"
        f" not the client secret ID, for a secret added to app '{client_id}'.",
    )


def assertion_refused(reason: str, thumbprint: str) -> SignInError:
    """401 AADSTS700027."""
    return SignInError(
        401,
        "invalid_client",
        700027,
        "The certificate with identifier used to sign the client assertion is not registered on application, or the"
        f" assertion failed signature validation. [Reason - {reason}, Thumbprint of key used by client:"
        f" '{thumbprint}']",
    )


def invalid_grant(code: int, text: str, *, suberror: str | None = None) -> SignInError:
    """400 invalid_grant."""
    return SignInError(400, "invalid_grant", code, text, suberror=suberror)
