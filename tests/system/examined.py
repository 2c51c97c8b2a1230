"""Every product as its examiner names it: its golden files, and what playbook and golden file are told alike.

`examine` leads one product through its life in a simulated tenant and keeps what was seen: plans, states, answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.golden.match import Comparison, compare, elsewhere, sheet_of
from tests.golden.words import scopes_in_golden_words
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, forked
from tests.system.tenant import FOREIGN, SALES, Planter, State, in_golden_words, only, stored_secrets

GOLDEN_FILES = Path(__file__).parents[1] / "golden"
FLAGS = ("--allow-tenant-wide", "--allow-organisation-wide")
"""What opens every gate that a first onboarding has."""

POWERLESS = "sandbox:plain-user,rest"
"""Somebody who may look, and nothing else."""

BESIDE = FOREIGN["beforeOnboarding"] + FOREIGN["inExchange"]
ON_OURS = FOREIGN["onAnyOfOurs"]
IN_OUR_GROUP = FOREIGN["inOurGroup"]
"""What others have in the tenant, on objects of ours, and in the group that our scope is."""

NOT_YET = 6
MOST_RUNS = 6
"""More runs than any patient person would start."""

ACCOUNTING = "accounting@contoso.example"
GROUP = "Mail Users"
REDIRECT = "https://product.contoso.example/oauth2/back"
OTHER_APP_ID = "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe"
"""An application that the organisation lets use EWS already."""


@dataclass(frozen=True)
class Examined:
    """One product: its golden files, its playbook, and each parameter by the name that the golden file gives it."""

    golden: str
    playbook: str
    parameters: Mapping[str, str | tuple[str, ...]]
    """Several names for a parameter that is a list."""
    given: Mapping[str, str]
    """Different things have different values: what is mixed up must show."""
    password: str | None = None
    """The parameter for the account's password."""
    after: str | None = None
    """The product that must be there first in variant `guide`."""
    flags: tuple[str, ...] = ()
    """What its plans need in a tenant that holds a namesake of somebody else."""


_MAIL = {"sender": SALES, "denied": NEIGHBOUR, "employee": SENDER, "colleague": ACCOUNTING}
_EMPLOYEES: dict[str, str | tuple[str, ...]] = {"employees": ("employee", "colleague"), "denied_mailbox": "denied"}
_ACCOUNT = {"account": SENDER}
_EXAMINED = (
    Examined(
        "cryptshare-server",
        "cryptshare/server",
        {"sender_mailbox": "sender", "denied_mailbox": "denied"},
        {"sender": SENDER, "denied": NEIGHBOUR},
        flags=("--allow-twin",),
    ),
    Examined("centron-net", "centron/net", {"default_sender": "sender", **_EMPLOYEES}, _MAIL),
    Examined("centron-service-board", "centron/service-board", {"default_sender": "sender", **_EMPLOYEES}, _MAIL),
    Examined(
        "centron-calendar-sync",
        "centron/calendar-sync",
        {"calendar_mailbox": "sender", **_EMPLOYEES},
        _MAIL,
        after="centron-net",
    ),
    Examined("centron-vma", "centron/vma", {"mailbox": "account"}, _ACCOUNT, "mailbox_password"),
    Examined(
        "monitor-erp",
        "monitor/erp",
        {
            "sender_mailbox": "sender",
            "incoming_mailbox": "incoming",
            "more_mailboxes": ("further",),
            "denied_mailbox": "denied",
        },
        {"sender": SALES, "incoming": SENDER, "further": ACCOUNTING, "denied": NEIGHBOUR},
    ),
    Examined(
        "cindercone-magma",
        "cindercone/magma",
        {"from_account": "sendingAddress", "user": "account"},
        {**_ACCOUNT, "sendingAddress": SALES},
        "mailbox_password",
    ),
    Examined(
        "xcally-motion",
        "xcally/motion",
        {"mailbox": "account", "redirect_uri": "redirect"},
        {**_ACCOUNT, "redirect": REDIRECT},
    ),
    Examined(
        "cryptshare-owa",
        "cryptshare/owa",
        {"redirect_uri": "redirect", "user_group": "groupName", "account": "account"},
        {**_ACCOUNT, "redirect": REDIRECT, "groupName": GROUP},
    ),
)
PRODUCTS = {each.golden: each for each in _EXAMINED}
VARIANTS = ("guide", "scoped")


@dataclass(frozen=True)
class Case:
    """One variant of a product, in a tenant of one kind (a fresh one, or one of the golden file's `otherTenants`)."""

    product: Examined
    variant: str
    tenant: str = "fresh"

    def __str__(self) -> str:
        return f"{self.product.golden}.{self.variant}" + ("" if self.tenant == "fresh" else f" {self.tenant}")

    @property
    def expected(self) -> dict[str, Any]:
        """The golden file, as it reads for this kind of tenant."""
        document = golden(f"{self.product.golden}.{self.variant}")
        return document if self.tenant == "fresh" else dict(elsewhere(document, self.tenant))

    @property
    def sheet(self) -> dict[str, Any]:
        """The handover sheet of this variant."""
        return dict(sheet_of(golden(f"{self.product.golden}.handover"), self.variant))

    @property
    def host(self) -> Case | None:
        """What it is attached to."""
        if self.product.after is None or self.variant != "guide":
            return None
        return Case(PRODUCTS[self.product.after], "guide", self.tenant)

    def arguments(self, sandbox: Sandbox, tenant: str = "sandbox") -> tuple[str, ...]:
        """What the command line is told."""
        return (*self.told(sandbox), "--tenant", tenant)

    def told(self, sandbox: Sandbox) -> tuple[str, ...]:
        """What it is told about the product."""
        given = self.product.given
        told = {
            name: given[each] if isinstance(each, str) else ",".join(given[one] for one in each)
            for name, each in self.product.parameters.items()
        }
        if self.product.password:
            told[self.product.password] = f"file:{sandbox.directory / 'cryptshare.password'}"
        settings = [word for name, value in told.items() for word in ("--set", f"{name}={value}")]
        return (self.product.playbook, "--variant", self.variant, *settings)

    def make_ready(self, sandbox: Sandbox, home: Path) -> None:
        """The kind of tenant, with what must be there first."""
        if self.tenant != "fresh":
            (organization,) = sandbox.state()["organizationConfig"]
            enabled = self.tenant == "ews-list-filled"
            sandbox.plant(
                "organizationConfig", {**organization, "ewsAllowedAppIds": OTHER_APP_ID, "ewsEnabled": enabled}
            )
        if self.product.golden == "cindercone-magma":
            _may_send_as(sandbox, self.product.given["account"], self.product.given["sendingAddress"])
        if self.host is not None:
            self.host.apply(sandbox, home)

    def apply(self, sandbox: Sandbox, home: Path, *arguments: str) -> None:
        """Set it up, with all the patience that it takes."""
        self._with_patience("apply", sandbox, home, *self.product.flags, *FLAGS, *arguments)

    def remove(self, sandbox: Sandbox, home: Path) -> None:
        """Take it away, with all the patience that it takes."""
        self._with_patience("remove", sandbox, home)

    def _with_patience(self, command: str, sandbox: Sandbox, home: Path, *arguments: str) -> None:
        for _ in range(MOST_RUNS):
            ended = forked(command, *self.arguments(sandbox), "--yes", *arguments, home=home)
            if ended.returncode != NOT_YET:
                break
            sandbox.advance(1800.0)  # scopes may be refused for half an hour after the organisation was customised
        assert ended.returncode in (0, 3), f"{self}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"

    def given(self, sandbox: Sandbox, before: State) -> dict[str, Any]:
        """What the golden file calls `$given`."""
        found: dict[str, Any] = {**self.product.given, "tenantId": sandbox.endpoints["tenantId"]}
        found["otherAppId"] = OTHER_APP_ID
        if name := found.get("groupName"):
            found["group"] = only([each for each in before["groups"] if each["displayName"] == name])["id"]
        if self.host is not None:
            unique_name = f"provisioner-{self.host.product.playbook}-default-main".replace("/", "-")
            host = only([each for each in before["applications"] if each["uniqueName"] == unique_name])
            found["attachedAppId"] = host["appId"]
        return found

    def compared(
        self, part: str, before: State, after: State, sandbox: Sandbox, bindings: Mapping[str, Any] | None = None
    ) -> Comparison:
        """`after` against `before` plus what the golden file says under `part`."""
        given = {"given": self.given(sandbox, before), **(bindings or {})}
        return compare(self.expected[part], in_words(before), in_words(after), given)


def _may_send_as(sandbox: Sandbox, account: str, address: str) -> None:
    """SendAs of an account on another mailbox: an administrator gave it long ago."""
    mailboxes = {each["primarySmtpAddress"]: each for each in sandbox.state()["mailboxes"]}
    entry = f"{mailboxes[address]['id']}:{mailboxes[account]['sid']}:allow"
    sandbox.plant("recipientPermissions", {"id": entry, "accessRights": ["SendAs"]})


def golden(name: str) -> dict[str, Any]:
    """One golden file."""
    document: dict[str, Any] = json.loads((GOLDEN_FILES / f"{name}.json").read_text(encoding="utf-8"))
    return document


def in_words(state: State) -> State:
    """All that golden files speak of, in their words."""
    return {**in_golden_words(state), **scopes_in_golden_words(state)}


@dataclass(frozen=True)
class Told:
    """What a command answered, and how it ended."""

    code: int
    answer: dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """One life of a product: planned, onboarded, looked at again, removed."""

    case: Case
    closed: Told
    """The plan with closed gates."""
    opened: Told | None
    """With open ones, where the tenant is a fresh one."""
    powerless: Told | None
    """The same, as somebody without any role."""
    written_by_plans: list[str]
    before: State
    onboarded: Told
    after: State
    compared: Comparison
    """`after`, held against the golden file."""
    handover: list[dict[str, Any]]
    """The sheet's screens, secrets as a person types them in who follows their references."""
    held: Mapping[str, str]
    """Secrets in the home, by key id."""
    again: Told
    written_again: list[str]
    same_state: bool
    """After the second run, and after a third one that met things of somebody else's on what is ours."""
    met: Told | None
    """What the third run said."""
    lost: list[str]
    """Which of those things were not there any more after it, and which of what is beside ours at the end."""
    planted: Mapping[str, str]
    """What of others goes along with ours and may be in use: as `remove` must name it, and its id."""
    host_held: Told | None
    """The removal of what it is attached to, before its own."""
    removed: Told
    taken_away: list[str]
    """The operations by which `remove` changed the tenant."""
    left: State
    held_then: Mapping[str, str]


def examine(case: Case, sandbox: Sandbox, home: Path, beside: Planter | None = None) -> Seen:
    """Lead a product through its life, from the tenant as it is. `beside`: who planted what is in it."""
    allowed = (*case.product.flags, *FLAGS)

    def told(command: str, *arguments: str, of: Case = case, tenant: str = "sandbox") -> Told:
        ended = forked(command, *of.arguments(sandbox, tenant), *arguments, "-o", "json", home=home)
        assert ended.stdout, ended.stderr
        return Told(ended.returncode, json.loads(ended.stdout))

    fresh = case.tenant == "fresh"
    case.make_ready(sandbox, home)
    mark, before = sandbox.mark(), sandbox.state()
    closed = told("plan", *case.product.flags)
    opened = told("plan", *allowed) if fresh else None
    powerless = told("plan", *allowed, tenant=POWERLESS) if fresh else None
    written_by_plans = sandbox.writes(mark)

    onboarded = told("onboard", "--yes", "--send", *allowed)
    after = sandbox.state()
    compared = case.compared("applied", before, after, sandbox)
    held = _held(home)
    # A run that leaves something to a person stops before the sheet, which can be had all the same.
    screens = onboarded.answer["handover"] or told("handover").answer["handover"]

    mark, whole = sandbox.mark(), sandbox.state_hash()
    again = told("apply", "--yes", *allowed)
    written_again = sandbox.writes(mark)
    same_state = sandbox.state_hash() == whole
    ours = Planter(sandbox, {**(beside.bindings if beside else {}), **compared.bindings})
    met, lost, on_ours = None, [], [] if case.host is not None else ON_OURS
    if fresh and on_ours:  # what is on another's application stays there when we go
        on_ours = on_ours + (IN_OUR_GROUP if "group" in compared.bindings else [])
        ours.plant(on_ours)
        mark, whole = sandbox.mark(), sandbox.state_hash()
        met = told("apply", "--yes", *allowed)
        written_again += sandbox.writes(mark)
        same_state = same_state and sandbox.state_hash() == whole
        lost = ours.faults(on_ours)
    mark = sandbox.mark()
    host_held = told("remove", "--yes", of=case.host) if case.host else None
    written_again += sandbox.writes(mark)
    mark = sandbox.mark()
    removed = told("remove", "--yes")
    taken_away = [each["operation"] for each in sandbox.history(mark) if each["write"]]
    return Seen(
        case,
        closed,
        opened,
        powerless,
        written_by_plans,
        before,
        onboarded,
        after,
        compared,
        [_as_typed(each, held) for each in screens],
        held,
        again,
        written_again,
        same_state,
        met,
        lost + (beside.faults(BESIDE) if beside else []),
        _planted(ours) if met else {},
        host_held,
        removed,
        taken_away,
        sandbox.state(),
        _held(home),
    )


def _planted(ours: Planter) -> dict[str, str]:
    """By the names that a person knows: no GUID tells anybody what is lost."""
    named = {"added by hand for a test": "handKey", "Directory.Read.All": "handGrant", "Calendars.Read": "handScope"}
    return {name: ours.bindings[each].get("keyId") or ours.bindings[each]["id"] for name, each in named.items()}


def _held(home: Path) -> dict[str, str]:
    return stored_secrets(home) if (home / "age").exists() else {}


def _as_typed(screen: dict[str, Any], held: Mapping[str, str]) -> dict[str, Any]:
    """A screen as a person fills it in. A password that we never had stays a reference."""
    fields = [
        {"title": each["title"], "value": held[each["secret"]["keyId"]] if each["secret"] else each["value"]}
        for each in screen["fields"]
    ]
    return {**screen, "fields": fields}


CASES = [Case(product, variant) for product in PRODUCTS.values() for variant in VARIANTS]
ELSEWHERE = [
    Case(each.product, each.variant, other["tenant"])
    for each in CASES
    for other in each.expected.get("otherTenants", ())
]
