"""What things are called: addresses within one onboarding, and the names that they carry in the tenant.

Names in the tenant are for ever (field-notes.md 1.3), so they are made from playbook, instance and key only.
"""

from __future__ import annotations

import hashlib

from provisioner.model.identifiers import Address

LONGEST_UNIQUE_NAME = 120
LONGEST_EXCHANGE_NAME = 64


def unique_name(playbook_id: str, instance: str, key: str) -> str:
    """The `uniqueName` of an application: letters, digits and dashes."""
    return f"provisioner-{playbook_id.replace('/', '-')}-{instance}-{key}"


def exchange_name(playbook_id: str, instance: str, *parts: str) -> str:
    """The name of a group, scope or assignment: as a unique name is made, and no longer than Exchange takes.

    64 characters at most (office-docs-powershell: New-DistributionGroup, New-ManagementScope,
    New-ManagementRoleAssignment). What is too long ends in a digest of the whole.
    """
    whole = unique_name(playbook_id, instance, "-".join(parts))
    if len(whole) <= LONGEST_EXCHANGE_NAME:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return f"{whole[: LONGEST_EXCHANGE_NAME - len(digest) - 1]}-{digest}"


def tag(playbook_id: str, instance: str) -> str:
    """Our mark in `tags`."""
    return f"provisioner:{playbook_id}:{instance}"


def application(key: str) -> Address:
    """The address of an application."""
    return Address(f"application.{key}")


def service_principal(key: str) -> Address:
    """The address of an application's service principal."""
    return Address(f"service_principal.{key}")


def secret(key: str, slot: str) -> Address:
    """The address of a client secret."""
    return Address(f"client_secret.{key}.{slot}")


def pointer(key: str) -> Address:
    """The address of Exchange's record of a service principal."""
    return Address(f"exchange_pointer.{key}")
