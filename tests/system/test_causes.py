"""Every precondition of every product is broken in turn, and `verify` names exactly that cause, or says "one of"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from tests.system import breaking
from tests.system.breaking import CRYPTSHARE, NEIGHBOUR, PASSWORD, SALES, Break, Found, Product, Workshop
from tests.system.support import running_sandbox

_SCOPED = {"within": "within_scope", "outside": "outside_scope"}
_GRAPH = {"token": "token", "use": "graph_send", "read": "graph_mail"}
_REFUSED = {**_SCOPED, "refused": "graph_mailbox_refused"}
_EWS = {"token": "token", "ews": "ews_sender", "ews_incoming": "ews_incoming"}
_ACCOUNT = {
    "sign_in": "password_sign_in",
    "imap": "imap_inbox",
    "refused": "imap_refused",
    "alone": "nothing_by_itself",
}
_CALENDAR = {"calendar_mailbox": SALES, "denied_mailbox": NEIGHBOUR}
_MAIL = {"default_sender": SALES, "denied_mailbox": NEIGHBOUR}
_SERVER = {"sender_mailbox": CRYPTSHARE, "denied_mailbox": NEIGHBOUR}
_ERP = {"sender_mailbox": SALES, "incoming_mailbox": CRYPTSHARE}
_VMA = {"mailbox": CRYPTSHARE, "mailbox_password": PASSWORD, "denied_mailbox": NEIGHBOUR}
_MAGMA = {
    "from_account": CRYPTSHARE,
    "user": CRYPTSHARE,
    "mailbox_password": PASSWORD,
    "denied_mailbox": NEIGHBOUR,
}
_MOTION = {"mailbox": CRYPTSHARE, "redirect_uri": "https://xcally.contoso.example/callback"}
_OWA = {"account": CRYPTSHARE, "redirect_uri": "https://cryptshare.contoso.example/owa"}


def _product(
    playbook: str, parameters: Mapping[str, str], ways: str, after: str | None = None, **proofs: str
) -> Product:
    variant = "scoped" if "within" in proofs or "asked" in ways.split() else "guide"
    return Product(playbook, variant, parameters, frozenset(ways.split()), proofs, after)


PRODUCTS = {
    "server": _product(
        "cryptshare/server",
        _SERVER,
        "consent pointer right smtp smtp-default secret",
        token="token",
        use="smtp_submission",
        refused="mailbox_refused",
    ),
    "server-scoped": _product(
        "cryptshare/server",
        _SERVER,
        "scope pointer secret smtp neighbour ews-grant wide-role",
        token="token",
        use="smtp_submission",
        checked="smtp_submission",
        token_exchange="token",
        **{**_REFUSED, "refused": "mailbox_refused"},
    ),
    "net": _product("centron/net", _MAIL, "consent secret policy", **_GRAPH),
    "net-scoped": _product(
        "centron/net",
        _MAIL,
        "scope pointer secret kept-consent mail-roles ews-grant wide-role",
        **_GRAPH,
        **_REFUSED,
    ),
    "board": _product("centron/service-board", _MAIL, "consent secret policy", **_GRAPH),
    "board-scoped": _product("centron/service-board", _MAIL, "scope pointer kept-consent", **_GRAPH, **_REFUSED),
    "calendar": _product(
        "centron/calendar-sync",
        _CALENDAR,
        "consent secret ews policy",
        "centron/net",
        token="token",
        token_ews="token_ews",
        use="graph_calendar",
        ews="ews_folder",
    ),
    "calendar-scoped": _product(
        "centron/calendar-sync",
        _CALENDAR,
        "scope pointer secret ews calendar-roles ews-grant",
        token="token",
        token_ews="token_ews",
        token_exchange="token_ews",
        use="graph_calendar",
        ews="ews_folder",
        refused_ews="ews_refused",
        **_REFUSED,
    ),
    "erp": _product("monitor/erp", _ERP, "consent secret ews ews-incoming policy", **_EWS),
    "erp-scoped": _product(
        "monitor/erp",
        {**_ERP, "denied_mailbox": NEIGHBOUR},
        "scope pointer secret ews",
        within="sender_within_scope",
        within_incoming="incoming_within_scope",
        outside="outside_scope",
        refused_ews="ews_refused",
        **_EWS,
    ),
    "vma": _product("centron/vma", _VMA, "account secret imap assignment", **_ACCOUNT),
    "vma-scoped": _product("centron/vma", _VMA, "account secret imap assignment asked", **_ACCOUNT),
    "magma": _product(
        "cindercone/magma",
        _MAGMA,
        "account secret imap smtp smtp-default assignment",
        use="smtp_submission",
        **_ACCOUNT,
    ),
    "magma-scoped": _product(
        "cindercone/magma",
        _MAGMA,
        "account secret imap smtp assignment asked",
        use="smtp_submission",
        **_ACCOUNT,
    ),
    "motion": _product(
        "xcally/motion",
        _MOTION,
        "link redirect link-consent link-secret link-mail link-default",
        link="sign_in_link",
        alone="nothing_by_itself",
    ),
    "motion-scoped": _product(
        "xcally/motion",
        _MOTION,
        "link redirect link-consent link-secret link-mail asked",
        link="sign_in_link",
        alone="nothing_by_itself",
    ),
    "owa": _product("cryptshare/owa", _OWA, "link redirect link-consent", link="sign_in_link"),
    "owa-scoped": _product(
        "cryptshare/owa",
        {**_OWA, "user_group": "Mail Users"},
        "link redirect link-consent group asked",
        link="sign_in_link",
    ),
}
"""By a short name. `asked`: the variant `scoped`, which asks for an assignment."""


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
    unproven: tuple[str, ...] = ()
    """Keys of proofs that must be refused, and are, for this very reason: they say so and prove nothing."""
    without_evidence: tuple[str, ...] = ()
    """Keys of proofs that must be refused, and that now lack the proof that the same is open elsewhere."""
    beside: tuple[str, str] | None = None
    """The key of a proof that sees the same thing from another side, and what it says."""

    def expected(self, product: Product) -> Found:
        """What every proof that a product has must say; all others have nothing to say."""
        found: Found = {
            product.proofs[key]: (self.state, (self.cause,)) for key in self.proofs if key in product.proofs
        }
        found |= {product.proofs[key]: ("not-proven", (self.cause,)) for key in self.unproven if key in product.proofs}
        found |= {product.proofs[key]: ("not-proven", ()) for key in self.without_evidence if key in product.proofs}
        if self.beside is not None and self.beside[0] in product.proofs:
            found[product.proofs[self.beside[0]]] = (self.state, (self.beside[1],))
        return found


_USED = ("token", "token_ews", "use", "read", "ews", "ews_incoming", "sign_in", "imap")
"""Proofs that go as far as the product does."""
_OPENED = ("use", "read", "ews", "ews_incoming")
_WITHIN = ("within", "within_incoming")
_REFUSALS = ("refused", "refused_ews")
_WIDE = (*_WITHIN, "outside", *_REFUSALS)
"""A grant beside the scope makes Exchange's own word about every mailbox wrong."""

RULES = (
    Rule("consent", breaking.consent_revoked, "consent", _USED, "requested_not_granted", unproven=_REFUSALS),
    Rule("consent that is kept", breaking.consent_revoked, "kept-consent", ("token",), "requested_not_granted"),
    Rule("access policy", breaking.access_policy, "policy", _OPENED, "application_access_policy"),
    Rule(
        "pointer",
        breaking.pointer_removed,
        "pointer",
        (*_WITHIN, "outside", *_OPENED),
        "pointer_missing",
        unproven=_REFUSALS,
    ),
    Rule(
        "wrong object id",
        breaking.pointer_of_the_registration,
        "pointer",
        _OPENED,
        "pointer_has_registration_object_id",
        unproven=_REFUSALS,
    ),
    Rule("FullAccess", breaking.right_removed, "right", ("use",), "mailbox_right_missing"),
    Rule("SMTP AUTH", breaking.smtp_auth_off, "smtp", ("use",), "smtp_auth_off"),
    Rule(
        "SMTP AUTH of the organisation",
        breaking.smtp_auth_left_to_the_organisation,
        "smtp-default",
        ("use",),
        "smtp_auth_off",
    ),
    Rule("IMAP", breaking.imap_off, "imap", ("imap",), "imap_off", without_evidence=_REFUSALS),
    Rule("expired secret", breaking.secret_expired, "secret", (*_USED, "alone"), "secret_expired", unproven=_REFUSALS),
    Rule(
        "EWS switch",
        breaking.ews_off_for_the_organisation,
        "ews",
        ("ews", "ews_incoming"),
        "ews_closed_organisation",
        unproven=("refused_ews",),
    ),
    Rule(
        "EWS list",
        breaking.ews_not_listed,
        "ews",
        ("ews", "ews_incoming"),
        "ews_closed_list",
        unproven=("refused_ews",),
    ),
    Rule(
        "EWS user agents",
        breaking.ews_for_other_user_agents,
        "ews",
        ("ews", "ews_incoming"),
        "ews_closed_user_agent",
        "not-proven",
        unproven=("refused_ews",),
    ),
    Rule("EWS of the mailbox", breaking.ews_off_for_the_mailbox, "ews", ("ews",), "ews_closed_mailbox"),
    Rule(
        "EWS of the other mailbox",
        breaking.ews_off_for_the_other_mailbox,
        "ews-incoming",
        ("ews_incoming",),
        "ews_closed_mailbox",
    ),
    Rule("surviving grant", breaking.grant_survives, "scope", ("token", "checked", *_WIDE), "scope_too_wide"),
    Rule("surviving EWS grant", breaking.ews_grant_survives, "ews-grant", ("token_exchange", *_WIDE), "scope_too_wide"),
    Rule("role without a scope", breaking.role_without_a_scope, "wide-role", _WIDE, "scope_too_wide"),
    Rule("right on the neighbour", breaking.right_on_the_neighbour, "neighbour", ("refused",), "scope_too_wide"),
    Rule("account let in", breaking.account_let_into_the_neighbour, "account", ("refused",), "scope_too_wide"),
    Rule("group too wide", breaking.group_too_wide, "scope", ("outside", *_REFUSALS), "scope_too_wide"),
    Rule("group too narrow", breaking.group_too_narrow, "scope", (*_WITHIN, *_OPENED), "scope_too_narrow"),
    Rule("group renamed", breaking.group_renamed, "scope", (*_WITHIN, *_OPENED), "scope_too_narrow"),
    Rule(
        "role",
        breaking.role_missing,
        "scope",
        (*_WITHIN, "outside", *_OPENED),
        "role_not_assigned",
        unproven=_REFUSALS,
    ),
    Rule(
        "role to send",
        breaking.sending_role_missing,
        "mail-roles",
        (*_WITHIN, "outside", "use"),
        "role_not_assigned",
        unproven=("refused",),
    ),
    Rule(
        "role to read",
        breaking.reading_role_missing,
        "mail-roles",
        (*_WITHIN, "outside", "read"),
        "role_not_assigned",
        unproven=("refused",),
    ),
    Rule(
        "role for calendars",
        breaking.calendar_role_missing,
        "calendar-roles",
        (*_WITHIN, "outside", "use"),
        "role_not_assigned",
        unproven=("refused",),
    ),
    Rule(
        "role for EWS",
        breaking.ews_role_missing,
        "calendar-roles",
        (*_WITHIN, "outside", "ews"),
        "role_not_assigned",
        unproven=("refused_ews",),
    ),
    Rule("MFA", breaking.second_factor, "account", _USED, "mfa_or_conditional_access", unproven=_REFUSALS),
    Rule(
        "conditional access",
        breaking.conditional_access,
        "account",
        _USED,
        "mfa_or_conditional_access",
        unproven=_REFUSALS,
    ),
    Rule("locked account", breaking.account_locked, "account", _USED, "account_locked", unproven=_REFUSALS),
    Rule("disabled account", breaking.account_disabled, "account", _USED, "account_disabled", unproven=_REFUSALS),
    Rule("password", breaking.password_changed, "account", _USED, "wrong_password", unproven=_REFUSALS),
    Rule("federated domain", breaking.domain_federated, "account", _USED, "account_federated", unproven=_REFUSALS),
    Rule(
        "delegated consent",
        breaking.delegated_consent_revoked,
        "account",
        _USED,
        "requested_not_granted",
        unproven=_REFUSALS,
    ),
    Rule("assignment", breaking.assignment_missing, "assignment", _USED, "assignment_missing", unproven=_REFUSALS),
    Rule(
        "delegated consent",
        breaking.delegated_consent_revoked,
        "link-consent",
        ("link",),
        "requested_not_granted",
    ),
    Rule("assignment", breaking.assignment_missing, "link", ("link",), "assignment_missing"),
    Rule("out of the group", breaking.out_of_the_group, "group", ("link",), "assignment_missing"),
    Rule("disabled account", breaking.account_disabled, "link", ("link",), "account_disabled"),
    Rule("IMAP", breaking.imap_off, "link-mail", ("link",), "imap_off"),
    Rule("SMTP AUTH", breaking.smtp_auth_off, "link-mail", ("link",), "smtp_auth_off"),
    Rule(
        "SMTP AUTH of the organisation",
        breaking.smtp_auth_left_to_the_organisation,
        "link-default",
        ("link",),
        "smtp_auth_off",
    ),
    Rule("redirect", breaking.redirect_missing, "redirect", ("link",), "redirect_missing"),
    Rule("expired secret", breaking.secret_expired, "link-secret", ("link", "alone"), "secret_expired"),
    Rule(
        "secret",
        breaking.secret_removed,
        "link-secret",
        ("link",),
        "secret_missing",
        beside=("alone", "secret_id_or_fresh_secret"),
    ),
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
    expected = rule.expected(standing.product)
    assert expected
    silent = "not-proven" if "link" in standing.product.proofs else "passed"
    others = {proof: found[proof] for proof in found.keys() - expected.keys()}
    assert {proof: found[proof] for proof in expected} == expected, found
    assert all(state in ("passed", silent) and not causes for state, causes in others.values()), found


@pytest.mark.parametrize(
    ("name", "break_it", "proof", "cause"),
    [
        ("net-scoped", breaking.role_missing, "graph_mail", "role_not_assigned"),
        ("erp", breaking.ews_off_for_the_organisation, "ews_sender", "ews_closed_organisation"),
        ("vma", breaking.imap_off, "imap_inbox", "imap_off"),
    ],
)
def test_who_may_not_read_says_one_of(name: str, break_it: Break, proof: str, cause: str, workshop: Workshop) -> None:
    """An auditor without rights: what was not seen stays possible, and so does what is really broken."""
    standing = workshop.standing(name)
    break_it(standing)
    state, causes = standing.verify("sandbox:plain-user,rest")[proof]
    assert state in ("failed", "not-yet")
    assert cause in causes
    assert len(causes) > 1


@pytest.mark.parametrize("name", ["motion", "owa-scoped"])
def test_a_link_is_given_with_what_was_seen(name: str, workshop: Workshop) -> None:
    """At another identity provider a person can sign in all the same; of a lock nobody can read anything."""
    standing = workshop.standing(name)
    breaking.domain_federated(standing)
    (link,) = [each for each in standing.proofs() if each["name"] == "sign_in_link"]
    assert (link["state"], link["causes"]) == ("not-proven", [])
    assert link["link"]
    seen = [each.strip() for each in link["detail"].partition("in place:")[2].partition(";")[0].split(",")]
    mail = ["client secret", "IMAP", "SMTP AUTH"] if name == "motion" else []
    assert seen == ["redirect", "account", "consent", "assignment", *mail]
    assert "not seen" not in link["detail"]
    assert "another identity provider" in link["detail"]
    assert "only the sign-in itself shows a lock" in link["detail"]


@pytest.mark.parametrize(
    ("name", "parameter", "untried"),
    [
        ("net-scoped", "denied_mailbox", {"outside_scope", "graph_mailbox_refused"}),
        ("owa", "account", {"sign_in_link"}),
    ],
)
def test_a_proof_without_its_parameter_is_said_to_be_missing(
    name: str, parameter: str, untried: set[str], workshop: Workshop
) -> None:
    standing = workshop.standing(name)
    without = {key: value for key, value in standing.product.parameters.items() if key != parameter}
    bare = replace(standing, product=replace(standing.product, parameters=without))
    (instance,) = (standing.home / "tenants").rglob(f"*{standing.product.playbook.partition('/')[2]}*.yaml")
    kept = instance.read_text(encoding="utf-8")
    try:
        instance.write_text("".join(line for line in kept.splitlines(True) if parameter not in line), encoding="utf-8")
        found = {each["name"]: each for each in bare.proofs()}
    finally:
        instance.write_text(kept, encoding="utf-8")
    assert {each for each, said in found.items() if "no value" in said["detail"]} == untried
    for each in untried:
        assert (found[each]["state"], found[each]["causes"]) == ("not-proven", [])
        assert f"--set {parameter}=" in found[each]["advice"]
    assert {said["state"] for each, said in found.items() if each not in untried} <= {"passed"}


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
