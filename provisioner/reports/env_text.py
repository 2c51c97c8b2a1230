"""The vendor's form as an env file that `sh` and systemd (`EnvironmentFile=`) read in the same way.

Always double quotes, with the four characters escaped that both treat alike there: systemd does not know the shell's
way to put a single quote between single quotes (its src/basic/env-file.c). Names begin with the product, because a
vendor's field may be called "User" or "Path". Without values, a secret is a reference; with them, the text is a letter
to seal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from provisioner.model.outcome import SecretParameter, SecretReceipt
from provisioner.model.results import FilledField, HandedOver
from provisioner.model.secret import Inset, Letter, Secret
from provisioner.reports.legible import legible, prose
from provisioner.reports.wording import SANDBOX, instant

_ESCAPED = re.compile(r'["\\$`]')
_UNSAFE = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Characters that no line of an env file can carry for all its readers."""


def env_file(result: HandedOver, values: Mapping[tuple[str, str], Secret] | None = None) -> Letter:
    """The file. `values` by what holds them; without them every part of the letter is plain text."""
    plan = result.plan
    names = _Names(plan.playbook)
    lines: list[Letter] = [
        (_comment(f"{plan.title} for {plan.tenant_name}, seen at {instant(result.seen_at)}"),),
        *(((_comment(SANDBOX),),) if plan.sandbox else ()),
        (_comment("Secrets are in this file: keep it so." if values else "No secret is in this file."),),
    ]
    for screen in result.screens:
        lines += [("",), (_comment(screen.title),)]
        for number, field in enumerate(screen.fields, 1):
            lines += _field(number, field, names, values or {})
    return tuple(part for line in lines for part in (*line, "\n"))


def quoted(value: str) -> str:
    """The value between double quotes."""
    escaped = _ESCAPED.sub(r"\\\g<0>", value)
    return f'"{escaped}"'


class _Names:
    """Names of variables: one per title; the same title with another value gets a number."""

    def __init__(self, product: str) -> None:
        self._product = product
        self._given: dict[str, str | SecretReceipt | SecretParameter] = {}

    def __call__(self, title: str, value: str | SecretReceipt | SecretParameter) -> str | None:
        """The name; None where this very value has it already, on another screen."""
        plain = unicodedata.normalize("NFKD", f"{self._product} {title}").encode("ascii", "ignore").decode()
        wanted = re.sub(r"[^A-Z0-9]+", "_", plain.upper()).strip("_")
        wanted = wanted if wanted[:1].isalpha() else f"FIELD_{wanted}"
        name, number = wanted, 1
        while name in self._given:
            if self._given[name] == value:
                return None
            number += 1
            name = f"{wanted}_{number}"
        self._given[name] = value
        return name


def _field(
    number: int, field: FilledField, names: _Names, values: Mapping[tuple[str, str], Secret]
) -> Iterator[Letter]:
    if field.parameter is not None and field.parameter.reference is None:
        yield (_comment(f"{number}. {field.title}: yours to enter"),)
    elif field.parameter is not None:
        yield from _secret(number, field.title, field.parameter, names, values)
    elif field.secret is not None and field.secret.state != "missing":
        yield from _secret(number, field.title, field.secret, names, values)
    elif field.value is None:
        yield (_comment(f"{number}. {field.title}: not there yet"),)
    elif any(unicodedata.category(each) in _UNSAFE for each in field.value):
        yield (_comment(f"{number}. {field.title}: left out, it holds control characters: {legible(field.value)}"),)
    else:
        name = names(field.title, field.value)
        yield (_comment(f"{number}. {field.title}{'' if name else ': as above'}"),)
        if name is not None:
            yield (f"{name}={quoted(field.value)}",)


def _secret(
    number: int,
    title: str,
    receipt: SecretReceipt | SecretParameter,
    names: _Names,
    values: Mapping[tuple[str, str], Secret],
) -> Iterator[Letter]:
    end = receipt.end if isinstance(receipt, SecretReceipt) else None
    expires = f", expires {instant(end)}" if end else ""
    name = names(title, receipt)
    yield (_comment(f"{number}. {title}{expires}{'' if name else ': as above'}"),)
    value = values.get(receipt.held_as)
    if name is not None and value is not None:
        yield (f"{name}=", Inset(value, quoted))
    elif name is not None:
        yield (f"{name}_REFERENCE={quoted(legible(receipt.reference or ''))}",)


def _comment(text: str) -> str:
    """One line. A backslash at its end made systemd before 254 skip the next line, too."""
    return f"# {prose(text)}".rstrip("\\ ")
