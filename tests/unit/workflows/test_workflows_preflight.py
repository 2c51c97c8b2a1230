"""Preflight's judgement, without a tenant: which mailboxes are meant, what each fact means, which policies apply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner import playbook
from provisioner.model.declaration import Declaration
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, AppId, ObjectId
from provisioner.model.observed import NotSeen, Person, Recipient
from provisioner.model.policies import AccessPolicy, Choice, ConditionalAccessPolicy
from provisioner.model.preflight import Finding, Severity
from provisioner.workflows import confinement
from provisioner.workflows.mailbox_facts import Named, Way, about_account, about_mailbox, named_in
from provisioner.workflows.preflight import MOST_MAILBOXES
from provisioner.workflows.sign_in_policies import (
    SignsIn,
    hits_account,
    hits_application,
    in_force,
)

ACCOUNT = "vma@contoso.example"
WHO = ObjectId("dddddddd-0000-4000-8000-000000000003")
GROUP, ROLE = "eeeeeeee-0000-4000-8000-000000000004", "62e90394-69f5-4237-9190-012177145e10"
APIS = frozenset({EXCHANGE_APP_ID})
SIGNS_IN = SignsIn(ACCOUNT, Way.PASSWORD, WHO)
EVERYBODY = ConditionalAccessPolicy(
    "p", "All", "enabled", users=Choice(frozenset({"All"})), applications=Choice(frozenset({"All"})), controls=("mfa",)
)


def declared(name: str, variant: str, **parameters: str) -> Declaration:
    book = playbook.load(*playbook.find(name))
    return playbook.declare(book, variant=variant, parameters=playbook.parameters(book, parameters), instance="default")


def names(found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.name, each.severity.value) for each in found]


def test_every_mailbox_that_the_product_uses_is_meant_once_and_one_to_be_refused_is_not() -> None:
    found = named_in(
        declared("cryptshare/server", "guide", sender_mailbox="a@contoso.example", denied_mailbox="b@contoso.example")
    )
    assert found == (Named("a@contoso.example", sends=True),)


def test_every_member_of_a_scope_sends_where_its_role_does() -> None:
    found = named_in(
        declared(
            "centron/net",
            "scoped",
            default_sender="A@contoso.example",
            employees="b@contoso.example,a@contoso.example",
            denied_mailbox="c@contoso.example",
        )
    )
    assert {each.address.lower(): each.sends for each in found} == {
        "a@contoso.example": True,
        "b@contoso.example": True,
    }


@pytest.mark.parametrize(("name", "way"), [("centron/vma", Way.PASSWORD), ("xcally/motion", Way.BROWSER)])
def test_an_account_is_meant_with_the_way_it_signs_in(name: str, way: Way) -> None:
    more = {"mailbox_password": "prompt:"} if way is Way.PASSWORD else {"redirect_uri": "https://a.example/b"}
    (found,) = named_in(declared(name, "scoped", mailbox=ACCOUNT, **more))
    assert (found.address, found.way, found.mailbox) == (ACCOUNT, way, True)


@pytest.mark.parametrize(
    ("recipient", "person", "expected"),
    [
        (Recipient("UserMailbox", ACCOUNT, True), None, []),
        (Recipient("SharedMailbox", ACCOUNT, False), None, []),
        (Recipient("RoomMailbox", ACCOUNT, None), None, []),
        (Recipient("UserMailbox", ACCOUNT, False), None, [("mailbox_unlicensed", "warns")]),
        (Recipient("UserMailbox", ACCOUNT, None), None, [("not_seen", "not-seen")]),
        (Recipient("UserMailbox", ACCOUNT, None), Person(WHO, exchange_plan=True), []),
        (Recipient("UserMailbox", ACCOUNT, None), Person(WHO, exchange_plan=False), [("mailbox_unlicensed", "warns")]),
        (Recipient("MailUser", ACCOUNT), None, [("mailbox_on_premises", "stops")]),
        (Recipient("RemoteUserMailbox", ACCOUNT), None, [("mailbox_on_premises", "stops")]),
        (Recipient("MailContact", ACCOUNT), None, [("not_a_mailbox", "stops")]),
        (Recipient("", ACCOUNT), None, [("not_a_mailbox", "stops")]),
        (None, None, [("mailbox_missing", "stops")]),
        (NotSeen("recipient", "no", ("Exchange Administrator",)), None, [("not_seen", "not-seen")]),
        (
            NotSeen("recipient", "no"),
            Person(WHO, exchange_plan=False),
            [("not_seen", "not-seen"), ("mailbox_unlicensed", "warns")],
        ),
    ],
)
def test_what_a_mailbox_is(
    recipient: Recipient | NotSeen | None, person: Person | None, expected: list[tuple[str, str]]
) -> None:
    assert names(list(about_mailbox(Named(ACCOUNT), recipient, person))) == expected


@pytest.mark.parametrize(
    ("named", "primary", "warned"),
    [
        ("a@contoso.onmicrosoft.com", "a@contoso.onmicrosoft.com", True),
        ("a@contoso.onmicrosoft.com", "a@contoso.example", False),
        ("a@contoso.example", "A@contoso.partner.onmschina.cn".lower(), True),
        ("a@notonmicrosoft.com", "a@notonmicrosoft.com", False),
    ],
)
def test_the_primary_address_is_what_mail_goes_out_as(named: str, primary: str, warned: bool) -> None:
    recipient = Recipient("UserMailbox", primary, True)
    assert bool(list(about_mailbox(Named(named, sends=True), recipient, None))) is warned
    assert list(about_mailbox(Named(named, sends=False), recipient, None)) == []


@pytest.mark.parametrize("way", [Way.PASSWORD, Way.BROWSER])
@pytest.mark.parametrize(
    ("person", "federated", "password", "browser"),
    [
        (Person(WHO, True), frozenset(), [], []),
        (Person(WHO, None), None, [], []),
        (Person(WHO, False), frozenset(), ["account_disabled"], ["account_disabled"]),
        (Person(WHO, True, True), frozenset(), ["account_synchronised"], []),
        (Person(WHO, True), frozenset({"contoso.example"}), ["account_federated"], []),
        (None, frozenset(), ["account_missing"], ["account_missing"]),
        (NotSeen("account", "no"), frozenset(), ["not_seen"], ["not_seen"]),
    ],
)
def test_what_an_account_is(
    way: Way,
    person: Person | NotSeen | None,
    federated: frozenset[str] | None,
    password: list[str],
    browser: list[str],
) -> None:
    found = [each.name for each in about_account(Named(ACCOUNT, way=way), person, federated)]
    assert found == (password if way is Way.PASSWORD else browser)


def hit(policy: ConditionalAccessPolicy, who: SignsIn = SIGNS_IN) -> list[Finding]:
    return [finding for each in in_force([policy], APIS) for finding in hits_account(each, who)]


def test_a_policy_for_everybody_stops_a_password_and_says_why() -> None:
    (finding,) = hit(EVERYBODY)
    assert finding.severity is Severity.STOPS
    assert finding.what == 'the conditional access policy "All" asks for multifactor authentication of this sign-in'
    assert "50076" in finding.why and "Conditional Access Administrator" in finding.who_can


@pytest.mark.parametrize(
    ("known", "included", "excluded", "severity"),
    [
        (True, True, False, Severity.STOPS),
        (False, True, False, None),
        (None, True, False, Severity.WARNS),
        (True, False, True, None),
        (False, False, True, Severity.STOPS),
        (None, False, True, Severity.WARNS),
    ],
)
def test_a_group_that_was_not_seen_makes_it_a_doubt(
    known: bool | None, included: bool, excluded: bool, severity: Severity | None
) -> None:
    users = Choice() if included else EVERYBODY.users
    groups = Choice(frozenset({GROUP} if included else ()), frozenset({GROUP} if excluded else ()))
    found = hit(replace(EVERYBODY, users=users, groups=groups), replace(SIGNS_IN, groups={GROUP: known}))
    assert [each.severity for each in found] == ([severity] if severity else [])
    if severity is Severity.WARNS:
        assert "was not seen" in found[0].what


@pytest.mark.parametrize(
    ("roles", "expected"), [(frozenset({ROLE}), ["stops"]), (frozenset({"other"}), []), (None, ["warns"])]
)
def test_a_policy_for_roles(roles: frozenset[str] | None, expected: list[str]) -> None:
    policy = replace(EVERYBODY, users=Choice(), roles=Choice(frozenset({ROLE})))
    assert [each.severity.value for each in hit(policy, replace(SIGNS_IN, roles=roles))] == expected


@pytest.mark.parametrize(
    "policy",
    [
        replace(EVERYBODY, state="disabled"),
        replace(EVERYBODY, actions=True),
        replace(EVERYBODY, flows=frozenset({"deviceCodeFlow"})),
        replace(EVERYBODY, applications=Choice(frozenset({GRAPH_APP_ID}))),
        replace(EVERYBODY, applications=Choice(frozenset({"All"}), frozenset({"Office365"}))),
        replace(EVERYBODY, applications=Choice(frozenset({"All"}), frozenset({EXCHANGE_APP_ID}))),
        replace(EVERYBODY, users=Choice(frozenset({"All"}), frozenset({WHO}))),
        replace(EVERYBODY, client_kinds=frozenset({"browser", "exchangeActiveSync"})),
        replace(EVERYBODY, controls=()),
    ],
)
def test_a_policy_that_does_not_apply_is_not_told(policy: ConditionalAccessPolicy) -> None:
    assert hit(policy) == []


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (replace(EVERYBODY, state="enabledForReportingButNotEnforced"), "so far it only reports"),
        (replace(EVERYBODY, places=Choice(frozenset({"All"}), frozenset({"AllTrusted"}))), "some places are left out"),
        (replace(EVERYBODY, places=Choice(frozenset({"a-place"}))), "only some places are meant"),
        (replace(EVERYBODY, circumstances=("the device that the sign-in comes from",)), "depending on the device"),
    ],
)
def test_what_nobody_can_foretell_is_a_warning(policy: ConditionalAccessPolicy, said: str) -> None:
    (finding,) = hit(policy)
    assert finding.severity is Severity.WARNS
    assert said in finding.what


def test_a_person_at_a_browser_can_do_a_second_factor_but_brings_no_device() -> None:
    browser = replace(SIGNS_IN, way=Way.BROWSER)
    assert hit(EVERYBODY, browser) == []
    (device,) = hit(replace(EVERYBODY, controls=("mfa", "compliantDevice")), browser)
    assert "a compliant device" in device.what and "multifactor" not in device.what
    (short,) = hit(replace(EVERYBODY, frequency="4 hours"), browser)
    assert (short.name, short.severity) == ("sign_in_frequency", Severity.WARNS)


def test_only_policies_for_workload_identities_reach_an_application() -> None:
    assert list(hits_application(EVERYBODY, "Product", WHO)) == []
    policy = replace(EVERYBODY, users=Choice(), workloads=Choice(frozenset({"ServicePrincipalsInMyTenant"})))
    assert list(hits_application(policy, "Product", None)) == [], "it does nothing but block"
    block = replace(policy, controls=("block",))
    assert [each.severity for each in hits_application(block, "Product", None)] == [Severity.STOPS]
    spared = replace(block, workloads=replace(block.workloads, excluded=frozenset({WHO})))
    assert list(hits_application(spared, "Product", WHO)) == []
    (doubtful,) = hits_application(replace(block, workloads_filtered=True), "Product", WHO)
    assert doubtful.severity is Severity.WARNS and "filter" in doubtful.what


def test_a_denial_is_never_offered_as_a_scope() -> None:
    restrict, deny = (AccessPolicy(AppId("app"), right, "Board") for right in ("RestrictAccess", "DenyAccess"))
    assert "never turn it into one" in confinement.explained("Product", deny).why
    assert "until every grant of Entra is gone" in confinement.explained("Product", restrict).why.replace(
        "keep it ", ""
    )
    assert "[RAOP]" in confinement.shut_out("a@contoso.example", (restrict,)).why
    assert "left over" in confinement.left_over("Product", restrict).what


def test_there_is_an_end_to_asking_mailbox_by_mailbox() -> None:
    """With a second each, a plan must not take minutes."""
    assert 10 <= MOST_MAILBOXES <= 60
