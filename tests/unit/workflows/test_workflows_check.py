"""`tenants check` says what to do about a sign-in that will not do, and never takes a refusal for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioner.errors import NotYet, ProvisionerError, Refused, WrongTenant
from provisioner.exchange import CmdletReply
from provisioner.graph import organization as graph_organization
from provisioner.model.change import Blocked
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AZURE_CLI_APP_ID, AppId, TenantId
from provisioner.model.observed import Caller, NotSeen, Organization
from provisioner.model.tenant import WORLDWIDE, ExchangeDriver, ManagementHost, SignIn, SignInMethod, Tenant
from provisioner.resources.abilities import may_assign_directory_roles
from provisioner.workflows.check import AZURE_CLI, INACTIVE, Checked, check_tenant
from provisioner.workflows.ports import Ports

TENANT = Tenant("contoso", TenantId("t"), WORLDWIDE, SignIn(SignInMethod.BROWSER, AppId("c")))
ANNA = Caller("user", "anna@contoso.example", "o1", client_id=AppId("c"))


ON_HOST = replace(
    TENANT,
    exchange=ExchangeDriver.PSRP,
    host=ManagementHost("exo.example", jea=True, organization="contoso.onmicrosoft.com"),
)


class Host:
    """Exchange behind a host that says one thing only."""

    name = ExchangeDriver.PSRP
    undocumented = False

    def __init__(self, answer: ProvisionerError | None) -> None:
        self._answer = answer
        self.asked = 0

    async def run(self, cmdlet: str, parameters: object) -> CmdletReply:
        self.asked += 1
        if self._answer is not None:
            raise self._answer
        return CmdletReply((), ())


def checked(
    caller: Caller,
    answer: Any,
    monkeypatch: pytest.MonkeyPatch,
    *,
    tenant: Tenant = TENANT,
    exchange: Host | None = None,
    domains: frozenset[str] = frozenset(),
) -> Checked:
    @asynccontextmanager
    async def connect(tenant: Tenant) -> AsyncIterator[Any]:
        yield SimpleNamespace(caller=caller, graph=None, exchange=exchange)

    async def organization(_: object) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return Organization(TENANT.tenant_id, answer, "contoso.example", "c.onmicrosoft.com", domains=domains)

    monkeypatch.setattr(graph_organization, "organization", organization)
    return asyncio.run(check_tenant(tenant, cast("Ports", SimpleNamespace(connect=connect))))


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


CONTOSOS = frozenset({"contoso.example", "contoso.onmicrosoft.com"})


@pytest.mark.parametrize(
    ("organization", "domains"),
    [
        ("contoso.onmicrosoft.com", CONTOSOS),
        ("Contoso.OnMicrosoft.com", CONTOSOS),
        ("T", CONTOSOS),
        (None, CONTOSOS),
        ("contoso.onmicrosoft.com", frozenset()),
    ],
    ids=["domain", "capitals", "tenant id", "none named", "no domains told"],
)
def test_a_host_in_the_same_tenant_answers(
    monkeypatch: pytest.MonkeyPatch, organization: str | None, domains: frozenset[str]
) -> None:
    assert ON_HOST.host is not None
    tenant = replace(ON_HOST, host=replace(ON_HOST.host, organization=organization))
    found = checked(ANNA, "Contoso", monkeypatch, tenant=tenant, exchange=Host(None), domains=domains)
    assert found.exchange == "psrp: answers"


def test_a_host_told_to_work_in_another_tenant_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(None)
    with pytest.raises(WrongTenant) as refused:
        checked(ANNA, "Fabrikam", monkeypatch, tenant=ON_HOST, exchange=host, domains=frozenset({"fabrikam.example"}))
    assert "contoso.onmicrosoft.com" in refused.value.message
    assert "Fabrikam" in refused.value.message
    assert refused.value.exit_code == 5
    assert host.asked == 0


def test_only_a_host_has_an_organisation_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = replace(ON_HOST, exchange=ExchangeDriver.REST)
    found = checked(ANNA, "F", monkeypatch, tenant=tenant, exchange=Host(None), domains=frozenset({"fabrikam.example"}))
    assert "answers" in found.exchange


def test_exchanges_faults_are_told_but_not_that_it_is_another_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault("exchange", "Connect-ExchangeOnline", 403, "x", "the host has connected to fabrikam")
    told = checked(ANNA, "Contoso", monkeypatch, exchange=Host(NotYet(fault)))
    assert "the host has connected to fabrikam" in told.exchange
    with pytest.raises(WrongTenant):
        checked(ANNA, "Contoso", monkeypatch, exchange=Host(WrongTenant(fault)))
