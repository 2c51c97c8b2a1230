"""Exchange Online as a service: the cmdlets there are, which of them a caller sees, and one run of one cmdlet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import (
    access_policies,
    client_access,
    groups,
    mailbox_permissions,
    management_scopes,
    organization,
    recipients,
    role_assignments,
    service_principals,
)
from provisioner.sandbox.exchange.access import Caller
from provisioner.sandbox.exchange.cmdlet import Cmdlet, Outcome, Run
from provisioner.sandbox.exchange.faults import CmdletFailed, needs_confirmation
from provisioner.sandbox.exchange.parameters import Arguments, Value, bind
from provisioner.sandbox.ledger import behaviour

CMDLETS: Final[Mapping[str, Cmdlet]] = MappingProxyType(
    {
        cmdlet.name.casefold(): cmdlet
        for module in (
            service_principals,
            mailbox_permissions,
            client_access,
            organization,
            groups,
            management_scopes,
            role_assignments,
            access_policies,
            recipients,
        )
        for cmdlet in module.CMDLETS
    }
)


@behaviour(
    "A caller sees the cmdlets of its roles; any other does not exist for it",
    source="exchange.md 1.3, 4.6 S4, S3",
    if_wrong="a missing role is reported as a typing error",
)
def visible(caller: Caller, name: str) -> Cmdlet | None:
    """The cmdlet of that name, if this caller has it."""
    cmdlet = CMDLETS.get(name.casefold())
    return cmdlet if cmdlet is not None and cmdlet.roles & caller.roles else None


@behaviour(
    "What one cmdlet wrote, the next may not find for seconds: cmdlets run on directory servers of different age",
    source="exchange.md 1.3 S4 (404 six seconds after creation)",
    if_wrong="a fresh pointer is reported as missing",
)
@behaviour(
    "Remove-* ask before they act: without -Confirm:$false nothing is done where nobody can answer",
    source="exchange.md 4.2 S1, S4",
    if_wrong="a removal silently does not happen",
)
def run(sandbox: Sandbox, cmdlet: Cmdlet, given: Sequence[tuple[str | None, Value]]) -> Outcome:
    """One run, committed when it returns; a failed run has written nothing. Never raises for bad input."""
    arguments = Arguments({})
    try:
        arguments = bind(cmdlet.name, cmdlet.parameters, given)
        if cmdlet.asks(arguments):
            question = needs_confirmation(cmdlet.name, arguments.text(cmdlet.target) or "")
            return Outcome(unanswered=question.failure, arguments=arguments)
        if arguments.flag("WhatIf"):
            return Outcome(arguments=arguments)
        with sandbox.store.transaction() as tx:
            this = Run(sandbox, tx, sandbox.exchange_as_of(cmdlet.name), arguments)
            cmdlet.run(this)
        return Outcome(tuple(this.objects), tuple(this.warnings), arguments=arguments)
    except CmdletFailed as problem:
        return Outcome(failure=problem.failure, arguments=arguments)
