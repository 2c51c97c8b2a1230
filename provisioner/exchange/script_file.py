"""The script for a person who holds the role that we lack: one .ps1 with everything it needs to be reviewed and run.

Written as UTF-8 with a byte order mark: without one Windows PowerShell reads it in the machine's code page, in which
the bytes of an innocent letter can be a quote.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from provisioner.exchange.cmdlets import SIGNATURES
from provisioner.exchange.interface import Parameter
from provisioner.exchange.powershell import Blank, literal, name, table
from provisioner.exchange.script_steps import Block, Command, before_scopes, block, takes_scopes
from provisioner.model.identifiers import Address, TenantId

_TEMPLATE = Path(__file__).parent / "powershell_text" / "script.ps1"

_WIDTH = 110
_CHANGE = re.compile(r"( *)(Invoke-Change .*?) \{ (\S.*) \}")

_IN_TOOLS = frozenset({"Get-AcceptedDomain", "Get-ServicePrincipal"})
"""What the script's own tools run: by the first it knows the tenant, whose first domain is no other's."""


@dataclass(frozen=True)
class About:
    """What a script is about. Texts from strangers are welcome; they are shown and never run."""

    product: str
    playbook: str
    variant: str
    instance: str
    tenant_name: str
    tenant_id: TenantId
    organization: str
    """The tenant's first domain, `contoso.onmicrosoft.com`."""
    environment: str
    """The cloud's name for `Connect-ExchangeOnline -ExchangeEnvironmentName`; empty for the worldwide one."""
    scope: str
    """The digest of tenant, playbook, variant and parameters that plans and receipts carry."""
    sandbox: bool
    written: datetime


@dataclass(frozen=True)
class Step:
    """One change and the commands that carry it out."""

    address: Address
    title: str
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class Question:
    """One read, whose answer is part of the result."""

    cmdlet: str
    parameters: tuple[tuple[str, Parameter], ...]


@dataclass(frozen=True)
class Script:
    """A whole script."""

    text: str
    digest: str
    """Of what it is about and does, in 64 hex digits; its result names it."""

    @property
    def data(self) -> bytes:
        """The file's bytes."""
        return b"\xef\xbb\xbf" + self.text.replace("\n", "\r\n").encode()


def write(about: About, steps: Sequence[Step], questions: Sequence[Question], blanks: frozenset[Blank]) -> Script:
    """The script. Raises `InputFault` for values that no script should hold."""
    digest = _digest(about, steps)
    blocks = _blocks(steps, blanks)
    cmdlets = _IN_TOOLS.union((each.cmdlet for each in questions), *(each.cmdlets for _, _, each in blocks))
    filled = {
        "#<about>": _about(about, digest),
        "#<cmdlets>": ("$Cmdlets = @(", *_list(sorted(cmdlets)), ")"),
        "#<steps>": tuple(line for each in enumerate(blocks, 1) for line in _step(*each)),
        "#<reads>": ("$reads = @(", *(f"    {_read(each, blanks)}" for each in questions), ")"),
    }
    lines: list[str] = []
    for line in _TEMPLATE.read_text(encoding="utf-8").splitlines():
        lines += filled.get(line, (line,))
    return Script("\n".join(lines) + "\n", digest)


def _digest(about: About, steps: Sequence[Step]) -> str:
    meaning = [about.scope, [[each.address, [[one.cmdlet, one.parameters] for one in each.commands]] for each in steps]]
    return hashlib.sha256(json.dumps(meaning, ensure_ascii=True).encode()).hexdigest()


def _blocks(steps: Sequence[Step], blanks: frozenset[Blank]) -> tuple[tuple[str, str, Block], ...]:
    """Address, title and lines of each step."""
    made: list[tuple[str, str, Block]] = []
    commands = [command for step in steps for command in step.commands]
    if any(map(takes_scopes, commands)) and not any(
        each.cmdlet == "Enable-OrganizationCustomization" for each in commands
    ):
        made.append(("", "Whether the organisation takes scopes of its own", before_scopes()))
    for step in steps:
        for place, command in enumerate(step.commands):
            shown = block(command, step.commands[place + 1 :], blanks)
            title = step.title if place == 0 else f"{step.title} ({command.cmdlet})"
            made.append((step.address, title, shown))
    return tuple(made)


def _step(number: int, step: tuple[str, str, Block]) -> tuple[str, ...]:
    address, title, shown = step
    return (
        "",
        f"    # {'-' * 8} {number}",
        f"    Enter-Step {number} {_shown(address)} {_shown(title)}",
        *(f"    {each}" for line in shown.lines for each in _broken(line)),
    )


def _broken(line: str) -> tuple[str, ...]:
    """A long change on three lines, so that a reviewer sees what it does."""
    found = _CHANGE.fullmatch(line)
    if found is None or len(line) <= _WIDTH:
        return (line,)
    indent, head, deed = found.groups()
    return (f"{indent}{head} {{", f"{indent}    {deed}", f"{indent}}}")


def _about(about: About, digest: str) -> tuple[str, ...]:
    values: Mapping[str, Parameter] = {
        "Product": _without_controls(about.product),
        "Playbook": about.playbook,
        "Variant": about.variant,
        "Instance": about.instance,
        "Tenant": _without_controls(about.tenant_name),
        "TenantId": about.tenant_id,
        "Organization": about.organization,
        "Environment": about.environment,
        "Scope": about.scope,
        "Digest": digest,
        "Sandbox": about.sandbox,
        "Written": about.written.isoformat(timespec="seconds"),
    }
    first, *more = table(values)
    return (f"$About = [ordered]{first}", *more)


def _read(question: Question, blanks: frozenset[Blank]) -> str:
    given = "; ".join(f"{name(each)} = {literal(value, blanks)}" for each, value in question.parameters)
    signature = SIGNATURES.get(question.cmdlet)
    properties = ", ".join(literal(each) for each in (signature.properties if signature is not None else ()))
    return f"Read-Back {literal(question.cmdlet)} {f'@{{ {given} }}' if given else '@{}'} @({properties})"


def _list(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"    {literal(name(each))}{',' if place < len(names) else ''}" for place, each in enumerate(names, 1))


def _shown(text: str) -> str:
    return literal(_without_controls(text))


def _without_controls(text: str) -> str:
    """A text that is only shown, with what a script should not hold made visible."""
    return "".join("\ufffd" if _is_control(each) else each for each in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Cn", "Zl", "Zp")
