"""How a cmdlet fails: one exception that every protocol words in its own way, and the families of failures.

Over InvokeCommand a failure is an HTTP status with `id|type|text` in `error.details`; in a connected module it is an
error record whose text is that same string. Failures to bind parameters never reach the service in the module, so
they are PowerShell's own and end the pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provisioner.sandbox.ledger import behaviour, mark

DOMAIN_CONTROLLER: Final = "SBXPR01A001DC001.SBXPR01A001.PROD.OUTLOOK.COM"
SERVER: Final = "SBXPR01MB0001"

_TASKS = "Microsoft.Exchange.Configuration.Tasks."


@dataclass(frozen=True)
class Failure:
    """What went wrong.

    `terminating` failures end a pipeline; the others are records among its output. `error_id` is Exchange's `Ex...`
    number or empty; `type` the .NET exception; `status` and `code` InvokeCommand's HTTP status and `error.code`;
    `category` PowerShell's error category; `binding` is PowerShell's fully qualified error id where PowerShell
    itself refused; `target` the object in question.
    """

    text: str
    type: str
    error_id: str = ""
    status: int = 400
    code: str = "BadRequest"
    category: str = "NotSpecified"
    target: str = ""
    binding: str = ""
    terminating: bool = False

    @property
    def reason(self) -> str:
        """The bare name of the exception."""
        return self.type.rsplit(".", 1)[-1]

    @property
    def detail(self) -> str:
        """`id|type|text`, as the service words it; PowerShell's own refusals are their text."""
        return self.text if self.binding else f"{self.error_id}|{self.type}|{self.text}"


class CmdletFailed(Exception):
    """Raised by a cmdlet that did not do its work."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


mark(
    "A missing mailbox or other object: 404 NotFound, Ex6F9304|...ManagementObjectNotFoundException|... couldn't be "
    "found on '<DC>'",
    source="exchange.md 4.6 S7, S4; timmcmic/DLConversionV2#129",
    if_wrong="the client does not recognise a missing mailbox",
)
mark(
    "A second pointer: 400, ManagementObjectAlreadyExistsException, text containing 'already exist'",
    source="unverified (exact sentence; exchange.md 4.6: S3, S18 match the two words)",
    if_wrong="the client takes a duplicate for a failure",
)
mark(
    "In the connected module a failure is a non-terminating record: text id|type|text, category NotSpecified, "
    "activity the cmdlet, "
    "id '[Server=..,RequestId=..,TimeStamp=..],Write-ErrorMessage'",
    source="timmcmic/DLConversionV2#129, #130 (module 3.x output)",
    if_wrong="errors are looked for in had_errors or in another field",
)

mark(
    "Words and Ex numbers for an unknown trustee, an ambiguous identity, an ill-formed id, a prompt nobody answers",
    source="unverified (exchange.md 4.6, 8)",
    if_wrong="the client shows the text but cannot name the cause",
)


def not_found(identity: str) -> CmdletFailed:
    """No object of that identity on the directory server that was asked."""
    return CmdletFailed(
        Failure(
            text=f"The operation couldn't be performed because object '{identity}' couldn't be found on "
            f"'{DOMAIN_CONTROLLER}'.",
            type=_TASKS + "ManagementObjectNotFoundException",
            error_id="Ex6F9304",
            status=404,
            code="NotFound",
            target=identity,
        )
    )


def ambiguous(identity: str) -> CmdletFailed:
    """Several objects answer to that identity."""
    return CmdletFailed(
        Failure(
            text=f"The operation couldn't be performed because '{identity}' matches multiple entries.",
            type=_TASKS + "ManagementObjectAmbiguousException",
            error_id="Ex9E0A0C",
            target=identity,
        )
    )


def trustee_not_found(identity: str) -> CmdletFailed:
    """The user or service principal a right is for is not known."""
    return CmdletFailed(
        Failure(
            text=f"User or service principal '{identity}' couldn't be found on '{DOMAIN_CONTROLLER}'. "
            "Please make sure that it was spelled correctly.",
            type=_TASKS + "ManagementObjectNotFoundException",
            error_id="Ex94914C",
            status=404,
            code="NotFound",
            target=identity,
        )
    )


def already_exists(identity: str) -> CmdletFailed:
    """A service principal pointer with that application or object id is there already."""
    return CmdletFailed(
        Failure(
            text=f"The service principal '{identity}' already exists in the organization.",
            type=_TASKS + "ManagementObjectAlreadyExistsException",
            error_id="ExE95C3F",
            target=identity,
        )
    )


def invalid_value(parameter: str, value: str) -> CmdletFailed:
    """The service, not PowerShell, dislikes a value."""
    return CmdletFailed(
        Failure(
            text=f"The value '{value}' of parameter '{parameter}' isn't valid.",
            type=_TASKS + "TaskArgumentException",
            error_id="Ex2F19BD",
            target=value,
        )
    )


mark(
    "Words and types for names in use, names too long, filters not understood, groups managed by others",
    source="Exchange's usual texts, from memory; ids unverified",
    if_wrong="the client shows the text but cannot name the cause",
)


def too_long(parameter: str, given: int, allowed: int) -> CmdletFailed:
    """A name that does not fit."""
    return CmdletFailed(
        Failure(
            text=f"The length of the property is too long. The maximum length is {allowed} and the length of the value "
            f"provided is {given}. Property Name: {parameter}",
            type="Microsoft.Exchange.Data.DataValidationException",
            error_id="Ex5F1B2A",
            target=parameter,
        )
    )


def name_in_use(dn: str) -> CmdletFailed:
    """An object of that name is there already."""
    return CmdletFailed(
        Failure(
            text=f"Active Directory operation failed on {DOMAIN_CONTROLLER}. The object '{dn}' already exists.",
            type="Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException",
            error_id="Ex2A5F8E",
            target=dn,
        )
    )


def address_in_use(address: str, holder: str) -> CmdletFailed:
    """A recipient has that address already."""
    return CmdletFailed(
        Failure(
            text=f'The proxy address "SMTP:{address}" is already being used by the proxy addresses or LegacyExchangeDN '
            f'of "{holder}". Please choose another proxy address.',
            type="Microsoft.Exchange.Data.Directory.ProxyAddressExistsException",
            error_id="Ex2FBF5D",
            target=address,
        )
    )


def needs_group_manager(identity: str) -> CmdletFailed:
    """The caller is none of the group's managers and did not ask to pass over that."""
    return CmdletFailed(
        Failure(
            text="You don't have sufficient permissions. This operation can only be performed by a manager of the "
            "group.",
            type=_TASKS + "OperationRequiresGroupManagerException",
            error_id="Ex11E4B7",
            target=identity,
        )
    )


def invalid_filter(text: str, position: int) -> CmdletFailed:
    """A recipient filter that Exchange cannot read; here also one that is not played."""
    return CmdletFailed(
        Failure(
            text="Invalid filter syntax. For a description of the filter parameter syntax see the command help. "
            f'"{text}" at position {position + 1}.',
            type="Microsoft.Exchange.Data.ParsingInvalidFilterException",
            error_id="Ex9B3D11",
            target=text,
        )
    )


@behaviour(
    "An organisation that was never customised refuses scopes and role assignments: 400, "
    "InvalidOperationInDehydratedContextException",
    source="exchange.md 4.4 S18; text published by Microsoft (auditing troubleshooting page)",
    if_wrong="the missing Enable-OrganizationCustomization is not named",
)
def dehydrated(cmdlet: str) -> CmdletFailed:
    """Enable-OrganizationCustomization was not run, or has not arrived."""
    return CmdletFailed(
        Failure(
            text="The command you tried to run isn't currently allowed in your organization. To run this command, you "
            "first need to run the command: Enable-OrganizationCustomization.",
            type=_TASKS + "InvalidOperationInDehydratedContextException",
            error_id="ExD5E5C0",
            target=cmdlet,
        )
    )


@behaviour(
    "After that, role assignments are refused for want of a delegating role assignment",
    source="exchange.md 4.4 S18; text from memory",
    if_wrong="not yet is reported as a missing role",
)
def not_delegated(role: str) -> CmdletFailed:
    """The caller's own delegating assignment of the role has not arrived yet."""
    return CmdletFailed(
        Failure(
            text=f'You don\'t have access to create, change, or remove the "{role}" management role assignment. You '
            "must be assigned a delegating role assignment to the management role or its parent in the hierarchy "
            "without a scope restriction.",
            type=_TASKS + "TaskException",
            error_id="ExA8D6C4",
            target=role,
        )
    )


def needs_confirmation(cmdlet: str, target: str) -> CmdletFailed:
    """PowerShell would ask, and nobody is there to answer."""
    return CmdletFailed(
        Failure(
            text="A command that prompts the user failed because the host program or the command type does not "
            "support user "
            "interaction. The host was attempting to request confirmation with the following message: "
            f"Are you sure you want to perform this action? {cmdlet} '{target}'",
            type="System.Management.Automation.Host.HostException",
            category="NotImplemented",
            binding="HostFunctionNotImplemented",
            target=target,
            terminating=True,
        )
    )


def binding(
    cmdlet: str, text: str, error_id: str, *, category: str = "InvalidArgument", transformation: bool = False
) -> CmdletFailed:
    """PowerShell's parameter binder refused; over InvokeCommand the service says so with a 400."""
    kind = "ParameterBindingArgumentTransformationException" if transformation else "ParameterBindingException"
    return CmdletFailed(
        Failure(
            text=text,
            type="System.Management.Automation." + kind,
            category=category,
            binding=f"{error_id},{cmdlet}",
            terminating=True,
        )
    )
