"""Reading a script's result. It comes from a person's machine: nothing in it is believed that has another form."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from datetime import datetime

from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.evidence import ScriptRead, ScriptResult
from provisioner.model.identifiers import TenantId

KIND = "provisioner-script-result"
SCHEMA_VERSION = 1
LARGEST = 16 * 1024 * 1024


class _Faulty(Exception):
    """Why it is no result of ours."""


def parse(data: bytes, file_name: str) -> ScriptResult:
    """The result in a file. Raises `InputFault`."""
    try:
        if len(data) > LARGEST:
            raise _Faulty("it is larger than any result")
        return _result(_object(json.loads(_text(data)), "the file"))
    except _Faulty as fault:
        message = str(fault)
    except (ValueError, RecursionError):
        message = "it is no JSON; the script's other output belongs on the screen, not in this file"
    raise InputFault(
        "a faulty script result",
        (FaultyPlace(file_name, 0, 0, message),),
        advice="give the file that the script saved: SCRIPT.result.json",
    )


def _text(data: bytes) -> str:
    """Windows PowerShell's `>` writes UTF-16, the script itself UTF-8."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _result(given: Mapping[str, object]) -> ScriptResult:
    if given.get("kind") != KIND or given.get("schemaVersion") != SCHEMA_VERSION:
        raise _Faulty(f"it is no {KIND} of schemaVersion {SCHEMA_VERSION}")
    if given.get("whatIf") is not False:
        raise _Faulty("it comes from a run with -WhatIf, which changes nothing")
    try:
        finished = datetime.fromisoformat(_required(given, "finished"))
    except ValueError:
        raise _Faulty("finished: it is no time") from None
    if finished.tzinfo is None:
        raise _Faulty("finished: it names no time zone")
    reads = given.get("reads")
    if not isinstance(reads, list):
        raise _Faulty("reads: they are missing")
    return ScriptResult(
        tenant_id=TenantId(_required(given, "tenantId").lower()),
        scope=_required(given, "scope"),
        script=_required(given, "script"),
        finished=finished,
        who=_required(given, "who"),
        failure=_optional(given, "failure"),
        reads=tuple(_read(_object(each, "reads")) for each in reads),
    )


def _read(given: Mapping[str, object]) -> ScriptRead:
    output = given.get("output")
    # one object, or none, is what Windows PowerShell makes of short lists in some versions
    listed = output if isinstance(output, list) else [] if output is None else [output]
    return ScriptRead(
        cmdlet=_required(given, "cmdlet"),
        parameters=_plain_table(_object(given.get("parameters"), "parameters")),
        output=tuple(_plain_table(_object(each, "output")) for each in listed),
        absent=given.get("absent") is True,
        refused=_optional(given, "refused"),
    )


def _plain_table(given: Mapping[str, object]) -> Mapping[str, object]:
    return {key: _plain(value) for key, value in given.items()}


def _plain(value: object) -> object:
    """As drivers give values: lists as tuples, and nothing deeper."""
    if isinstance(value, list):
        return tuple(str(each) for each in value if not isinstance(each, (list, dict)))
    if isinstance(value, dict):
        raise _Faulty("output: a value is an object of its own")
    return value


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _Faulty(f"{what}: it is no object")
    return value


def _required(given: Mapping[str, object], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise _Faulty(f"{key}: it is missing")
    return value


def _optional(given: Mapping[str, object], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise _Faulty(f"{key}: it is no text")
    return value or None
