"""Preflight beside a plan, over a tenant in memory: a look that is refused or fails is "not seen", never "fine"."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tenant_double import SENDER, TenantDouble, a_request, forbidden, refused

from provisioner.errors import ServiceFault, WrongTenant
from provisioner.home import Home
from provisioner.model.change import Ready
from provisioner.model.faults import Fault
from provisioner.model.plan import Plan
from provisioner.model.preflight import Severity
from provisioner.model.tenant import ExchangeDriver, ManagementHost
from provisioner.workflows.plan import plan

POLICIES, RECIPIENT = "GET /identity/conditionalAccess/policies", "Get-Recipient"
BROKEN = ServiceFault(Fault("exchange", RECIPIENT, 500, "", "a fault of its own"))


def looked(tenant: TenantDouble, tmp_path: Path) -> Plan:
    return asyncio.run(plan(a_request(), tenant.ports(Home(tmp_path)))).plan


def test_what_was_seen_and_is_right_is_not_mentioned(tmp_path: Path) -> None:
    assert looked(TenantDouble(), tmp_path).preflight == ()


@pytest.mark.parametrize(
    ("asked", "fault", "about"),
    [
        (RECIPIENT, forbidden(), SENDER),
        (RECIPIENT, BROKEN, SENDER),
        (POLICIES, refused, "Cryptshare Server"),
    ],
    ids=["mailbox refused", "mailbox broken", "policies refused"],
)
def test_what_was_not_seen_is_said_and_in_nobodys_way(tmp_path: Path, asked: str, fault: Any, about: str) -> None:
    tenant = TenantDouble()
    tenant.faults.append((asked, fault))
    made = looked(tenant, tmp_path)
    assert tenant.faults == [], "it was asked"
    told = [(each.name, each.severity, each.about) for each in made.preflight]
    assert told == [("not_seen", Severity.NOT_SEEN, about)]
    assert all(isinstance(each.standing, Ready) for each in made.pending)


@pytest.mark.parametrize("asked", [RECIPIENT, "Get-MailboxPermission"], ids=["beside the plan", "for the plan"])
def test_a_host_that_turns_out_to_be_in_another_tenant_ends_it(tmp_path: Path, asked: str) -> None:
    tenant = TenantDouble()
    tenant.faults.append((asked, WrongTenant(Fault("exchange", asked, 403, "", "it is Fabrikam"))))
    with pytest.raises(WrongTenant, match="Fabrikam"):
        looked(tenant, tmp_path)


def test_a_host_told_to_work_in_another_tenant_ends_it(tmp_path: Path) -> None:
    request = a_request()
    host = ManagementHost("exo.example", jea=True, organization="contoso.example")
    on_host = replace(request.tenant, exchange=ExchangeDriver.PSRP, host=host)
    asyncio.run(plan(replace(request, tenant=on_host), TenantDouble().ports(Home(tmp_path))))
    elsewhere = replace(on_host, host=replace(host, organization="fabrikam.example"))
    with pytest.raises(WrongTenant, match=r"fabrikam\.example.*Contoso"):
        asyncio.run(plan(replace(request, tenant=elsewhere), TenantDouble().ports(Home(tmp_path))))
