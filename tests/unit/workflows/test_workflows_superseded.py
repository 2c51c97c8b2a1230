"""What earlier parameters asked for and the present ones do not: exactly that, and under an address of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provisioner.model.declared import (
    AppRoleGrant,
    ClientAccess,
    DelegatedGrant,
    MailboxPermission,
    Permission,
    PermissionKind,
    Protocol,
    RedirectUris,
    RequestedPermissions,
    ScopeGroup,
    UserAssignment,
)
from provisioner.model.identifiers import GRAPH_APP_ID, Address, base
from provisioner.workflows.superseded import superseded

APPLICATION, PRINCIPAL, POINTER = Address("application.main"), Address("service_principal.main"), Address("pointer")
SEND, READ = (Permission(GRAPH_APP_ID, PermissionKind.SCOPE, each) for each in ("Mail.Send", "Mail.Read"))
ROLE = Permission(GRAPH_APP_ID, PermissionKind.ROLE, "Mail.Send")
RIGHT = MailboxPermission(Address("mailbox_permission.main.FullAccess"), POINTER, "a@x.example", "FullAccess")
WISHES = RequestedPermissions(Address("requested_permissions.main"), APPLICATION, (SEND, READ))
URIS = RedirectUris(Address("redirect_uris.main"), APPLICATION, web=("https://a", "https://b"), public_client=True)
GROUP = ScopeGroup(Address("scope_group.s"), "g", "G", "tag", ("a@x.example", "b@x.example"))
GRANT = DelegatedGrant(Address("delegated_grant.main.graph"), PRINCIPAL, (SEND, READ), "a@x.example")
PEOPLE = UserAssignment(Address("user_assignment.main"), PRINCIPAL, ("a@x.example",), ("Sales",))
APP_ROLE = AppRoleGrant(Address("app_role_grant.main.graph.Mail.Send"), PRINCIPAL, ROLE)
SWITCH = ClientAccess(Address("client_access.sender"), "a@x.example", ((Protocol.SMTP_AUTH, True),))


@pytest.mark.parametrize("same", [RIGHT, WISHES, URIS, GROUP, GRANT, PEOPLE, APP_ROLE, SWITCH], ids=lambda x: x.address)
def test_what_is_still_wanted_is_not_superseded(same: Any) -> None:
    assert superseded([same], [same], 1) == ()


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        (RIGHT, replace(RIGHT, mailbox="b@x.example"), {"mailbox": "a@x.example", "superseded_by": "b@x.example"}),
        (RIGHT, None, {"mailbox": "a@x.example", "superseded_by": None}),
        (WISHES, replace(WISHES, permissions=(READ,)), {"permissions": (SEND,), "superseded": True}),
        (WISHES, None, {"permissions": (SEND, READ), "superseded": True}),
        (URIS, replace(URIS, web=("https://B",)), {"web": ("https://a",), "public_client": False, "superseded": True}),
        (URIS, None, {"web": ("https://a", "https://b"), "public_client": True, "superseded": True}),
        (
            GROUP,
            replace(GROUP, members=("A@x.example",)),
            {"members": ("b@x.example",), "superseded_by": ("A@x.example",)},
        ),
        (GRANT, replace(GRANT, permissions=(READ,)), {"permissions": (SEND,), "account": "a@x.example"}),
        (GRANT, replace(GRANT, account="b@x.example"), {"permissions": (SEND, READ), "account": "a@x.example"}),
        (GRANT, None, {"permissions": (SEND, READ)}),
        (PEOPLE, replace(PEOPLE, accounts=("b@x.example",)), {"accounts": ("a@x.example",), "groups": ()}),
        (PEOPLE, None, {"accounts": ("a@x.example",), "groups": ("Sales",)}),
        (APP_ROLE, None, {"permission": ROLE}),
    ],
)
def test_what_is_left(old: Any, new: Any, left: dict[str, Any]) -> None:
    (found,) = superseded([old], [new] if new is not None else [], 2)
    assert found.address == f"{old.address} (earlier 2)"
    assert base(found.address) == old.address
    assert {name: getattr(found, name) for name in left} == left


def test_the_same_mailbox_in_other_letters_is_the_same() -> None:
    assert superseded([RIGHT], [replace(RIGHT, mailbox="A@X.example")], 1) == ()


def test_shared_settings_are_no_part_of_it() -> None:
    assert superseded([SWITCH], [], 1) == ()
