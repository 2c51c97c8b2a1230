"""Every precondition of every product is broken in turn, and `verify` names exactly that cause, or says "one of"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.system import breaking
from tests.system.breaking import CRYPTSHARE, NEIGHBOUR, PASSWORD, SALES, Break, Product, Workshop
from tests.system.support import running_sandbox

_SCOPED = {"within": "within_scope", "outside": "outside_scope"}
_CALENDAR = {"calendar_mailbox": SALES, "denied_mailbox": NEIGHBOUR}
_MAIL = {"default_sender": SALES, "denied_mailbox": NEIGHBOUR}
_SERVER = {"sender_mailbox": CRYPTSHARE, "denied_mailbox": NEIGHBOUR}
_ERP = {"sender_mailbox": SALES, "incoming_mailbox": CRYPTSHARE}
_VMA = {"mailbox": CRYPTSHARE, "mailbox_password": PASSWORD}
_MAGMA = {"from_account": CRYPTSHARE, "user": CRYPTSHARE, "mailbox_password": PASSWORD}
_MOTION = {"mailbox": CRYPTSHARE, "redirect_uri": "https://xcally.contoso.example/callback"}
_OWA = {"account": CRYPTSHARE, "redirect_uri": "https://cryptshare.contoso.example/owa"}


def _product(
    playbook: str, parameters: Mapping[str, str], ways: str, after: str | None = None, **proofs: str
) -> Product:
    variant = "scoped" if "within" in proofs or "asked" in ways.split() else "guide"
    return Product(playbook, variant, parameters, frozenset(ways.split()), proofs, after)


PRODUCTS = {
    "server": _product(
        "cryptshare/server", _SERVER, "consent pointer right smtp secret", token="token", use="smtp_submission"
    ),
    "server-scoped": _product(
        "cryptshare/server", _SERVER, "scope pointer", token="token", use="smtp_submission", **_SCOPED
    ),
    "net": _product("centron/net", _MAIL, "consent secret policy", token="token", use="graph_send"),
    "net-scoped": _product("centron/net", _MAIL, "scope pointer", token="token", use="graph_send", **_SCOPED),
    "board": _product("centron/service-board", _MAIL, "consent secret", token="token", use="graph_send"),
    "board-scoped": _product(
        "centron/service-board", _MAIL, "scope pointer", token="token", use="graph_send", **_SCOPED
    ),
    "calendar": _product(
        "centron/calendar-sync",
        _CALENDAR,
        "consent secret ews policy",
        "centron/net",
        token="token",
        use="graph_calendar",
        ews="ews_folder",
    ),
    "calendar-scoped": _product(
        "centron/calendar-sync",
        _CALENDAR,
        "scope pointer",
        token="token",
        use="graph_calendar",
        ews="ews_folder",
        **_SCOPED,
    ),
    "erp": _product(
        "monitor/erp", _ERP, "consent secret ews policy", token="token", use="ews_sender", ews="ews_sender"
    ),
    "erp-scoped": _product(
        "monitor/erp",
        {**_ERP, "denied_mailbox": NEIGHBOUR},
        "scope pointer",
        token="token",
        use="ews_sender",
        ews="ews_sender",
        within="sender_within_scope",
        outside="outside_scope",
    ),
    "vma": _product(
        "centron/vma", _VMA, "account secret imap assignment", sign_in="password_sign_in", imap="imap_inbox"
    ),
    "vma-scoped": _product("centron/vma", _VMA, "assignment asked", sign_in="password_sign_in"),
    "magma": _product(
        "cindercone/magma",
        _MAGMA,
        "account secret imap smtp assignment",
        sign_in="password_sign_in",
        imap="imap_inbox",
        use="smtp_submission",
    ),
    "magma-scoped": _product("cindercone/magma", _MAGMA, "assignment asked", sign_in="password_sign_in"),
    "motion": _product("xcally/motion", _MOTION, "link redirect link-consent link-secret", link="sign_in_link"),
    "motion-scoped": _product("xcally/motion", _MOTION, "link asked", link="sign_in_link"),
    "owa": _product("cryptshare/owa", _OWA, "link redirect link-consent", link="sign_in_link"),
    "owa-scoped": _product(
        "cryptshare/owa", {**_OWA, "user_group": "Sales team"}, "redirect asked", link="sign_in_link"
    ),
}
"""By a short name. `asked`: the variant `scoped`, which asks for an assignment. What both variants of a product have in
common is broken in one of them."""


@dataclass(frozen=True)
class Rule:
    """What is broken, what depends on it, and what must be said then by each proof that a product has."""

    name: str
    break_it: Break
    way: str
    proofs: tuple[str, ...]
    """Keys of `Product.proofs`: each of those that a product has must name the cause."""
    cause: str
    state: str = "failed"


_USED = ("token", "use", "ews", "sign_in", "imap")
"""Proofs that go as far as the product does."""

RULES = (
    Rule("consent", breaking.consent_revoked, "consent", _USED, "requested_not_granted"),
    Rule("access policy", breaking.access_policy, "policy", ("use", "ews"), "application_access_policy"),
    Rule("pointer", breaking.pointer_removed, "pointer", ("within", "use", "ews"), "pointer_missing"),
    Rule(
        "wrong object id",
        breaking.pointer_of_the_registration,
        "pointer",
        ("use", "ews"),
        "pointer_has_registration_object_id",
    ),
    Rule("FullAccess", breaking.right_removed, "right", ("use",), "mailbox_right_missing"),
    Rule("SMTP AUTH", breaking.smtp_auth_off, "smtp", ("use",), "smtp_auth_off"),
    Rule("IMAP", breaking.imap_off, "imap", ("imap",), "imap_off"),
    Rule("expired secret", breaking.secret_expired, "secret", _USED, "secret_expired"),
    Rule("EWS switch", breaking.ews_off_for_the_organisation, "ews", ("ews",), "ews_closed_organisation"),
    Rule("EWS list", breaking.ews_not_listed, "ews", ("ews",), "ews_closed_list"),
    Rule(
        "EWS user agents",
        breaking.ews_for_other_user_agents,
        "ews",
        ("ews",),
        "ews_closed_user_agent",
        "not-proven",
    ),
    Rule("EWS of the mailbox", breaking.ews_off_for_the_mailbox, "ews", ("ews",), "ews_closed_mailbox"),
    Rule("surviving grant", breaking.grant_survives, "scope", ("token", "within", "outside"), "scope_too_wide"),
    Rule("group too wide", breaking.group_too_wide, "scope", ("outside",), "scope_too_wide"),
    Rule("group too narrow", breaking.group_too_narrow, "scope", ("within", "use", "ews"), "scope_too_narrow"),
    Rule("group renamed", breaking.group_renamed, "scope", ("within", "use", "ews"), "scope_too_narrow"),
    Rule("role", breaking.role_missing, "scope", ("within", "use", "ews"), "role_not_assigned"),
    Rule("MFA", breaking.second_factor, "account", _USED, "mfa_or_conditional_access"),
    Rule("conditional access", breaking.conditional_access, "account", _USED, "mfa_or_conditional_access"),
    Rule("locked account", breaking.account_locked, "account", _USED, "account_locked"),
    Rule("disabled account", breaking.account_disabled, "account", _USED, "account_disabled"),
    Rule("password", breaking.password_changed, "account", _USED, "wrong_password"),
    Rule("federated domain", breaking.domain_federated, "account", _USED, "account_federated"),
    Rule("delegated consent", breaking.delegated_consent_revoked, "account", _USED, "requested_not_granted"),
    Rule("assignment", breaking.assignment_missing, "assignment", ("sign_in",), "assignment_missing"),
    Rule(
        "delegated consent",
        breaking.delegated_consent_revoked,
        "link-consent",
        ("link",),
        "requested_not_granted",
    ),
    Rule("assignment", breaking.assignment_missing, "link", ("link",), "assignment_missing"),
    Rule("redirect", breaking.redirect_missing, "redirect", ("link",), "redirect_missing"),
    Rule("secret", breaking.secret_removed, "link-secret", ("link",), "secret_missing"),
)

CASES = [(name, rule) for name, product in PRODUCTS.items() for rule in RULES if rule.way in product.ways]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A sandbox of our own: its time moves far."""
    with running_sandbox(tmp_path_factory.mktemp("causes")) as sandbox:
        yield Workshop(sandbox, tmp_path_factory.mktemp("homes"), PRODUCTS)


@pytest.mark.parametrize(("name", "rule"), CASES, ids=[f"{name}-{rule.name}" for name, rule in CASES])
def test_the_broken_thing_is_named(name: str, rule: Rule, workshop: Workshop) -> None:
    standing = workshop.standing(name)
    rule.break_it(standing)
    found = standing.verify()
    said = {proof: found[proof] for key, proof in standing.product.proofs.items() if key in rule.proofs}
    assert said
    assert said == dict.fromkeys(said, (rule.state, (rule.cause,))), found


@pytest.mark.parametrize("name", PRODUCTS)
def test_whole_nothing_is_named(name: str, workshop: Workshop) -> None:
    found = workshop.standing(name).verify()
    assert all(not causes for _, causes in found.values()), found
    states = {state for state, _ in found.values()}
    assert states <= ({"passed", "not-proven"} if "link" in PRODUCTS[name].proofs else {"passed"}), found


@pytest.mark.parametrize("name", [each for each, product in PRODUCTS.items() if "ews" in product.proofs])
def test_the_end_of_ews_is_named(name: str, workshop: Workshop) -> None:
    """The last tests here: time does not go back."""
    for each, product in PRODUCTS.items():
        if "ews" in product.proofs:
            workshop.standing(each)  # afterwards nobody could set it up any more
    standing = workshop.standing(name)
    breaking.ews_ended(standing)
    assert standing.verify()[standing.product.proofs["ews"]] == ("failed", ("ews_closed_date",))
