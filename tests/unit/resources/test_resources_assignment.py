"""Who may sign in: ours are assigned before the door is closed, others' assignments stay and are named."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from resource_examples import (
    LIVE_PRINCIPAL,
    NOBODY,
    NOT_SEEN,
    OPERATOR,
    PRINCIPAL,
    PRINCIPAL_ID,
    UNSEEN,
    a_guid,
)

from provisioner.errors import AlreadyThere
from provisioner.model.change import Action, Blocked, Part, Ready
from provisioner.model.declared import UserAssignment
from provisioner.model.faults import Fault
from provisioner.model.identifiers import Address, ObjectId
from provisioner.model.observed import Assigned, DirectoryGroup
from provisioner.resources import kind_of, user_assignment
from provisioner.resources.hands import Bindings

ACCOUNT, ACCOUNT_ID = "vma@contoso.example", ObjectId(a_guid(0x77))
GROUP, GROUP_ID = "Mail Users", ObjectId(a_guid(0x78))
STRANGER = Assigned(ObjectId(a_guid(0x79)), "Mallory <b>", "User", "a1")
OTHERS = Assigned(ObjectId(a_guid(0x7A)), "Everybody", "Group", "a2")
DECLARED = UserAssignment(Address("user_assignment.main"), PRINCIPAL.address, (ACCOUNT,), (GROUP,))
REQUIRED = replace(LIVE_PRINCIPAL, assignment_required=True)
OURS = (Assigned(ACCOUNT_ID, "VMA", "User", "a3"), Assigned(GROUP_ID, GROUP, "Group", "a4"))
FOUND = (DirectoryGroup(GROUP_ID, GROUP),)


def seen(*assigned: Assigned, principal: Any = REQUIRED, account: Any = ACCOUNT_ID, group: Any = FOUND) -> Any:
    return user_assignment.Observed(principal, assigned, ((ACCOUNT, account),), ((GROUP, group),))


def change(observed: Any) -> Any:
    return kind_of(DECLARED).compare(DECLARED, observed)


@pytest.mark.parametrize(
    ("observed", "fields"),
    [
        (seen(*OURS), []),
        (seen(OURS[0]), [(GROUP, None, "assigned")]),
        (seen(*OURS, principal=LIVE_PRINCIPAL), [("assignment required", "no", "yes")]),
        (
            seen(principal=None, account=None, group=()),
            [(ACCOUNT, None, "assigned"), (GROUP, None, "assigned"), ("assignment required", "no", "yes")],
        ),
        (seen(*OURS, STRANGER), []),
    ],
)
def test_what_is_missing_is_named(observed: Any, fields: list[tuple[str, str | None, str]]) -> None:
    made = change(observed)
    assert made.action is (Action.UPDATE if fields else Action.KEEP)
    assert made.part is Part.ENTRA
    assert [(each.name, each.before, each.after) for each in made.fields] == fields


def test_others_who_are_assigned_are_told() -> None:
    for observed in (seen(*OURS, STRANGER, OTHERS), seen(STRANGER, OTHERS, principal=LIVE_PRINCIPAL)):
        notes = "\n".join(change(observed).notes)
        assert 'the account "Mallory <b>"' in notes
        assert 'the group "Everybody"' in notes
        assert ACCOUNT_ID not in notes
    assert change(seen(*OURS)).notes == ()


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (seen(*OURS), Ready()),
        (seen(), Ready()),
        (seen(principal=NOT_SEEN), UNSEEN),
        (replace(seen(), assigned=NOT_SEEN), UNSEEN),
        (seen(account=NOT_SEEN), UNSEEN),
        (seen(group=NOT_SEEN), UNSEEN),
        (
            seen(account=None),
            Blocked(
                f"there is no account {ACCOUNT} in this tenant: a User Administrator can make it, or give another one"
            ),
        ),
        (
            seen(group=()),
            Blocked(
                f"there is no group {GROUP} in this tenant: a Groups Administrator can make it, or give another one"
            ),
        ),
        (
            seen(group=(*FOUND, DirectoryGroup(ObjectId(a_guid(0x7B)), GROUP))),
            Blocked(f"several groups are called {GROUP}: give the object id of the one that is meant"),
        ),
    ],
)
def test_a_name_must_stand_for_one(observed: Any, expected: Any) -> None:
    assert kind_of(DECLARED).standing(DECLARED, observed, OPERATOR) == expected


def test_who_may_assign() -> None:
    only_applications = replace(OPERATOR, roles=frozenset({"Application.ReadWrite.All"}))
    judged = kind_of(DECLARED).standing(DECLARED, seen(), only_applications)
    assert isinstance(judged, Blocked)
    assert "AppRoleAssignment.ReadWrite.All" in judged.reason
    assert "Cloud Application Administrator" in judged.who_can
    switch_only = seen(*OURS, principal=LIVE_PRINCIPAL)
    assert kind_of(DECLARED).standing(DECLARED, switch_only, only_applications) == Ready()
    assert isinstance(kind_of(DECLARED).standing(DECLARED, switch_only, NOBODY), Blocked)


def test_removal_keeps_what_goes_with_the_enterprise_application() -> None:
    assert kind_of(DECLARED).compare_removal(DECLARED, seen(*OURS, STRANGER)).action is Action.KEEP


class Directory:
    """Assignments in memory, in the order in which they are made."""

    def __init__(self, *assigned: Assigned) -> None:
        self.assigned = list(assigned)
        self.hidden = False
        self.deeds: list[str] = []

    async def assigned_to(self, graph: object, service_principal_id: ObjectId) -> tuple[Assigned, ...]:
        assert service_principal_id == PRINCIPAL_ID
        return () if self.hidden else tuple(self.assigned)

    async def assign(self, graph: object, *, principal_id: ObjectId, service_principal_id: ObjectId) -> None:
        if principal_id in {each.principal_id for each in self.assigned}:
            raise AlreadyThere(Fault("graph", "POST", 400, "Request_BadRequest", "it already exists on the object"))
        self.assigned.append(Assigned(principal_id, "", "User", f"of {principal_id}"))
        self.deeds.append(principal_id)

    async def revoke(self, graph: object, service_principal_id: ObjectId, assignment_id: str) -> None:
        self.deeds.append(f"{assignment_id} sent away")

    async def require_assignment(self, graph: object, object_id: ObjectId) -> None:
        assert object_id == PRINCIPAL_ID
        self.deeds.append("required")


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Directory]:
    found = Directory()
    for name in ("assigned_to", "assign", "revoke"):
        monkeypatch.setattr(user_assignment.app_role_assignments, name, getattr(found, name))
    monkeypatch.setattr(user_assignment.service_principals, "require_assignment", found.require_assignment)
    yield found


class Lent:
    """Of `Hands` what assignments need; nothing here takes time."""

    graph = None

    def __init__(self, bindings: Bindings) -> None:
        self.bindings = bindings

    async def settled(self, subject: str, attempt: Callable[[], Awaitable[Any]]) -> Any:
        return await attempt()


def carry_out() -> None:
    bindings = Bindings(service_principals={PRINCIPAL.address: LIVE_PRINCIPAL})
    kind = kind_of(DECLARED)
    kind.bind(DECLARED, seen(), bindings)
    asyncio.run(kind.carry_out(DECLARED, change(seen()), Lent(bindings)))  # type: ignore[arg-type]


def test_the_door_is_closed_last(directory: Directory) -> None:
    carry_out()
    assert directory.deeds == [ACCOUNT_ID, GROUP_ID, "required"]


@pytest.mark.parametrize("hidden", [False, True], ids=["seen", "not shown"])
def test_nobody_is_assigned_twice_and_nobody_is_sent_away(directory: Directory, hidden: bool) -> None:
    directory.assigned = [STRANGER, OURS[0]]
    directory.hidden = hidden
    carry_out()
    assert directory.deeds == [GROUP_ID, "required"]
