"""The floor: the same onboarding written straight down with httpx, for comparison. No SDK, no plan, no retry.

It reads what the program reads, makes what the program makes, stores the secret in a file, and signs in with it once.
One request after the other, as such scripts are written. Arguments: the sandbox's endpoints.json, a folder.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any

import httpx

GRAPH = "00000003-0000-0000-c000-000000000000"
ROLES = ("User.Read.All", "Group.Read.All", "Domain.Read.All")
NAME = "Three Permissions"
UNIQUE_NAME = "provisioner-benchmark-three-permissions-default-main"
APPLICATION = "id,appId,displayName,uniqueName,signInAudience,tags,requiredResourceAccess,passwordCredentials"


def main() -> None:
    endpoints = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    operator = endpoints["callers"]["operator-secret"]
    with httpx.Client(verify=ssl.create_default_context(cafile=endpoints["caFile"]), trust_env=False) as client:
        login = f"{endpoints['login']}/{endpoints['tenantId']}/oauth2/v2.0/token"
        token = sign_in(client, login, operator["clientId"], Path(operator["secretFile"]).read_text())
        client.headers["Authorization"] = f"Bearer {token}"
        graph = endpoints["graph"]

        def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
            reply = client.request(method, graph + path, json=body, headers=headers)
            if reply.status_code == 404 and method == "GET":
                return None
            reply.raise_for_status()
            return reply.json() if reply.content else None

        ask("GET", "/organization?$select=id,displayName,verifiedDomains")
        assert ask("GET", f"/applications(uniqueName='{UNIQUE_NAME}')?$select={APPLICATION}") is None
        ask("GET", f"/directory/deletedItems/graph.application?$select={APPLICATION}")
        ask("GET", f"/applications?$filter=displayName eq '{NAME}'&$select={APPLICATION}&$top=999")
        api = ask("GET", f"/servicePrincipals(appId='{GRAPH}')?$select=id,appId,appRoles,oauth2PermissionScopes")
        roles = [each["id"] for name in ROLES for each in api["appRoles"] if each["value"] == name]

        application = ask(
            "PATCH",
            f"/applications(uniqueName='{UNIQUE_NAME}')",
            {"displayName": NAME, "signInAudience": "AzureADMyOrg", "tags": ["floor"]},
            Prefer="create-if-missing",
        )
        principal = ask("POST", "/servicePrincipals", {"appId": application["appId"]})
        wishes = [{"id": each, "type": "Role"} for each in roles]
        ask(
            "PATCH",
            f"/applications/{application['id']}",
            {"requiredResourceAccess": [{"resourceAppId": GRAPH, "resourceAccess": wishes}]},
        )
        for each in roles:
            grant = {"principalId": principal["id"], "resourceId": api["id"], "appRoleId": each}
            ask("POST", f"/servicePrincipals/{api['id']}/appRoleAssignedTo", grant)
        minted = ask("POST", f"/applications/{application['id']}/addPassword", {"passwordCredential": {}})
        store(folder / "secret", minted["secretText"])
        sign_in(client, login, application["appId"], minted["secretText"])

        ask("GET", "/organization?$select=id,displayName,verifiedDomains")
        ask("GET", f"/applications(uniqueName='{UNIQUE_NAME}')?$select={APPLICATION}")
        ask("GET", f"/servicePrincipals(appId='{application['appId']}')?$select=id,appId,displayName,accountEnabled")
        ask("GET", f"/servicePrincipals/{principal['id']}/appRoleAssignments?$top=999")


def sign_in(client: httpx.Client, login: str, client_id: str, secret: str) -> str:
    scope = "https://graph.microsoft.com/.default"
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": scope}
    reply = client.post(login, data=form)
    reply.raise_for_status()
    return str(reply.json()["access_token"])


def store(path: Path, secret: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())


main()
