"""The kit for a management host: a JEA endpoint with one function for each cmdlet that we use.

In a session without language, cmdlets that `Connect-ExchangeOnline` imports later are not visible to callers: only
functions of ours are (field-notes.md 2). So these functions are part of the product, made from the list that the
PowerShell driver sends from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.exchange.cmdlets import CMDLETS, SIGNATURES, Signature
from provisioner.exchange.powershell import literal, name, table

_TEXTS = Path(__file__).parent / "powershell_text" / "kit"
_MODULE = "ProvisionerExchange"

SETTINGS = "settings.psd1"
"""The one file of a kit that an administrator fills in, and that is never written over."""

EXAMPLE_OPERATORS = "COMPUTERNAME\\Provisioner Operators"


@dataclass(frozen=True)
class Organization:
    """One tenant in the host's settings. Without an application it is the host's managed identity."""

    organization: str
    """What the PowerShell driver sends: the first `.onmicrosoft.com` domain, or the tenant id."""
    app_id: str | None = None
    certificate_thumbprint: str | None = None
    environment: str | None = None
    """The cloud's name for `Connect-ExchangeOnline`; None is the worldwide one."""


def function_name(cmdlet: str) -> str:
    """What a cmdlet is called on the endpoint: `New-ProvisionerServicePrincipal`."""
    verb, _, noun = cmdlet.partition("-")
    return f"{verb}-Provisioner{noun}"


def kit(version: str, operators: str, organizations: Iterable[Organization]) -> Mapping[Path, bytes]:
    """The files, by their path within the kit. Raises `InputFault` for names with control characters."""
    functions = tuple(function_name(each) for each in CMDLETS)
    listed = _list("", functions)
    exported = ("FunctionsToExport = @(", *(f"    {each}" for each in listed), ")")
    visible = ("VisibleFunctions = @(", *(f"    {each}" for each in listed), ")")
    export = ("Export-ModuleMember -Function @(", *(f"    {each}" for each in listed), ")")
    known = ("$script:Cmdlets = @(", *(f"    {each}" for each in _list("", CMDLETS)), ")")
    definitions = tuple(line for each in CMDLETS for line in (*_function(each, SIGNATURES[each]), ""))[:-1]
    role = f"{literal(operators)} = @{{ RoleCapabilities = {literal(_MODULE)} }}"
    module = Path(_MODULE)
    texts = {
        module / f"{_MODULE}.psm1": _filled(
            f"{_MODULE}.psm1", {"#<cmdlets>": known, "#<functions>": definitions, "#<export>": export}
        ),
        module / f"{_MODULE}.psd1": _filled(
            f"{_MODULE}.psd1",
            {"#<version>": (f"ModuleVersion     = {literal(version)}",), "#<functions>": exported},
        ),
        module / "RoleCapabilities" / f"{_MODULE}.psrc": _filled(f"{_MODULE}.psrc", {"#<functions>": visible}),
        Path(f"{_MODULE}.pssc"): _filled(
            f"{_MODULE}.pssc", {"#<operators>": ("RoleDefinitions     = @{", f"    {role}", "}")}
        ),
        Path(SETTINGS): "\n".join(_settings(tuple(organizations))) + "\n",
        Path("README.txt"): _filled("README.txt", {}),
    }
    return {path: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() for path, text in texts.items()}


def _function(cmdlet: str, signature: Signature) -> tuple[str, ...]:
    parameters = ["[Parameter(Mandatory)] [string] $Organization"]
    parameters += [
        f"{'[ValidateNotNullOrEmpty()] ' if each in signature.never_empty else ''}[{takes.value}] ${name(each)}"
        for each, takes in signature.parameters.items()
    ]
    properties = ", ".join(literal(each) for each in signature.properties)
    return (
        f"function {name(function_name(cmdlet))} {{",
        "    [CmdletBinding()]",
        "    param(",
        *(f"        {each}{',' if place < len(parameters) else ''}" for place, each in enumerate(parameters, 1)),
        "    )",
        f"    Invoke-ForOrganization {literal(cmdlet)} $PSBoundParameters @({properties})",
        "}",
    )


def _settings(organizations: tuple[Organization, ...]) -> tuple[str, ...]:
    entries = [line for each in organizations for line in _entry(each)]
    example = (
        "# 'contoso.onmicrosoft.com' = @{",
        "#     AppId                 = '00000000-0000-0000-0000-000000000000'",
        "#     CertificateThumbprint = '0000000000000000000000000000000000000000'",
        "# }",
        "# 'fabrikam.onmicrosoft.com' = @{ ManagedIdentity = $true }",
    )
    return (
        "# The tenants that this host may touch, by their first domain, and as whom it signs in there. No secret.",
        "@{",
        "    Organizations = @{",
        *(f"        {each}" for each in (*example, *entries)),
        "    }",
        "}",
    )


def _entry(organization: Organization) -> tuple[str, ...]:
    key = literal(organization.organization)
    environment = {"Environment": organization.environment} if organization.environment is not None else {}
    if organization.app_id is None and not environment:
        return (f"{key} = @{{ ManagedIdentity = $true }}",)
    if organization.app_id is None:
        first, *more = table({"ManagedIdentity": True, **environment})
    else:
        thumbprint = organization.certificate_thumbprint or ""
        first, *more = table({"AppId": organization.app_id, "CertificateThumbprint": thumbprint, **environment})
    return (f"{key} = {first}", *more)


def _list(indent: str, names: tuple[str, ...]) -> tuple[str, ...]:
    last = len(names)
    return tuple(f"{indent}{literal(name(each))}{',' if place < last else ''}" for place, each in enumerate(names, 1))


def _filled(template: str, parts: Mapping[str, tuple[str, ...]]) -> str:
    """A template, in which each line that is a key alone gives way to its lines, as far in as it stood."""
    lines: list[str] = []
    for line in (_TEXTS / template).read_text(encoding="utf-8").splitlines():
        bare = line.lstrip()
        indent = line[: len(line) - len(bare)]
        if bare in parts:
            lines += [f"{indent}{each}" if each else "" for each in parts[bare]]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
