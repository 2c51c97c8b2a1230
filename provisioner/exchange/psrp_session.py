"""The blocking half of the PowerShell driver: one runspace pool, used by one thread at a time.

pypsrp is used through `add_cmdlet` and `add_parameter` only: a JEA endpoint has no language, and a value that never
becomes text cannot become code. A pool is opened for the first cmdlet and kept; every cmdlet is a pipeline of its
own. pypsrp's `had_errors` stays False for the errors that Exchange's cmdlets make, so the error stream is read always
(exchange.md 2.2).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from threading import Event
from typing import Any

from provisioner.errors import ServiceFault, WrongTenant
from provisioner.exchange.interface import CmdletReply, Parameter
from provisioner.exchange.psrp_faults import (
    CONNECT,
    INFORMATION,
    Command,
    Phase,
    ShellGone,
    cut,
    from_exception,
    from_record,
    shell_dropped,
)
from provisioner.exchange.psrp_objects import record
from provisioner.model.faults import Fault
from provisioner.model.secret import Secret
from provisioner.model.tenant import ManagementHost, Tenant
from provisioner.pace.clock import stopwatch

CONNECTION_SECONDS = 10
OPERATION_SECONDS = 20
READ_SECONDS = 30
"""Must be more than OPERATION_SECONDS, or a host that takes its time looks dead (exchange.md 2.2)."""
POLL_SECONDS = 10
"""How long one look at a running cmdlet takes at most, and so how long a Ctrl-C waits for it."""
CMDLET_SECONDS = 600.0
BACKOFF_SECONDS = 0.2
"""pypsrp waits this times 2^n between its repeated reads after a read time-out; its own two seconds make minutes."""
IDLE_SECONDS = 1800
"""After this the host drops a shell that we could not close; its default is two hours, and shells are counted."""


class PsrpSession:
    """A runspace pool that opens itself, and again after it was lost."""

    def __init__(self, tenant: Tenant, host: ManagementHost, password: Secret | None) -> None:
        self._tenant = tenant
        self._host = host
        self._password = password
        self._pool: Any = None
        self._connected = False
        self.abandoned = Event()
        """Set from another thread: nobody waits for the running cmdlet any more."""

    @property
    def connected(self) -> bool:
        """Whether this pool has its connection to Exchange Online."""
        return self._pool is not None and self._connected

    @property
    def _endpoint(self) -> str:
        return f"{self._host.host}:{self._host.port}/{self._host.path}"

    def run(
        self, cmdlet: str, name: str, parameters: Mapping[str, Parameter], connect: Mapping[str, Parameter] | None
    ) -> CmdletReply:
        """Run `cmdlet` under the `name` it has on the host.

        `connect` are the parameters of `Connect-ExchangeOnline`, run once in a pool; None where the endpoint connects
        by itself. Raises as `Exchange.run`.
        """
        command = Command(cmdlet, name, self._endpoint)
        try:
            return self._run_in_pool(command, parameters, connect)
        except ShellGone:
            self._drop()
        try:
            return self._run_in_pool(command, parameters, connect)
        except ShellGone:
            self._drop()
            raise shell_dropped(command) from None

    def close(self) -> None:
        """Leave nothing behind on the host, as far as it still listens."""
        if self._pool is not None and self._connected:
            # the module keeps a temporary module and a connection otherwise
            farewell = Command("Disconnect-ExchangeOnline", "Disconnect-ExchangeOnline", self._endpoint)
            with suppress(Exception):  # whatever it is, there is nobody left to tell
                self._invoke(farewell, {"Confirm": False}, Phase.OPENING)
        self._drop()

    def _run_in_pool(
        self, command: Command, parameters: Mapping[str, Parameter], connect: Mapping[str, Parameter] | None
    ) -> CmdletReply:
        if self._pool is None:
            self._open(command)
        if connect is not None and not self._connected:
            told = self._invoke(Command(CONNECT, CONNECT, self._endpoint), connect, Phase.OPENING, then=INFORMATION)
            self._connected = self._pool is not None
            self._refuse_another_tenant(told)
        if self._pool is None:
            raise cut(command, Phase.OPENING, f"the connection to {command.endpoint} was cut")
        return self._invoke(command, parameters, Phase.SENDING)

    def _open(self, command: Command) -> None:
        from pypsrp.powershell import RunspacePool
        from pypsrp.wsman import WSMan

        _silence()
        host = self._host
        try:
            wsman = WSMan(
                host.host,
                port=host.port,
                path=host.path,
                ssl=True,
                auth=host.auth,
                username=host.username,
                password=self._password.reveal() if self._password else None,
                cert_validation=host.ca_file or True,
                connection_timeout=CONNECTION_SECONDS,
                operation_timeout=OPERATION_SECONDS,
                read_timeout=READ_SECONDS,
                reconnection_backoff=BACKOFF_SECONDS,
            )
            self._pool = RunspacePool(wsman, configuration_name=host.configuration, idle_timeout=IDLE_SECONDS)
            self._pool.open()
        except Exception as error:
            self._drop()
            translated = from_exception(error, command, Phase.OPENING, host)
            if translated is error:
                raise
            raise translated from error

    def _refuse_another_tenant(self, connections: CmdletReply) -> None:
        """Let go of a connection that says it is another tenant's: not even a read belongs there.

        `TenantID` is what the module itself says of a connection (Microsoft Learn, Get-ConnectionInformation).
        """
        for each in connections.output:
            tenant_id, organization = str(each.get("TenantID") or ""), each.get("Organization")
            if tenant_id and tenant_id.casefold() != self._tenant.tenant_id.casefold():
                self.close()
                message = (
                    f"{self._host.host} has connected to {organization or 'an organisation'} (tenant {tenant_id}), "
                    f"but in the inventory {self._tenant.name} is tenant {self._tenant.tenant_id}"
                )
                raise WrongTenant(
                    Fault("exchange", CONNECT, 403, "AnotherOrganization", message, sent=False),
                    advice="look at --organization and --tenant-id of `tenants add`; nothing was changed there",
                )

    def _invoke(
        self, command: Command, parameters: Mapping[str, Parameter], phase: Phase, *, then: str | None = None
    ) -> CmdletReply:
        """One pipeline. `phase` OPENING says that a cut here leaves the caller's own cmdlet unsent.

        `then` is a second statement of it: it travels along, and its output is the reply's.
        """
        from pypsrp.complex_objects import PSInvocationState
        from pypsrp.powershell import PowerShell

        if self.abandoned.is_set():
            raise cut(command, Phase.OPENING, "interrupted before it was sent")
        shell = PowerShell(self._pool)
        shell.add_cmdlet(command.name)
        for name, value in parameters.items():
            shell.add_parameter(name, list(value) if isinstance(value, tuple) else value)
        if then is not None:
            shell.add_statement()
            shell.add_cmdlet(then)
        running = Phase.OPENING if phase is Phase.OPENING else Phase.RUNNING
        started = stopwatch()
        try:
            shell.begin_invoke()
            phase = running
            while shell.state == PSInvocationState.RUNNING:
                shell.poll_invoke(timeout=POLL_SECONDS)
                given_up = self.abandoned.is_set() or stopwatch() - started > CMDLET_SECONDS
                if given_up and shell.state == PSInvocationState.RUNNING:
                    shell.stop()
        except Exception as error:
            translated = from_exception(error, command, phase, self._host)
            if not isinstance(translated, ShellGone):
                self._drop()
            if translated is error:
                raise
            raise translated from error
        self._finish(shell)
        if shell.streams.error:
            raise from_record(shell.streams.error[0], command, self._host, self._hidden(parameters))
        if shell.state == PSInvocationState.STOPPED:
            raise cut(command, running, f"{command.endpoint} stopped it before it was done")
        if shell.state != PSInvocationState.COMPLETED:
            fault = Fault("exchange", command.cmdlet, 500, "PipelineFailed", "it failed without saying why")
            raise ServiceFault(fault, advice="look at the PowerShell log of the management host")
        return CmdletReply(
            output=tuple(record(each) for each in shell.output),
            warnings=tuple(str(each.message) for each in shell.streams.warning),
        )

    def _finish(self, shell: Any) -> None:
        """Let the host forget the pipeline. Its outcome is known, so a connection that breaks here costs only it."""
        try:
            shell.close()
        except Exception:
            self._drop()

    def _drop(self) -> None:
        """Forget the pool; the host is told if it listens."""
        pool, self._pool, self._connected = self._pool, None, False
        if pool is None:
            return
        with suppress(Exception):
            pool.close()
        pool.connection.close()

    def _hidden(self, parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
        """Texts that a host's complaint about our parameters could quote."""
        token = parameters.get("AccessToken")
        return (token,) if isinstance(token, str) and token else ()


def _silence() -> None:
    """Keep pypsrp quiet.

    At DEBUG it writes whole envelopes, parameters included, and can be told so by an environment variable.
    """
    for name in ("pypsrp", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "pypsrp":
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.WARNING))
