"""What makes two plans the same: meaning, never wording, dates or ids. And what a saved plan approves."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from provisioner.model.change import Action, Blocked, Change, FieldChange, Gate, Part, PlannedChange, Ready
from provisioner.model.declaration import Declaration
from provisioner.model.identifiers import Address, AppId, TenantId
from provisioner.model.plan import ApplicationIds, Approval, Plan, approve, change_digest, scope_digest

GRANT = Change(
    Address("app_role_grant.main"),
    "app_role_grant",
    Action.CREATE,
    Part.CONSENT,
    "Grant admin consent",
    fields=(FieldChange("SMTP.SendAsApp", None, "granted for the whole tenant"),),
    gate=Gate.TENANT_WIDE,
)
KEPT = replace(GRANT, address=Address("application.main"), action=Action.KEEP)

MEANING: dict[str, Any] = {
    "address": Address("app_role_grant.other"),
    "kind": "client_secret",
    "action": Action.REMOVE,
    "fields": (FieldChange("Mail.Send", None, "granted for the whole tenant"),),
    "gate": None,
}
WORDING: dict[str, Any] = {
    "part": Part.ENTRA,
    "summary": "Consent",
    "reason": "because",
    "reach": "everything",
    "undo": "nothing",
    "guide_steps": ("11",),
    "notes": ("by whom",),
}


@pytest.mark.parametrize("name", sorted(MEANING))
def test_a_change_of_meaning_is_another_change(name: str) -> None:
    assert change_digest(replace(GRANT, **{name: MEANING[name]})) != change_digest(GRANT)


@pytest.mark.parametrize("name", sorted(WORDING))
def test_other_words_are_the_same_change(name: str) -> None:
    assert change_digest(replace(GRANT, **{name: WORDING[name]})) == change_digest(GRANT)


def test_the_tables_know_every_field() -> None:
    assert set(MEANING) | set(WORDING) == {each.name for each in fields(Change)}


@pytest.mark.parametrize(
    "field",
    [
        FieldChange("SMTP.SendAsApp", "was", "granted for the whole tenant"),
        FieldChange("SMTP.SendAsApp", None, "granted for one"),
        FieldChange("SMTP.SendAsApp", None, None),
    ],
)
def test_before_and_after_are_meaning(field: FieldChange) -> None:
    assert change_digest(replace(GRANT, fields=(field,))) != change_digest(GRANT)


def test_texts_cannot_be_shifted_between_fields() -> None:
    one = replace(GRANT, fields=(FieldChange('a", "b', None, "c"),))
    other = replace(GRANT, fields=(FieldChange("a", "b", "c"),))
    assert change_digest(one) != change_digest(other)


def test_a_digest_can_be_had_of_any_name() -> None:
    assert len(change_digest(replace(GRANT, fields=(FieldChange("\ud800\u202e", None, "x"),)))) == 64


# --- scope

DECLARATION = Declaration(
    "cryptshare/server", "Cryptshare Server", "guide", "f" * 64, "default", (("mailbox", "a@b"),), ()
)


@pytest.mark.parametrize(
    "other",
    [
        {"playbook": "cryptshare/other"},
        {"playbook_sha256": "e" * 64},
        {"variant": "scoped"},
        {"instance": "second"},
        {"parameters": (("mailbox", "c@d"),)},
        {"parameters": ()},
    ],
)
def test_what_a_plan_is_about(other: dict[str, Any]) -> None:
    assert scope_digest(TenantId("t"), replace(DECLARATION, **other)) != scope_digest(TenantId("t"), DECLARATION)
    assert scope_digest(TenantId("u"), DECLARATION) != scope_digest(TenantId("t"), DECLARATION)
    assert scope_digest(TenantId("t"), replace(DECLARATION, title="New title")) == scope_digest(
        TenantId("t"), DECLARATION
    )


# --- approval


def plan(*changes: PlannedChange, **more: Any) -> Plan:
    return Plan(TenantId("t"), "Contoso", False, "p", "P", "guide", "default", "f" * 64, (), changes, **more)


SECRET = replace(GRANT, address=Address("client_secret.main"), kind="client_secret", gate=None)
APPROVED = approve(
    "scope",
    plan(PlannedChange(GRANT, Blocked("no role")), PlannedChange(SECRET, Ready()), PlannedChange(KEPT, Ready())),
)


def test_everything_that_pends_is_approved_blocked_or_not_and_nothing_else() -> None:
    assert (
        Approval("scope", ((GRANT.address, change_digest(GRANT)), (SECRET.address, change_digest(SECRET)))) == APPROVED
    )


def test_what_pends_now_and_was_approved_passes_also_when_a_part_is_done_already() -> None:
    assert APPROVED.unapproved((GRANT, SECRET)) == ()
    assert APPROVED.unapproved((GRANT,)) == ()
    assert APPROVED.unapproved((replace(GRANT, notes=("another day",), summary="Other words"),)) == ()


@pytest.mark.parametrize(
    "new",
    [
        replace(GRANT, fields=(FieldChange("Mail.Send", None, "granted for the whole tenant"),)),
        replace(GRANT, address=Address("app_role_grant.second")),
        replace(GRANT, action=Action.UPDATE),
        replace(SECRET, gate=Gate.TENANT_WIDE),
    ],
    ids=["another permission", "another thing", "another action", "a gate that was open"],
)
def test_anything_else_is_refused(new: Change) -> None:
    assert APPROVED.unapproved((SECRET, new)) == (new,)


def test_the_digest_of_one_thing_does_not_approve_another() -> None:
    swapped = Approval("scope", ((SECRET.address, change_digest(GRANT)),))
    assert swapped.unapproved((GRANT, SECRET)) == (GRANT, SECRET)


def test_what_is_kept_needs_no_approval() -> None:
    assert APPROVED.unapproved((KEPT,)) == ()


def test_ids_and_notes_of_a_plan_are_no_part_of_its_approval() -> None:
    pending = PlannedChange(GRANT, Ready())
    later = plan(pending, applications=(ApplicationIds("main", "x", AppId("a")),), notes=("a skewed clock",))
    assert approve("scope", later) == approve("scope", plan(pending))
