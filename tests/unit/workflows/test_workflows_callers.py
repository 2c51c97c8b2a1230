"""Roles on call: read for people only; refused is "not seen", no licence is "none"."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from provisioner.errors import Refused, ServiceFault
from provisioner.graph import Graph, directory_roles
from provisioner.model.faults import Fault
from provisioner.model.observed import Caller
from provisioner.workflows.callers import with_eligible_roles

ACTIVE, WAITING = "29232cdf-9323-42fd-ade2-1d097af3e4de", "62e90394-69f5-4237-9190-012177145e10"
PERSON = Caller("user", "anna@contoso.example", "o1", directory_roles=frozenset({ACTIVE}))
GRAPH = cast("Graph", object())


def seen(caller: Caller, answer: Any, monkeypatch: pytest.MonkeyPatch) -> frozenset[str] | None:
    async def eligible(graph: Graph, principal_id: str) -> frozenset[str]:
        assert principal_id == caller.object_id
        if isinstance(answer, Exception):
            raise answer
        return cast("frozenset[str]", answer)

    monkeypatch.setattr(directory_roles, "eligible", eligible)
    return asyncio.run(with_eligible_roles(GRAPH, caller)).eligible_roles


def fault(status: int, code: str) -> Fault:
    return Fault("graph", "GET /roleManagement", status, code, "said so")


def test_what_is_active_already_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(PERSON, frozenset({ACTIVE, WAITING}), monkeypatch) == frozenset({WAITING})


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refused(fault(403, "Authorization_RequestDenied")), None),
        (ServiceFault(fault(503, "ServiceUnavailable")), None),
        (ServiceFault(fault(400, "AadPremiumLicenseRequired")), frozenset()),
    ],
)
def test_a_look_that_fails_is_no_look(
    error: ServiceFault, expected: frozenset[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seen(PERSON, error, monkeypatch) == expected


@pytest.mark.parametrize("caller", [Caller("application", "tool", "o1"), Caller("user", "", None, known=False)])
def test_nobody_else_is_asked_for(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(caller, AssertionError("asked"), monkeypatch) == frozenset()
