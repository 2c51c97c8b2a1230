"""Words that several sheets share: the head, dates, the guide's steps, counts, secrets, what is left to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from provisioner.model.change import Action, Blocked, Manual, PlannedChange, Ready
from provisioner.model.declared import Caution, ManualStep
from provisioner.model.outcome import SecretReceipt
from provisioner.model.plan import Plan
from provisioner.reports.sheet import Detail, Item, Kind, Mark, Section, Tone

SANDBOX = "SANDBOX: a simulated tenant, nothing in it is real"

_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4})*")


class Commands:
    """What to type next, with the arguments that the person typed."""

    def __init__(self, plan: Plan, arguments: str | None) -> None:
        instance = "" if plan.instance == "default" else f" --instance {plan.instance}"
        self._arguments = arguments or f"{plan.playbook} --tenant TENANT{instance}"

    def __call__(self, verb: str, *flags: str) -> str:
        """`provisioner verify cryptshare/server --tenant contoso --wait 2h`."""
        return " ".join(("provisioner", verb, self._arguments, *flags))


def facts(plan: Plan) -> tuple[Detail, ...]:
    """Which tenant, which playbook, with which parameters, and the ids that exist."""
    return (
        Detail("tenant", plan.tenant_name, kind=Kind.NAME),
        Detail("tenant id", plan.tenant_id, kind=Kind.COPY),
        Detail("playbook", f"{plan.playbook}, variant {plan.variant}, instance {plan.instance}", kind=Kind.NAME),
        *(Detail("with", f"{name} = {value}", kind=Kind.NAME) for name, value in plan.parameters),
    )


def applications(plan: Plan) -> tuple[Section, ...]:
    """The ids of the applications that exist."""
    items = []
    for each in plan.applications:
        ids = (
            ("application (client) id", each.app_id),
            ("object id", each.object_id),
            ("service principal id", each.service_principal_id),
        )
        known = tuple(Detail(label, text, kind=Kind.COPY) for label, text in ids if text is not None)
        if known:
            items.append(Item(Mark.NONE, each.display_name, details=known))
    return section("Application" if len(items) == 1 else "Applications", items)


def section(title: str, items: Iterable[Item]) -> tuple[Section, ...]:
    """A section, or nothing where it would be empty."""
    found = tuple(items)
    return (Section(title, found),) if found else ()


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def day(moment: datetime) -> str:
    """The UTC day."""
    return moment.astimezone(UTC).date().isoformat()


def guide(steps: Sequence[str]) -> str:
    """`guide, step 11`; `guide, steps 4 to 6`. Steps that are no numbers stay as the playbook writes them."""
    if not steps:
        return ""
    if not all(_NUMBER.fullmatch(each) for each in steps):
        return f"guide, {', '.join(steps)}"
    if len(steps) == 1:
        return f"guide, step {steps[0]}"
    numbers = [int(each) for each in steps if each.isdecimal()]
    if len(numbers) == len(steps) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"guide, steps {steps[0]} to {steps[-1]}"
    return f"guide, steps {', '.join(steps[:-1])} and {steps[-1]}"


def either(names: Sequence[str]) -> str:
    """`A, B or C`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def counted(counts: Iterable[tuple[int, str]]) -> str:
    """`6 to do, 1 blocked`: what there is none of is left out."""
    return ", ".join(f"{number} {word}" for number, word in counts if number)


def is_ready(each: PlannedChange) -> bool:
    """Whether it would be done by this caller now."""
    return each.change.action is not Action.KEEP and isinstance(each.standing, Ready)


def is_blocked(each: PlannedChange) -> bool:
    """Whether it waits for somebody else, or for a flag."""
    return each.change.action is not Action.KEEP and isinstance(each.standing, Blocked)


def is_by_hand(each: PlannedChange) -> bool:
    """Whether a person has to do it."""
    return each.change.action is not Action.KEEP and isinstance(each.standing, Manual)


def is_removal(plan: Plan) -> bool:
    """Whether the plan only takes away."""
    return bool(plan.pending) and all(each.change.action is Action.REMOVE for each in plan.pending)


def kept_word(plan: Plan) -> str:
    """What one calls a thing that stays: in a removal it is kept, else it is as wanted."""
    return "kept" if is_removal(plan) else "as wanted"


def by_hand(steps: Iterable[ManualStep]) -> tuple[Section, ...]:
    """What only a person can do."""
    return section(
        "By hand",
        (
            Item(
                Mark.HAND,
                each.title,
                Tone.WAIT,
                aside=guide(each.guide_steps),
                details=(
                    Detail("do", each.instruction),
                    *((Detail("who can", each.role),) if each.role else ()),
                    *((Detail("proof", each.proof),) if each.proof else ()),
                ),
            )
            for each in steps
        ),
    )


def cautions(warnings: Iterable[Caution]) -> tuple[Section, ...]:
    """What to know before saying yes."""
    items = []
    for each in warnings:
        retires = (Detail("retires", each.retires_on.isoformat(), Tone.WAIT),) if each.retires_on else ()
        source = (Detail("source", each.source, Tone.QUIET),) if each.source else ()
        items.append(Item(Mark.STOP, each.text, Tone.WAIT, details=(*retires, *source)))
    return section("Good to know", items)


def incomplete(plan: Plan) -> tuple[Section, ...]:
    """What nobody has confirmed."""
    return section("Not said by the guide, to be confirmed", (Item(Mark.QUESTION, each) for each in plan.incomplete))


def noticed(plan: Plan) -> tuple[Section, ...]:
    """Findings worth a line."""
    return section("Noticed", (Item(Mark.STOP, each, Tone.WAIT) for each in plan.notes))


def secrets(receipts: Iterable[SecretReceipt], commands: Commands) -> tuple[Section, ...]:
    """Where each secret is, never what it is."""
    return section("Secrets", (_secret(each, commands) for each in receipts))


def secret_place(receipt: SecretReceipt, commands: Commands) -> tuple[Detail, ...]:
    """Where a secret is kept and how to see it; nothing where there is none yet."""
    if receipt.state == "missing":
        return ()
    where = Detail("where", receipt.reference, kind=Kind.COPY)
    if not receipt.readable:
        return (where,)
    return (where, Detail("show it", commands("handover", "--reveal"), kind=Kind.COPY))


def _secret(receipt: SecretReceipt, commands: Commands) -> Item:
    mark, tone = {"current": (Mark.TICK, Tone.GOOD), "pending": (Mark.CLOCK, Tone.WAIT)}.get(
        receipt.state, (Mark.CROSS, Tone.ALARM)
    )
    key = (Detail("key id", receipt.key_id, kind=Kind.COPY),) if receipt.key_id else ()
    return Item(
        mark,
        f"{receipt.application}/{receipt.slot}" + (f", expires {day(receipt.end)}" if receipt.end else ""),
        tone,
        word=receipt.state,
        details=(*secret_place(receipt, commands), *key),
    )
