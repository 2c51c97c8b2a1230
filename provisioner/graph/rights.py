"""Who may do what in Graph, for the sentence that follows a refusal.

Sources: graph.md 2.9 (application permissions) and 5.1 (directory roles).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """What one kind of request needs: a directory role of a person, or a Graph permission of an application."""

    who_can: tuple[str, ...]
    permissions: tuple[str, ...]

    @property
    def advice(self) -> str:
        """What a person or an application needs, in a sentence."""
        needed = " and ".join(self.permissions)
        if not self.who_can:
            return f"needs the Graph permission {needed}"
        return f"a person needs one of the roles {', '.join(self.who_can)}; an application needs {needed}"


_APPLICATION_ADMINISTRATORS = ("Cloud Application Administrator", "Application Administrator")
_READERS = ("Global Reader", *_APPLICATION_ADMINISTRATORS)

READ_APPLICATIONS = Right(_READERS, ("Application.Read.All",))
WRITE_APPLICATIONS = Right(_APPLICATION_ADMINISTRATORS, ("Application.ReadWrite.All",))
READ_GRANTS = Right(_READERS, ("Application.Read.All",))
READ_DELEGATED_GRANTS = Right(_READERS, ("Directory.Read.All",))
GRANT_GRAPH_ROLES = Right(
    ("Privileged Role Administrator", "Global Administrator"),
    ("AppRoleAssignment.ReadWrite.All", "Application.Read.All"),
)
GRANT_OTHER_ROLES = Right(
    (*_APPLICATION_ADMINISTRATORS, "Privileged Role Administrator"),
    ("AppRoleAssignment.ReadWrite.All", "Application.Read.All"),
)
WRITE_DELEGATED_GRANTS = Right(_APPLICATION_ADMINISTRATORS, ("DelegatedPermissionGrant.ReadWrite.All",))
READ_DIRECTORY_ROLES = Right(
    ("Global Reader", "Privileged Role Administrator", "Global Administrator"), ("RoleManagement.Read.Directory",)
)
ASSIGN_DIRECTORY_ROLES = Right(
    ("Privileged Role Administrator", "Global Administrator"), ("RoleManagement.ReadWrite.Directory",)
)
READ_ORGANIZATION = Right(("Directory Readers", "Global Reader"), ("Organization.Read.All",))
READ_USERS = Right(("Directory Readers", "Global Reader"), ("User.Read.All",))
READ_GROUPS = Right(("Directory Readers", "Global Reader"), ("GroupMember.Read.All",))
"""Source: microsoft-graph-docs, group-list."""
READ_MEMBERSHIPS = Right(("Directory Readers", "Global Reader"), ("Directory.Read.All",))
"""Source: microsoft-graph-docs, user-list-memberof."""
READ_POLICIES = Right(("Global Reader", "Security Reader", "Security Administrator"), ("Policy.Read.All",))
"""Security defaults and conditional access. Source: graph.md 2.8, 2.9; the roles: microsoft-graph-docs, both lists."""
READ_LICENCES = Right(("Directory Readers", "Global Reader"), ("Organization.Read.All",))
"""Source: microsoft-graph-docs, subscribedsku-list."""
READ_MAIL = Right((), ("Mail.Read",))
SEND_MAIL = Right((), ("Mail.Send",))
READ_CALENDARS = Right((), ("Calendars.Read",))
POLICY_KEEPERS = ("Security Administrator", "Global Administrator")
"""Who changes application management policies. Source: graph.md 5.1."""
