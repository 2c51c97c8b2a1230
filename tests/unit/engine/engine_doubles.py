"""Declared things of no real kind: what they need, say and do is written in the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from time_doubles import VirtualClock

from provisioner.engine import Observation
from provisioner.model.change import Action, Change, FieldChange, Gate, Part, PlannedChange, Ready, Standing
from provisioner.model.declared import Declared
from provisioner.model.events import Event
from provisioner.model.identifiers import Address, AppId, ObjectId, TenantId
from provisioner.model.observed import ApplicationObject, Caller, Organization
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind

CALLER = Caller("application", "operator", None)
ORGANIZATION = Organization(TenantId("t"), "Contoso", "contoso.example", "contoso.onmicrosoft.example")


@dataclass(frozen=True)
class Thing:
    """One declared thing and everything its kind will say about it."""

    address: Address
    needs: tuple[Address, ...] = ()
    action: Action = Action.CREATE
    removal: Action = Action.REMOVE
    part: Part = Part.ENTRA
    gate: Gate | None = None
    standing: Standing = field(default_factory=Ready)
    doubt: str | None = None
    fields: tuple[FieldChange, ...] = ()
    deed: Callable[[], Any] | None = None
    """Awaited when it is carried out; raises to fail."""


def thing(name: str, *needs: str, **more: Any) -> Thing:
    return Thing(Address(name), tuple(Address(each) for each in needs), **more)


@dataclass
class Log:
    """Who began and ended when."""

    lines: list[str] = field(default_factory=list)


class ThingKind(Kind[Any, Any]):
    """Does as the thing says, and keeps a log."""

    name: ClassVar[str] = "thing"
    part: ClassVar[Part] = Part.ENTRA
    opens: ClassVar[bool] = True
    by_item: ClassVar[bool] = True

    def __init__(self) -> None:
        self.log: list[str] = []
        self.seen_as: dict[Address, Any] = {}

    def needs(self, declared: Thing) -> tuple[Address, ...]:
        return declared.needs

    async def read(self, declared: Thing, sight: Any) -> Any:
        self.log.append(f"read {declared.address}")
        await asyncio.sleep(0)
        self.log.append(f"answered {declared.address}")
        return f"seen {declared.address}"

    def bind(self, declared: Thing, observed: Any, bindings: Bindings) -> None:
        bindings.applications[declared.address] = application(str(observed))

    def compare(self, declared: Thing, observed: Any) -> Change:
        return self._change(declared, declared.action)

    def doubt(self, declared: Thing, observed: Any, caller: Caller) -> str | None:
        return declared.doubt

    def standing(self, declared: Thing, observed: Any, caller: Caller) -> Standing:
        return declared.standing

    async def carry_out(self, declared: Thing, change: Change, hands: Hands) -> None:
        await self._do(declared, "make")

    def compare_removal(self, declared: Thing, observed: Any) -> Change:
        return self._change(declared, declared.removal)

    async def remove(self, declared: Thing, change: Change, hands: Hands) -> None:
        await self._do(declared, "take")

    def _change(self, declared: Thing, action: Action) -> Change:
        return Change(
            declared.address,
            self.name,
            action,
            declared.part,
            f"{action.value} {declared.address}",
            fields=declared.fields,
            reason="as wanted" if action is Action.KEEP else None,
            gate=declared.gate,
        )

    async def _do(self, declared: Thing, verb: str) -> None:
        self.log.append(f"{verb} {declared.address}")
        try:
            await (declared.deed() if declared.deed is not None else asyncio.sleep(0))
        except asyncio.CancelledError:
            self.log.append(f"cancelled {declared.address}")
            raise
        self.log.append(f"{verb} {declared.address} ended")


def application(name: str) -> ApplicationObject:
    return ApplicationObject(ObjectId("o-" + name), AppId("a-" + name), name, None, "AzureADMyOrg", (), (), ())


def observation(*things: Thing) -> Observation:
    return Observation({each.address: None for each in things}, Bindings(), ORGANIZATION)


def declared(*things: Thing) -> tuple[Declared, ...]:
    return cast("tuple[Declared, ...]", things)


def a_plan(kind: ThingKind, *things: Thing, removing: bool = False) -> tuple[PlannedChange, ...]:
    """Every change with the thing's own standing, without the engine's judgement."""
    compare = kind.compare_removal if removing else kind.compare
    return tuple(PlannedChange(compare(each, None), each.standing) for each in things)


def hands(events: Callable[[Event], None] = lambda _: None) -> Hands:
    """Hands that hold nothing: no kind of ours touches them."""
    nothing = cast("Any", None)
    return Hands(
        tenant_id=TenantId("t"),
        instance="i",
        graph=nothing,
        exchange=None,
        bindings=Bindings(),
        sink=nothing,
        prove=nothing,
        clock=VirtualClock(),
        events=events,
        on_bound=lambda address, app_id: None,
        keys=nothing,
    )
