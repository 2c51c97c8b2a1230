"""How we, the operator, get tokens for one tenant: the methods of the inventory behind one `TokenSource`.

Tokens are kept in memory for their life, per audience, and nowhere else: no cache of ours or the library's is ever
written to disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.events import Events, silent
from provisioner.model.secret import Secret
from provisioner.model.tenant import BRING_THEIR_OWN, SignInMethod, Tenant
from provisioner.pace import Clock, SystemClock
from provisioner.pace.settle import settle
from provisioner.signin.ambient import (
    with_azure_cli,
    with_environment,
    with_managed_identity,
    with_workload_identity,
)
from provisioner.signin.credentials import WayIn, with_browser, with_certificate, with_device_code, with_secret
from provisioner.signin.off_loop import off_loop
from provisioner.signin.tokens import Token, TokenSource

DevicePrompt: TypeAlias = Callable[[str, str, datetime], None]
"""Called on the event loop with the address to open, the code to type there, and when it expires (UTC)."""

RENEW_BEFORE = timedelta(minutes=5)
PATIENCE_SECONDS = 60.0
SHOWING_SECONDS = 10.0
"""How long the sign-in waits for the code to be on the screen; a loop that ended meanwhile shows nothing."""


def operator(
    tenant: Tenant,
    *,
    secret: Secret | None,
    prompt: DevicePrompt,
    clock: Clock | None = None,
    events: Events = silent,
) -> TokenSource:
    """Our token source for a tenant, by the method its inventory entry names.

    `secret` is the client secret, or the password of the certificate file. Nothing is sent before the first token
    is asked for. Raises `InputFault` where the inventory entry lacks what its method needs.
    """
    method = tenant.sign_in.method
    if method not in BRING_THEIR_OWN and tenant.sign_in.client_id is None:
        raise _lacking(tenant, "client_id", "a client id")
    if method is SignInMethod.CLIENT_SECRET and secret is None:
        raise _lacking(tenant, "secret", "a client secret")
    if method is SignInMethod.CERTIFICATE and tenant.sign_in.certificate_file is None:
        raise _lacking(tenant, "certificate_file", "a certificate file")
    return OperatorTokens(tenant, secret, prompt, clock or SystemClock(), events)


class OperatorTokens:
    """The token source behind `operator`."""

    def __init__(
        self, tenant: Tenant, secret: Secret | None, prompt: DevicePrompt, clock: Clock, events: Events
    ) -> None:
        self._tenant = tenant
        self._secret = secret
        self._prompt = prompt
        self._clock = clock
        self._events = events
        self._kept: dict[str, Token] = {}
        self._person: WayIn | None = None
        self._one_at_a_time = asyncio.Lock()

    async def token(self, audience: str, *, fresh: bool = False) -> Token:
        """A token for an audience; see `TokenSource.token`."""
        kept = self._kept.get(audience)
        if kept is not None and not fresh and _lasts(kept):
            return kept
        async with self._one_at_a_time:
            known = self._kept.get(audience)
            if known is not None and known is not kept and _lasts(known):
                return known  # somebody else fetched it while we waited
            return await self._fetch(audience, _newly_issued() if fresh and self._person is not None else None)

    def azure_credential(self) -> object:
        """An asynchronous credential, so that Microsoft's clients never block the event loop."""
        return AzureCredential(self)

    async def challenged(self, audience: str, claims: str) -> Token:
        """A token that answers a service's claims challenge (JSON text)."""
        async with self._one_at_a_time:
            return await self._fetch(audience, claims)

    async def _fetch(self, audience: str, claims: str | None) -> Token:
        loop = asyncio.get_running_loop()

        async def attempt() -> Token:
            # made here, not on the thread: meanwhile others import what shares modules with this library
            way_in = self._way_in(loop)
            return await off_loop(lambda: way_in.token(audience, claims))

        if self._tenant.sign_in.method not in (SignInMethod.DEVICE_CODE, SignInMethod.BROWSER):
            token = await settle(
                attempt,
                clock=self._clock,
                events=self._events,
                subject="sign in",
                seconds=PATIENCE_SECONDS,
                just_wrote=False,
                harmless=True,
            )
        else:
            token = await attempt()
        self._kept[audience] = token
        return token

    def _way_in(self, loop: asyncio.AbstractEventLoop) -> WayIn:
        """A new credential for an application, so that nothing is cached; a person's is kept, with its session."""
        sign_in = self._tenant.sign_in
        match sign_in.method:
            case SignInMethod.AZURE_CLI:
                return with_azure_cli(self._tenant)
            case SignInMethod.MANAGED_IDENTITY:
                return with_managed_identity(self._tenant, sign_in.client_id)
            case SignInMethod.WORKLOAD_IDENTITY:
                return with_workload_identity(self._tenant, sign_in.client_id, sign_in.token_file)
            case SignInMethod.ENVIRONMENT:
                return with_environment(self._tenant)
        assert sign_in.client_id is not None
        match sign_in.method:
            case SignInMethod.CLIENT_SECRET:
                assert self._secret is not None
                return with_secret(self._tenant, sign_in.client_id, self._secret)
            case SignInMethod.CERTIFICATE:
                assert sign_in.certificate_file is not None
                return with_certificate(self._tenant, sign_in.client_id, sign_in.certificate_file, self._secret)
            case SignInMethod.DEVICE_CODE:
                if self._person is None:

                    def prompt(uri: str, code: str, expires: datetime) -> None:
                        shown = threading.Event()

                        def show() -> None:
                            try:
                                self._prompt(uri, code, expires)
                            finally:
                                shown.set()

                        loop.call_soon_threadsafe(show)
                        # The library asks as soon as this returns: too early costs a whole interval of five seconds.
                        shown.wait(SHOWING_SECONDS)

                    self._person = with_device_code(self._tenant, sign_in.client_id, prompt)
            case SignInMethod.BROWSER:
                if self._person is None:
                    self._person = with_browser(self._tenant, sign_in.client_id, sign_in.login_hint)
        return self._person


class Challengeable(TokenSource, Protocol):
    """A token source that can be told that its token was not accepted."""

    async def challenged(self, audience: str, claims: str) -> Token:
        """A token that answers a claims challenge."""


class AzureCredential:
    """A token source in the shape of azure-core's `AsyncTokenCredential`."""

    def __init__(self, source: Challengeable) -> None:
        self._source = source

    async def get_token(self, *scopes: str, claims: str | None = None, **_: object) -> object:
        """The kept token, or a new one where `claims` challenge it.

        Continuous access evaluation is not asked for: its tokens live for a day, and roles are those of the moment
        of issue.
        """
        from azure.core.credentials import AccessToken

        audience = scopes[0].removesuffix("/.default")
        token = await (self._source.challenged(audience, claims) if claims else self._source.token(audience))
        return AccessToken(token.secret.reveal(), int(token.expires.timestamp()))


def _lasts(token: Token) -> bool:
    return token.expires - datetime.now(UTC) > RENEW_BEFORE  # the library counts expiry by this machine's clock


def _newly_issued() -> str:
    """A claims challenge for a token younger than a minute: the library then passes its cache of a person's tokens.

    The shape is that of Entra's own challenges after a revocation (`nbf`, essential). Unverified for this use.
    """
    not_before = int(datetime.now(UTC).timestamp()) - 60
    return f'{{"access_token":{{"nbf":{{"essential":true,"value":"{not_before}"}}}}}}'


def _lacking(tenant: Tenant, key: str, what: str) -> InputFault:
    place = FaultyPlace(tenant.name, 0, 0, f"sign-in with {tenant.sign_in.method} needs {what}")
    return InputFault(f"tenant {tenant.name}: sign-in is not complete", (place,), advice=f"set `{key}` of the tenant")
