"""Our records and failures as the .NET objects that travel in PowerShell remoting. The door to psrpcore's types."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from psrpcore import types as ps

from provisioner.sandbox.exchange.cmdlet import Record
from provisioner.sandbox.exchange.faults import SERVER, Failure
from provisioner.sandbox.ledger import mark

_HRESULT: Final = -2146233087
_MSCORLIB: Final = "mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089"
_BOUND: Final = (
    f"System.Collections.Generic.Dictionary`2[[System.String, {_MSCORLIB}],[System.Object, {_MSCORLIB}]]",
    "System.Object",
)
_UNBOUND: Final = (f"System.Collections.Generic.List`1[[System.Object, {_MSCORLIB}]]", "System.Object")
_ANCESTRY: Final = {
    "System.Management.Automation.CommandNotFoundException": ("System.Management.Automation.RuntimeException",),
    "System.Management.Automation.ParseException": ("System.Management.Automation.RuntimeException",),
    "System.Management.Automation.ParameterBindingException": ("System.Management.Automation.RuntimeException",),
}

mark(
    "Objects of Exchange's cmdlets arrive with adapted properties under Deserialized.* type names; those of JEA "
    "wrappers "
    "as PSCustomObject with extended properties",
    source="unverified (exchange.md 2.2 S14, S11: merge both)",
    if_wrong="properties are looked for in one place only",
)


def ps_object(record: Record, *, custom: bool) -> Any:
    """A record as a remoting object; `custom` for a PSCustomObject."""
    made = ps.PSObject()
    properties = [ps.PSNoteProperty(name, value=_value(value)) for name, value in record.properties.items()]
    if custom:
        made.PSObject.type_names = ["System.Management.Automation.PSCustomObject", "System.Object"]
        made.PSObject.extended_properties = properties
    else:
        made.PSObject.type_names = [f"Deserialized.{record.type}", "Deserialized.System.Object"]
        made.PSObject.adapted_properties = properties
        made.PSObject.to_string = str(record.properties.get("Identity", record.type))
    return made


def error_record(failure: Failure, command: str) -> Any:
    """A failure as a PowerShell error record."""
    return ps.ErrorRecord(
        Exception=_exception(failure),
        CategoryInfo=ps.ErrorCategoryInfo(
            Category=ps.ErrorCategory[failure.category],
            Activity="" if failure.category == "ParserError" else command,
            Reason=failure.reason,
            TargetName=failure.target,
            TargetType="String" if failure.target else "",
        ),
        TargetObject=failure.target or None,
        FullyQualifiedErrorId=failure.binding or _request_id(),
    )


def spoken(kind: str, text: str, command: str) -> Any:
    """A record for the Warning or Verbose stream."""
    made = {"Warning": ps.WarningRecord, "Verbose": ps.VerboseRecord}[kind](
        Message=text, InvocationInfo=invocation(command), PipelineIterationInfo=[0, 1]
    )
    made.serialize_extended_info = True
    made.PSObject.to_string = text
    return made


def invocation(command: str) -> Any:
    """Where a record of a command that was called by name comes from, as recorded hosts fill it in."""
    bound, unbound = ps.PSDict(), ps.PSList()
    bound.PSObject.type_names, unbound.PSObject.type_names = list(_BOUND), list(_UNBOUND)
    return ps.InvocationInfo(
        BoundParameters=bound,
        CommandOrigin=ps.CommandOrigin.Internal,
        ExpectingInput=False,
        HistoryId=1,
        InvocationName=command,
        Line="",
        OffsetInLine=0,
        PipelineLength=0,
        PipelinePosition=0,
        PositionMessage="",
        PSScriptRoot="",
        ScriptLineNumber=0,
        ScriptName="",
        UnboundArguments=unbound,
    )


def plain(value: object) -> object:
    """A parameter's value without its remoting type: str, bool, int, float, None, UUID, list."""
    if isinstance(value, ps.PSSecureString):
        return str(value.decrypt())
    if isinstance(value, (list, ps.PSList)):
        return [plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return uuid.UUID(str(value)) if isinstance(value, uuid.UUID) else value


def _exception(failure: Failure) -> Any:
    made = ps.NETException(Message=failure.detail, HResult=_HRESULT)
    ancestry = (failure.type, *_ANCESTRY.get(failure.type, ()), "System.SystemException")
    made.PSObject.type_names = [*ancestry, *made.PSObject.type_names]
    made.PSObject.to_string = f"{failure.type}: {failure.detail}"
    return made


def _request_id() -> str:
    stamp = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return f"[Server={SERVER},RequestId={uuid.uuid4()},TimeStamp={stamp}],Write-ErrorMessage"


def _value(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
