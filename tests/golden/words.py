"""What a simulated tenant keeps about scopes and the organisation, in the words of the golden files.

As the cmdlets print it, with the names of PowerShell; a collection that holds nothing is there all the same, because
the absence of a scope is something to compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Kept: TypeAlias = Mapping[str, Sequence[Mapping[str, Any]]]


def scopes_in_golden_words(state: Kept) -> dict[str, list[dict[str, Any]]]:
    """The collections organizationConfig, distributionGroups, managementScopes and managementRoleAssignments."""
    return {
        "organizationConfig": [
            {
                "Identity": each["name"],
                "EwsEnabled": each.get("ewsEnabled"),
                "EwsAllowedAppIDs": each.get("ewsAllowedAppIds"),
                "EwsApplicationAccessPolicy": each.get("ewsApplicationAccessPolicy"),
                "IsDehydrated": each["isDehydrated"],
            }
            for each in state["organizationConfig"]
        ],
        "distributionGroups": [
            {
                **_named(each),
                "DisplayName": each["displayName"],
                "PrimarySmtpAddress": each["primarySmtpAddress"],
                "RecipientTypeDetails": "MailUniversalSecurityGroup"
                if each["security"]
                else "MailUniversalDistributionGroup",
                "MemberJoinRestriction": each["memberJoinRestriction"],
                "MemberDepartRestriction": each["memberDepartRestriction"],
                "HiddenFromAddressListsEnabled": each["hiddenFromAddressLists"],
                "ManagedBy": each["managedBy"],
                "Members": each["members"],
                "ExternalDirectoryObjectId": each["externalDirectoryObjectId"],
            }
            for each in state.get("distributionGroups", [])
        ],
        "managementScopes": [
            {**_named(each), "RecipientFilter": each["recipientFilter"]} for each in state.get("managementScopes", [])
        ],
        "managementRoleAssignments": [
            {
                **_named(each),
                "Role": each["role"],
                "RoleAssignee": each["app"],
                "CustomResourceScope": each["scope"],
                "RecipientWriteScope": each["scopeType"],
            }
            for each in state.get("managementRoleAssignments", [])
        ],
    }


def _named(each: Mapping[str, Any]) -> dict[str, Any]:
    return {"Name": each["name"], "Identity": each["name"], "Id": each["name"], "Guid": each["id"]}
