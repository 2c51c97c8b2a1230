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

GROUP = "Mail Users"
REDIRECT = "https://product.contoso.example/oauth2/back"
OTHER_APP_ID = "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe"
"""An application that the organisation lets use EWS already."""


@dataclass(frozen=True)
class Examined:
    """One product: its golden files, its playbook, and each parameter by the name that the golden file gives it."""

    golden: str
    playbook: str
    parameters: Mapping[str, str]
    given: Mapping[str, str]
    password: str | None = None
    """The parameter for the account's password."""
    after: str | None = None
    """The product that must be there first in variant `guide`."""


_MAIL = {"sender": SALES, "denied": NEIGHBOUR}
_ACCOUNT = {"account": SENDER}
_EXAMINED = (
    Examined(
        "cryptshare-server",
        "cryptshare/server",
        {"sender_mailbox": "sender", "denied_mailbox": "denied"},
        {"sender": SENDER, "denied": NEIGHBOUR},
    ),
    Examined("centron-net", "centron/net", {"default_sender": "sender", "denied_mailbox": "denied"}, _MAIL),
    Examined(
        "centron-service-board",
        "centron/service-board",
        {"default_sender": "sender", "denied_mailbox": "denied"},
        _MAIL,
    ),
    Examined(
        "centron-calendar-sync",
        "centron/calendar-sync",
        {"calendar_mailbox": "sender", "denied_mailbox": "denied"},
        _MAIL,
        after="centron-net",
    ),
    Examined("centron-vma", "centron/vma", {"mailbox": "account"}, _ACCOUNT, "mailbox_password"),
    Examined(
        "monitor-erp",
        "monitor/erp",
        {"sender_mailbox": "sender", "incoming_mailbox": "incoming", "denied_mailbox": "denied"},
        {**_MAIL, "incoming": SALES},
    ),
    Examined(
        "cindercone-magma",
        "cindercone/magma",
        {"from_account": "account", "user": "account"},
        _ACCOUNT,
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
        {"redirect_uri": "redirect", "user_group": "groupName"},
        {"redirect": REDIRECT, "groupName": GROUP},
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
        """What the command line is told about the product."""
        told = {name: self.product.given[each] for name, each in self.product.parameters.items()}
        if self.product.password:
            told[self.product.password] = f"file:{sandbox.directory / 'cryptshare.password'}"
        settings = [word for name, value in told.items() for word in ("--set", f"{name}={value}")]
        return (self.product.playbook, "--tenant", tenant, "--variant", self.variant, *settings)

    def make_ready(self, sandbox: Sandbox, home: Path) -> None:
        """The kind of tenant, with what must be there first."""
        if self.tenant != "fresh":
            (organization,) = sandbox.state()["organizationConfig"]
            enabled = self.tenant == "ews-list-filled"
            sandbox.plant(
                "organizationConfig", {**organization, "ewsAllowedAppIds": OTHER_APP_ID, "ewsEnabled": enabled}
            )
        if self.host is not None:
            ended = forked("apply", *self.host.arguments(sandbox), "--yes", *FLAGS, home=home)
            assert ended.returncode in (0, 3), ended.stdout + ended.stderr

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
    """One life of a product: planned, onboarded, looked at again, removed, among things that are not ours."""

    case: Case
    closed: Told
    opened: Told
    """The plan with closed and with open gates, in the tenant as it was."""
    written_by_plans: list[str]
    before: State
    onboarded: Told
    after: State
    handover: list[dict[str, Any]]
    """The sheet's screens, secrets as a person types them in who follows their references."""
    held: Mapping[str, str]
    """Secrets in the home, by key id."""
    again: Told
    written_again: list[str]
    same_state: bool
    foreign: list[str]
    """What of the foreign things was no longer as it was planted, at any time."""
    removed: Told
    left: State
    held_then: Mapping[str, str]
    compared: Comparison
    """`after`, held against the golden file."""


BESIDE = FOREIGN["beforeOnboarding"]
ON_OURS = [each for each in FOREIGN["onOurObjects"] if each["id"] in ("own-tag", "own-owner", "own-notes")]
"""What somebody may add to any of our applications and contradicts none of our products."""


def examine(case: Case, sandbox: Sandbox, home: Path) -> Seen:
    """Lead a product through its life. The tenant is a fresh one."""

    def told(command: str, *arguments: str) -> Told:
        ended = forked(command, *case.arguments(sandbox), *arguments, "-o", "json", home=home)
        assert ended.stdout, ended.stderr
        return Told(ended.returncode, json.loads(ended.stdout))

    case.make_ready(sandbox, home)
    mark = sandbox.mark()
    closed, opened = told("plan"), told("plan", *FLAGS)
    written_by_plans = sandbox.writes(mark)
    beside = Planter(sandbox)
    beside.plant(BESIDE)
    before = sandbox.state()

    onboarded = told("onboard", "--yes", "--send", "--allow-twin", *FLAGS)
    after = sandbox.state()
    compared = case.compared("applied", before, after, sandbox)
    held = _held(home)
    # A run that leaves something to a person stops before the sheet, which can be had all the same.
    screens = onboarded.answer["handover"] or told("handover").answer["handover"]

    mark, whole = sandbox.mark(), sandbox.state_hash()
    again = told("apply", "--yes", *FLAGS)
    written_again, same_state = sandbox.writes(mark), sandbox.state_hash() == whole

    foreign = beside.faults(BESIDE)
    if case.host is None:  # what is on another's application stays there, and is looked at with that one
        ours = Planter(sandbox, {**beside.bindings, **compared.bindings})
        ours.plant(ON_OURS)
        mark = sandbox.mark()
        told("apply", "--yes", *FLAGS)
        written_again += sandbox.writes(mark)
        foreign += ours.faults(ON_OURS)
    removed = told("remove", "--yes")
    return Seen(
        case,
        closed,
        opened,
        written_by_plans,
        before,
        onboarded,
        after,
        [_as_typed(each, held) for each in screens],
        held,
        again,
        written_again,
        same_state,
        foreign + beside.faults(BESIDE),
        removed,
        sandbox.state(),
        _held(home),
        compared,
    )


def _held(home: Path) -> dict[str, str]:
    return stored_secrets(home) if (home / "age").exists() else {}


def _as_typed(screen: dict[str, Any], held: Mapping[str, str]) -> dict[str, Any]:
    """A screen as a person fills it in. A password that we never had stays a reference."""
    fields = [
        {"title": each["title"], "value": held.get((each["secret"] or {}).get("keyId"), each["value"])}
        for each in screen["fields"]
    ]
    return {**screen, "fields": fields}


CASES = [Case(product, variant) for product in PRODUCTS.values() for variant in VARIANTS]
ELSEWHERE = [
    Case(each.product, each.variant, other["tenant"])
    for each in CASES
    for other in each.expected.get("otherTenants", ())
]
