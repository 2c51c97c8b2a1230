"""Scopes and role assignments in the format, and Cryptshare's `scoped` variant."""

from __future__ import annotations

import pytest
from small_playbook import SMALL, faults_of, loaded

from provisioner.errors import InputFault
from provisioner.model import declared
from provisioner.model.declaration import Declaration
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID
from provisioner.playbook import declare, find, load, parameters
from provisioner.playbook.naming import LONGEST_EXCHANGE_NAME, exchange_name

SENDER, NEIGHBOUR = "cryptshare@contoso.example", "neighbour@contoso.example"

SCOPED = SMALL.replace(
    """\
      mailbox_permissions:
        - application: main
          mailbox: ${sender}
          right: FullAccess
          why: It opens it.
""",
    """\
      scopes:
        all:
          title: Acme's mailboxes
          members: ["${sender}", "${more}"]
      role_assignments:
        - application: main
          role: Mail.Send
          scope: all
          why: It sends.
""",
).replace(
    """\
variants:
""",
    """\
  more:
    title: More
    type: mailboxes
    default: a@acme.example,b@acme.example
variants:
""",
)


def scoped(old: str = "", new: str = "") -> str:
    assert old in SCOPED
    return SCOPED.replace(old, new, 1) if old else SCOPED


def declaration(instance: str = "default", **given: str) -> Declaration:
    book = loaded(SCOPED)
    values = parameters(book, {"sender": "mail@acme.example", **given})
    return declare(book, variant="guide", parameters=values, instance=instance)


def only(kind: type, found: Declaration) -> object:
    (one,) = [each for each in found.resources if isinstance(each, kind)]
    return one


def test_a_scope_becomes_group_scope_assignment_and_a_guard() -> None:
    found = declaration()
    group = only(declared.ScopeGroup, found)
    scope = only(declared.ManagementScope, found)
    assignment = only(declared.ManagementRoleAssignment, found)
    guard = only(declared.UnscopedGrants, found)
    assert isinstance(group, declared.ScopeGroup)
    assert isinstance(scope, declared.ManagementScope)
    assert isinstance(assignment, declared.ManagementRoleAssignment)
    assert isinstance(guard, declared.UnscopedGrants)

    assert group.members == ("mail@acme.example", "a@acme.example", "b@acme.example")
    assert (scope.group, assignment.scope, assignment.scope_name) == (group.address, scope.address, scope.name)
    assert assignment.role == "Application Mail.Send"
    assert [each.value for each in guard.twins] == ["Mail.Send"]
    assert guard.twins[0].resource_app_id == GRAPH_APP_ID
    assert [each.value for each in guard.wanted] == ["SMTP.SendAsApp"]
    assert assignment.address in guard.after
    assert only(declared.OrganizationCustomization, found).address in scope.needs  # type: ignore[attr-defined]


def test_each_mailbox_once_whatever_its_case() -> None:
    found = declaration(more="MAIL@acme.example, c@acme.example ,c@ACME.example")
    group = only(declared.ScopeGroup, found)
    assert isinstance(group, declared.ScopeGroup)
    assert [each.casefold() for each in group.members] == ["mail@acme.example", "c@acme.example"]


@pytest.mark.parametrize("given", ["", ",", "a@acme.example,no address", "a@acme.example;b@acme.example"])
def test_a_list_of_mailboxes_is_checked_one_by_one(given: str) -> None:
    with pytest.raises(InputFault):
        declaration(more=given)


def test_a_list_of_mailboxes_ends_somewhere() -> None:
    with pytest.raises(InputFault, match="faulty parameter") as raised:
        declaration(more=",".join(f"a{number}@acme.example" for number in range(501)))
    assert "500" in str(raised.value.places[0])


def test_the_guard_without_scopes_is_not_there() -> None:
    book = loaded()
    found = declare(
        book, variant="guide", parameters=parameters(book, {"sender": "mail@acme.example"}), instance="default"
    )
    assert not [each for each in found.resources if isinstance(each, (declared.UnscopedGrants, declared.ScopeGroup))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (scoped("role: Mail.Send", "role: Mail.Sent"), "did you mean 'Mail.Send'?"),
        (scoped("role: Mail.Send", "role: Application Mail.Send"), "did you mean 'Mail.Send'?"),
        (scoped("role: Mail.Send", "role: IMAP.AccessAsApp"), "no application role"),
        (scoped("scope: all", "scope: everybody"), "no scope 'everybody'"),
        (scoped("role: Mail.Send", "role: SMTP.SendAsApp"), "is granted in Entra as well"),
        (scoped('members: ["${sender}", "${more}"]', "members: []"), "reaches nobody"),
        (scoped("pointers:\n        main: {}", "pointers: {}"), "does not know"),
        (
            scoped(
                "          why: It sends.\n      client",
                "          why: It sends.\n        - {application: main, role: Mail.Send, scope: all, why: X.}\n"
                "      client",
            ),
            "a second time",
        ),
    ],
)
def test_faults_of_scopes(text: str, words: str) -> None:
    found = faults_of(text)
    assert any(words in each for each in found), found


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ("kind: token\n        application: main\n        secret: mail\n", "needs 'roles'"),
        (
            "kind: token\n        application: main\n        secret: mail\n        absent_roles: [Mail.Sent]\n",
            "there is no application permission",
        ),
        (
            "kind: token\n        application: main\n        secret: mail\n        absent_roles: [SMTP.SendAsApp]\n",
            "asks for 'SMTP.SendAsApp' itself",
        ),
        (
            "kind: scope_authorization\n        application: main\n        secret: mail\n"
            "        mailbox: a@b.example\n",
            "needs 'within'",
        ),
        (
            "kind: graph_send\n        application: main\n        secret: mail\n        mailbox: a@b.example\n",
            "needs a secret used at graph",
        ),
        (
            "kind: smtp_submission\n        application: main\n        secret: mail\n        mailbox: a@b.example\n"
            "        within: false\n",
            "has no 'within'",
        ),
    ],
)
def test_faults_of_proofs(proof: str, words: str) -> None:
    broken = "kind: token\n        application: main\n        secret: mail\n        roles: [SMTP.SendAsApp]\n"
    found = faults_of(scoped(broken, proof))
    assert any(words in each for each in found), found


def test_scope_authorization_needs_a_scope() -> None:
    proof = "kind: token\n        application: main\n        secret: mail\n        roles: [SMTP.SendAsApp]\n"
    asks = (
        "kind: scope_authorization\n        application: main\n        secret: mail\n"
        "        mailbox: a@b.example\n        within: false\n"
    )
    assert any("no role within a scope" in each for each in faults_of(SMALL.replace(proof, asks)))
    assert faults_of(scoped(proof, asks)) == []


def test_the_mailbox_that_must_be_refused_is_in_no_scope() -> None:
    with pytest.raises(InputFault, match="cannot be refused"):
        declaration(denied="B@acme.example")


@pytest.mark.parametrize("instance", ["default", "a" * 32, "a" * 31 + "b"])
def test_names_fit_into_exchange_and_stay_apart(instance: str) -> None:
    names = {
        exchange_name("centron/service-board", instance, *parts)
        for parts in (("mailboxes",), ("main", "Mail.Send"), ("main", "Mail.ReadWrite"))
    }
    assert len(names) == 3
    assert all(len(each) <= LONGEST_EXCHANGE_NAME for each in names)
    assert all(each.startswith("provisioner-centron-service-board-") for each in names)


def test_long_names_of_different_instances_differ() -> None:
    first, second = (exchange_name("centron/service-board", "a" * 31 + each, "main", "Mail.Send") for each in "bc")
    assert first != second


# --- Cryptshare Server


def cryptshare(**given: str) -> Declaration:
    book = load(*find("cryptshare/server"))
    values = parameters(book, {"sender_mailbox": SENDER, **given})
    return declare(book, variant="scoped", parameters=values, instance="default")


def test_scoped_cryptshare_asks_entra_for_nothing() -> None:
    kinds = {type(each) for each in cryptshare().resources}
    assert not kinds & {declared.RequestedPermissions, declared.AppRoleGrant, declared.MailboxPermission}
    assert declared.ClientAccess in kinds


def test_scoped_cryptshare_sends_as_its_sender_alone() -> None:
    found = cryptshare(denied_mailbox=NEIGHBOUR)
    group = only(declared.ScopeGroup, found)
    assignment = only(declared.ManagementRoleAssignment, found)
    assert isinstance(group, declared.ScopeGroup)
    assert isinstance(assignment, declared.ManagementRoleAssignment)
    assert group.members == (SENDER,)
    assert assignment.role == "Application SMTP.SendAsApp"
    assert len(assignment.name) <= 64
    guard = only(declared.UnscopedGrants, found)
    assert isinstance(guard, declared.UnscopedGrants)
    assert guard.twins[0].resource_app_id == EXCHANGE_APP_ID


def test_scoped_cryptshare_is_proven_both_ways() -> None:
    proofs = {each.name: each for each in cryptshare(denied_mailbox=NEIGHBOUR).proofs}
    assert list(proofs) == ["token", "within_scope", "outside_scope", "smtp_submission", "mailbox_refused"]
    assert proofs["token"].roles == ()
    assert "SMTP.SendAsApp" in proofs["token"].absent_roles
    assert (proofs["within_scope"].mailbox, proofs["within_scope"].within) == (SENDER, True)
    assert (proofs["outside_scope"].mailbox, proofs["outside_scope"].within) == (NEIGHBOUR, False)
    assert all(each.scoped_roles == ("Application SMTP.SendAsApp",) for each in proofs.values())
    assert set(proofs) - {each.name for each in cryptshare().proofs} == {"outside_scope", "mailbox_refused"}


def test_scoped_cryptshare_hands_over_the_same_form() -> None:
    book = load(*find("cryptshare/server"))
    values = parameters(book, {"sender_mailbox": SENDER})
    guide = declare(book, variant="guide", parameters=values, instance="default")
    assert [[field.title for field in screen.fields] for screen in cryptshare().handover] == [
        [field.title for field in screen.fields] for screen in guide.handover
    ]
