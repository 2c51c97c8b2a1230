"""Scoped roles: what a tenant shows against what is wanted, and carrying it out over an Exchange in memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from resource_examples import (
    APPLICATION,
    EXCHANGE_API,
    EXCHANGE_RESOURCE,
    GRAPH_API,
    GRAPH_RESOURCE,
    LIVE,
    LIVE_PRINCIPAL,
    MAIL_SEND,
    MAIL_SEND_ID,
    MAILBOX,
    NOBODY,
    NOT_SEEN,
    NOW,
    OPERATOR,
    POINTER,
    PRINCIPAL,
    RIGHT_POINTER,
    SEND_AS_APP,
    SEND_AS_APP_ID,
    TAG,
    TENANT_ID,
    UNSEEN,
    granted,
)

from provisioner.errors import Absent, AlreadyThere, NotYet, ServiceFault
from provisioner.exchange.interface import CmdletReply, Parameter
from provisioner.model.change import Action, Blocked, Gate, Part, Ready
from provisioner.model.declared import (
    ManagementRoleAssignment,
    ManagementScope,
    OrganizationCustomization,
    Permission,
    PermissionKind,
    ScopeGroup,
    UnscopedGrants,
)
from provisioner.model.faults import Fault
from provisioner.model.identifiers import EXCHANGE_APP_ID, Address
from provisioner.model.observed import (
    ClientAccessSettings,
    ExchangeGroup,
    ExchangeGroupMember,
    ManagementScopeRecord,
    OrganizationSettings,
    RequestedAccess,
    ResourcePrincipal,
    RoleAssignmentRecord,
    RoleAuthorization,
)
from provisioner.resources import (
    kind_of,
    management_role_assignment,
    management_scope,
    scope_group,
    unscoped_grants,
)
from provisioner.resources.hands import Bindings, Hands

NAME = "provisioner-cryptshare-server-default-sender"
DN = f"CN={NAME},DC=PROD,DC=OUTLOOK,DC=COM"
ROLE = "Application SMTP.SendAsApp"
NEIGHBOUR = "neighbour@contoso.example"

CUSTOMIZATION = OrganizationCustomization(Address("organization_customization"))
GROUP = ScopeGroup(Address("scope_group.sender"), NAME, "Cryptshare - mailboxes", TAG, (MAILBOX,))
SCOPE = ManagementScope(
    Address("management_scope.sender"), NAME, GROUP.address, (CUSTOMIZATION.address,), guide_steps=("1",)
)
ASSIGNMENT = ManagementRoleAssignment(
    Address("management_role_assignment.main.SMTP.SendAsApp"),
    "provisioner-cryptshare-server-default-main-SMTP.SendAsApp",
    ROLE,
    POINTER.address,
    SCOPE.address,
    NAME,
)
GRANTS = UnscopedGrants(
    Address("unscoped_grants.main"),
    APPLICATION.address,
    PRINCIPAL.address,
    POINTER.address,
    (SEND_AS_APP,),
    (),
    (ASSIGNMENT.address,),
)

LIVE_GROUP = ExchangeGroup(
    "guid", NAME, NAME, DN, security=True, closed=True, hidden=True, owners=("Organization Management",), notes=TAG
)
OURS = ExchangeGroupMember("cryptshare", MAILBOX, frozenset({MAILBOX}), mailbox=True)
FOREIGN = ExchangeGroupMember("neighbour", NEIGHBOUR, frozenset({NEIGHBOUR}), mailbox=True)
NESTED = ExchangeGroupMember("team", "team@contoso.example", frozenset({"team@contoso.example"}), mailbox=False)
SETTINGS = ClientAccessSettings(MAILBOX, None)


def group(
    live: Any = LIVE_GROUP, members: Any = (OURS,), missing: tuple[tuple[str, Any], ...] = ()
) -> scope_group.Observed:
    return scope_group.Observed(live, members, missing)


def change(declared: Any, observed: Any) -> Any:
    return kind_of(declared).compare(declared, observed)


def standing(declared: Any, observed: Any, caller: Any = OPERATOR) -> Any:
    return kind_of(declared).standing(declared, observed, caller)


# --- the organisation's switch


@pytest.mark.parametrize(
    ("observed", "action", "gate"),
    [
        (OrganizationSettings(dehydrated=True), Action.UPDATE, Gate.ORGANISATION_WIDE),
        (OrganizationSettings(dehydrated=False), Action.KEEP, None),
        (OrganizationSettings(dehydrated=None), Action.KEEP, None),
    ],
)
def test_an_organisations_switch_has_its_own_gate(
    observed: OrganizationSettings, action: Action, gate: Gate | None
) -> None:
    found = change(CUSTOMIZATION, observed)
    assert (found.action, found.gate, found.part) == (action, gate, Part.EXCHANGE)
    assert standing(CUSTOMIZATION, observed) == Ready()


def test_an_organisations_switch_is_never_taken_back() -> None:
    kind = kind_of(CUSTOMIZATION)
    assert kind.compare_removal(CUSTOMIZATION, OrganizationSettings(dehydrated=False)).action is Action.KEEP
    assert standing(CUSTOMIZATION, NOT_SEEN) == UNSEEN


# --- the group


def test_a_missing_group_is_made_with_its_members() -> None:
    found = change(GROUP, group(None, (), ((MAILBOX, SETTINGS),)))
    assert (found.action, found.gate) == (Action.CREATE, None)
    assert [each.after for each in found.fields] == [MAILBOX]
    assert standing(GROUP, group(None, (), ((MAILBOX, SETTINGS),))) == Ready()


@pytest.mark.parametrize(
    ("live", "members", "missing", "fields"),
    [
        (LIVE_GROUP, (), ((MAILBOX, SETTINGS),), {"member"}),
        (replace(LIVE_GROUP, hidden=False), (OURS,), (), {"address lists"}),
        (replace(LIVE_GROUP, closed=False), (OURS,), (), {"joining and leaving"}),
    ],
)
def test_a_group_that_is_not_as_wanted_is_corrected(
    live: ExchangeGroup, members: Any, missing: Any, fields: set[str]
) -> None:
    found = change(GROUP, group(live, members, missing))
    assert (found.action, found.gate) == (Action.UPDATE, None)
    assert {each.name for each in found.fields} == fields


def test_foreign_members_are_shown_and_stay() -> None:
    found = change(GROUP, group(members=(OURS, FOREIGN, NESTED)))
    assert found.action is Action.KEEP
    assert any(NEIGHBOUR in each and "within reach" in each for each in found.notes)
    assert any("team" in each and "not reached" in each for each in found.notes)
    assert any("Organization Management" in each for each in found.notes)


@pytest.mark.parametrize(
    ("live", "members", "doubtful"),
    [
        (replace(LIVE_GROUP, notes="", hidden=False), (OURS,), False),
        (replace(LIVE_GROUP, notes="", hidden=False), (OURS, FOREIGN), True),
        (replace(LIVE_GROUP, notes="", closed=False), (OURS,), True),
        (replace(LIVE_GROUP, notes=f"x{TAG}", closed=False), (OURS,), True),
        (replace(LIVE_GROUP, closed=False), (OURS, FOREIGN), False),
    ],
)
def test_a_group_that_wants_to_be_taken_for_ours_needs_a_word(
    live: ExchangeGroup, members: Any, doubtful: bool
) -> None:
    observed = group(live, members)
    assert (change(GROUP, observed).gate is Gate.TWIN) is doubtful
    kept = kind_of(GROUP).compare_removal(GROUP, observed)
    assert (kept.action is Action.KEEP) is doubtful


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (group(NOT_SEEN), UNSEEN),
        (group(members=NOT_SEEN), UNSEEN),
        (group(None, (), ((MAILBOX, NOT_SEEN),)), UNSEEN),
        (
            group(None, (), ((MAILBOX, None),)),
            Blocked(f"there is no mailbox {MAILBOX} in Exchange Online"),
        ),
        (
            group(replace(LIVE_GROUP, security=False)),
            Blocked(f"{NAME} is there, but is no security group: a scope over it reaches nobody"),
        ),
    ],
)
def test_what_blocks_a_group(observed: scope_group.Observed, expected: Blocked) -> None:
    assert standing(GROUP, observed) == expected


def test_a_mailbox_that_is_gone_does_not_block_the_groups_removal() -> None:
    observed = group(LIVE_GROUP, (), ((MAILBOX, None),))
    kind = kind_of(GROUP)
    assert kind.compare_removal(GROUP, observed).action is Action.REMOVE
    assert kind.removal_standing(GROUP, observed, OPERATOR) == Ready()
    assert kind.removal_standing(GROUP, group(NOT_SEEN), OPERATOR) == UNSEEN


# --- the scope


@pytest.mark.parametrize(
    ("scope", "live", "action"),
    [
        (None, None, Action.CREATE),
        (None, LIVE_GROUP, Action.CREATE),
        (ManagementScopeRecord(NAME, f"MemberOfGroup -eq '{DN}'"), LIVE_GROUP, Action.KEEP),
        (
            ManagementScopeRecord(NAME, f"MemberOfGroup -eq '{DN}'"),
            replace(LIVE_GROUP, distinguished_name="CN=renamed,DC=COM"),
            Action.UPDATE,
        ),
        (ManagementScopeRecord(NAME, "Name -like '*'"), LIVE_GROUP, Action.UPDATE),
        (ManagementScopeRecord(NAME, f"MemberOfGroup -eq '{DN}'"), None, Action.UPDATE),
    ],
)
def test_a_scope_follows_its_groups_name(scope: Any, live: Any, action: Action) -> None:
    found = change(SCOPE, management_scope.Observed(scope, live))
    assert found.action is action
    assert DN not in repr(found.fields), "ids and names of the tenant are no part of a plan's digest"


def test_a_scope_needs_its_group_and_an_organisation_that_takes_scopes() -> None:
    assert set(kind_of(SCOPE).needs(SCOPE)) == {GROUP.address, CUSTOMIZATION.address}
    assert standing(SCOPE, management_scope.Observed(None, NOT_SEEN)) == UNSEEN


# --- the assignment


def authorized(role: str = ROLE, *, wide: bool = False) -> RoleAuthorization:
    return RoleAuthorization(role, NAME, organization_wide=wide, in_scope=None)


@pytest.mark.parametrize(
    ("record", "authorization", "action"),
    [
        (None, (), Action.CREATE),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE, NAME), (authorized(),), Action.KEEP),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE.upper(), NAME.upper()), (authorized(ROLE.upper()),), Action.KEEP),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE, f"org/{NAME}"), (authorized(),), Action.KEEP),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE, f"CN={NAME},CN=Scopes"), NOT_SEEN, Action.KEEP),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE, None), (authorized(),), Action.UPDATE),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE, "everybody"), (authorized(),), Action.UPDATE),
        (RoleAssignmentRecord(ASSIGNMENT.name, "Application Mail.Send", NAME), (authorized(),), Action.UPDATE),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE, NAME), (), Action.UPDATE),
        (RoleAssignmentRecord(ASSIGNMENT.name, ROLE, NAME), None, Action.UPDATE),
    ],
)
def test_an_assignment_is_ours_only_with_role_scope_and_application(
    record: Any, authorization: Any, action: Action
) -> None:
    observed = management_role_assignment.Observed(record, RIGHT_POINTER, authorization)
    assert change(ASSIGNMENT, observed).action is action


def test_an_assignment_of_a_record_that_is_replaced_is_given_anew() -> None:
    found = RoleAssignmentRecord(ASSIGNMENT.name, ROLE, NAME)
    observed = management_role_assignment.Observed(found, RIGHT_POINTER, (authorized(),), pointer_stays=False)
    assert change(ASSIGNMENT, observed).action is Action.UPDATE


# --- grants that cancel it

FULL_ACCESS = Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "full_access_as_app")
FULL_ACCESS_ID = "dc890d15-9560-4a4c-9b7f-a736ec74ec40"
USER_READ_ID = "df021288-bdef-4463-88db-98f22de89214"
APIS = (
    replace(EXCHANGE_RESOURCE, ids={**EXCHANGE_RESOURCE.ids, ("Role", "full_access_as_app"): (FULL_ACCESS_ID,)}),
    replace(GRAPH_RESOURCE, ids={**GRAPH_RESOURCE.ids, ("Role", "User.Read.All"): (USER_READ_ID,)}),
)


def beside(*grants: Any, wishes: tuple[RequestedAccess, ...] = (), authorization: Any = ()) -> unscoped_grants.Observed:
    return unscoped_grants.Observed(replace(LIVE, requested=wishes), grants, APIS, authorization)


@pytest.mark.parametrize(
    ("grants", "found"),
    [
        ((), ()),
        ((granted(EXCHANGE_API, SEND_AS_APP_ID),), ("SMTP.SendAsApp",)),
        ((granted(EXCHANGE_API, FULL_ACCESS_ID),), ("full_access_as_app",)),
        ((granted(GRAPH_API, MAIL_SEND_ID),), ("Mail.Send",)),
        ((granted(GRAPH_API, USER_READ_ID),), ()),
        ((granted(GRAPH_API, SEND_AS_APP_ID),), ()),
    ],
    ids=["none", "the twin", "everything", "another way to mail", "not mail", "another API's id"],
)
def test_what_cancels_a_scope(grants: Any, found: tuple[str, ...]) -> None:
    observed = beside(*grants)
    plan = change(GRANTS, observed)
    assert tuple(each.value for each in unscoped_grants.unscoped_grants(GRANTS, observed)) == found
    assert plan.action is (Action.UPDATE if found else Action.KEEP)
    assert plan.gate is (Gate.REMOVE_GRANTS if found else None)
    assert (unscoped_grants.FINDING in (plan.reason or "")) is bool(found)


def test_what_the_playbook_itself_asks_for_is_no_finding() -> None:
    wanted = replace(GRANTS, wanted=(MAIL_SEND,))
    assert change(wanted, beside(granted(GRAPH_API, MAIL_SEND_ID))).action is Action.KEEP


def test_a_wish_alone_goes_without_a_gate() -> None:
    wish = RequestedAccess(EXCHANGE_APP_ID, SEND_AS_APP_ID, "Role")
    plan = change(GRANTS, beside(wishes=(wish,)))
    assert (plan.action, plan.gate) == (Action.UPDATE, None)
    assert change(GRANTS, beside(wishes=(replace(wish, kind="Scope"),))).action is Action.KEEP


def test_a_role_without_a_scope_is_named_and_left() -> None:
    plan = change(GRANTS, beside(authorization=(authorized(wide=True),)))
    assert plan.action is Action.KEEP
    assert any(unscoped_grants.FINDING in each for each in plan.notes)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (replace(beside(), grants=NOT_SEEN), UNSEEN),
        (replace(beside(), application=NOT_SEEN), UNSEEN),
        (replace(beside(granted(EXCHANGE_API, SEND_AS_APP_ID)), resources=(NOT_SEEN,)), UNSEEN),
    ],
)
def test_unseen_grants_are_not_no_grants(observed: Any, expected: Blocked) -> None:
    assert standing(GRANTS, observed) == expected


def test_taking_back_consent_needs_whoever_may_give_it() -> None:
    judged = standing(GRANTS, beside(granted(GRAPH_API, MAIL_SEND_ID)), NOBODY)
    assert isinstance(judged, Blocked)
    assert "Privileged Role Administrator" in judged.who_can
    assert "take back" in judged.reason
    assert standing(GRANTS, beside(), NOBODY) == Ready()


# --- carrying it out


@dataclass
class Exchange:
    """Groups, scopes and assignments in memory, with Exchange's own refusals."""

    dehydrated: bool = False
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    scopes: dict[str, str] = field(default_factory=dict)
    assignments: dict[str, dict[str, Any]] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    name = None
    undocumented = False

    async def close(self) -> None: ...

    async def run(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> CmdletReply:
        self.ran.append(cmdlet)
        method = re.sub("(?<=[a-z])([A-Z])", r"_\1", cmdlet.replace("-", "_")).lower()
        output = getattr(self, method)(dict(parameters))
        return CmdletReply(tuple(output or ()), ())

    def _fail(self, kind: type[ServiceFault], status: int, code: str, text: str = "no") -> ServiceFault:
        return kind(Fault("exchange", "x", status, code, text))

    def _known(self, table: Mapping[str, Any], identity: str) -> Any:
        if identity not in table:
            raise self._fail(Absent, 404, "ManagementObjectNotFoundException")
        return table[identity]

    def new_distribution_group(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        if given["Name"] in self.groups:
            raise self._fail(AlreadyThere, 400, "ADObjectAlreadyExistsException")
        record = {
            **given,
            "DistinguishedName": f"CN={given['Name']},DC=COM",
            "RecipientTypeDetails": "MailUniversalSecurityGroup",
            "Description": (given["Notes"],),
        }
        self.groups[given["Name"]] = record
        self.members[given["Name"]] = list(given["Members"])
        return [record]

    def get_distribution_group(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        return [self._known(self.groups, given["Identity"])]

    def set_distribution_group(self, given: dict[str, Any]) -> None:
        self._known(self.groups, self._name(given)).update(given)

    def get_distribution_group_member(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"Name": each, "PrimarySmtpAddress": each, "RecipientTypeDetails": "UserMailbox"}
            for each in self._known(self.members, self._name(given))
        ]

    def add_distribution_group_member(self, given: dict[str, Any]) -> None:
        self.members[self._name(given)].append(given["Member"])

    def _name(self, given: dict[str, Any]) -> str:
        return str(given["Identity"]).removeprefix("CN=").partition(",")[0]

    def new_management_scope(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        if self.dehydrated:
            raise self._fail(ServiceFault, 400, "InvalidOperationInDehydratedContextException", "not allowed")
        if given["Name"] in self.scopes:
            raise self._fail(AlreadyThere, 400, "ADObjectAlreadyExistsException")
        self.scopes[given["Name"]] = given["RecipientRestrictionFilter"]
        return [{"Name": given["Name"], "RecipientFilter": given["RecipientRestrictionFilter"]}]

    def get_management_scope(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"Name": name, "RecipientFilter": written} for name, written in self.scopes.items()]

    def set_management_scope(self, given: dict[str, Any]) -> None:
        self.scopes[given["Identity"]] = given["RecipientRestrictionFilter"]

    def new_management_role_assignment(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        if given["Name"] in self.assignments:
            raise self._fail(AlreadyThere, 400, "ADObjectAlreadyExistsException")
        self.assignments[given["Name"]] = given
        return [given]

    def get_management_role_assignment(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self.assignments.values())

    def remove_management_role_assignment(self, given: dict[str, Any]) -> None:
        del self.assignments[given["Identity"]]


class Clock:
    def __init__(self) -> None:
        self.time = NOW
        self.skew = NOW - NOW

    def now(self) -> Any:
        return self.time

    def heard(self, tenant_time: Any) -> None: ...

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def hands(exchange: Exchange, bindings: Bindings | None = None) -> Hands:
    def unused(*_: Any) -> Any:
        raise AssertionError("not for Exchange")

    return Hands(
        tenant_id=TENANT_ID,
        instance="i",
        graph=None,  # type: ignore[arg-type]
        exchange=exchange,  # type: ignore[arg-type]
        bindings=bindings or Bindings(pointers={POINTER.address: RIGHT_POINTER}),
        sink=None,  # type: ignore[arg-type]
        prove=unused,
        clock=Clock(),
        events=lambda event: None,
        on_bound=unused,
        keys=None,  # type: ignore[arg-type]
    )


def carry_out(declared: Any, observed: Any, lent: Hands) -> None:
    kind = kind_of(declared)
    kind.bind(declared, observed, lent.bindings)
    asyncio.run(kind.carry_out(declared, kind.compare(declared, observed), lent))


def test_group_scope_and_role_are_made_in_turn() -> None:
    exchange = Exchange()
    lent = hands(exchange)
    carry_out(GROUP, group(None, (), ((MAILBOX, SETTINGS),)), lent)
    carry_out(SCOPE, management_scope.Observed(None, None), lent)
    carry_out(ASSIGNMENT, management_role_assignment.Observed(None, None, None), lent)

    made = exchange.groups[NAME]
    assert (made["Type"], made["MemberJoinRestriction"], made["HiddenFromAddressListsEnabled"]) == (
        "Security",
        "Closed",
        True,
    )
    assert exchange.members[NAME] == [MAILBOX]
    assert exchange.scopes[NAME] == f"MemberOfGroup -eq 'CN={NAME},DC=COM'"
    assert exchange.assignments[ASSIGNMENT.name] == {
        "Name": ASSIGNMENT.name,
        "Role": ROLE,
        "App": RIGHT_POINTER.object_id,
        "CustomResourceScope": NAME,
    }


def test_the_same_once_more_makes_nothing_twice() -> None:
    """A plan made before an interrupted run's things were visible: everything is there already."""
    exchange = Exchange()
    for _ in range(2):
        lent = hands(exchange)
        carry_out(GROUP, group(None, (), ((MAILBOX, SETTINGS),)), lent)
        carry_out(SCOPE, management_scope.Observed(None, None), lent)
        carry_out(ASSIGNMENT, management_role_assignment.Observed(None, None, None), lent)
    assert exchange.members[NAME] == [MAILBOX]
    assert len(exchange.groups) == len(exchange.scopes) == len(exchange.assignments) == 1


def test_a_member_that_is_missing_is_added_and_the_others_stay() -> None:
    exchange = Exchange()
    carry_out(GROUP, group(None, (), ((MAILBOX, SETTINGS),)), hands(exchange))
    exchange.members[NAME] = [NEIGHBOUR]
    live = replace(LIVE_GROUP, identity=f"CN={NAME},DC=COM")
    carry_out(GROUP, group(live, (FOREIGN,), ((MAILBOX, SETTINGS),)), hands(exchange))
    assert exchange.members[NAME] == [NEIGHBOUR, MAILBOX]


def test_an_assignment_of_our_name_for_another_scope_is_made_anew() -> None:
    exchange = Exchange(assignments={ASSIGNMENT.name: {"Name": ASSIGNMENT.name, "Role": ROLE}})
    wide = RoleAssignmentRecord(ASSIGNMENT.name, ROLE, None)
    carry_out(ASSIGNMENT, management_role_assignment.Observed(wide, RIGHT_POINTER, (authorized(),)), hands(exchange))
    assert exchange.assignments[ASSIGNMENT.name]["CustomResourceScope"] == NAME


def test_an_assignment_that_appears_meanwhile_for_another_scope_is_no_success() -> None:
    exchange = Exchange(
        assignments={ASSIGNMENT.name: {"Name": ASSIGNMENT.name, "Role": ROLE, "CustomResourceScope": "other"}}
    )
    with pytest.raises(AlreadyThere):
        carry_out(ASSIGNMENT, management_role_assignment.Observed(None, None, None), hands(exchange))


def test_a_scope_that_is_there_with_another_filter_is_corrected() -> None:
    exchange = Exchange(scopes={NAME: "Name -like '*'"})
    lent = hands(exchange, Bindings(groups={GROUP.address: LIVE_GROUP}))
    carry_out(SCOPE, management_scope.Observed(None, LIVE_GROUP), lent)
    assert exchange.scopes[NAME] == f"MemberOfGroup -eq '{DN}'"
    assert exchange.ran[-1] == "Set-ManagementScope"


def test_who_may_not_assign_roles_yet_is_told_so() -> None:
    text = "You must be assigned a delegating role assignment to the management role"

    class Refusing(Exchange):
        def new_management_role_assignment(self, given: dict[str, Any]) -> list[dict[str, Any]]:
            raise self._fail(ServiceFault, 403, "X", text)

    with pytest.raises(NotYet) as raised:
        carry_out(ASSIGNMENT, management_role_assignment.Observed(None, None, None), hands(Refusing()))
    assert "Organization Management" in (raised.value.advice or "")


def test_an_organisation_that_is_not_ready_yet_is_not_yet() -> None:
    exchange = Exchange(dehydrated=True)
    lent = hands(exchange, Bindings(groups={GROUP.address: LIVE_GROUP}))
    with pytest.raises(NotYet):
        asyncio.run(kind_of(SCOPE).carry_out(SCOPE, change(SCOPE, management_scope.Observed(None, LIVE_GROUP)), lent))
    assert exchange.ran.count("New-ManagementScope") > 3


# --- revoking


@dataclass
class Revoked:
    """What reached Graph."""

    grants: list[str] = field(default_factory=list)
    requested: list[tuple[RequestedAccess, ...]] = field(default_factory=list)


def test_only_what_cancels_the_scope_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = Revoked()
    held = (
        granted(EXCHANGE_API, SEND_AS_APP_ID, 1),
        granted(GRAPH_API, USER_READ_ID, 2),
        granted(EXCHANGE_API, FULL_ACCESS_ID, 3),
    )

    async def held_by(graph: object, principal: object) -> Any:
        return held

    async def revoke(graph: object, principal: object, assignment: str) -> None:
        reached.grants.append(assignment)

    async def update(graph: object, object_id: object, *, requested: tuple[RequestedAccess, ...]) -> None:
        reached.requested.append(requested)

    monkeypatch.setattr(unscoped_grants.app_role_assignments, "held_by", held_by)
    monkeypatch.setattr(unscoped_grants.app_role_assignments, "revoke", revoke)
    monkeypatch.setattr(unscoped_grants.applications, "update", update)
    ours = RequestedAccess(EXCHANGE_APP_ID, SEND_AS_APP_ID, "Role")
    foreign = RequestedAccess(EXCHANGE_APP_ID, "00000000-0000-4000-8000-000000000001", "Scope")
    observed = beside(*held, wishes=(ours, foreign))
    lent = hands(Exchange(), Bindings(service_principals={PRINCIPAL.address: LIVE_PRINCIPAL}))
    lent.bindings.applications[APPLICATION.address] = replace(LIVE, requested=(ours, foreign))
    lent.bindings.made.add(APPLICATION.address)
    carry_out(GRANTS, observed, lent)

    assert reached.grants == ["assignment-1", "assignment-3"]
    assert reached.requested == [(foreign,)]
    assert lent.bindings.applications[APPLICATION.address].requested == (foreign,)


def test_the_apis_are_read_only_where_there_is_something_to_name() -> None:
    asked: list[str] = []

    class Sight:
        async def application(self, address: Address) -> Any:
            return replace(LIVE, requested=())

        async def grants(self, address: Address) -> Any:
            return ()

        async def authorization(self, pointer: Address) -> Any:
            return ()

        async def sharers(self, application: Address) -> Any:
            return ()

        async def resource(self, app_id: str) -> ResourcePrincipal:
            asked.append(app_id)
            return EXCHANGE_RESOURCE

    observed = asyncio.run(kind_of(GRANTS).read(GRANTS, Sight()))  # type: ignore[arg-type]
    assert asked == []
    assert change(GRANTS, observed).action is Action.KEEP
