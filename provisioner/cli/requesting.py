"""From a command's options to a workflow's request."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.cli.options import OnlyPart
from provisioner.errors import FaultyPlace, InputFault
from provisioner.home import Home

if TYPE_CHECKING:
    from provisioner.cli.plan_files import About, SavedPlan
    from provisioner.home import InstanceFile
    from provisioner.model.change import Gate
    from provisioner.model.evidence import ScriptResult
    from provisioner.model.identifiers import AppId
    from provisioner.playbook import Parameter, Playbook
    from provisioner.workflows.requests import Request

INSTANCE = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
DEFAULT_INSTANCE = "default"
DEFAULT_VARIANT = "guide"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DURATION = re.compile(r"([0-9]{1,5})\s*([smhd])")
HOW_LONG = "a number with its unit: 90s, 10m, 2h or 30d"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def build_request(
    home: Home,
    *,
    playbook: str,
    tenant: str,
    settings: list[str] | None,
    parameters_file: str | None,
    instance: str,
    variant: str | None,
    sink: str | None,
    gates: tuple[Gate, ...] = (),
    only: OnlyPart | None = None,
    saved: SavedPlan | None = None,
    ticket: str | None = None,
    send: bool = False,
    wait: str = "0",
    purge: bool = False,
    script: str | None = None,
    script_result: str | None = None,
    existing: bool = False,
    proving: bool = False,
) -> Request:
    """The request; all faults of the options at once.

    `saved` gives parameters and variant where the person gives none; InputFault where it is about something else.
    `existing`: the command is about an onboarding that was made before; InputFault where nobody knows of one.
    `proving`: secrets that are given now are used now; InputFault where one cannot be had.
    """
    from provisioner import playbook as playbooks
    from provisioner.cli.tenant_names import find_tenant
    from provisioner.model.change import Part
    from provisioner.workflows.requests import Request

    _check(instance, settings or [], wait)
    text, file_name = playbooks.find(playbook)
    given = {**_from_file(parameters_file), **_from_settings(settings or [])}
    book = playbooks.load(text, file_name)
    known = home.instances.load(tenant.partition(":")[0], book.id, instance)
    if saved is not None and saved.about.playbook == book.id:
        given = {**saved.about.parameters, **given}
        variant = variant or saved.about.variant
    if proving:
        _check_secrets(book, given)
    place = find_tenant(tenant, home)
    if existing and known is None and not given and any(_is_asked(each) for each in book.parameters.values()):
        raise _not_here(home, place.name, book.id, instance)
    request = Request(
        tenant=place,
        playbook_text=text,
        playbook_file=file_name,
        variant=variant or (known.variant if known is not None else DEFAULT_VARIANT),
        instance=instance,
        parameters=tuple(sorted(given.items())),
        sink=sink or (known.sink if known is not None else "age"),
        gates=gates,
        only=Part(only.value) if only is not None else None,
        approval=saved.approval if saved is not None else None,
        ticket=ticket,
        send=send,
        wait_seconds=seconds(wait),
        purge=purge,
        script_file=script,
        script_result=_script_result(script_result),
    )
    if saved is not None:
        saved.check(_about(request, book, known))
    return request


def _check_secrets(book: Playbook, given: dict[str, str]) -> None:
    """Raise InputFault for references to secrets that lead nowhere, before anything is done with the tenant."""
    from provisioner.sinks import check_reference

    faults = []
    for name, parameter in book.parameters.items():
        if parameter.secret and name in given:
            try:
                check_reference(given[name], asked=sys.stdin.isatty())
            except InputFault as error:
                faults.append(FaultyPlace("--set", 0, 0, f"{name}: {error.message}"))
    if faults:
        raise InputFault(
            "a secret that cannot be read here",
            tuple(faults),
            advice="name where it is: env:NAME, file:PATH, or prompt: on a terminal; or leave it out",
        )


def _is_asked(parameter: Parameter) -> bool:
    return parameter.required and parameter.default is None


def _not_here(home: Home, tenant: str, playbook: str, instance: str) -> InputFault:
    here = [f"{each.playbook}, instance {each.instance}" for each in home.instances.of(tenant)]
    known = f"there are {'; '.join(here)}" if here else "there is none in this tenant"
    return InputFault(
        f"there is no such onboarding here: {playbook}, instance {instance}, in tenant {tenant}",
        advice=f"{known} that {home.root} knows of. What another home set up is known there; to verify, hand over or "
        "remove it from here, give its parameters with --set",
    )


def _about(request: Request, book: Playbook, known: InstanceFile | None) -> About:
    """What a request is about, in the terms of a plan file."""
    from provisioner import playbook as playbooks
    from provisioner.cli.plan_files import About

    given = {**(dict(known.parameters) if known is not None else {}), **dict(request.parameters)}
    declaration = playbooks.declare(
        book, variant=request.variant, parameters=playbooks.parameters(book, given), instance=request.instance
    )
    return About(
        request.tenant.tenant_id,
        declaration.playbook,
        declaration.playbook_sha256,
        declaration.variant,
        declaration.instance,
        dict(declaration.parameters),
    )


def what_follows(
    playbook: str,
    tenant: str,
    instance: str,
    *,
    settings: list[str] | None = None,
    parameters_file: str | None = None,
    sink: str | None = None,
    variant: str | None = None,
) -> str:
    """What to type after the next command's name, quoted for the person's shell.

    Parameters, sink and variant are said again only where no instance file remembers them: give them after what
    changes nothing (`plan`, `verify`, `handover`).
    """
    words = [playbook, "--tenant", tenant]
    if instance != DEFAULT_INSTANCE:
        words += ["--instance", instance]
    if parameters_file is not None:
        words += ["--parameters", parameters_file]
    for each in settings or []:
        words += ["--set", each]
    if sink is not None:
        words += ["--sink", sink]
    if variant is not None:
        words += ["--variant", variant]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def application_id(text: str | None) -> AppId | None:
    """An application (client) id as it was typed."""
    from provisioner.model.identifiers import AppId

    if text is None:
        return None
    if not GUID.fullmatch(text.strip().lower()):
        fault = FaultyPlace(
            "--app-id", 0, 0, f"{text!r} is no GUID", "the application (client) id of an app registration"
        )
        raise InputFault("faulty options", (fault,))
    return AppId(text.strip().lower())


def seconds(text: str, option: str = "--wait") -> float:
    """`90s`, `10m`, `2h`, `30d` in seconds. Only of 0 it does not matter what it counts. Raises InputFault."""
    found = _duration(text)
    if found is None:
        place = _no_duration(option, text)
        raise InputFault(f"{place.file}: {place.message}", advice=f"give {place.hint}")
    return found


def open_gates(
    *,
    tenant_wide: bool = False,
    restore: bool = False,
    twin: bool = False,
    organisation_wide: bool = False,
    remove_grants: bool = False,
    foreign_keys: bool = False,
) -> tuple[Gate, ...]:
    """The gates whose flags were given."""
    from provisioner.model.change import Gate

    flags = (
        (tenant_wide, Gate.TENANT_WIDE),
        (restore, Gate.RESTORE),
        (twin, Gate.TWIN),
        (organisation_wide, Gate.ORGANISATION_WIDE),
        (remove_grants, Gate.REMOVE_GRANTS),
        (foreign_keys, Gate.FOREIGN_KEYS),
    )
    return tuple(gate for given, gate in flags if given)


def _check(instance: str, settings: list[str], wait: str) -> None:
    faults = [FaultyPlace("--set", 0, 0, f"{each!r} is not NAME=VALUE") for each in settings if "=" not in each]
    if not INSTANCE.fullmatch(instance):
        hint = "lower-case letters, digits and dashes, 32 at most"
        faults.append(FaultyPlace("--instance", 0, 0, f"{instance!r} is no name for an instance", hint))
    if _duration(wait) is None:
        faults.append(_no_duration("--wait", wait))
    if faults:
        raise InputFault("faulty options", tuple(faults))


def _duration(text: str) -> float | None:
    written = text.strip().lower()
    match = DURATION.fullmatch(written)
    if match is None:
        return 0.0 if re.fullmatch(r"0+", written) else None
    return float(int(match[1]) * UNITS[match[2]])


def _no_duration(option: str, text: str) -> FaultyPlace:
    what = "has no unit" if text.strip().isdecimal() else "is no length of time"
    return FaultyPlace(option, 0, 0, f"{text!r} {what}", HOW_LONG)


def _script_result(path: str | None) -> ScriptResult | None:
    if path is None:
        return None
    from provisioner.exchange import script_result

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputFault(
            f"{path}: {error.strerror}", advice="--script-result takes the file that the script saved"
        ) from error
    return script_result.parse(data, path)


def _from_settings(settings: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (each.partition("=") for each in settings)}


def _from_file(path: str | None) -> dict[str, str]:
    if path is None:
        return {}
    from provisioner.playbook import yaml_text

    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputFault(f"{path}: {error.__class__.__name__}", advice="--parameters takes a YAML file") from error
    data = yaml_text.read_document(text, path).data
    if not isinstance(data, dict) or any(isinstance(value, (dict, list)) for value in data.values()):
        raise InputFault("a faulty parameters file", (FaultyPlace(path, 1, 1, "it must be lines of `name: value`"),))
    return {str(name): str(value) for name, value in data.items() if value is not None}
