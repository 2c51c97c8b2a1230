"""Typed parameters and their binding, as PowerShell's binder does it: names without regard to case, all or nothing.

The values come from JSON or from the remoting protocol; both give str, bool, int, None, lists and UUIDs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from provisioner.sandbox.exchange.faults import CmdletFailed, binding

Value = object
Convert = Callable[[Value], Value]


class Unconvertible(ValueError):
    """The value has the wrong type; the message ends PowerShell's sentence."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: `position` 0 binds an argument without a name; `nullable` lets $null through."""

    name: str
    convert: Convert
    mandatory: bool = False
    position: int | None = None
    nullable: bool = False
    switch: bool = False


@dataclass(frozen=True)
class Arguments:
    """Bound values by the parameter's own spelling; a name is in it only if it was given."""

    values: Mapping[str, Value]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        """A string parameter; None when absent or null."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def required(self, name: str) -> str:
        """A mandatory string parameter."""
        return str(self.values[name])

    def flag(self, name: str, default: bool = False) -> bool:
        """A switch or Boolean parameter."""
        return bool(self.values.get(name, default))

    def strings(self, name: str) -> tuple[str, ...]:
        """A multi-valued parameter."""
        value = self.values.get(name)
        return tuple(str(each) for each in value) if isinstance(value, (tuple, list)) else ()


def string(value: Value) -> Value:
    """PowerShell makes text of every scalar, never of a list."""
    if isinstance(value, (str, int, float, uuid.UUID)):
        return str(value)
    raise Unconvertible(f'Cannot convert value to type "System.String": {_net_type(value)}.')


def boolean(value: Value) -> Value:
    """Only Booleans and numbers, PowerShell insists; the text "true" is neither."""
    if isinstance(value, (bool, int)):
        return bool(value)
    raise Unconvertible(
        f'Cannot convert value "{_net_type(value)}" to type "System.Boolean". Boolean parameters accept only '
        "Boolean values "
        "and numbers, such as $True, $False, 1 or 0 instead."
    )


def switch(value: Value) -> Value:
    """Present without a value, or with a Boolean."""
    return True if value is None else boolean(value)


def strings(value: Value) -> Value:
    """One text or a list of them."""
    given = value if isinstance(value, (list, tuple)) else [value]
    return tuple(string(each) for each in given)


def one_of(*names: str) -> Convert:
    """An enumeration, matched without regard to case and returned in its own spelling."""

    def convert(value: Value) -> Value:
        wanted = str(string(value)).casefold()
        for name in names:
            if name.casefold() == wanted:
                return name
        raise Unconvertible(
            f'Cannot convert value "{value}" to the enumeration. Specify one of the following enumerator names and '
            "try again: " + ", ".join(names)
        )

    return convert


def several_of(*names: str) -> Convert:
    """A list of enumeration names, also as one text with commas."""
    single = one_of(*names)

    def convert(value: Value) -> Value:
        given = value if isinstance(value, (list, tuple)) else str(value).split(",")
        return tuple(single(each.strip() if isinstance(each, str) else each) for each in given)

    return convert


_PREFERENCE = one_of("SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore", "Suspend", "Break")
# ActionPreference travels as an enumeration: its number.
_PREFERENCES = ("SilentlyContinue", "Stop", "Continue", "Inquire", "Ignore", "Suspend", "Break")


def preference(value: Value) -> Value:
    """What to do with an error or a warning, by name or number."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(_PREFERENCES):
        return _PREFERENCES[value]
    return _PREFERENCE(value)


COMMON: Final = (
    Parameter("Verbose", switch, switch=True),
    Parameter("Debug", switch, switch=True),
    Parameter("ErrorAction", preference),
    Parameter("WarningAction", preference),
    Parameter("InformationAction", preference),
    Parameter("ErrorVariable", string),
    Parameter("WarningVariable", string),
    Parameter("InformationVariable", string),
    Parameter("OutVariable", string),
    Parameter("OutBuffer", string),
    Parameter("PipelineVariable", string),
)
SHOULD_PROCESS: Final = (Parameter("Confirm", switch, switch=True), Parameter("WhatIf", switch, switch=True))


def bind(cmdlet: str, parameters: Iterable[Parameter], given: Sequence[tuple[str | None, Value]]) -> Arguments:
    """Bind what a caller gave, in order; an argument without a name goes to the next free position.

    Raises:
        CmdletFailed: unknown, repeated, missing or ill-typed parameters, in PowerShell's words.

    """
    known = {parameter.name.casefold(): parameter for parameter in parameters}
    bound: dict[str, Value] = {}
    positional = []
    for name, value in given:
        if name is None:
            positional.append(value)
            continue
        parameter = known.get(name.lstrip("-").casefold())
        if parameter is None:
            raise binding(
                cmdlet, f"A parameter cannot be found that matches parameter name '{name}'.", "NamedParameterNotFound"
            )
        if parameter.name in bound:
            raise binding(
                cmdlet,
                f"Cannot bind parameter because parameter '{parameter.name}' is specified more than once.",
                "ParameterAlreadyBound",
            )
        bound[parameter.name] = _convert(cmdlet, parameter, value)
    places = sorted((p for p in known.values() if p.position is not None), key=lambda p: p.position or 0)
    for value in positional:
        free = next((p for p in places if p.name not in bound), None)
        if free is None:
            raise binding(
                cmdlet,
                f"A positional parameter cannot be found that accepts argument '{value}'.",
                "PositionalParameterNotFound",
            )
        bound[free.name] = _convert(cmdlet, free, value)
    missing = [p.name for p in known.values() if p.mandatory and p.name not in bound]
    if missing:
        raise binding(
            cmdlet,
            f"Cannot process command because of one or more missing mandatory parameters: {' '.join(missing)}.",
            "MissingMandatoryParameter",
        )
    return Arguments(bound)


def _convert(cmdlet: str, parameter: Parameter, value: Value) -> Value:
    if value is None and not parameter.switch:
        if parameter.nullable:
            return None
        raise _null(cmdlet, parameter)
    if value == "" and parameter.mandatory:
        raise binding(
            cmdlet,
            f"Cannot bind argument to parameter '{parameter.name}' because it is an empty string.",
            "ParameterArgumentValidationErrorEmptyStringNotAllowed",
            category="InvalidData",
        )
    try:
        return parameter.convert(value)
    except Unconvertible as problem:
        raise binding(
            cmdlet,
            f"Cannot process argument transformation on parameter '{parameter.name}'. {problem}",
            "ParameterArgumentTransformationError",
            category="InvalidData",
            transformation=True,
        ) from None


def _null(cmdlet: str, parameter: Parameter) -> CmdletFailed:
    return binding(
        cmdlet,
        f"Cannot bind argument to parameter '{parameter.name}' because it is null.",
        "ParameterArgumentValidationErrorNullNotAllowed",
        category="InvalidData",
    )


def _net_type(value: Value) -> str:
    if isinstance(value, str):
        return "System.String"
    return "System.Object[]" if isinstance(value, (list, tuple)) else "System.Object"
