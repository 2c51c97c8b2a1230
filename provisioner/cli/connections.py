"""Ports made real: how a command of this process reaches tenants, sinks and the person at the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

import typer

from provisioner.cli import sandbox_process
from provisioner.cli.asking import Pause, interruptible
from provisioner.errors import Declined, InputFault
from provisioner.home import Home
from provisioner.model.events import Events
from provisioner.model.identifiers import GRAPH_AUDIENCE
from provisioner.model.plan import Plan
from provisioner.model.secret import Secret
from provisioner.model.tenant import ExchangeDriver, SignInMethod, Tenant
from provisioner.pace import Clock, SystemClock

if TYPE_CHECKING:
    from provisioner.exchange import Exchange
    from provisioner.graph import Graph
    from provisioner.reports import Progress
    from provisioner.signin import TokenSource
    from provisioner.workflows.ports import Ports, Session


class SandboxClock(SystemClock):
    """The clock of a sandbox whose time stands still: a wait advances both sides together."""

    def __init__(self, management: str) -> None:
        super().__init__()
        self._management = management

    async def sleep(self, seconds: float) -> None:
        """Advance the sandbox's time; ours follows at the next `Date` header, and at once here."""
        await asyncio.to_thread(sandbox_process.call, self._management, "POST", "/clock/advance", {"seconds": seconds})
        self._skew += timedelta(seconds=seconds)


class Connections:
    """Connections of one process: one per tenant, shared by the workflows of a command."""

    def __init__(self, home: Home, progress: Progress) -> None:
        self._home = home
        self._events: Events = progress
        self._pause = progress.paused
        self._stack = AsyncExitStack()
        self._sessions: dict[Tenant, Session] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def ports(self, agree: Callable[[Plan], Awaitable[bool]]) -> Ports:
        """What workflows are lent."""
        from provisioner.signin import as_product, as_user
        from provisioner.sinks import open_sink
        from provisioner.workflows.ports import Ports

        terminal = PersonAtTerminal(self._pause)
        return Ports(
            home=self._home,
            events=self._events,
            connect=self.connect,
            open_sink=lambda reference: open_sink(reference, self._home.root, terminal),
            product_sign_in=as_product,
            account_sign_in=as_user,
            read_secret=self.read_secret,
            agree=agree,
        )

    async def read_secret(self, reference: str, what: str) -> Secret:
        """The secret that a reference names; a person is asked while progress keeps still."""
        with self._pause():
            return self._resolve(reference, what)

    @asynccontextmanager
    async def connect(self, tenant: Tenant) -> AsyncIterator[Session]:
        """A session that stays open until the command ends."""
        if tenant not in self._sessions:
            self._sessions[tenant] = await self._open(tenant)
        yield self._sessions[tenant]

    async def _open(self, tenant: Tenant) -> Session:
        from provisioner import graph, signin
        from provisioner.workflows.callers import with_eligible_roles
        from provisioner.workflows.ports import Session

        signin.quiet_libraries()
        signin.slim_libraries()
        clock = self._clock(tenant)
        tokens = signin.operator(
            tenant,
            secret=self._operator_secret(tenant),
            prompt=self._device_prompt(tenant),
            clock=clock,
            events=self._events,
        )

        async def opened() -> Graph:
            return await self._stack.enter_async_context(
                graph.connect(tenant, tokens, clock=clock, events=self._events)
            )

        # Microsoft's client is imported while the sign-in waits for its answers.
        token, connection = await asyncio.gather(tokens.token(GRAPH_AUDIENCE), opened())
        exchange = self._exchange(tenant, tokens, clock)
        if exchange is not None:
            self._stack.push_async_callback(exchange.close)
        caller = await with_eligible_roles(connection, signin.caller(token))
        return Session(tenant, tokens, caller, connection, exchange, clock)

    def _clock(self, tenant: Tenant) -> Clock:
        if tenant.sandbox:
            found = sandbox_process.running(self._home.root / "sandbox")
            if found is not None and found.published.get("clock") == "virtual":
                return SandboxClock(found.management)
        return SystemClock()

    def _operator_secret(self, tenant: Tenant) -> Secret | None:
        reference = tenant.sign_in.secret
        if reference is None:
            return None
        return self._resolve(reference, f"secret of {tenant.sign_in.client_id}")

    def _resolve(self, reference: str, what: str) -> Secret:
        from provisioner.sinks import read_reference

        return read_reference(reference, lambda _: ask_secret(what))

    def _device_prompt(self, tenant: Tenant) -> Callable[[str, str, datetime], None]:
        if tenant.sandbox and tenant.sign_in.method is SignInMethod.DEVICE_CODE:
            found = sandbox_process.running(self._home.root / "sandbox")
            assert found is not None
            management = found.management

            def approve(uri: str, code: str, expires: datetime) -> None:
                """Plays the person at the sandbox's browser."""
                sandbox_process.call(
                    management, "POST", "/device/approve", {"userCode": code, "as": tenant.sign_in.login_hint}
                )

            return approve

        def show(uri: str, code: str, expires: datetime) -> None:
            with self._pause():
                sys.stderr.write(f"To sign in to {tenant.name}, open {uri} and enter the code {code}\n")
                sys.stderr.flush()

        return show

    def _exchange(self, tenant: Tenant, tokens: TokenSource, clock: Clock) -> Exchange | None:
        from provisioner.exchange import as_script, over_psrp, over_rest
        from provisioner.model.identifiers import EXCHANGE_AUDIENCE

        if tenant.exchange is ExchangeDriver.SCRIPT:
            return as_script.AsScript()
        if tenant.exchange is ExchangeDriver.REST:
            return over_rest.connect(tenant, tokens, clock=clock, events=self._events)
        if tenant.exchange is ExchangeDriver.PSRP and tenant.host is not None:
            reference = tenant.host.password
            password = self._resolve(reference, f"password of {tenant.host.username}") if reference else None
            return over_psrp.connect(
                tenant,
                tenant.host,
                password=password,
                token=lambda: tokens.token(EXCHANGE_AUDIENCE),
                clock=clock,
                events=self._events,
            )
        return None


class PersonAtTerminal:
    """The person a write-only sink shows a secret to."""

    def __init__(self, pause: Pause = nullcontext) -> None:
        self._pause = pause

    @property
    def interactive(self) -> bool:
        """Whether input and output are a terminal."""
        return sys.stdin.isatty() and sys.stdout.isatty()

    async def show_once(self, title: str, secret: Secret) -> None:
        """On the terminal's alternate screen, which no scroll-back keeps."""
        await asyncio.to_thread(self.show, title, secret)

    def show(self, title: str, secret: Secret) -> None:
        """The same on this thread, for when nothing else is under way: Ctrl-C leaves the screen."""
        from rich.console import Console
        from rich.text import Text

        console = Console()
        with self._pause(), interruptible(), console.screen(hide_cursor=False):
            console.print(Text(title, style="bold"))
            console.print(Text(secret.reveal()), soft_wrap=True)
            answer = console.input(Text('\nIt is shown once. Type "noted" when you have stored it: '))
        if answer.strip().lower() != "noted":
            raise Declined("the secret was not noted", advice="run the command again; a new one will be minted")


def ask_secret(what: str) -> str:
    """Ask a person for a secret, without an echo."""
    if not sys.stdin.isatty():
        raise InputFault(f"no terminal to ask for the {what}", advice="name it as env:NAME or file:PATH")
    with interruptible():
        return str(typer.prompt(what, hide_input=True, err=True))
