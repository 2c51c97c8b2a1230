"""Delegated grants and redirect URIs: others' scopes and URIs are kept, for everybody or for one account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from resource_examples import (
    APPLICATION,
    GRAPH_API,
    GRAPH_RESOURCE,
    LIVE,
    LIVE_PRINCIPAL,
    NOBODY,
    NOT_SEEN,
    NOW,
    OPERATOR,
    PRINCIPAL,
    PRINCIPAL_ID,
    TENANT_ID,
    UNSEEN,
    a_guid,
    user,
)

from provisioner.errors import AlreadyThere
from provisioner.model.change import Action, Blocked, Ready
from provisioner.model.declared import DelegatedGrant, Permission, PermissionKind, RedirectUris
from provisioner.model.faults import Fault
from provisioner.model.identifiers import GRAPH_APP_ID, Address, ObjectId
from provisioner.model.observed import DelegatedGrant as Live
from provisioner.resources import delegated_grant, kind_of, redirect_uris
from provisioner.resources.abilities import CLOUD_APPLICATION_ADMINISTRATOR
from provisioner.resources.hands import Bindings, Hands

ACCOUNT, ACCOUNT_ID = "vma@contoso.example", ObjectId(a_guid(0x77))
API = replace(
    GRAPH_RESOURCE,
    ids={("Scope", "IMAP.AccessAsUser.All"): (a_guid(1),), ("Scope", "offline_access"): (a_guid(2),)},
)


def scopes(*names: str) -> tuple[Permission, ...]:
    return tuple(Permission(GRAPH_APP_ID, PermissionKind.SCOPE, each) for each in names)


ALL = DelegatedGrant(
    Address("delegated_grant.main.graph"), PRINCIPAL.address, scopes("IMAP.AccessAsUser.All", "offline_access")
)
ONE = replace(ALL, account=ACCOUNT)
MAY = replace(OPERATOR, roles=OPERATOR.roles | {"DelegatedPermissionGrant.ReadWrite.All"})


def live(*names: str, principal: ObjectId | None = None, resource: ObjectId = GRAPH_API) -> Live:
    kind = "AllPrincipals" if principal is None else "Principal"
    return Live("grant-1", PRINCIPAL_ID, resource, kind, principal, names)


def seen(*grants: Live, account: Any = None, resource: Any = API) -> delegated_grant.Observed:
    return delegated_grant.Observed(resource, grants, account)


def change(declared: Any, observed: Any) -> Any:
    return kind_of(declared).compare(declared, observed)


@pytest.mark.parametrize(
    ("declared", "observed", "action", "missing"),
    [
        (ALL, seen(), Action.CREATE, {"IMAP.AccessAsUser.All", "offline_access"}),
        (ALL, seen(live("offline_access")), Action.UPDATE, {"IMAP.AccessAsUser.All"}),
        (ALL, seen(live("offline_access", "IMAP.AccessAsUser.All")), Action.KEEP, set()),
        (ALL, seen(live("offline_access", "IMAP.AccessAsUser.All", principal=ACCOUNT_ID)), Action.CREATE, {"*"}),
        (ALL, seen(live("offline_access", "IMAP.AccessAsUser.All", resource=ObjectId("other"))), Action.CREATE, {"*"}),
        (ONE, seen(live("offline_access", "IMAP.AccessAsUser.All"), account=ACCOUNT_ID), Action.CREATE, {"*"}),
        (
            ONE,
            seen(live("offline_access", "IMAP.AccessAsUser.All", principal=ACCOUNT_ID), account=ACCOUNT_ID),
            Action.KEEP,
            set(),
        ),
        (ONE, seen(live("offline_access", "IMAP.AccessAsUser.All"), account=None), Action.CREATE, {"*"}),
    ],
)
def test_a_grant_counts_for_its_api_and_its_people_alone(
    declared: DelegatedGrant, observed: delegated_grant.Observed, action: Action, missing: set[str]
) -> None:
    found = change(declared, observed)
    assert found.action is action
    names = {each.name for each in found.fields}
    assert names == ({each.value for each in declared.permissions} if missing == {"*"} else missing)


def test_others_scopes_are_shown() -> None:
    found = change(ALL, seen(live("offline_access", "IMAP.AccessAsUser.All", "Mail.Read")))
    assert found.action is Action.KEEP
    assert any("Mail.Read" in each and "stay" in each for each in found.notes)


def test_a_grant_for_everybody_beside_that_for_one_is_named() -> None:
    ours = live("offline_access", "IMAP.AccessAsUser.All", principal=ACCOUNT_ID)
    found = change(ONE, seen(live("Mail.Read"), ours, account=ACCOUNT_ID))
    assert found.action is Action.KEEP
    assert any("everybody" in each and "Mail.Read" in each for each in found.notes)
    assert change(ONE, seen(ours, account=ACCOUNT_ID)).notes == ()


@pytest.mark.parametrize(
    ("declared", "observed", "caller", "expected"),
    [
        (ALL, seen(), MAY, Ready()),
        (ALL, replace(seen(), grants=NOT_SEEN), MAY, UNSEEN),
        (ALL, seen(resource=NOT_SEEN), MAY, UNSEEN),
        (ONE, seen(account=NOT_SEEN), MAY, UNSEEN),
        (
            ONE,
            seen(account=None),
            MAY,
            Blocked(
                f"there is no account {ACCOUNT} in this tenant: a User Administrator can make it, or give another one"
            ),
        ),
        (ONE, seen(account=ACCOUNT_ID), MAY, Ready()),
        (ALL, seen(resource=GRAPH_RESOURCE), MAY, Blocked("Microsoft Graph offers no IMAP.AccessAsUser.All here")),
        (
            ALL,
            seen(),
            user(CLOUD_APPLICATION_ADMINISTRATOR, scopes=("DelegatedPermissionGrant.ReadWrite.All",)),
            Ready(),
        ),
    ],
)
def test_who_may_consent(declared: Any, observed: Any, caller: Any, expected: Any) -> None:
    assert kind_of(declared).standing(declared, observed, caller) == expected


def test_whoever_may_not_consent_is_told_who_can() -> None:
    judged = kind_of(ALL).standing(ALL, seen(), NOBODY)
    assert isinstance(judged, Blocked)
    assert "DelegatedPermissionGrant.ReadWrite.All" in judged.reason
    assert "Cloud Application Administrator" in judged.who_can


class Directory:
    """Grants in memory; creating a second one for the same people is refused, as Entra does."""

    def __init__(self, *grants: Live) -> None:
        self.grants = list(grants)
        self.hidden = 0

    async def held_by(self, graph: object, principal: ObjectId) -> tuple[Live, ...]:
        if self.hidden:
            self.hidden -= 1
            return ()
        return tuple(self.grants)

    async def create(self, graph: object, **given: Any) -> Live:
        if any(each.principal_id == given["principal_id"] for each in self.grants):
            text = "Permission entry already exists."
            raise AlreadyThere(Fault("graph", "POST", 400, "Request_BadRequest", text))
        made = live(*given["scopes"], principal=given["principal_id"], resource=given["resource_id"])
        self.grants.append(made)
        return made

    async def update(self, graph: object, grant_id: str, *, scopes: tuple[str, ...]) -> None:
        self.grants = [replace(each, scopes=scopes) if each.grant_id == grant_id else each for each in self.grants]

    async def revoke(self, graph: object, grant_id: str) -> None:
        self.grants = [each for each in self.grants if each.grant_id != grant_id]


class Clock:
    skew = NOW - NOW

    def now(self) -> Any:
        return NOW

    def heard(self, tenant_time: Any) -> None: ...

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here takes time")


def hands() -> Hands:
    def unused(*_: Any) -> Any:
        raise AssertionError("not for grants")

    bindings = Bindings(
        applications={APPLICATION.address: LIVE},
        service_principals={PRINCIPAL.address: LIVE_PRINCIPAL},
        resources={GRAPH_APP_ID: API},
        accounts={ACCOUNT: ACCOUNT_ID},
    )
    return Hands(
        tenant_id=TENANT_ID,
        instance="i",
        graph=None,  # type: ignore[arg-type]
        exchange=None,
        bindings=bindings,
        sink=None,  # type: ignore[arg-type]
        prove=unused,
        clock=Clock(),
        events=lambda event: None,
        on_bound=unused,
        keys=None,  # type: ignore[arg-type]
    )


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Directory]:
    found = Directory()
    for name in ("held_by", "create", "update", "revoke"):
        monkeypatch.setattr(delegated_grant.delegated_grants, name, getattr(found, name))
    yield found


def carry_out(declared: Any, *, removing: bool = False) -> None:
    kind, lent = kind_of(declared), hands()
    plan = kind.compare(declared, seen())
    asyncio.run(kind.remove(declared, plan, lent) if removing else kind.carry_out(declared, plan, lent))


def test_consent_is_one_object_with_all_scopes(directory: Directory) -> None:
    carry_out(ALL)
    (made,) = directory.grants
    assert (set(made.scopes), made.principal_id) == ({"IMAP.AccessAsUser.All", "offline_access"}, None)


def test_consent_for_one_account(directory: Directory) -> None:
    carry_out(ONE)
    assert [each.principal_id for each in directory.grants] == [ACCOUNT_ID]
    directory.grants = [live("Mail.Read")]
    carry_out(ONE)
    assert [each.principal_id for each in directory.grants] == [None, ACCOUNT_ID]
    assert directory.grants[0].scopes == ("Mail.Read",)


@pytest.mark.parametrize("hidden", [0, 1], ids=["seen", "not shown at first"])
def test_others_scopes_are_kept(directory: Directory, hidden: int) -> None:
    directory.grants = [live("Mail.Read", "offline_access")]
    directory.hidden = hidden
    carry_out(ALL)
    (kept,) = directory.grants
    assert kept.scopes == ("Mail.Read", "offline_access", "IMAP.AccessAsUser.All")


def test_revoking_leaves_others_scopes(directory: Directory) -> None:
    directory.grants = [live("Mail.Read", "offline_access", "IMAP.AccessAsUser.All")]
    carry_out(ALL, removing=True)
    assert [each.scopes for each in directory.grants] == [("Mail.Read",)]
    directory.grants = [live("offline_access")]
    carry_out(ALL, removing=True)
    assert directory.grants == []
    carry_out(ALL, removing=True)


# --- redirect URIs

NATIVE = "https://login.microsoftonline.com/common/oauth2/nativeclient"
REDIRECTS = RedirectUris(Address("redirect_uris.main"), APPLICATION.address, native=(NATIVE,))


@pytest.mark.parametrize(
    ("observed", "action", "fields"),
    [
        (None, Action.CREATE, {"mobile and desktop redirect"}),
        (LIVE, Action.UPDATE, {"mobile and desktop redirect"}),
        (replace(LIVE, native_redirects=(NATIVE,)), Action.KEEP, set()),
        (replace(LIVE, web_redirects=(NATIVE,)), Action.UPDATE, {"mobile and desktop redirect"}),
        (replace(LIVE, native_redirects=(NATIVE,), public_client=True), Action.UPDATE, {"public client flows"}),
        (replace(LIVE, native_redirects=(NATIVE,), public_client=False), Action.KEEP, set()),
        (replace(LIVE, native_redirects=(NATIVE, "https://x"), spa_redirects=("https://y",)), Action.KEEP, set()),
    ],
)
def test_redirects_by_platform_and_the_flag(observed: Any, action: Action, fields: set[str]) -> None:
    found = change(REDIRECTS, redirect_uris.Observed(observed))
    assert found.action is action
    assert {each.name for each in found.fields} == fields


def test_foreign_redirects_are_shown_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    async def set_redirects(graph: object, object_id: object, **given: Any) -> None:
        sent.update(given)

    monkeypatch.setattr(redirect_uris.applications, "set_redirects", set_redirects)
    foreign = replace(LIVE, web_redirects=("https://theirs",), native_redirects=("app://theirs",), public_client=True)
    seen = redirect_uris.Observed(foreign)
    assert any("https://theirs" in each for each in change(REDIRECTS, seen).notes)
    lent = hands()
    lent.bindings.applications[APPLICATION.address] = foreign
    lent.bindings.made.add(APPLICATION.address)
    asyncio.run(kind_of(REDIRECTS).carry_out(REDIRECTS, change(REDIRECTS, seen), lent))
    assert sent == {
        "web": ("https://theirs",),
        "spa": (),
        "native": ("app://theirs", NATIVE),
        "public_client": False,
    }


def test_redirects_go_with_their_application() -> None:
    live = replace(LIVE, native_redirects=(NATIVE,))
    kind = kind_of(REDIRECTS)
    assert kind.compare_removal(REDIRECTS, redirect_uris.Observed(live)).action is Action.KEEP
    assert kind.standing(REDIRECTS, redirect_uris.Observed(NOT_SEEN), OPERATOR) == UNSEEN


@pytest.mark.parametrize(("superseded", "flag"), [(False, None), (True, False)])
def test_where_the_application_stays_exactly_ours_go(
    monkeypatch: pytest.MonkeyPatch, superseded: bool, flag: bool | None
) -> None:
    sent: dict[str, Any] = {}

    async def set_redirects(graph: object, object_id: object, **given: Any) -> None:
        sent.update(given)

    monkeypatch.setattr(redirect_uris.applications, "set_redirects", set_redirects)
    declared = replace(REDIRECTS, public_client=True, superseded=superseded)
    live = replace(LIVE, web_redirects=(NATIVE,), native_redirects=(NATIVE, "app://theirs"), public_client=True)
    kind = kind_of(declared)
    found = kind.compare_removal(declared, redirect_uris.Observed(live, made_by_us=superseded))
    assert found.action is Action.REMOVE
    lent = hands()
    lent.bindings.applications[APPLICATION.address] = live
    lent.bindings.made.add(APPLICATION.address)
    asyncio.run(kind.remove(declared, found, lent))
    assert sent == {"web": (NATIVE,), "spa": (), "native": ("app://theirs",), "public_client": flag}
