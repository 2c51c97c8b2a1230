"""Parameters: what a person gives, checked against what the playbook asks, all faults at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from provisioner.errors import FaultyPlace, InputFault
from provisioner.playbook.hidden import character_name, first_hidden, shown
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.written import Parameter, Playbook, Value

LONGEST_TEXT = 200
"""Characters. Below every limit of what a parameter goes into (a display name: 256)."""

LONGEST_LIST = 20_000
"""Characters of a list of mailboxes."""

MOST_MAILBOXES = 500

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_URL = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?")
_SECRET_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00-\x1f]+|prompt:[^\x00-\x1f]*)")
_REFERENCES = "name where it is: env:NAME, file:PATH or prompt:"
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


class Unfit(Exception):
    """A value that does not fit its parameter. The message says what it must be."""


def parameters(playbook: Playbook, given: Mapping[str, str]) -> dict[str, Value]:
    """The values of all parameters that have one, defaults included. Raises `InputFault` with every fault.

    Of a secret parameter the value is a reference (`env:NAME`, `file:PATH`, `prompt:`): what is given as text ends in
    shell histories and process lists.
    """
    faults = [_unknown(playbook, name) for name in given if name not in playbook.parameters]
    values: dict[str, Value] = {}
    for name, parameter in playbook.parameters.items():
        if parameter.secret and name in given:
            if _SECRET_REFERENCE.fullmatch(given[name]):
                values[name] = given[name]
            else:
                faults.append(_fault(name, "is a secret and is not accepted as plain text", _REFERENCES))
        elif name in given:
            try:
                values[name] = read_value(parameter, given[name])
            except Unfit as unfit:
                faults.append(_fault(name, str(unfit), _example(parameter)))
        elif parameter.default is not None:
            values[name] = parameter.default
        elif parameter.required:
            faults.append(_fault(name, f"is required: {parameter.title}", _example(parameter)))
    if faults:
        count = len(faults)
        raise InputFault(
            f"{playbook.id}: {count} faulty parameter{'' if count == 1 else 's'}",
            tuple(faults),
            advice="Give parameters as --set NAME=VALUE.",
        )
    return values


def _fault(name: str, message: str, hint: str | None = None) -> FaultyPlace:
    return FaultyPlace("parameters", 0, 0, f"{shown(name)} {message}", hint)


def _unknown(playbook: Playbook, name: str) -> FaultyPlace:
    known = ", ".join(playbook.parameters)
    hint = did_you_mean(name, playbook.parameters) or (f"there are {known}" if known else "there are none")
    return _fault(name, f"is not a parameter of {playbook.id}", hint)


def _example(parameter: Parameter) -> str | None:
    return f"for example {as_text(parameter.example)}" if parameter.example is not None else None


def as_text(value: Value) -> str:
    """A value as it would be typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def read_value(parameter: Parameter, text: str) -> Value:
    """The typed value of a text. Raises `Unfit`."""
    return read_typed(parameter.type, text, parameter.choices, parameter.minimum, parameter.maximum)


def read_typed(
    kind: str, text: str, choices: Sequence[str] = (), minimum: int | None = None, maximum: int | None = None
) -> Value:
    """The value of a text for one type of parameter. Raises `Unfit`."""
    text = unicodedata.normalize("NFC", text.strip())
    found = first_hidden(text) or next((each for each in text if each in "\n\t"), None)
    if found:
        raise Unfit(f"holds the hidden character {character_name(found)}")
    if not text:
        raise Unfit("is empty")
    longest = LONGEST_LIST if kind == "mailboxes" else LONGEST_TEXT
    if len(text) > longest:
        raise Unfit(f"is longer than {longest} characters")
    match kind:
        case "integer":
            return _integer(text, minimum, maximum)
        case "boolean":
            if text.lower() not in _BOOLEANS:
                raise Unfit(f"must be true or false, not {shown(text)}")
            return _BOOLEANS[text.lower()]
        case "choice":
            if text not in choices:
                hint = did_you_mean(text, choices)
                raise Unfit(f"must be one of {', '.join(choices)}, not {shown(text)}" + (f"; {hint}" if hint else ""))
            return text
        case "mailbox":
            return _mailbox(text)
        case "mailboxes":
            return _mailboxes(text)
        case "url":
            if not _URL.fullmatch(text):
                raise Unfit(f"must be an http:// or https:// address, not {shown(text)}")
            return text
    return text


def _integer(text: str, minimum: int | None, maximum: int | None) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise Unfit(f"must be a whole number, not {shown(text)}")
    number = int(text)
    if minimum is not None and number < minimum:
        raise Unfit(f"must be at least {minimum}, not {number}")
    if maximum is not None and number > maximum:
        raise Unfit(f"must be at most {maximum}, not {number}")
    return number


def _mailbox(text: str) -> str:
    """A mail address of one mailbox: local part in ASCII (RFC 5321 dot-string), domain perhaps internationalised."""
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise Unfit(f"must be a mail address such as name@example.com, not {shown(text)}")
    if not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        raise Unfit(f"has no valid mailbox name before the @: {shown(local)}")
    labels = domain.split(".")
    if len(labels) < 2:
        raise Unfit(f"has no full domain after the @: {shown(domain)}")
    for label in labels:
        _judge_label(label)
    return text


def _mailboxes(text: str) -> str:
    """Addresses between commas; each once, in the order given."""
    found: dict[str, str] = {}
    for each in mailboxes_in(text):
        if len(each) > LONGEST_TEXT:
            raise Unfit(f"has an address of more than {LONGEST_TEXT} characters")
        found.setdefault(each.casefold(), _mailbox(each))
    if len(found) > MOST_MAILBOXES:
        raise Unfit(f"has more than {MOST_MAILBOXES} addresses; put those into a group by hand")
    if not found:
        raise Unfit("names no mailbox")
    return ",".join(found.values())


def mailboxes_in(text: str) -> tuple[str, ...]:
    """The addresses of a list as it is written in a parameter."""
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _judge_label(label: str) -> None:
    """One label of a domain: what DNS can carry, and not a mix of alphabets that imitates another label."""
    try:
        wire = label.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise Unfit(f"has a domain part that no domain can have: {shown(label)}") from error
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", wire):
        raise Unfit(f"has a domain part that no domain can have: {shown(label)}")
    alphabets = {unicodedata.name(each, "").split(" ")[0] for each in label if each.isalpha()}
    if len(alphabets & {"LATIN", "CYRILLIC", "GREEK"}) > 1:
        raise Unfit(f"has a domain part that mixes alphabets: {shown(label)}")
