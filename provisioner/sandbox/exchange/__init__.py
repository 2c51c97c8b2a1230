"""Exchange Online's own directory and the cmdlets over it, apart from any protocol.

`wsman` (through a management host) and `adminapi` (InvokeCommand) run the same cmdlets; `smtp` reads the same
documents. Collections: `exchangeServicePrincipals`, `mailboxes`, `mailboxPermissions`, `recipientPermissions`,
`casMailboxes`, `transportConfig`, `organizationConfig`, `distributionGroups`, `managementScopes`,
`managementRoleAssignments`, `applicationAccessPolicies`, `mailUsers`. Nothing here reads Entra's
collections: Exchange's pointers are mere copies of ids, as in the service.
"""

from __future__ import annotations
