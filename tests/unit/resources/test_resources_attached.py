"""What is attached to another playbook's application: added beside the host's, and taken away as far as it is ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from resource_examples import (
    APPLICATION,
    EXCHANGE_API,
    EXCHANGE_RESOURCE,
    GRANT,
    KEY_ID,
    LIFE,
    LIVE,
    LIVE_PRINCIPAL,
    MAIL_SEND,
    NOBODY,
    NOT_SEEN,
    NOW,
    OPERATOR,
    POINTER,
    PRINCIPAL,
    REQUESTED,
    SECRET,
    SEND_AS_APP,
    SEND_AS_APP_ID,
    TENANT_ID,
    UNSEEN,
    a_key,
    granted,
)

from provisioner.engine import Observation, removal_planned
from provisioner.model.change import Action, Blocked, Ready
from provisioner.model.declared import Declared, UnscopedGrants
from provisioner.model.identifiers import EXCHANGE_APP_ID, Address
from provisioner.model.observed import Organization, RequestedAccess
from provisioner.model.slot import Entry, SlotRecord, Stored
from provisioner.resources import app_role_grant, application, client_secret, kind_of, requested_permissions
from provisioner.resources.client_secret import slot_of
from provisioner.resources.hands import Bindings
from provisioner.resources.sharing import Neighbour, Sharer, others_want, sharers_of
from provisioner.resources.unscoped_grants import voided_scope

HOST_TAG, OUR_TAG = "provisioner:cryptshare/server:default", "provisioner:acme/extra:default"
ATTACHED = replace(APPLICATION, tag=OUR_TAG, attached_to="cryptshare/server", display_name="what we call it")
HOST = Sharer("cryptshare/server", "default", host=True, resources=(REQUESTED, GRANT))
UNKNOWN_HOST = replace(HOST, resources=None)
OTHER_HOST = replace(HOST, resources=(replace(REQUESTED, permissions=(MAIL_SEND,)),))


def seen(live: Any, sharers: Any = ()) -> application.Observed:
    return application.Observed(live, (), (), sharers)


# --- the application


def test_our_tag_is_put_beside_the_hosts_and_nothing_else_is_changed() -> None:
    found = kind_of(ATTACHED).compare(ATTACHED, seen(LIVE))
    assert found.action is Action.UPDATE
    assert [(each.name, each.after) for each in found.fields] == [("our tag", OUR_TAG)]
    assert kind_of(ATTACHED).standing(ATTACHED, seen(LIVE), OPERATOR) == Ready()


def test_what_carries_our_tag_is_kept_whatever_its_name_and_audience() -> None:
    live = replace(LIVE, tags=(HOST_TAG, OUR_TAG), display_name="theirs", sign_in_audience="AzureADMultipleOrgs")
    assert kind_of(ATTACHED).compare(ATTACHED, seen(live)).action is Action.KEEP


@pytest.mark.parametrize(
    ("live", "there"),
    [
        (None, False),
        (LIVE, True),
        (replace(LIVE, unique_name=None), True),
        (replace(LIVE, unique_name="another-tools", tags=(HOST_TAG,)), True),
        (replace(LIVE, unique_name=None, tags=()), False),
        (replace(LIVE, unique_name=None, tags=("provisioner:cryptshare/server:second",)), False),
    ],
)
def test_the_host_comes_first(live: Any, there: bool) -> None:
    standing = kind_of(ATTACHED).standing(ATTACHED, seen(live), OPERATOR)
    if there:
        assert standing == Ready()
    else:
        assert isinstance(standing, Blocked)
        assert "`provisioner apply cryptshare/server` comes first" in standing.reason
        assert kind_of(ATTACHED).compare(ATTACHED, seen(live)).action is not Action.KEEP


def test_the_host_that_comes_first_is_of_the_same_instance() -> None:
    branch = replace(ATTACHED, tag="provisioner:acme/extra:branch")
    standing = kind_of(branch).standing(branch, seen(None), OPERATOR)
    assert isinstance(standing, Blocked)
    assert "`provisioner apply cryptshare/server --instance branch` comes first" in standing.reason


def test_removing_takes_off_our_tag_and_never_the_application() -> None:
    kind = kind_of(ATTACHED)
    found = kind.compare_removal(ATTACHED, seen(replace(LIVE, tags=(HOST_TAG, OUR_TAG))))
    assert (found.action, [each.before for each in found.fields]) == (Action.REMOVE, [OUR_TAG])
    for live in (LIVE, None):
        assert kind.compare_removal(ATTACHED, seen(live)).action is Action.KEEP
    assert kind.removal_standing(ATTACHED, seen(NOT_SEEN), OPERATOR) == UNSEEN


# --- who else is on it


def neighbour(*resources: Declared, playbook: str = "acme/extra") -> Neighbour:
    return Neighbour(playbook, "default", "age", (), resources)


def test_who_is_attached_is_read_off_tags_and_instance_files() -> None:
    assert sharers_of(APPLICATION, LIVE, ()) == ()
    by_tag = sharers_of(APPLICATION, replace(LIVE, tags=(HOST_TAG, OUR_TAG, "owner:helpdesk", "provisioner:odd")), ())
    assert by_tag == (Sharer("acme/extra", "default", host=False),)
    by_file = sharers_of(APPLICATION, LIVE, (neighbour(ATTACHED, REQUESTED),))
    assert by_file == (Sharer("acme/extra", "default", host=False, resources=(ATTACHED, REQUESTED)),)
    elsewhere = replace(ATTACHED, unique_name="provisioner-acme-extra-default-main", attached_to=None)
    assert sharers_of(APPLICATION, LIVE, (neighbour(elsewhere),)) == ()


def test_the_host_is_one_of_them_even_without_its_tag() -> None:
    assert sharers_of(ATTACHED, replace(LIVE, tags=(OUR_TAG,)), ()) == (UNKNOWN_HOST,)
    known = sharers_of(ATTACHED, LIVE, (neighbour(APPLICATION, GRANT, playbook="cryptshare/server"),))
    assert known == (replace(HOST, resources=(APPLICATION, GRANT)),)


@pytest.mark.parametrize(
    ("sharers", "why"),
    [
        ((HOST,), "cryptshare/server needs it as well"),
        ((UNKNOWN_HOST,), "whether cryptshare/server needs it is not known here"),
        ((OTHER_HOST,), None),
        ((OTHER_HOST, replace(UNKNOWN_HOST, playbook="a/b", host=False)), "whether a/b needs it is not known here"),
        ((), None),
    ],
)
def test_what_others_need_stays(sharers: tuple[Sharer, ...], why: str | None) -> None:
    assert others_want(sharers, SEND_AS_APP) == why


def test_a_host_is_removed_after_what_is_attached_to_it() -> None:
    resources: tuple[Declared, ...] = (APPLICATION, PRINCIPAL, GRANT)
    attached = (Sharer("acme/extra", "default", host=False),)
    grants = (granted(EXCHANGE_API, SEND_AS_APP_ID),)

    def planned(sharers: Any) -> Any:
        found = {
            APPLICATION.address: seen(LIVE, sharers),
            PRINCIPAL.address: LIVE_PRINCIPAL,
            GRANT.address: app_role_grant.Observed(EXCHANGE_RESOURCE, grants),
        }
        observation = Observation(found, Bindings(), Organization(TENANT_ID, "", "", ""))
        return removal_planned(resources, observation, OPERATOR)

    assert {each.standing for each in planned(())} == {Ready()}
    first = Blocked("remove acme/extra first: attached to this application")
    assert {each.standing for each in planned(attached)} == {first}
    assert {each.change.action for each in planned(attached)} == {Action.REMOVE}


# --- permissions


def wishes(sharers: Any, *listed: RequestedAccess, made_by_us: bool = False) -> requested_permissions.Observed:
    live = replace(LIVE, requested=listed)
    return requested_permissions.Observed(live, ((EXCHANGE_APP_ID, EXCHANGE_RESOURCE),), sharers, made_by_us)


OUR_WISH = RequestedAccess(EXCHANGE_APP_ID, SEND_AS_APP_ID, "Role")


def test_a_wish_that_only_we_had_is_taken_off_the_list() -> None:
    kind = kind_of(REQUESTED)
    found = kind.compare_removal(REQUESTED, wishes((OTHER_HOST,), OUR_WISH))
    assert found.action is Action.REMOVE
    assert [each.name for each in found.fields] == ["SMTP.SendAsApp (exchange)"]
    assert kind.removal_standing(REQUESTED, wishes((OTHER_HOST,), OUR_WISH), OPERATOR) == Ready()


@pytest.mark.parametrize("sharers", [(HOST,), (UNKNOWN_HOST,)])
def test_a_wish_that_may_be_the_hosts_too_stays(sharers: Any) -> None:
    found = kind_of(REQUESTED).compare_removal(REQUESTED, wishes(sharers, OUR_WISH))
    assert found.action is Action.KEEP
    assert any("SMTP.SendAsApp stays" in each for each in found.notes)


def test_wishes_of_an_application_of_ours_go_with_it() -> None:
    ours = wishes((), OUR_WISH, made_by_us=True)
    assert kind_of(REQUESTED).compare_removal(REQUESTED, ours).action is Action.KEEP
    superseded = replace(REQUESTED, superseded=True)
    assert kind_of(superseded).compare_removal(superseded, ours).action is Action.REMOVE


@pytest.mark.parametrize(
    ("sharers", "action"),
    [((), Action.REMOVE), ((OTHER_HOST,), Action.REMOVE), ((HOST,), Action.KEEP), ((UNKNOWN_HOST,), Action.KEEP)],
)
def test_consent_is_taken_back_as_far_as_nobody_else_needs_it(sharers: Any, action: Action) -> None:
    observed = app_role_grant.Observed(EXCHANGE_RESOURCE, (granted(EXCHANGE_API, SEND_AS_APP_ID),), sharers)
    assert kind_of(GRANT).compare_removal(GRANT, observed).action is action


def test_consent_is_not_taken_back_while_it_is_not_seen_who_else_is_there() -> None:
    observed = app_role_grant.Observed(EXCHANGE_RESOURCE, (granted(EXCHANGE_API, SEND_AS_APP_ID),), NOT_SEEN)
    assert kind_of(GRANT).removal_standing(GRANT, observed, OPERATOR) == UNSEEN


def test_a_scoped_host_takes_nothing_that_cancels_its_scope() -> None:
    guard = UnscopedGrants(
        Address("unscoped_grants.main"), APPLICATION.address, PRINCIPAL.address, POINTER.address, (SEND_AS_APP,), ()
    )
    scoped = (replace(HOST, resources=(guard,)),)
    assert voided_scope((HOST,), SEND_AS_APP) is None
    assert isinstance(voided_scope(scoped, SEND_AS_APP), Blocked)
    observed = app_role_grant.Observed(EXCHANGE_RESOURCE, (), scoped)
    assert isinstance(kind_of(GRANT).standing(GRANT, observed, OPERATOR), Blocked)
    assert isinstance(kind_of(REQUESTED).standing(REQUESTED, wishes(scoped), OPERATOR), Blocked)


# --- the service principal and the secret


def test_the_service_principal_is_the_hosts() -> None:
    attached = replace(PRINCIPAL, attached=True)
    kind = kind_of(attached)
    assert kind.compare(attached, LIVE_PRINCIPAL).action is Action.KEEP
    assert isinstance(kind.standing(attached, None, OPERATOR), Blocked)
    assert kind.compare_removal(attached, LIVE_PRINCIPAL).action is Action.KEEP
    assert kind.compare_removal(PRINCIPAL, LIVE_PRINCIPAL).action is Action.REMOVE


HELD = replace(SECRET, held_by="cryptshare_server_default")


def stored(*, proven: bool = True) -> client_secret.Observed:
    key = a_key(KEY_ID, "provisioner/cryptshare_server_default/main.mail/i")
    entry = Entry("i", NOW - timedelta(days=1), key.key_id, "h", NOW + LIFE, proven=proven)
    record = SlotRecord(None, entry, (), ("i",)) if proven else SlotRecord(entry, None, (), ("i",))
    live = replace(LIVE, passwords=(key,))
    prefix = "provisioner/cryptshare_server_default/main.mail/"
    return client_secret.Observed(live, Stored(record, frozenset({key.key_id})), True, NOW, prefix)


def test_the_slot_is_that_of_whoever_holds_it() -> None:
    assert slot_of(HELD, TENANT_ID, "acme_extra_default") == slot_of(SECRET, TENANT_ID, "cryptshare_server_default")


def test_anothers_secret_is_used_and_never_made_or_removed() -> None:
    kind = kind_of(HELD)
    assert kind.compare(HELD, stored()).action is Action.KEEP
    assert kind.standing(HELD, stored(), NOBODY) == Ready()
    assert kind.compare_removal(HELD, stored()).action is Action.KEEP
    assert kind.compare_removal(SECRET, stored()).action is Action.REMOVE


@pytest.mark.parametrize(
    "observed",
    [stored(proven=False), client_secret.Observed(LIVE, Stored(), True, NOW, "x/")],
    ids=["pending", "none"],
)
def test_without_a_valid_secret_of_its_holder_nothing_is_minted(observed: client_secret.Observed) -> None:
    standing = kind_of(HELD).standing(HELD, observed, OPERATOR)
    assert isinstance(standing, Blocked)
    assert "cryptshare/server has" in standing.reason
    assert kind_of(HELD).compare(HELD, observed).action is not Action.KEEP


def test_the_end_of_what_is_added_does_not_cap_anothers_secret() -> None:
    found = kind_of(HELD).compare(replace(HELD, latest_end=date(2027, 4, 1)), stored())
    assert found.action is Action.KEEP
    assert "ends on 2027-04-01" in " ".join(found.notes)
