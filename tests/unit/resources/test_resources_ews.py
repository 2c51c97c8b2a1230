"""The organisation's EWS gates: added to where there is a list, left to a person where there is none, never taken."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from resource_examples import APP_ID, APPLICATION, LIVE, NOT_SEEN, OPERATOR, OTHER_APP_ID, PRINCIPAL_ID, UNSEEN
from test_resources_scopes import hands

from provisioner.errors import ProvisionerError
from provisioner.exchange.interface import CmdletReply, Parameter
from provisioner.model.change import Action, Blocked, Change, Gate, Manual, Part, Ready
from provisioner.model.declared import EwsAccess
from provisioner.model.identifiers import Address, AppId
from provisioner.model.observed import EwsGates, NotSeen, ServicePrincipalObject
from provisioner.model.plan import change_digest
from provisioner.model.tenant import ExchangeDriver
from provisioner.resources import ews_access, kind_of
from provisioner.resources.ews_access import Observed
from provisioner.resources.hands import Bindings

ACCESS = EwsAccess(Address("ews_access.main"), APPLICATION.address)
KIND = kind_of(ACCESS)
OTHER = ServicePrincipalObject(PRINCIPAL_ID, OTHER_APP_ID, "Room Panels", enabled=True)


def gates(*allowed: str, enabled: bool | None = True, **more: Any) -> EwsGates:
    return EwsGates(enabled, tuple(AppId(each) for each in allowed), **more)


def seen(found: Any, app_id: Any = APP_ID, users: Any = ()) -> Observed:
    return Observed(found, app_id, users)


@pytest.mark.parametrize("enabled", [True, None])
def test_adding_to_a_list_concerns_nobody_else_and_has_no_gate(enabled: bool | None) -> None:
    found = KIND.compare(ACCESS, seen(gates(OTHER_APP_ID, enabled=enabled)))
    assert (found.action, found.gate, found.part) == (Action.UPDATE, None, Part.EXCHANGE)
    ((name, before, after),) = [(each.name, each.before, each.after) for each in found.fields]
    assert (name, before) == ("EwsAllowedAppIDs", OTHER_APP_ID)
    assert APP_ID not in str(after), "a plan must mean the same before the application is there"
    assert "24 hours" in " ".join(found.notes)
    assert KIND.standing(ACCESS, seen(gates(OTHER_APP_ID, enabled=enabled)), OPERATOR) == Ready()


def test_the_plan_means_the_same_before_and_after_registering() -> None:
    before, after = (KIND.compare(ACCESS, seen(gates(OTHER_APP_ID), app_id)) for app_id in (None, APP_ID))
    assert change_digest(before) == change_digest(after)
    other = KIND.compare(ACCESS, seen(gates(OTHER_APP_ID, "x")))
    assert change_digest(other) != change_digest(after), "another list is another plan"


@pytest.mark.parametrize("listed", [(OTHER_APP_ID, APP_ID), (APP_ID.upper(),)])
def test_who_is_listed_is_kept(listed: tuple[str, ...]) -> None:
    assert KIND.compare(ACCESS, seen(gates(*listed))).action is Action.KEEP


def test_the_switch_has_a_gate_of_its_own() -> None:
    found = KIND.compare(ACCESS, seen(gates(OTHER_APP_ID, enabled=False)))
    assert found.gate is Gate.ORGANISATION_WIDE
    assert [each.name for each in found.fields] == ["EwsAllowedAppIDs", "EwsEnabled"]
    alone = KIND.compare(ACCESS, seen(gates(APP_ID, enabled=False)))
    assert (alone.action, alone.gate) == (Action.UPDATE, Gate.ORGANISATION_WIDE)
    assert [each.name for each in alone.fields] == ["EwsEnabled"]


def test_a_switch_that_is_not_set_is_told_and_left() -> None:
    found = KIND.compare(ACCESS, seen(gates(APP_ID, enabled=None)))
    assert found.action is Action.KEEP
    assert "EwsEnabled is not set" in " ".join(found.notes)


@pytest.mark.parametrize("enabled", [True, None, False])
def test_an_empty_list_is_a_persons_who_hears_whom_it_concerns(enabled: bool | None) -> None:
    observed = seen(gates(enabled=enabled), users=(OTHER,))
    standing = KIND.standing(ACCESS, observed, OPERATOR)
    assert isinstance(standing, Manual)
    assert f"Room Panels ({OTHER_APP_ID})" in standing.instruction
    assert APP_ID in standing.instruction
    assert ("-EwsEnabled $true" in standing.instruction) is (enabled is not True)
    assert standing.role == "Exchange Administrator"
    assert standing.proof


def test_users_that_were_not_seen_are_not_no_users() -> None:
    standing = KIND.standing(ACCESS, seen(gates(), users=NOT_SEEN), OPERATOR)
    assert isinstance(standing, Manual)
    assert "not seen" in standing.instruction
    assert "no other application" not in standing.instruction


@pytest.mark.parametrize("observed", [seen(NOT_SEEN), seen(gates(OTHER_APP_ID), NOT_SEEN)])
def test_gates_that_were_not_seen_block(observed: Observed) -> None:
    assert KIND.standing(ACCESS, observed, OPERATOR) == UNSEEN
    assert KIND.compare(ACCESS, observed).action is Action.UPDATE


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"agent_policy": "EnforceAllowList", "allowed_agents": ("Outlook*",)}, "only these may use EWS: Outlook*"),
        ({"agent_policy": "EnforceAllowList"}, "only these may use EWS: nobody"),
        ({"agent_policy": "EnforceBlockList", "blocked_agents": ("Bot",)}, "may not use EWS: Bot"),
    ],
)
def test_user_agents_are_explained_and_never_written(more: dict[str, Any], said: str) -> None:
    found = KIND.compare(ACCESS, seen(gates(APP_ID, **more)))
    assert found.action is Action.KEEP
    assert said in " ".join(found.notes)


def test_who_uses_ews_is_asked_only_where_the_list_is_empty() -> None:
    class Sight:
        def __init__(self, found: EwsGates | NotSeen) -> None:
            self.found, self.asked = found, 0

        async def ews_gates(self) -> EwsGates | NotSeen:
            return self.found

        async def app_id(self, application: Address) -> AppId:
            return APP_ID

        async def users_of(self, roles: Any, scopes: Any) -> tuple[ServicePrincipalObject, ...]:
            self.asked += 1
            assert [each.value for each in (*roles, *scopes)] == [
                "full_access_as_app",
                "EWS.AccessAsUser.All",
                "EWS.AccessAsUser.All",
            ]
            return (OTHER,)

    for found, asked in ((gates(OTHER_APP_ID), 0), (NOT_SEEN, 0), (gates(), 1)):
        sight = Sight(found)
        observed = asyncio.run(KIND.read(ACCESS, sight))  # type: ignore[arg-type]
        assert (sight.asked, observed.users) == (asked, (OTHER,) if asked else ())


# --- carrying out


@dataclass
class Organization:
    """An Exchange that has nothing but an organisation."""

    listed: str
    enabled: bool | None = True
    writes: list[dict[str, Parameter]] = field(default_factory=list)
    name: ExchangeDriver = ExchangeDriver.PSRP
    undocumented: bool = False

    async def run(self, cmdlet: str, parameters: dict[str, Parameter]) -> CmdletReply:
        if cmdlet == "Get-OrganizationConfig":
            shown = self.listed if parameters.get("RetrieveEwsOperationAccessPolicy") else ""
            return CmdletReply(({"EwsEnabled": self.enabled, "EwsAllowedAppIDs": shown},), ())
        assert cmdlet == "Set-OrganizationConfig"
        self.writes.append(dict(parameters))
        self.listed = str(parameters.get("EwsAllowedAppIDs", self.listed))
        return CmdletReply((), ())

    async def close(self) -> None:
        pass


def carried_out(planned: EwsGates, organization: Organization) -> Change:
    change = KIND.compare(ACCESS, seen(planned))
    lent = hands(organization, Bindings(applications={APPLICATION.address: LIVE}))  # type: ignore[arg-type]
    asyncio.run(KIND.carry_out(ACCESS, change, lent))
    return change


def test_the_write_is_the_whole_list_and_ours() -> None:
    organization = Organization(f"{OTHER_APP_ID},x")
    carried_out(gates(OTHER_APP_ID, "x"), organization)
    assert organization.writes == [{"EwsAllowedAppIDs": f"{OTHER_APP_ID},x,{APP_ID}"}]
    carried_out(gates(OTHER_APP_ID, "x"), organization)
    assert len(organization.writes) == 1, "who is listed by now causes no second write"


@pytest.mark.parametrize("listed", ["", f"{OTHER_APP_ID},new"])
def test_a_list_that_is_another_by_now_is_left_alone(listed: str) -> None:
    organization = Organization(listed)
    with pytest.raises(ProvisionerError, match="nothing was written"):
        carried_out(gates(OTHER_APP_ID), organization)
    assert organization.writes == []


def test_the_switch_alone_writes_no_list() -> None:
    organization = Organization(APP_ID, enabled=False)
    carried_out(gates(APP_ID, enabled=False), organization)
    assert organization.writes == [{"EwsEnabled": True}]


def test_the_list_before_us_is_in_the_change_for_the_receipt() -> None:
    change = carried_out(gates(OTHER_APP_ID), Organization(OTHER_APP_ID))
    assert {each.name: each.before for each in change.fields} == {"EwsAllowedAppIDs": OTHER_APP_ID}


# --- leaving


@pytest.mark.parametrize("found", [gates(APP_ID), gates(APP_ID, OTHER_APP_ID), gates(), NOT_SEEN])
def test_nothing_is_ever_taken_out_of_the_list(found: Any) -> None:
    assert KIND.compare_removal(ACCESS, seen(found)).action is Action.KEEP
    with pytest.raises(AssertionError):
        asyncio.run(KIND.remove(ACCESS, KIND.compare_removal(ACCESS, seen(found)), None))  # type: ignore[arg-type]


def test_a_person_is_shown_the_list_without_us_and_as_it_was() -> None:
    step = ews_access.left_behind(seen(gates(OTHER_APP_ID, APP_ID, "x")), (("EwsAllowedAppIDs", OTHER_APP_ID),))
    assert step is not None
    assert f"-EwsAllowedAppIDs '{OTHER_APP_ID},x'" in step.instruction
    assert f"Before our run: EwsAllowedAppIDs: {OTHER_APP_ID}" in step.instruction


def test_the_only_entry_is_to_stay() -> None:
    step = ews_access.left_behind(seen(gates(APP_ID)), ())
    assert step is not None
    assert "Leave it there" in step.instruction
    assert "Set-OrganizationConfig" not in step.instruction


def test_where_nothing_is_left_of_us_nothing_is_said() -> None:
    assert ews_access.left_behind(seen(gates(OTHER_APP_ID)), ()) is None
    assert ews_access.left_behind(seen(NOT_SEEN), ()) is None
    unseen = ews_access.left_behind(seen(NOT_SEEN), (("EwsAllowedAppIDs", None),))
    assert unseen is not None
    assert "not seen" in unseen.instruction


def test_what_blocks_is_no_matter_of_a_role() -> None:
    """A refused look names who can; so the script takes it on where nobody of ours may look."""
    standing = KIND.standing(ACCESS, seen(replace(NOT_SEEN, who_can=("Exchange Administrator",))), OPERATOR)
    assert isinstance(standing, Blocked)
    assert standing.who_can == ("Exchange Administrator",)
