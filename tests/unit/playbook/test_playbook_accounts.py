"""The products that sign in as an account: VMA, Magma, XCALLY and Cryptshare for OWA, as their guides describe them."""

from __future__ import annotations

from typing import TypeVar

import pytest

from provisioner.errors import InputFault
from provisioner.model import declared
from provisioner.model.declaration import Declaration, SignInEndpoint
from provisioner.model.declared import Protocol
from provisioner.model.identifiers import GRAPH_APP_ID
from provisioner.playbook import declare, find, load, parameters

ACCOUNT, REDIRECT = "account@contoso.example", "https://product.contoso.example/back"
PASSWORD = {"mailbox_password": "env:MAILBOX_PASSWORD"}
GIVEN = {
    "centron/vma": {"mailbox": ACCOUNT, **PASSWORD},
    "cindercone/magma": {"from_account": "sales@contoso.example", "user": ACCOUNT, **PASSWORD},
    "xcally/motion": {"mailbox": ACCOUNT, "redirect_uri": REDIRECT},
    "cryptshare/owa": {"redirect_uri": REDIRECT, "user_group": "Staff", "account": ACCOUNT},
}
EVERY = [(name, variant) for name in GIVEN for variant in ("guide", "scoped")]
WITH_PASSWORD = ("centron/vma", "cindercone/magma")
D = TypeVar("D")


def declaration(name: str, variant: str, **given: str) -> Declaration:
    book = load(*find(name))
    return declare(book, variant=variant, parameters=parameters(book, {**GIVEN[name], **given}), instance="default")


def only(kind: type[D], found: Declaration) -> D:
    (one,) = [each for each in found.resources if isinstance(each, kind)]
    return one


def titles(found: Declaration) -> list[str]:
    return [field.title for screen in found.handover for field in screen.fields]


SCOPES = {
    ("centron/vma", "guide"): ["IMAP.AccessAsUser.All", "offline_access"],
    ("centron/vma", "scoped"): ["IMAP.AccessAsUser.All", "offline_access"],
    ("cindercone/magma", "guide"): [
        "SMTP.Send",
        "IMAP.AccessAsUser.All",
        "POP.AccessAsUser.All",
        "offline_access",
        "User.Read",
    ],
    ("cindercone/magma", "scoped"): ["SMTP.Send", "IMAP.AccessAsUser.All", "offline_access"],
    ("xcally/motion", "guide"): ["IMAP.AccessAsUser.All", "SMTP.Send", "offline_access"],
    ("xcally/motion", "scoped"): ["IMAP.AccessAsUser.All", "SMTP.Send", "offline_access"],
    ("cryptshare/owa", "guide"): ["User.Read", "Mail.ReadWrite"],
    ("cryptshare/owa", "scoped"): ["User.Read", "Mail.ReadWrite"],
}


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_delegated_permissions_of_graph_and_none_of_the_application_itself(name: str, variant: str) -> None:
    found = declaration(name, variant)
    grant = only(declared.DelegatedGrant, found)
    assert [each.value for each in grant.permissions] == SCOPES[name, variant]
    assert {each.resource_app_id for each in grant.permissions} == {GRAPH_APP_ID}
    assert not [each for each in found.resources if isinstance(each, declared.AppRoleGrant)]


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_one_account_in_scoped_and_everybody_in_guide(name: str, variant: str) -> None:
    found = declaration(name, variant)
    assignments = [each for each in found.resources if isinstance(each, declared.UserAssignment)]
    grant = only(declared.DelegatedGrant, found)
    if variant == "guide":
        assert (assignments, grant.account) == ([], None)
    elif name == "cryptshare/owa":
        assert [(each.accounts, each.groups) for each in assignments] == [((), ("Staff",))]
        assert grant.account is None
    else:
        assert [(each.accounts, each.groups) for each in assignments] == [((ACCOUNT,), ())]
        assert grant.account == ACCOUNT


ALL_OFF = {Protocol.POP: False, Protocol.OWA: False, Protocol.MAPI: False, Protocol.ACTIVE_SYNC: False}
LOCKED = {**ALL_OFF, Protocol.EWS: False, Protocol.IMAP: True}
SWITCHES = {
    ("centron/vma", "guide"): {Protocol.IMAP: True},
    ("centron/vma", "scoped"): {**LOCKED, Protocol.SMTP_AUTH: False},
    ("cindercone/magma", "guide"): {Protocol.SMTP_AUTH: True, Protocol.IMAP: True},
    ("cindercone/magma", "scoped"): {**LOCKED, Protocol.SMTP_AUTH: True},
    ("xcally/motion", "guide"): {Protocol.SMTP_AUTH: True, Protocol.IMAP: True},
    ("xcally/motion", "scoped"): {Protocol.SMTP_AUTH: True, Protocol.IMAP: True},
}


@pytest.mark.parametrize(("name", "variant"), SWITCHES)
def test_the_accounts_mailbox_is_open_for_what_the_product_uses(name: str, variant: str) -> None:
    access = only(declared.ClientAccess, declaration(name, variant))
    assert (access.mailbox, dict(access.switches)) == (ACCOUNT, SWITCHES[name, variant])


def test_redirects_by_platform() -> None:
    for variant in ("guide", "scoped"):
        web = only(declared.RedirectUris, declaration("xcally/motion", variant))
        assert (web.web, web.spa, web.native, web.public_client) == ((REDIRECT,), (), (), False)
        spa = only(declared.RedirectUris, declaration("cryptshare/owa", variant))
        assert (spa.web, spa.spa, spa.native, spa.public_client) == ((), (REDIRECT,), (), False)
        for name in WITH_PASSWORD:
            assert not [each for each in declaration(name, variant).resources if type(each) is declared.RedirectUris]


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_no_password_is_in_a_declaration(name: str, variant: str) -> None:
    found = declaration(name, variant)
    secret = [field for screen in found.handover for field in screen.fields if field.parameter is not None]
    assert len(secret) == (1 if name in WITH_PASSWORD else 0)
    if name in WITH_PASSWORD:
        assert dict(found.parameters)["mailbox_password"] == "env:MAILBOX_PASSWORD"
        assert {each.password for each in found.proofs} == {"mailbox_password", None}
    with pytest.raises(InputFault):
        declaration("centron/vma", variant, mailbox_password="correct horse battery staple")


@pytest.mark.parametrize("name", WITH_PASSWORD)
@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_the_account_is_refused_somebody_elses_inbox(name: str, variant: str) -> None:
    found = {each.name: each for each in declaration(name, variant, denied_mailbox="b@contoso.example").proofs}
    refused, opened = found["imap_refused"], found["imap_inbox"]
    assert refused.mailbox == "b@contoso.example"
    assert (refused.account, refused.scopes) == (opened.account, opened.scopes), "or it takes a second sign-in"
    assert list(found).index("imap_inbox") < list(found).index("imap_refused"), "evidence first"
    assert [each.name for each in declaration(name, variant).untried] == ["imap_refused"]
    with pytest.raises(InputFault, match="cannot be refused to it as well"):
        declaration(name, variant, denied_mailbox=ACCOUNT.upper())


@pytest.mark.parametrize("name", WITH_PASSWORD)
def test_without_a_password_everything_but_the_sign_in_goes_on(name: str) -> None:
    book = load(*find(name))
    given = {each: value for each, value in GIVEN[name].items() if each != "mailbox_password"}
    found = declare(book, variant="guide", parameters=parameters(book, given), instance="default")
    assert "mailbox_password" not in dict(found.parameters)


MAGMAS_TITLES = [
    "Modern Auth Client Secret",
    "Modern Auth Client ID",
    "Modern Auth Tenant ID",
    "Modern Auth Authorization Endpoint",
    "Modern Auth Token Endpoint",
    "From Account",
    "User",
    "Password",
]


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_magmas_eight_titles_in_their_order(variant: str) -> None:
    found = declaration("cindercone/magma", variant)
    (screen,) = found.handover
    assert [each.title for each in screen.fields] == MAGMAS_TITLES
    assert [each.endpoint for each in screen.fields[3:5]] == [SignInEndpoint.AUTHORIZATION, SignInEndpoint.TOKEN]
    assert [each.value for each in screen.fields[5:7]] == ["sales@contoso.example", ACCOUNT]


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_the_other_forms(variant: str) -> None:
    assert titles(declaration("centron/vma", variant)) == [
        "Select",
        "Username",
        "Password",
        "TenantId",
        "ClientId",
        "Client secret",
    ]
    assert titles(declaration("xcally/motion", variant))[:4] == [
        "Service",
        "Type",
        "Application (client) ID",
        "Directory (tenant) ID",
    ]
    assert titles(declaration("cryptshare/owa", variant)) == ["Application (client) ID"]


@pytest.mark.parametrize(("name", "variant"), [each for each in EVERY if each[0] in WITH_PASSWORD])
def test_security_defaults_stay_on(name: str, variant: str) -> None:
    """The guides' advice becomes a step by hand with the safer way; nothing here switches MFA off for everybody."""
    steps = declaration(name, variant).manual
    advice = " ".join(each.instruction for each in steps)
    assert "Leave" in advice
    assert "security defaults" in advice
    assert "conditional access" in advice
    assert "leave" in advice
    assert all(each.role and each.proof for each in steps)


@pytest.mark.parametrize("variant", ["guide", "scoped"])
@pytest.mark.parametrize(
    "words",
    [
        "billable as consultancy work",
        "in office365.com in the same tenant",
        "likely to go to spam",
        "rate limits are lower",
        "ny account with admin privileges",
    ],
)
def test_what_magmas_guide_says_before_starting_is_told_in_both_variants(variant: str, words: str) -> None:
    assert any(words in each.text for each in declaration("cindercone/magma", variant).warnings)


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_magmas_static_address_is_a_persons_step_with_the_safer_way(variant: str) -> None:
    found = declaration("cindercone/magma", variant)
    (step,) = [each for each in found.manual if "allow-list" in each.instruction]
    assert "Before 6" in step.guide_steps
    assert "mail flow exception" in step.instruction
    assert any("static IP address" in each for each in found.questions)


@pytest.mark.parametrize("variant", ["guide", "scoped"])
def test_vmas_right_has_two_holders(variant: str) -> None:
    (screen,) = declaration("centron/vma", variant).handover
    (action,) = screen.actions
    assert "whoever logs in to VMA" in action
    assert "also to the user that the c-entron agent" in action
    assert "Login 1" in screen.guide_steps


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_not_tried_in_scoped_is_said(name: str) -> None:
    assert any("'verify'" in each.text and "reads" in each.text for each in declaration(name, "scoped").warnings)


def test_xcally_is_incomplete_and_says_what_to_ask() -> None:
    for variant in ("guide", "scoped"):
        found = declaration("xcally/motion", variant)
        assert any("cut off" in each for each in found.incomplete)
        assert any("Confirm with the vendor" in each and "SMTP.Send" in each for each in found.questions)


def test_an_application_that_would_let_nobody_in_is_not_declared() -> None:
    book = load(*find("cryptshare/owa"))
    given = parameters(book, {"redirect_uri": REDIRECT})
    assert declare(book, variant="guide", parameters=given, instance="default").proofs == ()
    with pytest.raises(InputFault) as caught:
        declare(book, variant="scoped", parameters=given, instance="default")
    assert "user_group" in (caught.value.advice or "")


@pytest.mark.parametrize("variant", ["guide", "scoped"])
@pytest.mark.parametrize("name", ["cryptshare/owa", "xcally/motion"])
@pytest.mark.parametrize(
    ("uri", "taken"),
    [
        ("https://product.example.com", True),
        ("https://product.example.com:8443/a/b?x=1", True),
        ("https://straße.example/a", True),
        ("http://localhost:7071/back", True),
        ("http://product.example.com/back", False),
        ("http://localhost.example.com/back", False),
        ("https://*.example.com/back", False),
        ("https://product.example.com/*", False),
        ("https://product.example.com/back#here", False),
        ("https://product.example.com/$(id)", False),
    ],
)
def test_only_a_redirect_that_entra_takes(name: str, variant: str, uri: str, taken: bool) -> None:
    book = load(*find(name))
    given = parameters(book, {**GIVEN[name], "redirect_uri": uri})
    if taken:
        declare(book, variant=variant, parameters=given, instance="default")
        return
    with pytest.raises(InputFault, match="cannot be a redirect URI"):
        declare(book, variant=variant, parameters=given, instance="default")


def test_the_guides_are_those_that_were_read() -> None:
    for name, same in (("centron/vma", "centron/net"), ("cryptshare/owa", "cryptshare/server")):
        assert load(*find(name)).guide.sha256 == load(*find(same)).guide.sha256
    assert len({load(*find(name)).guide.sha256 for name in GIVEN}) == len(GIVEN)


def test_misspellings_of_the_guides_are_known() -> None:
    assert load(*find("cindercone/magma")).aliases["SMPT"] == "SMTP"
    assert load(*find("cindercone/magma")).aliases["IMAP.AccessAsUser."] == "IMAP.AccessAsUser.All"
