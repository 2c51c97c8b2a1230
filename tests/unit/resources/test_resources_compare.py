"""Declared against observed, kind by kind, as tables: which change, and who may carry it out. No tenant, no network."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from resource_examples import (
    ACCESS,
    APPLICATION,
    EXCHANGE_API,
    EXCHANGE_RESOURCE,
    GRANT,
    GRAPH_API,
    GRAPH_GRANT,
    GRAPH_RESOURCE,
    LIVE,
    LIVE_PRINCIPAL,
    MAIL_SEND_ID,
    MAILBOX,
    NOBODY,
    NOT_SEEN,
    NOW,
    OPAQUE,
    OPERATOR,
    OTHER_APP_ID,
    OURS,
    POINTER,
    POINTER_IDENTITY,
    PRINCIPAL,
    PRINCIPAL_ID,
    REQUESTED,
    RIGHT,
    RIGHT_POINTER,
    SECRET,
    SELF,
    SEND_AS_APP,
    SEND_AS_APP_ID,
    TAG,
    TWIN,
    UNSEEN,
    WRONG_POINTER,
    a_key,
    granted,
    user,
    with_live,
)

from provisioner.model.change import Action, Blocked, FieldChange, Gate, Part, Ready
from provisioner.model.declared import ClientAccess, Permission, PermissionKind, Protocol
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID, Address
from provisioner.model.observed import ClientAccessSettings, MailboxRight, RequestedAccess, TransportSettings
from provisioner.model.slot import Entry, SlotRecord, Stored
from provisioner.resources import (
    KINDS,
    abilities,
    app_role_grant,
    application,
    client_access,
    client_secret,
    kind_of,
)
from provisioner.resources import exchange_pointer as pointer_kind
from provisioner.resources import mailbox_permission as right_kind
from provisioner.resources import requested_permissions as requested_kind
from provisioner.resources.client_secret import slot_of, tag_prefix

EVERYTHING = (APPLICATION, PRINCIPAL, REQUESTED, GRANT, SECRET, POINTER, RIGHT, ACCESS)


def change(declared: Any, observed: Any) -> Any:
    return kind_of(declared).compare(declared, observed)


def removal(declared: Any, observed: Any) -> Any:
    return kind_of(declared).compare_removal(declared, observed)


def standing(declared: Any, observed: Any, caller: Any = OPERATOR) -> Any:
    return kind_of(declared).standing(declared, observed, caller)


def removal_standing(declared: Any, observed: Any, caller: Any = OPERATOR) -> Any:
    return kind_of(declared).removal_standing(declared, observed, caller)


def fields(declared: Any, observed: Any) -> dict[str, tuple[str | None, str | None]]:
    return {each.name: (each.before, each.after) for each in change(declared, observed).fields}


# --- the application


def app(live: Any = LIVE, deleted: Any = (), twins: Any = ()) -> application.Observed:
    return application.Observed(live, deleted, twins)


BURIED = with_live(deleted=NOW)
ADOPTED = with_live(unique_name=None, tags=("owner:helpdesk",))

APPLICATIONS = [
    ("nothing there", app(None), Action.CREATE, None),
    ("as wanted", app(), Action.KEEP, None),
    ("as wanted, with foreign tags beside ours", app(with_live(tags=("HideApp", TAG, "x"))), Action.KEEP, None),
    ("as wanted, with foreign redirects and keys", app(with_live(redirect_uris=("https://x",))), Action.KEEP, None),
    ("renamed in the portal", app(with_live(display_name="Mailer")), Action.UPDATE, None),
    ("our tag lost", app(with_live(tags=("HideApp",))), Action.UPDATE, None),
    ("opened to other tenants", app(with_live(sign_in_audience="AzureADMultipleOrgs")), Action.UPDATE, None),
    ("adopted, not tagged yet", app(ADOPTED), Action.UPDATE, None),
    ("in the recycle bin", app(None, (BURIED,)), Action.RESTORE, Gate.RESTORE),
    (
        "in the recycle bin, and a twin: the name is held, so restore",
        app(None, (BURIED,), (TWIN,)),
        Action.RESTORE,
        Gate.RESTORE,
    ),
    ("a likely twin", app(None, (), (TWIN,)), Action.CREATE, Gate.TWIN),
    ("live, so twins are no question any more", app(LIVE, (), (TWIN, LIVE)), Action.KEEP, None),
    ("ours alone among the twins (a lagging read by name)", app(None, (), (LIVE,)), Action.CREATE, None),
    ("twins not seen", app(None, (), NOT_SEEN), Action.CREATE, None),
]


@pytest.mark.parametrize(
    ("observed", "action", "gate"), [row[1:] for row in APPLICATIONS], ids=[r[0] for r in APPLICATIONS]
)
def test_application(observed: application.Observed, action: Action, gate: Gate | None) -> None:
    made = change(APPLICATION, observed)
    assert (made.action, made.gate, made.part) == (action, gate, Part.ENTRA)


def test_an_adopted_application_gets_our_tag_and_nothing_else() -> None:
    theirs = replace(ADOPTED, display_name="Mailer", sign_in_audience="AzureADMultipleOrgs")
    assert fields(APPLICATION, app(theirs)) == {"our tag": (None, TAG)}
    tagged = replace(theirs, tags=(*theirs.tags, TAG))
    assert change(APPLICATION, app(tagged)).action is Action.KEEP
    assert "stays as it was made" in change(APPLICATION, app(tagged)).notes[0]


def test_an_adopted_application_is_let_go_not_deleted() -> None:
    tagged = replace(ADOPTED, tags=("owner:helpdesk", TAG))
    found = kind_of(APPLICATION).compare_removal(APPLICATION, app(tagged))
    assert (found.action, [(each.name, each.before, each.after) for each in found.fields]) == (
        Action.REMOVE,
        [("our tag", TAG, None)],
    )
    assert "Delete" not in found.summary
    assert kind_of(APPLICATION).compare_removal(APPLICATION, app(ADOPTED)).action is Action.KEEP


def test_application_says_exactly_what_it_corrects() -> None:
    assert fields(
        APPLICATION, app(with_live(display_name="Mailer", tags=(), sign_in_audience="AzureADMultipleOrgs"))
    ) == {
        "display name": ("Mailer", "Cryptshare Server"),
        "our tag": (None, TAG),
        "accounts": ("AzureADMultipleOrgs", "AzureADMyOrg"),
    }


def test_a_twin_is_named_with_its_id() -> None:
    (note,) = change(APPLICATION, app(None, (), (TWIN,))).notes
    assert OTHER_APP_ID in note


# --- the service principal

PRINCIPALS = [
    ("there", LIVE_PRINCIPAL, Action.KEEP),
    ("disabled: somebody meant it", replace(LIVE_PRINCIPAL, enabled=False), Action.KEEP),
    ("not there", None, Action.CREATE),
]


@pytest.mark.parametrize(("observed", "action"), [row[1:] for row in PRINCIPALS], ids=[row[0] for row in PRINCIPALS])
def test_service_principal(observed: Any, action: Action) -> None:
    assert change(PRINCIPAL, observed).action is action


def test_a_disabled_service_principal_is_told() -> None:
    assert change(PRINCIPAL, LIVE_PRINCIPAL).notes == ()
    (note,) = change(PRINCIPAL, replace(LIVE_PRINCIPAL, enabled=False)).notes
    assert "disabled" in note


# --- the wish list


def wishes(
    *requested: RequestedAccess, resource: Any = EXCHANGE_RESOURCE, application: Any = LIVE
) -> requested_kind.Observed:
    live = replace(application, requested=requested) if application is LIVE else application
    return requested_kind.Observed(live, ((EXCHANGE_APP_ID, resource),))


OUR_WISH = RequestedAccess(EXCHANGE_APP_ID, SEND_AS_APP_ID, "Role")
FOREIGN_WISH = RequestedAccess(GRAPH_APP_ID, "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "Scope")

WISHES = [
    ("listed", wishes(OUR_WISH), Action.KEEP),
    ("listed among foreign wishes", wishes(FOREIGN_WISH, OUR_WISH), Action.KEEP),
    ("an empty list", wishes(), Action.CREATE),
    ("foreign wishes only", wishes(FOREIGN_WISH), Action.UPDATE),
    ("the same id as a delegated wish", wishes(replace(OUR_WISH, kind="Scope")), Action.UPDATE),
    ("the same id at another API", wishes(replace(OUR_WISH, resource_app_id=GRAPH_APP_ID)), Action.UPDATE),
    ("no application yet", wishes(application=None), Action.CREATE),
]


@pytest.mark.parametrize(("observed", "action"), [row[1:] for row in WISHES], ids=[row[0] for row in WISHES])
def test_requested_permissions(observed: requested_kind.Observed, action: Action) -> None:
    assert change(REQUESTED, observed).action is action


def test_only_missing_wishes_are_shown_as_changes() -> None:
    both = replace(REQUESTED, permissions=(SEND_AS_APP, Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "Mail.Send")))
    assert fields(both, wishes(OUR_WISH)) == {"Mail.Send": (None, "requested")}


# --- the grant


def grants(*held: Any, resource: Any = EXCHANGE_RESOURCE) -> app_role_grant.Observed:
    return app_role_grant.Observed(resource, held)


GRANTS = [
    ("granted", GRANT, grants(granted(EXCHANGE_API, SEND_AS_APP_ID)), Action.KEEP, None),
    (
        "granted among others",
        GRANT,
        grants(granted(GRAPH_API, MAIL_SEND_ID), granted(EXCHANGE_API, SEND_AS_APP_ID)),
        Action.KEEP,
        None,
    ),
    ("nothing granted", GRANT, grants(), Action.CREATE, None),
    (
        "the same role id of another API is another permission",
        GRANT,
        grants(granted(GRAPH_API, SEND_AS_APP_ID)),
        Action.CREATE,
        None,
    ),
    ("another role of the same API", GRANT, grants(granted(EXCHANGE_API, MAIL_SEND_ID)), Action.CREATE, None),
    ("opens every mailbox: gated", GRAPH_GRANT, grants(resource=GRAPH_RESOURCE), Action.CREATE, Gate.TENANT_WIDE),
    (
        "Mail.Send of Exchange is not Mail.Send of Graph, though the ids are the same",
        GRAPH_GRANT,
        grants(granted(EXCHANGE_API, MAIL_SEND_ID), resource=GRAPH_RESOURCE),
        Action.CREATE,
        Gate.TENANT_WIDE,
    ),
    (
        "granted already: no gate",
        GRAPH_GRANT,
        grants(granted(GRAPH_API, MAIL_SEND_ID), resource=GRAPH_RESOURCE),
        Action.KEEP,
        None,
    ),
]


@pytest.mark.parametrize(
    ("declared", "observed", "action", "gate"), [row[1:] for row in GRANTS], ids=[row[0] for row in GRANTS]
)
def test_app_role_grant(declared: Any, observed: Any, action: Action, gate: Gate | None) -> None:
    made = change(declared, observed)
    assert (made.action, made.gate, made.part) == (action, gate, Part.CONSENT)
    assert made.reach, "says what it opens, kept or new"


def test_either_of_two_ids_of_one_name_counts() -> None:
    doubled = replace(EXCHANGE_RESOURCE, ids={("Role", "SMTP.SendAsApp"): ("first", "second")})
    assert change(GRANT, grants(granted(EXCHANGE_API, "second"), resource=doubled)).action is Action.KEEP


# --- the client secret

SLOT = slot_of(SECRET, POINTER.address, "cryptshare_server_default")  # type: ignore[arg-type]
PREFIX = tag_prefix(SLOT)
CURRENT = Entry("i1", NOW, a_key("k1", None).key_id, "k1", NOW + timedelta(days=180), proven=True)
HELD = SlotRecord(None, CURRENT, (), ("i1",))


def keys(
    *shown: Any, record: SlotRecord | None = HELD, held: frozenset[Any] | None = None, live: Any = LIVE
) -> client_secret.Observed:
    holds = (record.key_ids if record is not None else frozenset()) if held is None else held
    seen = replace(live, passwords=shown) if live is LIVE else live
    return client_secret.Observed(seen, Stored(record, holds), readable=True, now=NOW, prefix=PREFIX)


OURS_BY_NAME = a_key("k1", PREFIX + "i1")
SECRETS = [
    ("in the sink and on the application", keys(OURS_BY_NAME), Action.KEEP, "valid"),
    ("a foreign key beside it", keys(OURS_BY_NAME, a_key("portal", "by hand")), Action.KEEP, "valid"),
    ("nothing anywhere", keys(record=None), Action.CREATE, "Mint"),
    ("no application", keys(record=None, live=None), Action.CREATE, "Mint"),
    ("a foreign key only", keys(a_key("portal", None), record=None), Action.CREATE, "Mint"),
    ("expired", keys(replace(OURS_BY_NAME, end=NOW)), Action.CREATE, "Mint"),
    (
        "a run that was interrupted",
        keys(OURS_BY_NAME, record=SlotRecord(replace(CURRENT, proven=False), None, (), ("i1",))),
        Action.CREATE,
        "Finish",
    ),
]


@pytest.mark.parametrize(("observed", "action", "words"), [row[1:] for row in SECRETS], ids=[row[0] for row in SECRETS])
def test_client_secret(observed: client_secret.Observed, action: Action, words: str) -> None:
    made = change(SECRET, observed)
    assert made.action is action
    assert (made.reason or "").startswith(words) if action is Action.KEEP else made.summary.startswith(words)


def test_a_secrets_change_has_neither_date_nor_id() -> None:
    """Two people must get the same digest, on different days."""
    made = change(SECRET, keys(record=None))
    assert made.fields == (FieldChange("valid for", None, "180 days"),)


def test_a_key_of_another_sink_is_told_and_stays() -> None:
    made = change(SECRET, keys(OURS_BY_NAME, a_key("k9", PREFIX + "elsewhere")))
    (note,) = made.notes
    assert made.action is Action.KEEP
    assert "k9" in note
    assert "it stays" in note


def test_a_sink_that_lost_the_value_blocks_but_may_be_removed() -> None:
    lost = keys(OURS_BY_NAME, held=frozenset())
    assert change(SECRET, lost).action is Action.CREATE
    assert isinstance(standing(SECRET, lost), Blocked)
    assert removal(SECRET, lost).action is Action.REMOVE
    assert removal_standing(SECRET, lost) == Ready()


# --- Exchange's pointer


def pointer(seen: Any = RIGHT_POINTER, principal: Any = LIVE_PRINCIPAL) -> pointer_kind.Observed:
    return pointer_kind.Observed(seen, principal)


POINTERS = [
    ("right", pointer(), Action.KEEP),
    ("missing", pointer(None), Action.CREATE),
    ("missing, and so is the service principal", pointer(None, None), Action.CREATE),
    ("the registration's object id in it", pointer(WRONG_POINTER), Action.UPDATE),
    ("it points to a service principal that was deleted", pointer(RIGHT_POINTER, None), Action.UPDATE),
]


@pytest.mark.parametrize(("observed", "action"), [row[1:] for row in POINTERS], ids=[row[0] for row in POINTERS])
def test_exchange_pointer(observed: pointer_kind.Observed, action: Action) -> None:
    assert change(POINTER, observed).action is action


# --- the mailbox right


def rights(*held: MailboxRight, seen: Any = RIGHT_POINTER) -> right_kind.Observed:
    return right_kind.Observed(held, seen)


def a_right(user: str, sid: str | None = None, *names: str, deny: bool = False) -> MailboxRight:
    return MailboxRight("sender", user, sid, names or ("FullAccess",), inherited=False, deny=deny)


RIGHTS = [
    ("held, by SID", rights(SELF, OURS), Action.KEEP),
    ("held, by the object id", rights(a_right(PRINCIPAL_ID)), Action.KEEP),
    ("held, by Exchange's identity", rights(a_right(POINTER_IDENTITY)), Action.KEEP),
    ("nobody but SELF", rights(SELF), Action.CREATE),
    ("a namesake's", rights(a_right("Cryptshare Server")), Action.CREATE),
    ("another right", rights(replace(OURS, rights=("ReadPermission",))), Action.CREATE),
    ("held and denied", rights(OURS, replace(OURS, deny=True)), Action.CREATE),
    ("no pointer yet", rights(SELF, OURS, seen=None), Action.CREATE),
]


@pytest.mark.parametrize(("observed", "action"), [row[1:] for row in RIGHTS], ids=[row[0] for row in RIGHTS])
def test_mailbox_permission(observed: right_kind.Observed, action: Action) -> None:
    assert change(RIGHT, observed).action is action


# --- the SMTP AUTH switch, which three states of the mailbox and three of the organisation decide


def switches(mailbox: bool | None, organisation: bool | None) -> client_access.Observed:
    """`disabled` of each; an organisation of None was not seen."""
    transport = NOT_SEEN if organisation is None else TransportSettings(organisation)
    return client_access.Observed(ClientAccessSettings(MAILBOX, mailbox), transport)


NINE = [  # mailbox disabled, organisation disabled, change where "on" is wanted, change where "off" is wanted, before
    (False, False, Action.KEEP, Action.UPDATE, "on"),
    (False, True, Action.KEEP, Action.UPDATE, "on"),
    (False, None, Action.KEEP, Action.UPDATE, "on"),
    (True, False, Action.UPDATE, Action.KEEP, "off"),
    (True, True, Action.UPDATE, Action.KEEP, "off"),
    (True, None, Action.UPDATE, Action.KEEP, "off"),
    (None, False, Action.KEEP, Action.UPDATE, "as the organisation: on"),
    (None, True, Action.UPDATE, Action.UPDATE, "as the organisation: off"),
    (None, None, Action.UPDATE, Action.UPDATE, "as the organisation"),
]


@pytest.mark.parametrize(("mailbox", "organisation", "to_be_on", "to_be_off", "before"), NINE)
def test_smtp_auth(
    mailbox: bool | None, organisation: bool | None, to_be_on: Action, to_be_off: Action, before: str
) -> None:
    observed = switches(mailbox, organisation)
    on, off = change(ACCESS, observed), change(replace(ACCESS, switches=((Protocol.SMTP_AUTH, False),)), observed)
    assert (on.action, off.action) == (to_be_on, to_be_off)
    for made, wanted in ((on, "on"), (off, "off")):
        if made.action is Action.UPDATE:
            assert [(each.before, each.after) for each in made.fields] == [(before, wanted)]
            assert made.undo, "that it is never turned back is said beforehand"
        else:
            assert made.reason == before


LOCKED = ClientAccess(
    Address("client_access.account"),
    MAILBOX,
    (
        (Protocol.SMTP_AUTH, False),
        (Protocol.IMAP, True),
        (Protocol.POP, False),
        (Protocol.OWA, False),
        (Protocol.EWS, False),
    ),
)


def protocols(smtp_auth_disabled: bool | None = True, **on: bool) -> client_access.Observed:
    settings = ClientAccessSettings(MAILBOX, smtp_auth_disabled, {Protocol(name): value for name, value in on.items()})
    return client_access.Observed(settings, TransportSettings(True))


def test_only_the_switches_that_differ_are_named() -> None:
    made = change(LOCKED, protocols(imap=False, pop=True, owa=False, ews=True))
    assert made.action is Action.UPDATE
    assert made.summary == f"Switch IMAP on; POP and EWS off for {MAILBOX}"
    assert [(each.name, each.before, each.after) for each in made.fields] == [
        (f"IMAP of {MAILBOX}", "off", "on"),
        (f"POP of {MAILBOX}", "on", "off"),
        (f"EWS of {MAILBOX}", "on", "off"),
    ]


def test_a_switch_that_is_not_shown_is_set() -> None:
    made = change(LOCKED, protocols(imap=True, pop=False, owa=False))
    assert [(each.name, each.before, each.after) for each in made.fields] == [(f"EWS of {MAILBOX}", "not shown", "off")]


def test_several_switches_that_are_as_wanted_are_kept_and_told_one_by_one() -> None:
    made = change(LOCKED, protocols(imap=True, pop=False, owa=False, ews=False))
    assert made.action is Action.KEEP
    assert made.reason == "SMTP AUTH off, IMAP on, POP off, Outlook on the web off, EWS off"


# --- removal

GONE = [
    ("application", APPLICATION, app(None)),
    ("service principal", PRINCIPAL, None),
    ("grant", GRANT, grants()),
    ("another API's grant of the same id", GRANT, grants(granted(GRAPH_API, SEND_AS_APP_ID))),
    ("secret", SECRET, keys(record=None)),
    ("secret of another sink", SECRET, keys(OURS_BY_NAME, record=None)),
    ("pointer", POINTER, pointer(None)),
    ("right", RIGHT, rights(SELF)),
    ("right of a mailbox that is gone", RIGHT, right_kind.Observed(None, RIGHT_POINTER)),
    ("right of a pointer that is gone", RIGHT, rights(SELF, seen=None)),
    ("wishes go with the application", REQUESTED, wishes(OUR_WISH)),
    ("the switch is shared, on", ACCESS, switches(False, True)),
    ("the switch is shared, off", ACCESS, switches(True, False)),
    ("the switch of a mailbox that is gone", ACCESS, client_access.Observed(None, TransportSettings(True))),
    ("the switch, not seen", ACCESS, client_access.Observed(NOT_SEEN, NOT_SEEN)),
]
TAKEN = [
    ("application", APPLICATION, app()),
    ("application, renamed by somebody", APPLICATION, app(with_live(display_name="Mailer"))),
    ("service principal", PRINCIPAL, LIVE_PRINCIPAL),
    ("grant", GRANT, grants(granted(EXCHANGE_API, SEND_AS_APP_ID))),
    ("secret", SECRET, keys(OURS_BY_NAME)),
    ("secret of a deleted application", SECRET, keys(live=None)),
    ("pointer", POINTER, pointer()),
    ("wrong pointer", POINTER, pointer(WRONG_POINTER)),
    ("right", RIGHT, rights(SELF, OURS)),
]


@pytest.mark.parametrize(("declared", "observed"), [row[1:] for row in GONE], ids=[row[0] for row in GONE])
def test_what_is_not_there_or_not_ours_alone_stays(declared: Any, observed: Any) -> None:
    made = removal(declared, observed)
    assert made.action is Action.KEEP
    assert made.reason


@pytest.mark.parametrize(("declared", "observed"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_is_ours_alone_is_taken_away(declared: Any, observed: Any) -> None:
    assert removal(declared, observed).action is Action.REMOVE
    assert removal_standing(declared, observed) == Ready()


# --- a refused read is "not seen": never "not there", never created, never forgotten

REFUSED = [
    ("application", APPLICATION, app(NOT_SEEN)),
    ("recycle bin", APPLICATION, app(None, NOT_SEEN)),
    ("service principal", PRINCIPAL, NOT_SEEN),
    ("application behind the wishes", REQUESTED, wishes(application=NOT_SEEN)),
    ("API behind the wishes", REQUESTED, wishes(resource=NOT_SEEN)),
    ("API behind the grant", GRANT, grants(granted(EXCHANGE_API, SEND_AS_APP_ID), resource=NOT_SEEN)),
    ("grants", GRANT, app_role_grant.Observed(EXCHANGE_RESOURCE, NOT_SEEN)),
    ("keys", SECRET, keys(live=NOT_SEEN)),
    ("pointer", POINTER, pointer(NOT_SEEN)),
    ("rights", RIGHT, right_kind.Observed(NOT_SEEN, RIGHT_POINTER)),
    ("pointer behind the right", RIGHT, rights(SELF, OURS, seen=NOT_SEEN)),
    ("mailbox", ACCESS, client_access.Observed(NOT_SEEN, TransportSettings(False))),
]


@pytest.mark.parametrize(("declared", "observed"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_not_seen_is_blocked_and_says_who_could_see_it(declared: Any, observed: Any) -> None:
    assert standing(declared, observed) == UNSEEN
    assert change(declared, observed).action is not Action.RESTORE


@pytest.mark.parametrize(
    ("declared", "observed"),
    [row[1:] for row in REFUSED if row[0] not in ("recycle bin", "mailbox") and "wishes" not in row[0]],
    ids=[row[0] for row in REFUSED if row[0] not in ("recycle bin", "mailbox") and "wishes" not in row[0]],
)
def test_not_seen_is_not_taken_for_removed(declared: Any, observed: Any) -> None:
    assert removal(declared, observed).action is Action.REMOVE
    assert removal_standing(declared, observed) == UNSEEN


def test_the_table_of_refused_reads_knows_every_kind() -> None:
    assert {type(row[1]) for row in REFUSED} == {type(each) for each in EVERYTHING} <= set(KINDS)


# --- missing mailboxes, APIs, permissions

MISSING = [
    ("mailbox of a right", RIGHT, right_kind.Observed(None, RIGHT_POINTER), f"no mailbox {MAILBOX}"),
    ("mailbox of a switch", ACCESS, client_access.Observed(None, TransportSettings(False)), f"no mailbox {MAILBOX}"),
    ("API of a grant", GRANT, grants(resource=None), EXCHANGE_APP_ID),
    ("permission of an API", GRANT, grants(resource=replace(EXCHANGE_RESOURCE, ids={})), "offers no SMTP.SendAsApp"),
    ("API of a wish", REQUESTED, wishes(resource=None), EXCHANGE_APP_ID),
    (
        "permission of a wish",
        REQUESTED,
        wishes(resource=replace(EXCHANGE_RESOURCE, ids={})),
        "offers no SMTP.SendAsApp",
    ),
    (
        "a permission of the other kind only",
        GRANT,
        grants(resource=replace(EXCHANGE_RESOURCE, ids={("Scope", "SMTP.SendAsApp"): (SEND_AS_APP_ID,)})),
        "offers no SMTP.SendAsApp",
    ),
]


@pytest.mark.parametrize(
    ("declared", "observed", "words"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING]
)
def test_what_the_tenant_lacks_blocks_by_name(declared: Any, observed: Any, words: str) -> None:
    found = standing(declared, observed)
    assert isinstance(found, Blocked)
    assert words in found.reason


# --- who may

CLOUD, APP_ADMIN = abilities.CLOUD_APPLICATION_ADMINISTRATOR, abilities.APPLICATION_ADMINISTRATOR
PRIVILEGED, GLOBAL = abilities.PRIVILEGED_ROLE_ADMINISTRATOR, abilities.GLOBAL_ADMINISTRATOR
READS_ONLY = ("Application.Read.All",)
MANAGE = "Cloud Application Administrator", "Application Administrator", "Global Administrator"
PRIVILEGES = "Privileged Role Administrator", "Global Administrator"

WHO = [  # caller, may register, may consent to Exchange's, may consent to Graph's
    ("an application with both permissions", OPERATOR, None, None, None),
    ("an application without any", NOBODY, MANAGE, MANAGE, PRIVILEGES),
    ("a token nobody can read", OPAQUE, None, None, None),
    ("Global Administrator", user(GLOBAL), None, None, None),
    ("Cloud Application Administrator", user(CLOUD), None, None, PRIVILEGES),
    ("Application Administrator", user(APP_ADMIN), None, None, PRIVILEGES),
    ("Privileged Role Administrator", user(PRIVILEGED), MANAGE, MANAGE, None),
    ("a user without a role", user(), MANAGE, MANAGE, PRIVILEGES),
    ("an administrator in an app that may only read", user(GLOBAL, scopes=READS_ONLY), MANAGE, MANAGE, PRIVILEGES),
]


@pytest.mark.parametrize(
    ("caller", "register", "exchange", "graph"), [row[1:] for row in WHO], ids=[row[0] for row in WHO]
)
def test_who_may_do_what(
    caller: Any, register: tuple[str, ...] | None, exchange: tuple[str, ...] | None, graph: tuple[str, ...] | None
) -> None:
    rows = (
        (APPLICATION, app(None), register),
        (PRINCIPAL, None, register),
        (REQUESTED, wishes(), register),
        (SECRET, keys(record=None), register),
        (GRANT, grants(), exchange),
        (GRAPH_GRANT, grants(resource=GRAPH_RESOURCE), graph),
        (POINTER, pointer(None), None),  # Exchange judges its own callers
        (RIGHT, rights(SELF), None),
        (ACCESS, switches(True, True), None),
    )
    for declared, observed, who in rows:
        found = standing(declared, observed, caller)
        assert found == Ready() if who is None else isinstance(found, Blocked) and found.who_can == who


# --- needs


def test_needs_give_the_one_order_in_which_it_can_work() -> None:
    assert {each.address: kind_of(each).needs(each) for each in EVERYTHING} == {
        APPLICATION.address: (),
        PRINCIPAL.address: (APPLICATION.address,),
        REQUESTED.address: (APPLICATION.address,),
        GRANT.address: (PRINCIPAL.address,),
        SECRET.address: (APPLICATION.address, PRINCIPAL.address),
        POINTER.address: (APPLICATION.address, PRINCIPAL.address),
        RIGHT.address: (POINTER.address,),
        ACCESS.address: (),
    }


def test_every_change_carries_its_own_address_kind_and_guide_step() -> None:
    observed: dict[Address, Any] = {
        APPLICATION.address: app(None),
        PRINCIPAL.address: None,
        REQUESTED.address: wishes(),
        GRANT.address: grants(),
        SECRET.address: keys(record=None),
        POINTER.address: pointer(None),
        RIGHT.address: rights(SELF),
        ACCESS.address: switches(True, True),
    }
    for each in EVERYTHING:
        declared = replace(each, guide_steps=("step 7",))
        made = change(declared, observed[each.address])
        assert (made.address, made.kind, made.guide_steps) == (each.address, kind_of(each).name, ("step 7",))


@pytest.mark.parametrize(
    ("now", "action", "ready"),
    [("another", Action.REMOVE, True), ("sender", Action.KEEP, True), ("", Action.REMOVE, False)],
)
def test_a_right_on_a_mailbox_named_before(now: str, action: Action, ready: bool) -> None:
    """Only where it is seen to be another mailbox than the one that is wanted now."""
    declared = replace(RIGHT, superseded_by="other@contoso.example")
    wanted = (replace(OURS, mailbox=now),)
    observed = right_kind.Observed((OURS,), RIGHT_POINTER, now=wanted)
    kind = kind_of(declared)
    assert kind.compare_removal(declared, observed).action is action
    assert (kind.removal_standing(declared, observed, OPERATOR) == Ready()) is ready
