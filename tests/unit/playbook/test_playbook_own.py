"""Our own applications' playbooks hold exactly the permissions that the tool's own requests need: no more, no less.

What a request needs is said beside it (`graph/rights.py`, from Microsoft's permissions reference); this test reads
which of those rights the code really uses.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from provisioner import playbook
from provisioner.graph import rights
from provisioner.graph.rights import Right
from provisioner.model.declaration import Declaration
from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    DelegatedGrant,
    DirectoryRoleAssignment,
    KeyCredential,
    RequestedPermissions,
    ServicePrincipal,
)
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID
from provisioner.workflows.bootstrap import ASKED_FOR

GRAPH = Path(rights.__file__).parent

IMPLIED = {
    "Application.ReadWrite.All": {"Application.Read.All"},
    "Directory.Read.All": {"Application.Read.All", "GroupMember.Read.All", "Organization.Read.All", "User.Read.All"},
}
"""What a permission covers beside itself. Source: Microsoft Graph permissions reference (higher privileged column)."""

A_PERSONS = {"READ_DIRECTORY_ROLES", "ASSIGN_DIRECTORY_ROLES"}
"""Used while a person is signed in, and never as an application: to see which roles could be activated, and to give our
own applications theirs."""


def used() -> dict[str, Right]:
    """The rights that requests in graph/ name. Those of a product's own mailbox have nobody who could do it for us."""
    known = {name: each for name, each in vars(rights).items() if isinstance(each, Right)}
    names = {
        node.id
        for path in GRAPH.glob("*.py")
        if path.name != "rights.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name)
    }
    assert known.keys() <= names, f"a right that no request needs: {known.keys() - names}"
    return {name: each for name, each in known.items() if each.who_can and name not in A_PERSONS}


def declared(name: str) -> Declaration:
    book = playbook.load(*playbook.find(name))
    return playbook.declare(book, variant="guide", parameters=playbook.parameters(book, {}), instance="default")


def granted(declaration: Declaration, api: str) -> set[str]:
    assert not [each for each in declaration.resources if isinstance(each, DelegatedGrant)]
    return {
        each.permission.value
        for each in declaration.resources
        if isinstance(each, AppRoleGrant) and each.permission.resource_app_id == api
    }


def covered(permissions: set[str]) -> set[str]:
    return permissions.union(*(IMPLIED.get(each, set()) for each in permissions))


def test_the_operator_holds_exactly_what_the_tools_requests_need() -> None:
    permissions = granted(declared("provisioner/operator"), GRAPH_APP_ID)
    needed = {permission for right in used().values() for permission in right.permissions}
    assert needed - covered(permissions) == set(), "a request would be refused"
    for each in permissions:
        assert needed - covered(permissions - {each}), f"{each} is not needed"


def test_the_auditor_holds_what_reading_needs_and_nothing_that_writes() -> None:
    permissions = granted(declared("provisioner/auditor"), GRAPH_APP_ID)
    reading = {
        permission for name, right in used().items() if name.startswith("READ_") for permission in right.permissions
    }
    assert reading <= covered(permissions)
    assert [each for each in permissions if not each.endswith(".Read.All")] == []


@pytest.mark.parametrize(
    ("name", "role"), [("provisioner/operator", "Exchange Administrator"), ("provisioner/auditor", "Global Reader")]
)
def test_exchange_gets_its_permission_and_the_least_role(name: str, role: str) -> None:
    declaration = declared(name)
    assert granted(declaration, EXCHANGE_APP_ID) == {"Exchange.ManageAsApp"}
    roles = [each.role for each in declaration.resources if isinstance(each, DirectoryRoleAssignment)]
    assert roles == [role]


BOTH = ("provisioner/operator", "provisioner/auditor")
OF_KIND = {
    Application: rights.WRITE_APPLICATIONS,
    RequestedPermissions: rights.WRITE_APPLICATIONS,
    KeyCredential: rights.WRITE_APPLICATIONS,
    ServicePrincipal: rights.WRITE_APPLICATIONS,
    AppRoleGrant: rights.GRANT_GRAPH_ROLES,
    DirectoryRoleAssignment: rights.ASSIGN_DIRECTORY_ROLES,
}
"""What it takes to set up what the two playbooks declare."""


def test_an_administrators_first_sign_in_asks_for_what_setting_them_up_needs_and_no_more() -> None:
    needed = set(rights.READ_ORGANIZATION.permissions)
    for name in BOTH:
        needed.update(*(OF_KIND[type(each)].permissions for each in declared(name).resources))
    asked = set(ASKED_FOR)
    assert needed - covered(asked) == set(), "a request would be refused"
    for each in asked:
        assert needed - covered(asked - {each}), f"{each} is not needed"
