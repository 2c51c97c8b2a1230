"""Plays the person who runs a script: its values and commands are read from its syntax tree, and run over PowerShell
remoting in the sandbox as an administrator would. The script's own logic (what it skips, waits for and says) is
not played: that takes a real PowerShell. In a tenant in which nothing is set up yet, every look finds nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import powershell_tree as tree

from provisioner.cli import sandbox_process
from provisioner.errors import Absent, Refused
from provisioner.exchange import Exchange, over_psrp
from provisioner.exchange.cmdlets import SIGNATURES
from provisioner.exchange.interface import Parameter
from provisioner.model.secret import Secret
from provisioner.pace import SystemClock
from tests.system.support import Sandbox

WHO = "frida@contoso.example"


def run(script: Path, sandbox: Sandbox, *, only_look: bool = False) -> dict[str, Any]:
    """Run a script with -AllowOrganisationWide, or only its reads; what it would save as its result."""
    root = tree.parsed(script.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    tenant = sandbox_process.tenant(sandbox.directory, "")
    assert tenant.host is not None and tenant.host.password is not None
    password = Secret(Path(tenant.host.password.removeprefix("file:")).read_text(encoding="utf-8").strip())
    driver = over_psrp.connect(
        tenant, tenant.host, password=password, token=None, clock=SystemClock(), events=lambda event: None
    )
    return asyncio.run(_run(root, driver, sandbox, only_look=only_look))


async def _run(root: tree.Node, driver: Exchange, sandbox: Sandbox, *, only_look: bool) -> dict[str, Any]:
    variables: dict[str, Mapping[str, object]] = {}

    def look_up(variable: str, name: str) -> str:
        return str(variables[variable][name])

    try:
        for line in _lines(root):
            match line:
                case ("wanted", table):
                    variables["wanted"] = tree.value(table, look_up)
                case ("made", (variable, cmdlet)):
                    reply = await driver.run(cmdlet, {"Identity": look_up("wanted", "Alias")})
                    variables[variable] = reply.output[0]
                case ("change", "Enable-OrganizationCustomization") if not only_look:
                    await driver.run("Enable-OrganizationCustomization", {})
                    sandbox.advance(3600)  # "Run it again when the cause is gone"
                case ("change", cmdlet) if not only_look:
                    await driver.run(cmdlet, _typed(variables["wanted"]))
        reads = [await _read(each, driver, look_up) for each in tree.calls(root) if each.name == "Read-Back"]
    finally:
        await driver.close()
    about = tree.value(tree.assigned(root, "About")[0])
    return {
        "schemaVersion": 1,
        "kind": "provisioner-script-result",
        "sandbox": about["Sandbox"],
        "tenantId": about["TenantId"],
        "scope": about["Scope"],
        "script": about["Digest"],
        "finished": "2026-11-22T10:00:00Z",
        "who": WHO,
        "whatIf": False,
        "failure": None,
        "steps": [],
        "reads": reads,
    }


def _lines(root: tree.Node) -> list[tuple[str, Any]]:
    """Values, changes and things made, in the order of the script."""
    found: list[tuple[int, tuple[str, Any]]] = []
    for node in tree.walk(root):
        if node.type == "assignment_expression":
            variable = tree.text(node.named_children[0]).strip().removeprefix("$")
            if variable == "wanted":
                found.append((node.start_byte, ("wanted", node.named_children[-1])))
            elif variable.startswith("made"):
                cmdlet = next(each.name for each in tree.calls(node) if each.name.startswith("Get-"))
                found.append((node.start_byte, ("made", (variable, cmdlet))))
        elif node.type == "command":
            name = tree.text(node.named_children[0])
            if name == "Enable-OrganizationCustomization" or (name in SIGNATURES and "@wanted" in tree.text(node)):
                found.append((node.start_byte, ("change", name)))
    return [each for _, each in sorted(found, key=lambda one: one[0])]


async def _read(call: tree.Call, driver: Exchange, look_up: Any) -> dict[str, Any]:
    cmdlet, parameters, properties = (tree.value(each, look_up) for each in call.arguments)
    read: dict[str, Any] = {
        "cmdlet": cmdlet,
        "parameters": parameters,
        "absent": False,
        "refused": None,
        "output": [],
    }
    try:
        reply = await driver.run(cmdlet, _typed(parameters))
    except Absent:
        read["absent"] = True
    except Refused as refused:
        read["refused"] = refused.message
    else:
        read["output"] = [{name: _plain(each.get(name)) for name in properties} for each in reply.output]
    return read


def _typed(given: Mapping[str, object]) -> dict[str, Parameter]:
    return {name: tuple(each) if isinstance(each, list) else each for name, each in given.items()}  # type: ignore[misc]


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int)):
        return value
    return [str(each) for each in value] if isinstance(value, tuple) else str(value)


def save(result: Mapping[str, Any], place: Path, *, encoding: str = "utf-8") -> Path:
    place.write_bytes(json.dumps(result).encode(encoding))
    return place
