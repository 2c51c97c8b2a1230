"""Every cmdlet we run: its parameters with their types, and the properties of its output that we read.

One list for everybody who must agree on it: the connection that imports only these (`Connect-ExchangeOnline
-CommandName`), the script for a person, and the functions of a management host, which take the same parameters. A
test holds it against what the typed cmdlets beside this file send and read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Takes(StrEnum):
    """What a parameter takes, as PowerShell writes the type."""

    TEXT = "string"
    TEXTS = "string[]"
    FLAG = "bool"
    FLAG_OR_UNSET = "Nullable[bool]"
    """`$null` is a value of its own: "as the organisation"."""


@dataclass(frozen=True)
class Signature:
    """One cmdlet as we use it, not as Microsoft documents the whole of it."""

    parameters: Mapping[str, Takes]
    properties: tuple[str, ...] = ()
    """Of each object in its output; empty where nothing of it is read."""
    never_empty: tuple[str, ...] = ()
    """Parameters that a management host takes no empty text for."""
    sent_once: bool = False
    """Whether no driver repeats it: it replaces a whole list that others write to as well, so a look comes first."""


_PRINCIPAL = ("Identity", "Guid", "AppId", "ObjectId", "ServiceId", "Sid", "DisplayName")
_RIGHT = ("Identity", "User", "UserSid", "AccessRights", "IsInherited", "Deny")
_GROUP = (
    "Identity",
    "Guid",
    "ExternalDirectoryObjectId",
    "Name",
    "Alias",
    "DistinguishedName",
    "RecipientType",
    "RecipientTypeDetails",
    "GroupType",
    "MemberJoinRestriction",
    "MemberDepartRestriction",
    "HiddenFromAddressListsEnabled",
    "ManagedBy",
    "Description",
    "Notes",
)
_MEMBER = (
    "Name",
    "DisplayName",
    "PrimarySmtpAddress",
    "WindowsLiveID",
    "EmailAddresses",
    "RecipientType",
    "RecipientTypeDetails",
)
_RECIPIENT = ("RecipientTypeDetails", "PrimarySmtpAddress", "SKUAssigned", "ExternalEmailAddress", "IsDirSynced")
_SCOPE = ("Name", "RecipientFilter", "RecipientRestrictionFilter")
_ASSIGNMENT = ("Name", "Role", "CustomResourceScope", "CustomRecipientWriteScope")
_AUTHORIZATION = ("RoleName", "AllowedResourceScope", "ScopeType", "InScope")

_SMTP_AUTH = "SmtpClientAuthenticationDisabled"
_PROTOCOLS = ("ImapEnabled", "PopEnabled", "OWAEnabled", "MAPIEnabled", "ActiveSyncEnabled", "EwsEnabled")

_EWS = ("EwsEnabled", "EwsAllowedAppIDs")
_EWS_AGENTS = ("EwsApplicationAccessPolicy", "EwsAllowList", "EwsBlockList")

_CONFIRMED = {"Identity": Takes.TEXT, "Confirm": Takes.FLAG}
_BY_ADMINISTRATOR = {"BypassSecurityGroupManagerCheck": Takes.FLAG}
_ON_MAILBOX = {
    "Identity": Takes.TEXT,
    "User": Takes.TEXT,
    "AccessRights": Takes.TEXTS,
    "InheritanceType": Takes.TEXT,
}
_CLOSED = {"MemberJoinRestriction": Takes.TEXT, "MemberDepartRestriction": Takes.TEXT}

SIGNATURES: Mapping[str, Signature] = MappingProxyType(
    {
        "Add-DistributionGroupMember": Signature(
            {"Identity": Takes.TEXT, "Member": Takes.TEXT, **_BY_ADMINISTRATOR},
        ),
        "Add-MailboxPermission": Signature({**_ON_MAILBOX, "AutoMapping": Takes.FLAG}, _RIGHT),
        "Enable-OrganizationCustomization": Signature({}),
        "Get-ApplicationAccessPolicy": Signature({}, ("AppId", "AccessRight", "ScopeName")),
        "Get-CASMailbox": Signature({"Identity": Takes.TEXT}, (_SMTP_AUTH, *_PROTOCOLS)),
        "Get-DistributionGroup": Signature({"Identity": Takes.TEXT}, _GROUP),
        "Get-DistributionGroupMember": Signature({"Identity": Takes.TEXT, "ResultSize": Takes.TEXT}, _MEMBER),
        "Get-MailboxPermission": Signature({"Identity": Takes.TEXT}, _RIGHT),
        "Get-ManagementRoleAssignment": Signature({"Identity": Takes.TEXT}, _ASSIGNMENT),
        "Get-ManagementScope": Signature({"Identity": Takes.TEXT}, _SCOPE),
        "Get-OrganizationConfig": Signature(
            {"RetrieveEwsOperationAccessPolicy": Takes.FLAG}, ("IsDehydrated", *_EWS, *_EWS_AGENTS)
        ),
        "Get-Recipient": Signature({"Identity": Takes.TEXT}, _RECIPIENT),
        "Get-ServicePrincipal": Signature({"Identity": Takes.TEXT}, _PRINCIPAL),
        "Get-TransportConfig": Signature({}, ("SmtpClientAuthenticationDisabled",)),
        "New-DistributionGroup": Signature(
            {
                "Name": Takes.TEXT,
                "Alias": Takes.TEXT,
                "DisplayName": Takes.TEXT,
                "Type": Takes.TEXT,
                "Members": Takes.TEXTS,
                "Notes": Takes.TEXT,
                **_CLOSED,
            },
            _GROUP,
        ),
        "New-ManagementRoleAssignment": Signature(
            {"Name": Takes.TEXT, "Role": Takes.TEXT, "App": Takes.TEXT, "CustomResourceScope": Takes.TEXT},
            _ASSIGNMENT,
        ),
        "New-ManagementScope": Signature({"Name": Takes.TEXT, "RecipientRestrictionFilter": Takes.TEXT}, _SCOPE),
        "New-ServicePrincipal": Signature(
            {"AppId": Takes.TEXT, "ObjectId": Takes.TEXT, "DisplayName": Takes.TEXT}, _PRINCIPAL
        ),
        "Remove-DistributionGroup": Signature({**_CONFIRMED, **_BY_ADMINISTRATOR}),
        "Remove-DistributionGroupMember": Signature({**_CONFIRMED, "Member": Takes.TEXT, **_BY_ADMINISTRATOR}),
        "Remove-MailboxPermission": Signature({**_ON_MAILBOX, "Confirm": Takes.FLAG}),
        "Remove-ManagementRoleAssignment": Signature(_CONFIRMED),
        "Remove-ManagementScope": Signature(_CONFIRMED),
        "Remove-ServicePrincipal": Signature(_CONFIRMED),
        "Set-CASMailbox": Signature(
            {"Identity": Takes.TEXT, _SMTP_AUTH: Takes.FLAG_OR_UNSET, **dict.fromkeys(_PROTOCOLS, Takes.FLAG)},
        ),
        "Set-DistributionGroup": Signature(
            {
                "Identity": Takes.TEXT,
                "HiddenFromAddressListsEnabled": Takes.FLAG,
                **_CLOSED,
                **_BY_ADMINISTRATOR,
            }
        ),
        "Set-ManagementScope": Signature({"Identity": Takes.TEXT, "RecipientRestrictionFilter": Takes.TEXT}),
        "Set-OrganizationConfig": Signature(
            {"EwsAllowedAppIDs": Takes.TEXT, "EwsEnabled": Takes.FLAG},
            never_empty=("EwsAllowedAppIDs",),
            sent_once=True,
        ),
        "Test-ApplicationAccessPolicy": Signature(
            {"Identity": Takes.TEXT, "AppId": Takes.TEXT}, ("AccessCheckResult",)
        ),
        "Test-ServicePrincipalAuthorization": Signature(
            {"Identity": Takes.TEXT, "Resource": Takes.TEXT}, _AUTHORIZATION
        ),
    }
)

CMDLETS: tuple[str, ...] = tuple(sorted(SIGNATURES))
"""All we run. `Connect-ExchangeOnline -CommandName` imports only these, which is quicker (exchange.md 1.2)."""
