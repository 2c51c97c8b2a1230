"""What EWS answers, as tables: first the doors, then the permissions; and what a refusal proves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from provisioner.mail import EwsResult, Trouble
from provisioner.model.outcome import ProofState
from provisioner.probes import Facts, Pointer, Worked
from provisioner.probes.judge_ews import denied, refused
from provisioner.probes.replies import EWS_GATES
from provisioner.probes.weighing import Judgement

FAILED, NOT_YET, NOT_PROVEN, PASSED = ProofState.FAILED, ProofState.NOT_YET, ProofState.NOT_PROVEN, ProofState.PASSED
OLD, YOUNG = timedelta(days=3), timedelta(minutes=5)
BY_CONSENT = Facts(
    consent=True,
    consent_age=OLD,
    pointer=Pointer.MISSING,
    mailbox_exists=True,
    protocol_on=True,
    protocol_age=OLD,
    ews_enabled=True,
    ews_listed=True,
    ews_agent=True,
    ews_age=OLD,
)
BY_SCOPE = replace(
    BY_CONSENT,
    consent=None,
    pointer=Pointer.RIGHT,
    pointer_age=OLD,
    mailbox_right=False,
    scoped=True,
    role_assigned=True,
    in_scope=True,
    scope_age=OLD,
    unscoped=(),
)
DISABLED = EwsResult(403, "", "", "EWS is disabled for this user or tenant")
BLOCKED = EwsResult(403, "", "", "EWS is blocked by policy for this user or tenant")
OTHER_DOOR = EwsResult(403, "", "", "EWS has moved")
NO_ROLE = EwsResult(401, "", '2000005;reason="no scope"')
IMPERSONATION = EwsResult(500, "ErrorImpersonateUserDenied", "may not")
POLICY = EwsResult(403, "ErrorAccessDenied", "[RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.")
OPENED = EwsResult(200, "NoError", "")


@pytest.mark.parametrize(
    ("result", "changes", "expected"),
    [
        (DISABLED, {"ews_ended": True}, Judgement(FAILED, ("ews_closed_date",))),
        (DISABLED, {"ews_enabled": False}, Judgement(FAILED, ("ews_closed_organisation",))),
        (DISABLED, {"protocol_on": False}, Judgement(FAILED, ("ews_closed_mailbox",))),
        (DISABLED, {"ews_listed": False}, Judgement(FAILED)),
        (DISABLED, {"ews_age": YOUNG}, Judgement(NOT_YET, ("ews_settling",))),
        (DISABLED, {"ews_enabled": None}, Judgement(FAILED, ("ews_closed_organisation", "ews_settling"))),
        (BLOCKED, {"ews_listed": False}, Judgement(FAILED, ("ews_closed_list",))),
        (BLOCKED, {"ews_agent": False}, Judgement(NOT_PROVEN, ("ews_closed_user_agent",))),
        (
            BLOCKED,
            {"ews_listed": False, "ews_agent": False},
            Judgement(FAILED, ("ews_closed_list", "ews_closed_user_agent")),
        ),
        (BLOCKED, {"ews_age": timedelta(hours=23)}, Judgement(NOT_YET, ("ews_settling",))),
        (BLOCKED, {"ews_enabled": False}, Judgement(FAILED)),
        (OTHER_DOOR, {"ews_enabled": False}, Judgement(FAILED, ("ews_closed_organisation",))),
        (NO_ROLE, {"consent": False}, Judgement(FAILED, ("requested_not_granted",))),
        (NO_ROLE, {"consent_age": YOUNG}, Judgement(NOT_YET, ("token_older_than_grant",))),
        (NO_ROLE, {"consent": False, "ews_listed": False}, Judgement(FAILED, ("requested_not_granted",))),
        (POLICY, {}, Judgement(FAILED, ("application_access_policy",))),
        (EwsResult(200, "ErrorNonExistentMailbox", ""), {}, Judgement(FAILED)),
        (
            EwsResult(200, "ErrorNonExistentMailbox", ""),
            {"mailbox_exists": False},
            Judgement(FAILED, ("mailbox_missing",)),
        ),
        (EwsResult(500, "ErrorServerBusy", ""), {"consent": False}, Judgement(NOT_YET)),
        (EwsResult(503, "", ""), {"consent": False}, Judgement(NOT_YET)),
        (
            EwsResult(0, "", "x", trouble=Trouble.UNREACHABLE),
            {"consent": False},
            Judgement(NOT_PROVEN, ("ews_unreachable",)),
        ),
    ],
)
def test_by_consent(result: EwsResult, changes: dict[str, object], expected: Judgement) -> None:
    assert refused(result, replace(BY_CONSENT, **changes), carries_roles=False) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pointer": Pointer.MISSING, "in_scope": None}, Judgement(FAILED, ("pointer_missing",))),
        (
            {"pointer": Pointer.WRONG_OBJECT_ID, "in_scope": False},
            Judgement(FAILED, ("pointer_has_registration_object_id",)),
        ),
        ({"role_assigned": False, "in_scope": False}, Judgement(FAILED, ("role_not_assigned",))),
        ({"in_scope": False}, Judgement(FAILED, ("scope_too_narrow",))),
        ({"scope_age": YOUNG}, Judgement(NOT_YET, ("exchange_settling",))),
        ({"consent": False}, Judgement(FAILED)),
    ],
)
def test_by_scope(changes: dict[str, object], expected: Judgement) -> None:
    for result in (NO_ROLE, IMPERSONATION):
        assert refused(result, replace(BY_SCOPE, **changes), carries_roles=None) == expected  # type: ignore[arg-type]


OUTSIDE = replace(BY_SCOPE, in_scope=False)


@pytest.mark.parametrize(
    ("result", "facts", "expected"),
    [
        (OPENED, OUTSIDE, Judgement(FAILED, ("scope_too_wide",))),
        (IMPERSONATION, replace(OUTSIDE, unscoped=("full_access_as_app",)), Judgement(FAILED, ("scope_too_wide",))),
        (IMPERSONATION, BY_SCOPE, Judgement(FAILED, ("scope_too_wide",))),
        (IMPERSONATION, OUTSIDE, Judgement(PASSED)),
        (IMPERSONATION, replace(OUTSIDE, in_scope=None, works_elsewhere=Worked.ACCEPTED), Judgement(PASSED)),
        (POLICY, replace(OUTSIDE, in_scope=None), Judgement(PASSED)),
        (
            NO_ROLE,
            replace(OUTSIDE, pointer=Pointer.MISSING, in_scope=None),
            Judgement(NOT_PROVEN, ("pointer_missing",)),
        ),
        (
            DISABLED,
            replace(OUTSIDE, ews_enabled=False, works_elsewhere=Worked.ACCEPTED),
            Judgement(NOT_PROVEN, ("ews_closed_organisation",)),
        ),
        (BLOCKED, replace(OUTSIDE, ews_listed=False), Judgement(NOT_PROVEN, ("ews_closed_list",))),
        (IMPERSONATION, replace(OUTSIDE, mailbox_exists=False), Judgement(NOT_PROVEN, ("mailbox_missing",))),
        (EwsResult(503, "", ""), OUTSIDE, Judgement(NOT_YET)),
        (EwsResult(0, "", "x", trouble=Trouble.TIMEOUT), OUTSIDE, Judgement(NOT_YET, ("ews_unreachable",))),
        (EwsResult(0, "", "x", trouble=Trouble.UNREACHABLE), OUTSIDE, Judgement(NOT_PROVEN, ("ews_unreachable",))),
    ],
)
def test_a_mailbox_that_must_be_closed(result: EwsResult, facts: Facts, expected: Judgement) -> None:
    assert denied(result, facts) == expected


def test_a_closed_door_never_proves_a_scope() -> None:
    """Whatever else the tenant shows."""
    for result in (DISABLED, BLOCKED, OTHER_DOOR):
        for worked in (None, Worked.ACCEPTED):
            for in_scope in (False, None):
                facts = replace(OUTSIDE, in_scope=in_scope, works_elsewhere=worked)
                assert denied(result, facts).state is NOT_PROVEN


def test_the_doors_are_listed_once() -> None:
    assert len(set(EWS_GATES)) == len(EWS_GATES) == 6
