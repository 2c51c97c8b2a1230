"""The house: a room imports only from lower layers, and each third-party library has one door. One table says all."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "provisioner"

LAYERS: dict[str, int] = {
    "model": 0,
    "errors": 0,
    "playbook": 1,
    "catalogue": 1,
    "reports": 1,
    "pace": 2,
    "disk": 2,
    "signin": 3,
    "graph": 4,
    "exchange": 4,
    "mail": 4,
    "sinks": 4,
    "home": 4,
    "custody": 5,
    "resources": 6,
    "probes": 6,
    "engine": 7,
    "workflows": 8,
    "cli": 9,
    "__main__": 9,
}
"""Room -> layer. A room imports from lower layers only; model and errors share the ground floor."""

NEIGHBOURS = {("errors", "model"), ("model", "errors"), ("playbook", "catalogue"), ("__main__", "cli")}
"""The few imports within a layer, each with its reason: a playbook's permissions are checked against the catalogue."""

DOORS: dict[str, set[str]] = {
    "azure": {"signin"},
    "cryptography": {"signin"},
    "httpx": {"graph", "exchange", "mail", "signin"},
    "kiota_abstractions": {"graph"},
    "kiota_authentication_azure": {"graph"},
    "kiota_http": {"graph"},
    "kiota_serialization_json": {"graph"},
    "msal": {"signin"},
    "msgraph": {"graph"},
    "msgraph_core": {"graph"},
    "pydantic": {"playbook"},
    "pydantic_core": {"playbook"},
    "pypsrp": {"exchange"},
    "pyrage": {"sinks"},
    "requests": {"signin", "exchange"},
    "rich": {"reports", "cli"},
    "ruamel": {"playbook"},
    "spnego": {"exchange"},
    "typer": {"cli"},
    "click": {"cli"},
}
"""Library -> rooms that may import it. What is not listed may not be imported at all (outside the sandbox)."""

SANDBOX_LIBRARIES = {"aiosmtpd", "cryptography", "jwt", "psrpcore", "starlette", "uvicorn", "anyio", "h11"}
HEAVY = {
    "azure",
    "cryptography",
    "httpx",
    "msgraph",
    "kiota_http",
    "pypsrp",
    "pydantic",
    "ruamel",
    "rich",
    "requests",
    "msal",
    "pyrage",
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        inside = path.relative_to(ROOT)
        room = inside.parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path


def imported(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(dotted name, line, at run time and at the top of the module)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        top = node in tree.body
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module == "provisioner":
                for alias in node.names:
                    yield f"provisioner.{alias.name}", node.lineno, top
            elif node.module is not None:
                yield node.module, node.lineno, top


def test_the_table_knows_every_room() -> None:
    rooms = {room for room, _ in modules()} - {"sandbox"}
    assert rooms == set(LAYERS)


def test_rooms_import_downwards_only() -> None:
    faults = []
    for room, path in modules():
        if room == "sandbox":
            continue
        for name, line, _ in imported(path):
            if not name.startswith("provisioner."):
                continue
            other = name.split(".")[1]
            if other in (room, "__init__"):
                continue
            if other == "sandbox":
                if not (room == "cli" and path.name == "sandbox.py"):
                    faults.append(f"{path}:{line}: only cli/sandbox.py may import the sandbox")
            elif (room, other) not in NEIGHBOURS and LAYERS[other] >= LAYERS[room]:
                faults.append(
                    f"{path.relative_to(ROOT)}:{line}: {room} ({LAYERS[room]}) imports {other} ({LAYERS[other]})"
                )
    assert faults == []


def test_the_sandbox_shares_no_code_with_the_client() -> None:
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for room, path in modules()
        if room == "sandbox"
        for name, line, _ in imported(path)
        if name.startswith("provisioner.") and not name.startswith("provisioner.sandbox")
    ]
    assert faults == []


def test_each_library_has_one_door() -> None:
    ours = {"provisioner"}
    faults = []
    for room, path in modules():
        for name, line, _ in imported(path):
            library = name.split(".")[0]
            if library in ours or library in sys.stdlib_module_names:
                continue
            allowed = library in SANDBOX_LIBRARIES if room == "sandbox" else room in DOORS.get(library, set())
            if not allowed:
                faults.append(f"{path.relative_to(ROOT)}:{line}: {room} imports {library}")
    assert faults == []


def test_heavy_libraries_are_imported_inside_functions() -> None:
    # Members that are themselves imported inside functions only.
    at_top = {"playbook/schema.py": "pydantic", "reports/terminal.py": "rich", "reports/display.py": "rich"}
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for room, path in modules()
        if room != "sandbox"
        for name, line, top in imported(path)
        if top and name.split(".")[0] in HEAVY and at_top.get(path.relative_to(ROOT).as_posix()) != name.split(".")[0]
    ]
    assert faults == []


@pytest.mark.parametrize("library", sorted(set(DOORS)))
def test_every_door_is_used(library: str) -> None:
    rooms = {
        room
        for room, path in modules()
        if room != "sandbox"
        for name, _, _ in imported(path)
        if name.split(".")[0] == library
    }
    if library in {"click", "msal", "msgraph_core", "kiota_serialization_json"}:
        assert rooms <= DOORS[library]
    else:
        assert rooms, f"nobody imports {library}: take its door away"
