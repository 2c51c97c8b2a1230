"""What is imported when: `--help` must not pay for Microsoft's SDK, and no reply may import its 1,300 models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ONLY_IMPORTED = """
import sys
import provisioner.signin
from provisioner.graph import (applications, app_role_assignments, delegated_grants, deleted_items, messages,
                               organization, passwords, service_principals)
heavy = [name for name in sys.modules if name.split(".")[0] in
         ("msgraph", "msgraph_core", "kiota_abstractions", "kiota_http", "azure", "msal", "httpx", "requests",
          "cryptography", "pydantic", "pypsrp")]
print(heavy)
"""

EVERYTHING_CALLED = """
import asyncio, sys
from datetime import datetime, UTC
from graph_doubles import FakeGraph
from test_graph_writes import APPLICATION, APP, CREDENTIAL, OBJ, ROLE, SP
from provisioner.graph import (applications, app_role_assignments, delegated_grants, deleted_items, messages,
                               organization, passwords, service_principals)
from provisioner.errors import Absent

async def main():
    graph = FakeGraph().on("PATCH", "/", APPLICATION).on("POST", f"/applications/{OBJ}/addPassword", CREDENTIAL)
    graph.on("POST", "/servicePrincipals/", {"id": "a", "principalId": SP, "resourceId": SP, "appRoleId": ROLE})
    graph.on("POST", "/servicePrincipals", {"id": SP, "appId": APP}).on("GET", "/oauth2", {"value": []})
    async with graph.connect() as connection:
        await applications.create(connection, "u", display_name="d", sign_in_audience="AzureADMyOrg", tags=("t",))
        await passwords.add(connection, OBJ, display_name="d", end=datetime.now(UTC))
        await service_principals.create(connection, APP, tags=())
        await app_role_assignments.grant(connection, principal_id=SP, resource_id=SP, app_role_id=ROLE)
        await delegated_grants.held_by(connection, SP)
        assert await service_principals.by_app_id(connection, APP) is None
        try:
            await messages.find(connection, "a@x", internet_message_id="<x>")
        except Absent:
            pass
asyncio.run(main())
print(len([name for name in sys.modules if name.startswith("msgraph.generated.models")]))
"""


def output(program: str) -> str:
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(here)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_rooms_imports_no_library_of_theirs() -> None:
    assert output(ONLY_IMPORTED) == "[]"


def test_no_reply_imports_the_models() -> None:
    assert int(output(EVERYTHING_CALLED)) < 60
