"""Twins made by hand: what speaks for one, and what tells nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from resource_examples import APPLICATION, LIVE, MAIL_SEND, SEND_AS_APP, SEND_AS_APP_ID, TAG, UNIQUE_NAME

from provisioner.model.declared import Declared, RedirectUris, RequestedPermissions, UnscopedGrants
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, Address
from provisioner.model.observed import ApplicationObject, RequestedAccess
from provisioner.resources.twins import Likeness, likeness, portrait

WISH = RequestedAccess(EXCHANGE_APP_ID, SEND_AS_APP_ID, "Role")
USER_READ = RequestedAccess(GRAPH_APP_ID, "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "Scope")
MORE = RequestedAccess(GRAPH_APP_ID, "df021288-bdef-4463-88db-98f22de89214", "Role")
REDIRECT = "https://mail.contoso.example/callback"
ANYBODYS = "https://login.microsoftonline.com/common/oauth2/nativeclient"
MAIN = Address("x.main")
ASKED: tuple[Declared, ...] = (
    APPLICATION,
    RequestedPermissions(MAIN, APPLICATION.address, (SEND_AS_APP,)),
    RedirectUris(MAIN, APPLICATION.address, web=(REDIRECT,), native=(ANYBODYS,)),
)
STRANGER = replace(LIVE, display_name="Relay", unique_name=None, tags=(), requested=(), redirect_uris=())


def judged(resources: tuple[Declared, ...] = ASKED, granted: Any = (), **changes: Any) -> Likeness:
    live: ApplicationObject = replace(STRANGER, **changes)
    return likeness(portrait(APPLICATION, resources), live, granted)


@pytest.mark.parametrize(
    ("changes", "likely", "reason"),
    [
        ({"display_name": "CRYPTSHARE SERVER"}, True, "has the same name (+3)"),
        ({"display_name": "Cryptshare Server (old)"}, False, "has a name that begins so (+1)"),
        ({"display_name": "Cryptshare Server (old)", "requested": (WISH, MORE)}, True, "and more (+3)"),
        ({"requested": (WISH,)}, True, "asks for the same permissions (+4)"),
        ({"requested": (WISH, USER_READ)}, True, "asks for the same permissions (+4)"),
        ({"requested": (WISH, MORE)}, False, "asks for these permissions and more (+3)"),
        ({"redirect_uris": (REDIRECT,)}, True, f"has the redirect {REDIRECT} (+3)"),
        ({"tags": (TAG,)}, True, "carries this onboarding's tag (+5)"),
        ({"granted": (("00000002-0000-0ff1-ce00-000000000000", "Role", SEND_AS_APP_ID),)}, False, "was granted SMTP"),
    ],
)
def test_what_speaks_for_a_twin(changes: dict[str, Any], likely: bool, reason: str) -> None:
    found = judged(**changes)
    assert found.likely is likely
    assert any(reason in each for each in found.reasons), found.reasons
    assert found.score == sum(int(each.rpartition("+")[2].rstrip(")")) for each in found.reasons)


@pytest.mark.parametrize("changes", [{}, {"redirect_uris": (ANYBODYS,)}, {"requested": (USER_READ,)}])
def test_what_tells_nothing(changes: dict[str, Any]) -> None:
    found = judged(**changes)
    assert (found.score, found.reasons, found.likely) == (0, (), False)


@pytest.mark.parametrize(
    "changes",
    [
        {"requested": (WISH,), "tags": ("provisioner:other/product:default",)},
        {"display_name": "Cryptshare Server", "tags": ("provisioner:cryptshare/server:branch-2",)},
        {"display_name": "Cryptshare Server", "unique_name": "provisioner-cryptshare-server-branch-2-main"},
        {"tags": (TAG,), "unique_name": "provisioner-centron-net-default-main"},
        {"requested": (WISH,), "unique_name": UNIQUE_NAME},
    ],
    ids=[
        "another onboarding's",
        "adopted by another instance",
        "another instance's own",
        "what ours was attached to",
        "our own, on a lagging replica",
    ],
)
def test_what_is_ours_already_is_no_twin(changes: dict[str, Any]) -> None:
    assert not judged(**changes).likely


def test_a_scoped_variant_looks_for_what_its_roles_take_the_place_of() -> None:
    guard = UnscopedGrants(MAIN, APPLICATION.address, MAIN, MAIN, (SEND_AS_APP,), ())
    assert judged((APPLICATION, guard), requested=(WISH,)).likely
    assert not judged((APPLICATION, replace(guard, twins=(MAIL_SEND,))), requested=(WISH,)).likely
