"""The kit for a management host: PowerShell, and exactly what the driver sends to a JEA endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import powershell_tree as tree
import pytest
from time_doubles import VirtualClock

from provisioner.errors import InputFault
from provisioner.exchange import over_psrp
from provisioner.exchange.cmdlets import CMDLETS, SIGNATURES, Takes
from provisioner.exchange.host_kit import SETTINGS, Organization, kit
from provisioner.exchange.interface import CmdletReply, Parameter
from provisioner.model.identifiers import AppId, TenantId
from provisioner.model.secret import Secret
from provisioner.model.tenant import WORLDWIDE, ManagementHost, SignIn, SignInMethod, Tenant

BOM = b"\xef\xbb\xbf"
MODULE = Path("ProvisionerExchange/ProvisionerExchange.psm1")
MANIFEST = Path("ProvisionerExchange/ProvisionerExchange.psd1")
ROLE = Path("ProvisionerExchange/RoleCapabilities/ProvisionerExchange.psrc")
ENDPOINT = Path("ProvisionerExchange.pssc")
VALUES: dict[Takes, Parameter] = {
    Takes.TEXT: "text",
    Takes.TEXTS: ("one", "two"),
    Takes.FLAG: False,
    Takes.FLAG_OR_UNSET: None,
}


def made(operators: str = "HOST\\operators", *organizations: Organization) -> Mapping[Path, bytes]:
    return kit("1.2.3", operators, organizations)


def root(path: Path, files: Mapping[Path, bytes]) -> tree.Node:
    assert files[path].startswith(BOM)
    return tree.parsed(files[path].removeprefix(BOM))


def data(path: Path, files: Mapping[Path, bytes]) -> dict[str, Any]:
    """The one table that a data file is."""
    table = next(each for each in tree.walk(root(path, files)) if each.type == "hash_literal_expression")
    found = tree.value(table)
    assert isinstance(found, dict)
    return found


def functions() -> dict[str, dict[str, str]]:
    """Every function of the module that takes an organisation: its parameters with their types, as written."""
    found = {}
    for each in tree.walk(root(MODULE, made())):
        if each.type == "function_statement":
            name = next(tree.text(child) for child in each.children if child.type == "function_name")
            if "-Provisioner" not in name:
                continue
            parameters = {}
            for one in tree.walk(each):
                if one.type == "script_parameter":
                    words = tree.text(one).rsplit(" ", 1)
                    parameters[words[1].removeprefix("$")] = words[0]
            found[name] = parameters
    return found


def test_every_powershell_file_of_it_is_powershell() -> None:
    files = made("O'Brien\\grp", Organization("contoso.onmicrosoft.com", "a", "t"), Organization("f.example"))
    assert {each.suffix for each in files} == {".psm1", ".psd1", ".psrc", ".pssc", ".txt"}
    for path in files:
        if path.suffix != ".txt":
            root(path, files)
        assert b"#<" not in files[path]


class SpySession:
    """Takes the place of the runspace pool: notes what would be sent to the host."""

    connected = False

    def __init__(self) -> None:
        self.abandoned = Event()
        self.sent: list[tuple[str, Mapping[str, Parameter], Mapping[str, Parameter] | None]] = []

    def run(
        self, cmdlet: str, name: str, parameters: Mapping[str, Parameter], connect: Mapping[str, Parameter] | None
    ) -> CmdletReply:
        self.sent.append((name, parameters, connect))
        return CmdletReply((), ())


def sent_to_a_jea_host() -> list[tuple[str, Mapping[str, Parameter], Mapping[str, Parameter] | None]]:
    """What the driver really sends for every cmdlet with every parameter."""
    host = ManagementHost("host", configuration="ProvisionerExchange", jea=True, username="u", organization="o.example")
    tenant = Tenant("t", TenantId("t"), WORLDWIDE, SignIn(SignInMethod.BROWSER, AppId("a")), host=host)
    driver = over_psrp.connect(
        tenant, host, password=Secret("p"), token=None, clock=VirtualClock(), events=lambda event: None
    )
    spy = SpySession()
    driver._session = spy  # type: ignore[attr-defined]

    async def everything() -> None:
        for cmdlet in CMDLETS:
            given = {name: VALUES[takes] for name, takes in SIGNATURES[cmdlet].parameters.items()}
            await driver.run(cmdlet, given)

    asyncio.run(everything())
    return spy.sent


def test_its_functions_take_exactly_what_the_driver_sends() -> None:
    offered = functions()
    sent = sent_to_a_jea_host()
    assert {name for name, _, _ in sent} == set(offered)
    for name, parameters, connect in sent:
        assert set(parameters) == set(offered[name]), name
        assert connect is None


def test_types_and_the_organisation_are_as_declared() -> None:
    offered = functions()
    for cmdlet, signature in SIGNATURES.items():
        verb, noun = cmdlet.split("-")
        parameters = offered[f"{verb}-Provisioner{noun}"]
        assert parameters.pop("Organization") == "[Parameter(Mandatory)] [string]"
        guards = dict.fromkeys(signature.never_empty, "[ValidateNotNullOrEmpty()] ")
        assert parameters == {
            name: f"{guards.get(name, '')}[{takes.value}]" for name, takes in signature.parameters.items()
        }


def test_every_function_runs_its_cmdlet_and_returns_what_we_read_of_it() -> None:
    ran = {}
    for each in tree.calls(root(MODULE, made())):
        if each.name == "Invoke-ForOrganization":
            cmdlet, bound, properties = each.arguments
            assert tree.text(bound) == "$PSBoundParameters"
            ran[tree.value(cmdlet)] = tuple(tree.value(properties))
    assert ran == {name: each.properties for name, each in SIGNATURES.items()}


def test_callers_see_the_functions_and_nothing_else() -> None:
    files = made()
    names = sorted(functions())
    assert sorted(data(MANIFEST, files)["FunctionsToExport"]) == names
    role = data(ROLE, files)
    assert sorted(role["VisibleFunctions"]) == names
    assert role["VisibleCmdlets"] == [] and role["VisibleProviders"] == [] and role["VisibleExternalCommands"] == []
    exported = [each for each in tree.calls(root(MODULE, files)) if each.name == "Export-ModuleMember"]
    assert [tree.value(each.arguments[-1]) for each in exported] == [list(names)]


def test_the_endpoint_has_no_language_and_one_role() -> None:
    endpoint = data(ENDPOINT, made("CONTOSO\\o'ps"))
    assert endpoint["LanguageMode"] == "NoLanguage" and endpoint["SessionType"] == "RestrictedRemoteServer"
    assert endpoint["RunAsVirtualAccount"] is True
    roles = next(
        each
        for each in tree.walk(root(ENDPOINT, made("CONTOSO\\o'ps")))
        if each.type == "hash_entry" and tree.text(each).startswith("RoleDefinitions")
    )
    assert "'CONTOSO\\o''ps' = @{ RoleCapabilities = 'ProvisionerExchange' }" in tree.text(roles)


def test_it_connects_by_itself_once_and_only_to_organisations_of_its_settings() -> None:
    source = made()[MODULE].decode("utf-8-sig")
    connect = source[source.index("function Connect-Organization") : source.index("function ConvertTo-Small")]
    assert connect.index("if ($script:ConnectedTo -eq $Organization) { return }") < connect.index("throw")
    assert connect.index("throw") < connect.index("Connect-ExchangeOnline @how")
    for each in ("SkipLoadingFormatData = $true", "CommandName           = $script:Cmdlets", "ManagedIdentity = $true"):
        assert each in connect
    assert "AccessToken" not in source and "Credential" not in source
    assert tree.value(tree.assigned(root(MODULE, made()), "script:Cmdlets")[0]) == list(CMDLETS)


def test_settings_are_filled_from_the_inventory() -> None:
    files = made(
        "g",
        Organization("contoso.onmicrosoft.com", "a'b", "t"),
        Organization("fabrikam.onmicrosoft.com"),
        Organization("agency.onmicrosoft.us", environment="O365USGovGCCHigh"),
    )
    listed = data(Path(SETTINGS), files)["Organizations"]
    assert listed == {
        "'contoso.onmicrosoft.com'": {"AppId": "a'b", "CertificateThumbprint": "t"},
        "'fabrikam.onmicrosoft.com'": {"ManagedIdentity": True},
        "'agency.onmicrosoft.us'": {"ManagedIdentity": True, "Environment": "O365USGovGCCHigh"},
    }
    connect = files[MODULE].decode("utf-8-sig")
    assert "if ($identity.Environment) { $how.ExchangeEnvironmentName = $identity.Environment }" in connect


def test_a_group_with_control_characters_is_refused() -> None:
    with pytest.raises(InputFault):
        made("HOST\\grp\n'; Stop-Computer #")
