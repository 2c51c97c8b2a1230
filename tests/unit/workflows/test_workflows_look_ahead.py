"""Preflight beside a plan, over a tenant in memory: a look that is refused or fails is "not seen", never "fine"."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tenant_double import SENDER, TenantDouble, a_request, forbidden, refused

from provisioner.errors import ServiceFault
from provisioner.home import Home
from provisioner.model.change import Ready
from provisioner.model.faults import Fault
from provisioner.model.plan import Plan
from provisioner.model.preflight import Severity
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
