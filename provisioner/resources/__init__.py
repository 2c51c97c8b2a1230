"""Kinds of declared things: one file each, and this list. A new kind is one file plus one line."""

from __future__ import annotations

from typing import Any

from provisioner.model.declared import (
    Application,
    AppRoleGrant,
    ClientAccess,
    ClientSecret,
    Declared,
    DelegatedGrant,
    DirectoryRoleAssignment,
    EwsAccess,
    ExchangePointer,
    KeyCredential,
    MailboxPermission,
    ManagementRoleAssignment,
    ManagementScope,
    OrganizationCustomization,
    RedirectUris,
    RequestedPermissions,
    ScopeGroup,
    ServicePrincipal,
    UnscopedGrants,
    UserAssignment,
)
from provisioner.resources.app_role_grant import AppRoleGrantKind
from provisioner.resources.application import ApplicationKind
from provisioner.resources.client_access import ClientAccessKind
from provisioner.resources.client_secret import ClientSecretKind
from provisioner.resources.delegated_grant import DelegatedGrantKind
from provisioner.resources.directory_role_assignment import DirectoryRoleAssignmentKind
from provisioner.resources.ews_access import EwsAccessKind
from provisioner.resources.exchange_pointer import ExchangePointerKind
from provisioner.resources.key_credential import KeyCredentialKind
from provisioner.resources.kind import Kind
from provisioner.resources.mailbox_permission import MailboxPermissionKind
from provisioner.resources.management_role_assignment import ManagementRoleAssignmentKind
from provisioner.resources.management_scope import ManagementScopeKind
from provisioner.resources.organization_customization import OrganizationCustomizationKind
from provisioner.resources.redirect_uris import RedirectUrisKind
from provisioner.resources.requested_permissions import RequestedPermissionsKind
from provisioner.resources.scope_group import ScopeGroupKind
from provisioner.resources.service_principal import ServicePrincipalKind
from provisioner.resources.unscoped_grants import UnscopedGrantsKind
from provisioner.resources.user_assignment import UserAssignmentKind

KINDS: dict[type[Declared], Kind[Any, Any]] = {
    Application: ApplicationKind(),
    ServicePrincipal: ServicePrincipalKind(),
    RequestedPermissions: RequestedPermissionsKind(),
    AppRoleGrant: AppRoleGrantKind(),
    ClientSecret: ClientSecretKind(),
    KeyCredential: KeyCredentialKind(),
    DirectoryRoleAssignment: DirectoryRoleAssignmentKind(),
    ExchangePointer: ExchangePointerKind(),
    MailboxPermission: MailboxPermissionKind(),
    ClientAccess: ClientAccessKind(),
    EwsAccess: EwsAccessKind(),
    OrganizationCustomization: OrganizationCustomizationKind(),
    ScopeGroup: ScopeGroupKind(),
    ManagementScope: ManagementScopeKind(),
    ManagementRoleAssignment: ManagementRoleAssignmentKind(),
    UnscopedGrants: UnscopedGrantsKind(),
    DelegatedGrant: DelegatedGrantKind(),
    RedirectUris: RedirectUrisKind(),
    UserAssignment: UserAssignmentKind(),
}
"""Which code knows which kind of declared thing."""


def kind_of(declared: Declared) -> Kind[Any, Any]:
    """The kind of a declared thing."""
    return KINDS[type(declared)]
