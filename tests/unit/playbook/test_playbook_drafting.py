"""Drafts: whatever is answered, the file passes every check, can be declared, and asks for no more than was named."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner import catalogue
from provisioner.model import declared
from provisioner.model.declaration import Declaration
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID
from provisioner.playbook import Playbook, declare, load, parameters
from provisioner.playbook.drafting import Answers, FormField, SignsIn, Source, candidates, drafted, near

BY_ITSELF = (
    "SMTP.SendAsApp",
    "IMAP.AccessAsApp",
    "POP.AccessAsApp",
    "full_access_as_app",
    "Mail.Send",
    "Mail.ReadWrite",
    "Calendars.Read",
    "User.Read.All",
)
DELEGATED = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", "offline_access", "User.Read", "Mail.Read")


def answers(signs_in: SignsIn, *names: str, **changes: object) -> Answers:
    values: dict[str, object] = {
        "id": "acme/mailer",
        "vendor": "Acme",
        "product": "Acme Mailer",
        "guide_title": "How to",
        "guide_url": "https://acme.example/guide",
        "guide_sha256": "0" * 64,
        "read_on": date(2026, 11, 22),
        "signs_in": signs_in,
        "permissions": tuple(candidates(name, signs_in)[0] for name in names),
        "redirect": "https://acme.example/back" if signs_in is SignsIn.WITH_BROWSER else None,
        "screen": "Settings > Mail",
        "fields": (FormField("Tenant", Source.TENANT_ID), FormField("Secret", Source.SECRET)),
    }
    return Answers(**{**values, **changes})  # type: ignore[arg-type]


def book(given: Answers) -> Playbook:
    return load(drafted(given), "draft.yaml")


def declaration(given: Answers, variant: str = "guide") -> Declaration:
    found = book(given)
    values = {"mailbox": "a@acme.example"}
    if "denied_mailbox" in found.parameters:
        values["denied_mailbox"] = "b@acme.example"
    return declare(found, variant=variant, parameters=parameters(found, values), instance="default")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(BY_ITSELF), min_size=1, max_size=4, unique=True),
    st.lists(
        st.tuples(st.text("aä:#'\"[]{}$&*- \u00df", min_size=1, max_size=20), st.sampled_from(Source)), max_size=3
    ),
)
def test_a_product_that_signs_in_by_itself(names: list[str], form: list[tuple[str, Source]]) -> None:
    fields = tuple(
        FormField(title, source, "yes: no" if source is Source.TEXT else "")
        for title, source in form
        if title.strip() and "${" not in title and source is not Source.PASSWORD
    )
    found = answers(SignsIn.BY_ITSELF, *names, fields=fields)

    for variant in book(found).variants:
        granted = {
            each.permission for each in declaration(found, variant).resources if isinstance(each, declared.AppRoleGrant)
        }
        assert granted <= set(found.permissions)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(DELEGATED), min_size=1, max_size=4, unique=True),
    st.sampled_from([SignsIn.WITH_PASSWORD, SignsIn.WITH_BROWSER]),
)
def test_a_product_that_signs_in_as_somebody(names: list[str], signs_in: SignsIn) -> None:
    made = declaration(answers(signs_in, *names))

    asked = {
        each for wish in made.resources if isinstance(wish, declared.RequestedPermissions) for each in wish.permissions
    }
    assert {each.value for each in asked} == set(names)
    assert not any(isinstance(each, declared.AppRoleGrant) for each in made.resources)


def test_what_guides_forget_comes_along() -> None:
    made = declaration(answers(SignsIn.BY_ITSELF, "SMTP.SendAsApp"))
    kinds = {type(each) for each in made.resources}

    assert {declared.ExchangePointer, declared.MailboxPermission, declared.ClientAccess} <= kinds
    assert [each.kind for each in made.proofs] == ["token", "smtp_submission", "mailbox_refused"]


def test_the_reduction_comes_along_where_exchange_has_one() -> None:
    found = answers(SignsIn.BY_ITSELF, "SMTP.SendAsApp", "User.Read.All")
    scoped = declaration(found, "scoped")

    assert {each.permission.value for each in scoped.resources if isinstance(each, declared.AppRoleGrant)} == {
        "User.Read.All"
    }
    assert any(isinstance(each, declared.ManagementRoleAssignment) for each in scoped.resources)
    assert "scoped" not in book(answers(SignsIn.BY_ITSELF, "User.Read.All")).variants


def test_ews_brings_its_gates_and_its_end() -> None:
    made = declaration(answers(SignsIn.BY_ITSELF, "full_access_as_app"))

    assert any(isinstance(each, declared.EwsAccess) for each in made.resources)
    assert [each.retires_on for each in made.warnings] == [date(2027, 4, 1)]


def test_who_must_consent_is_the_strictest() -> None:
    roles = book(answers(SignsIn.BY_ITSELF, "SMTP.SendAsApp", "Mail.Send")).variants["guide"].roles_needed

    assert "Privileged Role Administrator" in roles.consent
    assert "Cloud Application Administrator" not in roles.consent


def test_a_name_means_what_the_product_can_use() -> None:
    def api(permissions: tuple[Permission, ...]) -> list[str]:
        return [each.resource_app_id for each in permissions]

    assert api(candidates("Mail.ReadWrite", SignsIn.BY_ITSELF)) == [GRAPH_APP_ID, EXCHANGE_APP_ID]
    assert candidates("SMTP.SendAsApp", SignsIn.WITH_PASSWORD) == ()
    assert {each.kind for each in candidates("Mail.Read", SignsIn.WITH_BROWSER)} == {PermissionKind.SCOPE}
    assert candidates("Mail.Reed", SignsIn.BY_ITSELF) == ()


@pytest.mark.parametrize(
    ("name", "signs_in", "hint"),
    [
        ("SMTP.SendAsAp", SignsIn.BY_ITSELF, "SMTP.SendAsApp, an application permission"),
        ("Calenders.ReadWrite", SignsIn.BY_ITSELF, "Calendars.ReadWrite"),
        ("IMAP.AccessAsUser.", SignsIn.WITH_PASSWORD, "IMAP.AccessAsUser.All"),
        ("SMTP.SendAsApp", SignsIn.WITH_PASSWORD, "SMTP.SendAsApp is an application permission"),
    ],
)
def test_a_misspelt_name_is_told_what_it_may_have_meant(name: str, signs_in: SignsIn, hint: str) -> None:
    assert hint in "; ".join(near(name, signs_in))


def test_every_role_of_exchange_is_known_to_the_draft() -> None:
    for role in catalogue.application_roles():
        found = answers(SignsIn.BY_ITSELF, permissions=(catalogue.entra_twin(role),))
        made = declaration(found, "scoped")
        assert [each.role for each in made.resources if isinstance(each, declared.ManagementRoleAssignment)] == [
            catalogue.EXCHANGE_NAME + role
        ]
