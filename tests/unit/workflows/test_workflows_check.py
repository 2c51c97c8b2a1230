"""`tenants check` says what to do about a sign-in that will not do, and never takes a refusal for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioner.errors import Refused
from provisioner.graph import organization as graph_organization
from provisioner.model.change import Blocked
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AZURE_CLI_APP_ID, AppId, TenantId
from provisioner.model.observed import Caller, NotSeen
from provisioner.model.tenant import WORLDWIDE, SignIn, SignInMethod, Tenant
from provisioner.resources.abilities import may_assign_directory_roles
from provisioner.workflows.check import AZURE_CLI, INACTIVE, Checked, check_tenant
from provisioner.workflows.ports import Ports

TENANT = Tenant("contoso", TenantId("t"), WORLDWIDE, SignIn(SignInMethod.BROWSER, AppId("c")))
ANNA = Caller("user", "anna@contoso.example", "o1", client_id=AppId("c"))


def checked(caller: Caller, answer: Any, monkeypatch: pytest.MonkeyPatch) -> Checked:
    @asynccontextmanager
    async def connect(tenant: Tenant) -> AsyncIterator[Any]:
        yield SimpleNamespace(caller=caller, graph=None, exchange=None)

    async def organization(_: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(display_name=answer)

    monkeypatch.setattr(graph_organization, "organization", organization)
    return asyncio.run(check_tenant(TENANT, cast("Ports", SimpleNamespace(connect=connect))))


def test_nothing_is_to_do_for_who_is_well_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(ANNA, "Contoso", monkeypatch)
    assert (found.display_name, found.notes) == ("Contoso", ())


def test_a_refused_look_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Refused(
        Fault("graph", "GET /organization", 403, "Authorization_RequestDenied", "Insufficient privileges")
    )
    found = checked(ANNA, refused, monkeypatch)
    assert isinstance(found.display_name, NotSeen)
    assert "Insufficient privileges" in found.display_name.reason


def test_the_azure_cli_and_waiting_roles_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    cli = Caller("user", "anna", "o1", client_id=AZURE_CLI_APP_ID, eligible_roles=frozenset({"r"}))
    assert checked(cli, "Contoso", monkeypatch).notes == (AZURE_CLI, INACTIVE)


def test_a_plan_sends_who_came_with_the_azure_cli_to_an_application_of_their_own() -> None:
    for client, told in ((AZURE_CLI_APP_ID, True), (AppId("c"), False)):
        standing = may_assign_directory_roles(Caller("user", "anna", "o1", client_id=client), "Global Reader")
        assert isinstance(standing, Blocked)
        assert ("tenants bootstrap" in standing.reason) is told
