"""Certificates of an application, and directory roles: what is sent, and what stays."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from graph_doubles import FakeGraph, problem

from provisioner.errors import AlreadyThere, Refused
from provisioner.graph import Graph, directory_roles, key_credentials
from provisioner.model.identifiers import ObjectId

T = TypeVar("T")
OBJ = ObjectId("bbbbbbbb-0000-4000-8000-000000000001")
ROLE = "29232cdf-9323-42fd-ade2-1d097af3e4de"
DER = b"0\x82 a certificate"
THUMBPRINT = key_credentials.thumbprint_of(DER)
START, END = datetime(2026, 11, 22, tzinfo=UTC), datetime(2027, 11, 22, tzinfo=UTC)
THEIRS = {
    "customKeyIdentifier": "52ED9B5038A47B9E2E2190715CC238359D4F8F73",
    "displayName": "somebody's",
    "endDateTime": "2028-01-01T00:00:00Z",
    "key": None,
    "keyId": "aaaaaaaa-0000-4000-8000-00000000000a",
    "startDateTime": "2026-01-01T00:00:00Z",
    "type": "AsymmetricX509Cert",
    "usage": "Verify",
}
OURS = {
    **THEIRS,
    "displayName": "ours",
    "keyId": "aaaaaaaa-0000-4000-8000-00000000000b",
    "customKeyIdentifier": THUMBPRINT,
}


def run(fake: FakeGraph, work: Callable[[Graph], Awaitable[T]]) -> T:
    async def main() -> T:
        async with fake.connect() as graph:
            return await work(graph)

    return asyncio.run(main())


def add(fake: FakeGraph) -> None:
    run(
        fake,
        lambda graph: key_credentials.add(graph, OBJ, display_name="ours", certificate=DER, start=START, end=END),
    )


def application(*credentials: dict[str, Any]) -> dict[str, Any]:
    return {"id": OBJ, "keyCredentials": list(credentials)}


def test_a_certificate_is_added_and_the_others_are_sent_along_as_they_were() -> None:
    fake = FakeGraph().on("GET", f"/applications/{OBJ}", application(THEIRS)).on("PATCH", f"/applications/{OBJ}", {})
    add(fake)
    theirs, new = fake.bodies[-1]["keyCredentials"]
    assert theirs["customKeyIdentifier"] == THEIRS["customKeyIdentifier"]
    assert {name: theirs[name] for name in ("keyId", "displayName", "type", "usage")} == {
        name: THEIRS[name] for name in ("keyId", "displayName", "type", "usage")
    }
    assert base64.b64decode(new["key"]) == DER
    assert (new["type"], new["usage"], new["displayName"]) == ("AsymmetricX509Cert", "Verify", "ours")
    assert new["endDateTime"].startswith("2027-11-22T00:00:00")


def test_a_certificate_that_is_there_is_not_added_again() -> None:
    fake = FakeGraph().on("GET", f"/applications/{OBJ}", application(THEIRS, OURS))
    add(fake)
    assert not any(each.startswith("PATCH") for each in fake.asked)


def test_only_the_certificate_that_is_named_is_removed() -> None:
    fake = FakeGraph().on("GET", f"/applications/{OBJ}", application(THEIRS, OURS)).on("PATCH", "/applications", {})
    run(fake, lambda graph: key_credentials.remove(graph, OBJ, THUMBPRINT))
    (left,) = fake.bodies[-1]["keyCredentials"]
    assert left["keyId"] == THEIRS["keyId"]


@pytest.mark.parametrize(
    "credential",
    [
        OURS,
        {**OURS, "customKeyIdentifier": base64.b64encode(bytes.fromhex(THUMBPRINT)).decode()},
        {**OURS, "customKeyIdentifier": None, "key": base64.b64encode(DER).decode()},
    ],
)
def test_a_thumbprint_in_any_of_its_forms(credential: dict[str, Any]) -> None:
    assert key_credentials.parse(credential).thumbprint == THUMBPRINT


def test_what_is_no_thumbprint_is_none() -> None:
    assert key_credentials.parse({**OURS, "customKeyIdentifier": "bXkga2V5"}).thumbprint is None


def test_a_policy_against_certificates_is_named() -> None:
    answer = problem(400, "CredentialInvalidLifetimeAsPerAppPolicy", "The credential is invalid.")
    fake = FakeGraph().on("GET", "/applications", application()).on("PATCH", "/applications", answer)
    with pytest.raises(Refused) as caught:
        add(fake)
    assert "shorter lifetime" in (caught.value.advice or "")


def test_roles_held_and_eligible() -> None:
    held = {"id": "x1", "principalId": OBJ, "roleDefinitionId": ROLE.upper(), "directoryScopeId": "/"}
    narrow = {**held, "id": "x2", "directoryScopeId": "/administrativeUnits/1"}
    fake = FakeGraph()
    fake.on(
        "GET", f"/roleManagement/directory/roleAssignments?$filter=principalId eq '{OBJ}'", {"value": [held, narrow]}
    )
    fake.on(
        "GET",
        f"/roleManagement/directory/roleEligibilityScheduleInstances?$filter=principalId eq '{OBJ}'",
        {"value": [{"roleDefinitionId": ROLE}]},
    )
    found = run(fake, lambda graph: directory_roles.held_by(graph, OBJ))
    assert [(each.role_id, each.whole_tenant) for each in found] == [(ROLE, True), (ROLE, False)]
    assert run(fake, lambda graph: directory_roles.eligible(graph, OBJ)) == {ROLE}


def test_a_role_is_assigned_for_the_whole_tenant_and_a_second_time_is_told() -> None:
    conflict = problem(
        400,
        "Request_BadRequest",
        "A conflicting object with one or more of the specified property values is present in the directory.",
    )
    fake = FakeGraph().on("POST", "/roleManagement/directory/roleAssignments", {"id": "x"}, conflict)
    run(fake, lambda graph: directory_roles.assign(graph, OBJ, ROLE))
    assert {name: fake.bodies[0][name] for name in ("principalId", "roleDefinitionId", "directoryScopeId")} == {
        "principalId": OBJ,
        "roleDefinitionId": ROLE,
        "directoryScopeId": "/",
    }
    with pytest.raises(AlreadyThere):
        run(fake, lambda graph: directory_roles.assign(graph, OBJ, ROLE))
