"""The door to azure.identity: a way in for one tenant, and the library's exceptions turned into our errors.

The library is imported inside functions (0.25 s of processor time). Its exceptions are never chained: they carry the
request, and with it the secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from provisioner.errors import FaultyPlace, InputFault, ProvisionerError, ServiceFault, SignInRefused, WrongTenant
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AppId
from provisioner.model.secret import Secret
from provisioner.model.tenant import Tenant
from provisioner.signin.refusals import plain, refusal
from provisioner.signin.tenant import look_up
from provisioner.signin.tokens import Token, read_claims
from provisioner.signin.transport import SERVICE, Line, line_to, network_error

MICROSOFT_AUTHORITIES = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.chinacloudapi.cn",
        "login.partner.microsoftonline.cn",
        "login.sovcloud-identity.fr",
        "login.sovcloud-identity.de",
        "login.sovcloud-identity.sg",
    }
)
"""Hosts that Microsoft's instance discovery vouches for. Source: graph.md 6.1, 6.2 and 6.4."""

RECONNECTS = 2
"""Tries after the first where nobody answers. Answers are never retried by the library: it would sleep for as long
as any `Retry-After` says, and what a 503 or 429 means is decided above."""

Prompt = Callable[[str, str, datetime], None]


class Credential(Protocol):
    """What the library's credentials have in common."""

    def get_token(self, *scopes: str, claims: str | None = None) -> Any:
        """An access token, blocking."""


@dataclass(frozen=True)
class WayIn:
    """A credential, the line it speaks over, and what to call it in an error."""

    tenant: Tenant
    operation: str
    line: Line
    credential: Credential
    permissions: tuple[str, ...] = ()
    """Delegated permissions to ask for by name; empty for all that were consented to."""

    def token(self, audience: str, claims: str | None = None) -> Token:
        """A token, blocking. `claims` is a claims challenge (JSON); it makes the library pass its own cache."""
        resource = self.tenant.endpoints.audience(audience.rstrip("/"))
        scopes = [f"{resource}/{each}" for each in self.permissions or (".default",)]
        self.line.pick_up()
        try:
            granted = self.credential.get_token(*scopes, claims=claims)
        except Exception as error:
            raise self._explained(error) from None
        finally:
            self.line.hang_up()
        claimed = read_claims(granted.token)
        expires = datetime.fromtimestamp(granted.expires_on, UTC)
        token = Token(secret=Secret(granted.token), expires=expires, claims=claimed)
        if claimed is not None and claimed.tenant_id != self.tenant.tenant_id:
            message = f"the sign-in led to tenant {claimed.tenant_id}, not to {self.tenant.tenant_id}"
            fault = Fault(SERVICE, self.operation, 200, "OtherTenant", message)
            raise WrongTenant(fault, advice="sign in with an account or application of the right tenant")
        return token

    def _explained(self, error: Exception) -> ProvisionerError:
        """The error of ours for one of the library's."""
        text = str(error)
        status = self.line.status or 401
        told = refusal(text, self.operation, status=status)
        if told is not None:
            return told
        unreachable = network_error(error, self.tenant, self.operation)
        if unreachable is not None:
            return unreachable
        if status == 429 or status >= 500:
            message = f"the sign-in service answered {status}"
            fault = Fault(SERVICE, self.operation, status, "", message, retry_after=self.line.retry_after)
            return ServiceFault(fault, advice="try again in a few minutes")
        if "authority configuration" in text:
            try:
                look_up(self.tenant)
            except ProvisionerError as found:
                return found
        readable = "Unexpected response" not in text
        message = plain(text.splitlines()[0])[:200] if readable and text else "the sign-in service gave no clear answer"
        return SignInRefused(Fault(SERVICE, self.operation, status, type(error).__name__, message))


def with_secret(tenant: Tenant, app_id: AppId, secret: Secret) -> WayIn:
    """Client credentials with a client secret."""
    from azure.identity import ClientSecretCredential

    line = line_to(tenant)
    try:
        credential = ClientSecretCredential(tenant.tenant_id, app_id, secret.reveal(), **options(tenant, line))
    except ValueError:
        message = f"cannot sign in as application {app_id}: the tenant id, client id or secret is empty or malformed"
        raise InputFault(message) from None
    return WayIn(tenant, f"sign in as application {app_id}", line, credential)


def with_certificate(tenant: Tenant, app_id: AppId, certificate_file: str, password: Secret | None) -> WayIn:
    """Client credentials with a certificate. Raises `InputFault` where the file is none with a private key."""
    from azure.identity import CertificateCredential

    line = line_to(tenant)
    try:
        credential = CertificateCredential(
            tenant.tenant_id,
            app_id,
            certificate_file,
            password=password.reveal() if password else None,
            **options(tenant, line),
        )
    except OSError as error:
        raise _bad_certificate(certificate_file, error.strerror or "cannot be read") from None
    except (ValueError, TypeError):
        reason = "is no PEM or PFX file with an RSA private key and its certificate, or its password is wrong"
        raise _bad_certificate(certificate_file, reason) from None
    return WayIn(tenant, f"sign in as application {app_id}", line, credential)


def with_device_code(tenant: Tenant, client_id: AppId, prompt: Prompt) -> WayIn:
    """A person, who types a code into a browser anywhere. `prompt` is called on the thread that signs in."""
    from azure.identity import DeviceCodeCredential

    line = line_to(tenant)
    credential = DeviceCodeCredential(
        client_id=client_id, tenant_id=tenant.tenant_id, prompt_callback=prompt, **options(tenant, line)
    )
    operation = f"sign in to {tenant.name} with a device code"
    return WayIn(tenant, operation, line, credential, tenant.sign_in.permissions)


def with_browser(tenant: Tenant, client_id: AppId, login_hint: str | None) -> WayIn:
    """A person with a browser on this machine."""
    from azure.identity import InteractiveBrowserCredential

    line = line_to(tenant)
    credential = InteractiveBrowserCredential(
        client_id=client_id, tenant_id=tenant.tenant_id, login_hint=login_hint, **options(tenant, line)
    )
    operation = f"sign in to {tenant.name} in a browser"
    return WayIn(tenant, operation, line, credential, tenant.sign_in.permissions)


def options(tenant: Tenant, line: Line) -> dict[str, Any]:
    """What all credentials take alike that speak to Entra themselves."""
    known = urlsplit(tenant.endpoints.login).hostname in MICROSOFT_AUTHORITIES
    return {
        "authority": tenant.endpoints.login,
        "disable_instance_discovery": None if known else True,
        "transport": line.transport,
        "retry_total": RECONNECTS,
        "retry_status": 0,
        "retry_backoff_factor": 0.4,
    }


def _bad_certificate(certificate_file: str, reason: str) -> InputFault:
    place = FaultyPlace(certificate_file, 0, 0, reason)
    return InputFault("the certificate to sign in with cannot be used", (place,), advice="see `certificate_file`")
