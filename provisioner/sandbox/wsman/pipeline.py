"""One pipeline: its commands run in turn, and what they say goes to PowerShell's streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal

from psrpcore import types as ps

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange.faults import Failure
from provisioner.sandbox.faults import Effect
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.wsman import host as hosts
from provisioner.sandbox.wsman import records
from provisioner.sandbox.wsman.runspace import (
    Command,
    Given,
    Result,
    Runspace,
    command_not_found,
    no_powershell_here,
    scripts_not_allowed,
)

_SILENT: Final = frozenset({"SilentlyContinue", "Ignore"})


class ConnectionLost(Exception):
    """The connection breaks here: no reply any more, and the shell is gone."""


class Pipeline:
    """A pipeline of a shell. `server` is psrpcore's half; `flush` hands its messages to the shell's queues."""

    def __init__(
        self, sandbox: Sandbox, runspace: Runspace, server: Any, flush: Callable[[], None], caller: str
    ) -> None:
        self.server = server
        self.receives = 0
        self.finished = False
        self.input_ended = asyncio.Event()
        self._sandbox = sandbox
        self._runspace = runspace
        self._flush = flush
        self._caller = caller

    async def run(self, *, loading_modules: bool) -> None:
        """Carry out the commands. Raises ConnectionLost when a fault was asked for that cuts the connection."""
        self.server._change_state(ps.PSInvocationState.Running, emit=False)  # recorded hosts announce no start
        if loading_modules:
            self._progress()
        asked = self.server.metadata
        failure, name = await self._commands(asked)
        if failure is None and not getattr(asked, "no_input", True):
            await self.input_ended.wait()
        if failure is None:
            self.server.complete()
        else:
            # psrpcore has no public way to fail a pipeline.
            self.server._change_state(ps.PSInvocationState.Failed, error=records.error_record(failure, name))
        self._flush()

    def stop(self) -> None:
        """End as stopped by the client."""
        self.server._change_state(ps.PSInvocationState.Stopping, emit=False)
        self.server.stop()
        self._flush()

    async def _commands(self, asked: Any) -> tuple[Failure | None, str]:
        for place, command in enumerate(getattr(asked, "commands", ())):
            name = str(command.command_text)
            if command.is_script:
                refuse = scripts_not_allowed if self._runspace.no_language else no_powershell_here
                return refuse(name), name
            found = self._runspace.find(name)
            if found is None:
                return command_not_found(name), name
            if not command.end_of_statement and place + 1 < len(asked.commands):
                return no_powershell_here(name), name
            given = [(None if key is None else str(key), records.plain(value)) for key, value in command.parameters]
            failure = await self._command(found, given)
            if failure is not None:
                return failure, name
        return None, ""

    async def _command(self, command: Command, given: Given) -> Failure | None:
        """Run one command; the failure that ends the pipeline, or None."""
        await asyncio.sleep(hosts.read(self._sandbox).delay(command.name))
        if not command.exchange:
            return self._say(command, command.run(given))
        effect = await self._sandbox.faults.before("wsman", command.name)
        if effect is not None:
            return self._strike(command, _struck(effect, command.name))
        result = command.run(given)
        self._log(command, result.outcome.failure or result.outcome.unanswered)
        effect = await self._sandbox.faults.after("wsman", command.name)
        if effect is not None:
            return self._strike(command, _struck(effect, command.name))
        return self._say(command, result)

    def _strike(self, command: Command, failure: Failure) -> Failure | None:
        if failure.terminating:
            return failure
        self._write_error(failure, command.name)
        return None

    @behaviour(
        "What Exchange refuses is a non-terminating error record; what PowerShell refuses (binding, prompting) ends "
        "the "
        "pipeline as Failed; -ErrorAction Stop makes an end of either",
        source="exchange.md 2.2 S14, S11; test_psrp_error_failed recording",
        if_wrong="had_errors is trusted",
    )
    def _say(self, command: Command, result: Result) -> Failure | None:
        outcome = result.outcome
        common = outcome.arguments
        if common.flag("Verbose"):
            self._speak("Verbose", f'Performing the operation "{command.name}".', command.name)
        for line in result.information:
            self.server.write_information(ps.PSString(line), source="Write-Host", tags=["PSHOST"])
            self._flush()
        if common.text("WarningAction") not in _SILENT:
            for warning in outcome.warnings:
                self._speak("Warning", warning, command.name)
        for record in outcome.objects:
            self.server.write_output(records.ps_object(record, custom=result.custom))
            self._flush()
        failure = outcome.failure or outcome.unanswered
        if failure is None:
            return None
        action = common.text("ErrorAction")
        if failure.terminating or action == "Stop":
            return failure
        if action not in _SILENT:
            self._write_error(failure, command.name)
        return None

    def _speak(self, kind: Literal["Warning", "Verbose"], text: str, name: str) -> None:
        stream = {"Warning": ps.PSRPMessageType.WarningRecord, "Verbose": ps.PSRPMessageType.VerboseRecord}[kind]
        self.server.prepare_message(records.spoken(kind, text, name), message_type=stream)
        self._flush()

    def _write_error(self, failure: Failure, name: str) -> None:
        record = records.error_record(failure, name)
        self.server.write_error(
            record.Exception,
            category_info=record.CategoryInfo,
            target_object=record.TargetObject,
            fully_qualified_error_id=record.FullyQualifiedErrorId,
            invocation_info=records.invocation(name),
            pipeline_iteration_info=[0, 1],
        )
        self._flush()

    def _progress(self) -> None:
        self.server.write_progress(
            "Preparing modules for first use.", 0, " ", record_type=ps.ProgressRecordType.Completed
        )
        self._flush()

    def _log(self, command: Command, failure: Failure | None) -> None:
        self._sandbox.history.append(
            "wsman",
            command.name,
            caller=self._caller,
            status="ok" if failure is None else failure.reason,
            write=command.writes,
        )


def _struck(effect: Effect, name: str) -> Failure:
    if effect.drop:
        raise ConnectionLost
    if effect.error == "moduleMissing":
        return command_not_found(name)
    if effect.error is not None:
        return Failure(text=effect.error, type="System.Exception")
    return Failure(
        text=f"The remote server returned an error: ({effect.status}).", type="System.Net.WebException", status=500
    )
