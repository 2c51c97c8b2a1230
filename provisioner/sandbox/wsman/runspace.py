"""Which commands a session configuration has, and what running one comes to.

The plain configuration has the module's functions; Exchange's cmdlets exist in it from Connect-ExchangeOnline on.
The JEA configuration has wrapper functions only: in its no-language sessions what a connection imports later stays
invisible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import service
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Outcome, Record
from provisioner.sandbox.exchange.faults import CmdletFailed, Failure, needs_confirmation
from provisioner.sandbox.exchange.parameters import COMMON, Parameter, Value, bind, string, strings
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.wsman import connection as connections
from provisioner.sandbox.wsman import host as hosts
from provisioner.sandbox.wsman.connection import Connection

Given = Sequence[tuple[str | None, Value]]

_WRAPPER_NOUN: Final = "Provisioner"
_GET_COMMAND: Final = (Parameter("Name", strings, position=0), Parameter("CommandType", string), *COMMON)


@dataclass(frozen=True)
class Result:
    """What one command said: `information` is the text of Write-Host, `custom` asks for PSCustomObjects."""

    outcome: Outcome
    information: tuple[str, ...] = ()
    custom: bool = False


@dataclass(frozen=True)
class Command:
    """A command of the runspace; `exchange` when it works on the tenant, `writes` when it may change it."""

    name: str
    kind: str
    run: Callable[[Given], Result]
    exchange: bool = False
    writes: bool = False


class Runspace:
    """The commands of one open runspace. `loads_modules`: the first command makes PowerShell look for modules."""

    loads_modules = False
    no_language = False

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def commands(self) -> list[Command]:
        """What is visible now, apart from Get-Command."""
        raise NotImplementedError

    def find(self, name: str) -> Command | None:
        """The command of that name, or None: to this session it does not exist."""
        wanted = name.casefold()
        if wanted == "get-command":
            return Command("Get-Command", "Cmdlet", self._get_command)
        return next((command for command in self.commands() if command.name.casefold() == wanted), None)

    def _get_command(self, given: Given) -> Result:
        try:
            arguments = bind("Get-Command", _GET_COMMAND, given)
        except CmdletFailed as problem:
            return Result(Outcome(failure=problem.failure))
        visible = {command.name.casefold(): command for command in self.commands()}
        names = arguments.strings("Name") or tuple(visible)
        found = [visible[name.casefold()] for name in names if name.casefold() in visible]
        missing = [name for name in names if name.casefold() not in visible]
        failure = replace(command_not_found(missing[0], by="Get-Command"), terminating=False) if missing else None
        return Result(Outcome(tuple(_command_info(each) for each in found), failure=failure, arguments=arguments))


class PlainRunspace(Runspace):
    """Full PowerShell by name: the module's functions, and Exchange's cmdlets once connected."""

    loads_modules = True

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self._connection: Connection | None = None

    @behaviour(
        "Before Connect-ExchangeOnline no Exchange cmdlet exists in the runspace; afterwards those of the caller's "
        "roles",
        source="field-notes.md 2",
        if_wrong="the driver forgets to connect, or takes a missing role for a missing module",
    )
    def commands(self) -> list[Command]:
        """The module's functions when it is installed, and what the connection imported."""
        host = hosts.read(self.sandbox)
        if not host.module_installed:
            return []
        own = [
            Command("Connect-ExchangeOnline", "Function", self._connect, exchange=True),
            Command("Disconnect-ExchangeOnline", "Function", self._disconnect),
            Command("Get-ConnectionInformation", "Function", self._information),
        ]
        return own + [self._import(cmdlet) for cmdlet in service.CMDLETS.values() if self._imported(cmdlet, host)]

    def _imported(self, cmdlet: Cmdlet, host: hosts.Host) -> bool:
        current = self._connection
        if current is None or cmdlet.name.casefold() in host.hidden:
            return False
        return current.imports(cmdlet.name) and service.visible(current.caller, cmdlet.name) is not None

    def _import(self, cmdlet: Cmdlet) -> Command:
        def run(given: Given) -> Result:
            current = self._connection
            assert current is not None
            if current.expires is not None and self.sandbox.clock.now() >= current.expires:
                return Result(Outcome(failure=connections.unauthorized().failure))
            return Result(service.run(self.sandbox, cmdlet, given))

        return Command(cmdlet.name, "Function", run, exchange=True, writes=cmdlet.writes)

    def _connect(self, given: Given) -> Result:
        try:
            arguments = bind("Connect-ExchangeOnline", connections.CONNECT, given)
            self._connection = connections.connect(self.sandbox, hosts.read(self.sandbox), arguments)
        except CmdletFailed as problem:
            return Result(Outcome(failure=problem.failure))
        banner = connections.BANNER if arguments.flag("ShowBanner", default=True) else ()
        return Result(Outcome(arguments=arguments), information=banner)

    @behaviour(
        "Disconnect-ExchangeOnline asks before it acts",
        source="unverified (known from the module's prompt)",
        if_wrong="a clean-up fails at the very end",
    )
    def _disconnect(self, given: Given) -> Result:
        try:
            arguments = bind("Disconnect-ExchangeOnline", connections.DISCONNECT, given)
            if arguments.flag("Confirm", default=True):
                raise needs_confirmation("Disconnect-ExchangeOnline", "active sessions")
        except CmdletFailed as problem:
            return Result(Outcome(failure=problem.failure))
        self._connection = None
        return Result(Outcome(arguments=arguments))

    def _information(self, given: Given) -> Result:
        try:
            arguments = bind("Get-ConnectionInformation", connections.INFORMATION, given)
        except CmdletFailed as problem:
            return Result(Outcome(failure=problem.failure))
        current = self._connection
        shown = () if current is None else (connections.information(self.sandbox, current),)
        return Result(Outcome(shown, arguments=arguments))


class JeaRunspace(Runspace):
    """Just enough administration: one function per cmdlet, `<Verb>-Provisioner<Noun>`, that connects by itself."""

    no_language = True

    @behaviour(
        "A JEA session has the wrapper functions and nothing else; neither Connect-ExchangeOnline nor Exchange's "
        "cmdlets",
        source="field-notes.md 2 (unverified on a host)",
        if_wrong="the kit's functions are bypassed and nothing works on a real JEA host",
    )
    def commands(self) -> list[Command]:
        """One wrapper for each cmdlet that management has not hidden."""
        hidden = hosts.read(self.sandbox).hidden
        wrappers = [self._wrapper(cmdlet) for cmdlet in service.CMDLETS.values()]
        return [wrapper for wrapper in wrappers if wrapper.name.casefold() not in hidden]

    def _wrapper(self, cmdlet: Cmdlet) -> Command:
        verb, _, noun = cmdlet.name.partition("-")
        name = f"{verb}-{_WRAPPER_NOUN}{noun}"

        def run(given: Given) -> Result:
            return Result(self._run(name, cmdlet, given), custom=True)

        return Command(name, "Function", run, exchange=True, writes=cmdlet.writes)

    def _run(self, name: str, cmdlet: Cmdlet, given: Given) -> Outcome:
        host = hosts.read(self.sandbox)
        organization = Parameter("Organization", string, mandatory=True)
        try:
            arguments = bind(name, (organization, *cmdlet.parameters), given)
            if not host.module_installed:
                raise CmdletFailed(command_not_found("Connect-ExchangeOnline"))
            current = connections.as_host(self.sandbox, host, arguments.required("Organization"))
            if cmdlet.name.casefold() in host.hidden or service.visible(current.caller, cmdlet.name) is None:
                raise CmdletFailed(command_not_found(cmdlet.name))
        except CmdletFailed as problem:
            return Outcome(failure=problem.failure)
        passed = [(key, value) for key, value in arguments.values.items() if key != "Organization"]
        return service.run(self.sandbox, cmdlet, passed)


def open_runspace(sandbox: Sandbox, configuration: str) -> Runspace | None:
    """The runspace of a session configuration, or None when there is no such configuration."""
    known = {hosts.PLAIN.casefold(): PlainRunspace, hosts.JEA.casefold(): JeaRunspace}
    kind = known.get(configuration.casefold())
    return None if kind is None else kind(sandbox)


def command_not_found(name: str, *, by: str = "") -> Failure:
    """PowerShell knows no such command; `by` is the cmdlet that looked for it."""
    return Failure(
        text=f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable "
        "program. "
        "Check the spelling of the name, or if a path was included, verify that the path is correct and try again.",
        type="System.Management.Automation.CommandNotFoundException",
        category="ObjectNotFound",
        binding="CommandNotFoundException"
        + (f",Microsoft.PowerShell.Commands.{by.replace('-', '')}Command" if by else ""),
        target=name,
        terminating=True,
    )


def scripts_not_allowed(script: str) -> Failure:
    """A no-language session takes no script, as recorded."""
    return Failure(
        text="The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode.",
        type="System.Management.Automation.ParseException",
        category="ParserError",
        binding="ScriptsNotAllowed",
        target=script,
        terminating=True,
    )


def no_powershell_here(what: str) -> Failure:
    """The sandbox's own limit, said as such."""
    return Failure(
        text="This is the provisioner sandbox: it runs no PowerShell language, only single cmdlets called by name.",
        type="System.NotSupportedException",
        category="NotImplemented",
        binding="SandboxRunsNoPowerShell",
        target=what,
        terminating=True,
    )


def _command_info(command: Command) -> Record:
    module = "ExchangeOnlineManagement" if command.name.endswith("-ExchangeOnline") else "tmpEXO_sandbox"
    return Record(
        "System.Management.Automation.FunctionInfo",
        {"Name": command.name, "CommandType": command.kind, "ModuleName": module, "Version": "3.10.1"},
    )
