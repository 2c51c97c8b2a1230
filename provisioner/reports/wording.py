"""Words that several sheets share: the head, dates, the guide's steps, counts, secrets, what is left to do."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from provisioner.model.change import Action, Blocked, Manual, PlannedChange, Ready
from provisioner.model.declaration import Caution, ManualStep
from provisioner.model.outcome import SecretParameter, SecretReceipt
from provisioner.model.plan import ConsentByAnother, Plan
from provisioner.model.preflight import Finding, Severity
from provisioner.model.results import HandedOver
from provisioner.reports.sheet import Detail, Item, Kind, Mark, Next, Section, Tone

SANDBOX = "SANDBOX: a simulated tenant, nothing in it is real"

SEVERITIES = {
    Severity.STOPS: (Mark.CROSS, Tone.ALARM, "fails"),
    Severity.WARNS: (Mark.STOP, Tone.WAIT, "warns"),
    Severity.NOT_SEEN: (Mark.QUESTION, Tone.WAIT, "not seen"),
}
"""How findings of the preflight are shown."""

_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4})*")


class Commands:
    """What to type next, with the arguments that the person typed. `plan_file`: where the plan was saved."""

    def __init__(self, plan: Plan, arguments: str | None, plan_file: str | None = None) -> None:
        instance = "" if plan.instance == "default" else f" --instance {plan.instance}"
        self._arguments = arguments or f"{plan.playbook} --tenant TENANT{instance}"
        self.plan_file = plan_file

    def __call__(self, verb: str, *flags: str) -> str:
        """`provisioner verify cryptshare/server --tenant contoso --wait 2h`; `apply` is of the plan that was saved."""
        saved = ("--plan", _quoted(self.plan_file)) if verb == "apply" and self.plan_file is not None else ()
        return " ".join(("provisioner", verb, self._arguments, *saved, *flags))

    def elsewhere(self, plan: Plan, verb: str, *flags: str) -> str:
        """The same for somebody else, whose home knows no parameters of this onboarding. A saved plan has them."""
        if verb == "apply" and self.plan_file is not None:
            return self(verb, *flags)
        return self.with_parameters(plan)(verb, *flags)

    def consenting(self, plan: Plan, *flags: str) -> str:
        """How somebody else consents to a plan that was saved, or is to be saved first."""
        file = () if self.plan_file is not None else ("--plan", "FILE")
        return self.elsewhere(plan, "apply", *file, "--only", "consent", *flags)

    def with_parameters(self, plan: Plan) -> Commands:
        """These commands with the parameters of the plan, unless they were typed anyway."""
        if "--set " in self._arguments or "--parameters " in self._arguments:
            return self
        words = [word for name, value in plan.parameters for word in ("--set", f"{name}={value}")]
        words += ["--variant", plan.variant]
        return Commands(plan, f"{self._arguments} {_quoted(*words)}", self.plan_file)


def _quoted(*words: str) -> str:
    """For the person's shell."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


SECRET_REFERENCES = ("env:", "file:", "prompt:")
"""What a reference to a secret begins with (playbook/values.py)."""


def facts(plan: Plan) -> tuple[Detail, ...]:
    """Which tenant, which playbook, with which parameters, and the ids that exist."""
    return (
        Detail("tenant", plan.tenant_name, kind=Kind.NAME),
        Detail("tenant id", plan.tenant_id, kind=Kind.COPY),
        Detail("playbook", f"{plan.playbook}, variant {plan.variant}, instance {plan.instance}", kind=Kind.NAME),
        *(
            Detail("with", f"{name} = {value}", kind=Kind.NAME, to_others=_to_others(name, value))
            for name, value in plan.parameters
        ),
    )


def _to_others(name: str, value: str) -> str | None:
    """A parameter as others may read it: of what looks like a reference to a secret only that there is one."""
    return f"{name}: with whoever set it up" if value.startswith(SECRET_REFERENCES) else None


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


def comes_after(reason: str) -> str | None:
    """What a change comes after that is held back until then alone; None where somebody has to open something."""
    return reason.removeprefix("comes later, ").removeprefix("comes ") if reason.startswith("comes ") else None


def is_later(each: PlannedChange) -> bool:
    """Whether only the order of things holds it back."""
    return isinstance(each.standing, Blocked) and comes_after(each.standing.reason) is not None


def kept_word(plan: Plan) -> str:
    """What one calls a thing that stays: in a removal it is kept, else it is as wanted."""
    return "kept" if plan.removing else "as wanted"


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
    return section(
        "Not said by the guide, to be confirmed",
        (Item(Mark.QUESTION, each) for each in (*plan.incomplete, *plan.questions)),
    )


def noticed(plan: Plan) -> tuple[Section, ...]:
    """Findings worth a line."""
    return section("Noticed", (Item(Mark.STOP, each, Tone.WAIT) for each in plan.notes))


def preflight(findings: Iterable[Finding]) -> tuple[Section, ...]:
    """What is not ours to change, and matters all the same."""
    return section("Preflight", (_finding(each) for each in findings))


def _finding(finding: Finding) -> Item:
    mark, tone, word = SEVERITIES[finding.severity]
    who = (Detail("who can", either(finding.who_can), Tone.WAIT),) if finding.who_can else ()
    return Item(mark, f"{finding.about}: {finding.what}", tone, word=word, details=(Detail("why", finding.why), *who))


def consent(plan: Plan, commands: Commands) -> tuple[Section, ...]:
    """How somebody else can consent, for each application that waits for it."""
    return section("Consent by somebody else", (_consent(each, plan, commands) for each in plan.consent))


def _consent(waiting: ConsentByAnother, plan: Plan, commands: Commands) -> Item:
    ways = (
        ("with the plan", commands.consenting(plan, *waiting.flags)),
        ("at the portal", waiting.portal),
        ("by link", waiting.link),
    )
    return Item(
        Mark.HAND,
        waiting.application,
        Tone.WAIT,
        details=(
            Detail("who can", either(waiting.who_can), Tone.WAIT),
            *(Detail(label, text, kind=Kind.COPY) for label, text in ways if text),
            *((Detail("note", waiting.note),) if waiting.note else ()),
        ),
    )


def handing_over(plan: Plan, commands: Commands) -> tuple[Next, ...]:
    """What to type so that somebody else can consent; nothing where nobody needs to."""
    if not plan.consent:
        return ()
    who = tuple(dict.fromkeys(role for each in plan.consent for role in each.who_can))
    flags = tuple(dict.fromkeys(flag for each in plan.consent for flag in each.flags))
    consenting = Next(f"as {either(who)}, with that file", commands.consenting(plan, *flags))
    if commands.plan_file is not None:
        return (consenting,)
    save = Next("to save the plan for whoever may consent", commands.elsewhere(plan, "plan", "--out", "FILE"))
    return (save, consenting)


def secrets(receipts: Sequence[SecretReceipt], plan: Plan, commands: Commands) -> tuple[Section, ...]:
    """Where each secret is, never what it is."""
    return section("Secrets", (_secret(each, secret_title(each, receipts, plan), commands) for each in receipts))


def secret_title(receipt: SecretReceipt, receipts: Sequence[SecretReceipt], plan: Plan) -> str:
    """`Client secret of "Cryptshare Server"`; with its slot where the application has several."""
    names = {each.key: each.display_name for each in plan.applications}
    several = [each.application for each in receipts].count(receipt.application) > 1
    slot = f" ({receipt.slot})" if several else ""
    return f'Client secret{slot} of "{names.get(receipt.application, receipt.application)}"'


def field_title(result: HandedOver, held: SecretReceipt | SecretParameter) -> str:
    """What the vendor's form calls a secret; where it has no field for it, what the secret is."""
    fields = (field for screen in result.screens for field in screen.fields)
    title = next((each.title for each in fields if held in (each.secret, each.parameter)), None)
    if title is not None:
        return title
    return held.name if isinstance(held, SecretParameter) else secret_title(held, result.secrets, result.plan)


def secret_place(receipt: SecretReceipt, commands: Commands) -> tuple[Detail, ...]:
    """Where a secret is kept and how to see it; nothing where there is none yet."""
    if receipt.state == "missing":
        return ()
    sink = receipt.sink.partition(":")[0]
    where = Detail("where", receipt.reference, kind=Kind.COPY, to_others=f"in the sink {sink} of whoever set it up")
    if not receipt.readable:
        return (where,)
    return (where, Detail("show it", commands("handover", "--reveal"), kind=Kind.COPY))


def _secret(receipt: SecretReceipt, title: str, commands: Commands) -> Item:
    mark, tone = {"current": (Mark.TICK, Tone.GOOD), "pending": (Mark.CLOCK, Tone.WAIT)}.get(
        receipt.state, (Mark.CROSS, Tone.ALARM)
    )
    key = (Detail("key id", receipt.key_id, kind=Kind.COPY),) if receipt.key_id else ()
    return Item(
        mark,
        title + (f", expires {day(receipt.end)}" if receipt.end else ""),
        tone,
        word=receipt.state,
        details=(*secret_place(receipt, commands), *key),
    )
