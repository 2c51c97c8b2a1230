"""One onboarding's declared things and what a tenant may show of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from provisioner.model.change import Blocked
from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    ClientAccess,
    ClientSecret,
    ExchangePointer,
    MailboxPermission,
    Permission,
    PermissionKind,
    Protocol,
    RequestedPermissions,
    ServicePrincipal,
)
from provisioner.model.identifiers import (
    EXCHANGE_APP_ID,
    EXCHANGE_AUDIENCE,
    GRAPH_APP_ID,
    Address,
    AppId,
    KeyId,
    ObjectId,
    TenantId,
)
from provisioner.model.observed import (
    ApplicationObject,
    AppRoleAssignment,
    Caller,
    ExchangePrincipal,
    MailboxRight,
    NotSeen,
    PasswordCredential,
    RequestedAccess,
    ResourcePrincipal,
    ServicePrincipalObject,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LIFE = timedelta(days=180)
TENANT_ID = TenantId("7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11")
INSTANCE = "cryptshare_server_default"
MAILBOX = "cryptshare@contoso.example"


def a_guid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


APP_ID, OTHER_APP_ID = AppId(a_guid(0xA)), AppId(a_guid(0xA1))
OBJECT_ID = ObjectId(a_guid(0xB))
"""The registration's object id: the one that must not be given to Exchange."""
PRINCIPAL_ID = ObjectId(a_guid(0xC))
EXCHANGE_API, GRAPH_API = ObjectId(a_guid(0xD)), ObjectId(a_guid(0xE))
POINTER_IDENTITY = a_guid(0xF)
POINTER_SID = "S-1-5-21-1-2-3-4567"
KEY_ID = KeyId(a_guid(0x1E))

SEND_AS_APP = Permission(EXCHANGE_APP_ID, PermissionKind.ROLE, "SMTP.SendAsApp")
SEND_AS_APP_ID = "7146a1f0-8703-45b3-9eae-527a64c00995"
MAIL_SEND = Permission(GRAPH_APP_ID, PermissionKind.ROLE, "Mail.Send")
MAIL_SEND_ID = "b633e1c5-b582-4048-a93e-9f11b44c7e96"
"""On Graph and on Exchange Online alike (graph.md 1.4)."""
TAG = "provisioner:cryptshare/server:default"
UNIQUE_NAME = "provisioner-cryptshare-server-default-main"

APPLICATION = Application(Address("application.main"), "main", "Cryptshare Server", UNIQUE_NAME, TAG)
PRINCIPAL = ServicePrincipal(Address("service_principal.main"), APPLICATION.address)
REQUESTED = RequestedPermissions(Address("requested_permissions.main"), APPLICATION.address, (SEND_AS_APP,))
GRANT = AppRoleGrant(Address("app_role_grant.main.exchange.SMTP.SendAsApp"), PRINCIPAL.address, SEND_AS_APP)
GRAPH_GRANT = AppRoleGrant(Address("app_role_grant.main.graph.Mail.Send"), PRINCIPAL.address, MAIL_SEND)
SECRET = ClientSecret(
    Address("client_secret.main.mail"),
    APPLICATION.address,
    PRINCIPAL.address,
    "mail",
    "Client Secret",
    LIFE,
    EXCHANGE_AUDIENCE,
)
POINTER = ExchangePointer(Address("exchange_pointer.main"), APPLICATION.address, PRINCIPAL.address, "Cryptshare Server")
RIGHT = MailboxPermission(Address("mailbox_permission.main.FullAccess"), POINTER.address, MAILBOX, "FullAccess")
ACCESS = ClientAccess(Address("client_access.sender"), MAILBOX, ((Protocol.SMTP_AUTH, True),))

NOT_SEEN = NotSeen("it", "403: Insufficient privileges", ("Global Reader",))
UNSEEN = Blocked("not seen: 403: Insufficient privileges", ("Global Reader",))

OPERATOR = Caller(
    "application",
    "operator",
    None,
    roles=frozenset({"Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All"}),
)
NOBODY = Caller("application", "weak", None)
OPAQUE = Caller("user", "somebody", None, known=False)


def user(*directory_roles: str, scopes: tuple[str, ...] = ()) -> Caller:
    given = scopes or ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All")
    return Caller("user", "anna", None, scopes=frozenset(given), directory_roles=frozenset(directory_roles))


LIVE = ApplicationObject(
    object_id=OBJECT_ID,
    app_id=APP_ID,
    display_name="Cryptshare Server",
    unique_name=UNIQUE_NAME,
    sign_in_audience="AzureADMyOrg",
    tags=(TAG,),
    requested=(RequestedAccess(EXCHANGE_APP_ID, SEND_AS_APP_ID, "Role"),),
    passwords=(),
    created=NOW - timedelta(days=1),
)
TWIN = replace(LIVE, object_id=ObjectId(a_guid(0x2B)), app_id=OTHER_APP_ID, unique_name=None, tags=("owner:helpdesk",))
LIVE_PRINCIPAL = ServicePrincipalObject(PRINCIPAL_ID, APP_ID, "Cryptshare Server", enabled=True)
EXCHANGE_RESOURCE = ResourcePrincipal(
    EXCHANGE_API,
    EXCHANGE_APP_ID,
    "Office 365 Exchange Online",
    {("Role", "SMTP.SendAsApp"): (SEND_AS_APP_ID,), ("Role", "Mail.Send"): (MAIL_SEND_ID,)},
)
GRAPH_RESOURCE = ResourcePrincipal(GRAPH_API, GRAPH_APP_ID, "Microsoft Graph", {("Role", "Mail.Send"): (MAIL_SEND_ID,)})
RIGHT_POINTER = ExchangePrincipal(POINTER_IDENTITY, APP_ID, PRINCIPAL_ID, POINTER_SID, "Cryptshare Server")
WRONG_POINTER = replace(RIGHT_POINTER, object_id=OBJECT_ID)
OURS = MailboxRight("sender", POINTER_SID, POINTER_SID, ("FullAccess",), inherited=False, deny=False)
SELF = MailboxRight(
    "sender", "NT AUTHORITY\\SELF", "S-1-5-10", ("FullAccess", "ReadPermission"), inherited=False, deny=False
)


def granted(resource: ObjectId, role: str, number: int = 1) -> AppRoleAssignment:
    return AppRoleAssignment(f"assignment-{number}", PRINCIPAL_ID, resource, role)


def a_key(
    name: str, display_name: str | None, *, end: datetime = NOW + LIFE, start: datetime = NOW
) -> PasswordCredential:
    return PasswordCredential(KeyId(name), display_name, name[:3], start, end)


def with_live(**changes: Any) -> ApplicationObject:
    return replace(LIVE, **changes)
