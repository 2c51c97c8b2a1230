"""Signing in with what a machine already has, from the command line to the running sandbox: good days and bad ones.

The variables are those that Azure sets. An inventory knows Microsoft's hosts only, so in the child that runs a command
the row of the worldwide cloud names the sandbox's; all else is as a user has it.
"""

from __future__ import annotations

import gc
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.tenant import Endpoints
from tests.system.chain.steps import document, outcomes
from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, forked, fresh_home

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
GRAPH = "https://graph.microsoft.com"
OTHER_TENANT = "9f9f9f9f-0000-4000-8000-000000000009"
OTHER_CLOUD = "https://login.microsoftonline.us/"
ISSUER = "https://token.actions.example/"
SUBJECT = "repo:contoso/operations:ref:refs/heads/main"
NOBODY = "http://127.0.0.1:9"
TOKEN = re.compile(r"eyJ[\w-]{8,}\.")
"""How every signed token begins."""

IN_ENTRA = {
    "application.main",
    "service_principal.main",
    "requested_permissions.main",
    "client_secret.main.mail",
    "app_role_grant.main.exchange.SMTP.SendAsApp",
}
IN_EXCHANGE = {"exchange_pointer.main", "mailbox_permission.main.FullAccess", "client_access.sender"}

AZ = """#!{python} -I
# Stands in for the Azure CLI: redeems what its profile holds at the sandbox, and fails in the real one's words.
import json, pathlib, ssl, sys, time, urllib.error, urllib.parse, urllib.request
profile = json.loads((pathlib.Path(__file__).parent / "profile.json").read_text())
if "form" not in profile:
    sys.exit("ERROR: Please run 'az login' to setup account.")
assert sys.argv[1:5] == ["account", "get-access-token", "--output", "json"]
asked = dict(zip(sys.argv[5::2], sys.argv[6::2]))
form = profile["form"] | {{"scope": asked["--resource"] + "/.default"}}
url = profile["login"] + "/" + profile.get("always", asked["--tenant"]) + "/oauth2/v2.0/token"
context = ssl.create_default_context(cafile=profile["ca"])
try:
    answer = json.load(urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), context=context))
except urllib.error.HTTPError as refused:
    told = json.load(refused)["error_description"]
    sys.exit("ERROR: " + told + "\\nInteractive authentication is needed. Please run:\\naz login")
expires = int(time.time()) + answer["expires_in"]
print(json.dumps({{"accessToken": answer["access_token"], "expires_on": expires, "tokenType": "Bearer"}}))
"""

BUSY = """
# A machine's endpoint that is busy at first, and then passes on what the sandbox's says.
import http.server, sys, urllib.request
seen = []
class Busy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append(self.path)
        if len(seen) == 1:
            status, body = int(sys.argv[2]), b'{"error": "too_many_requests"}'
        else:
            request = urllib.request.Request(sys.argv[1] + self.path, headers={"Metadata": "true"})
            with urllib.request.urlopen(request) as answer:
                status, body = 200, answer.read()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(("127.0.0.1", 0), Busy)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No identity and no proxy of the machine that runs the tests."""
    for name in (
        *("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"),
        *("AZURE_FEDERATED_TOKEN_FILE", "AZURE_USERNAME", "AZURE_PASSWORD", "AZURE_AUTHORITY_HOST"),
        *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", NOBODY)


class Desk:
    """A technician's machine: a home, what its environment says, and the sandbox as the worldwide cloud."""

    def __init__(self, sandbox: Sandbox, place: Path) -> None:
        self.sandbox = sandbox
        self.place = place
        self.home = fresh_home(place / "home", sandbox)
        self.env: dict[str, str] = {}
        self.tenant_id = str(sandbox.endpoints["tenantId"])
        self.machine: dict[str, str] = sandbox.endpoints["managedIdentity"]
        self.operator: dict[str, str] = sandbox.endpoints["callers"]["operator"]
        self.secret = (sandbox.directory / "operator.secret").read_text()
        self.header = Path(self.machine["identityHeaderFile"]).read_text()
        self.token_file = place / "federated-token"
        self._secrets = {self.secret, self.header}

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """One command. Whatever becomes of it: no traceback, no token and no secret in any byte it wrote."""
        ended = forked(*arguments, home=self.home, env=self.env | more, before=self._aim)
        ours = (each for each in self.home.rglob("*") if each.is_file() and "sandbox" not in each.parts)
        written = "\n".join([ended.stdout, ended.stderr, *(each.read_text("utf-8", "replace") for each in ours)])
        assert "Traceback" not in written
        assert not TOKEN.search(written)
        assert not [each for each in self._secrets if each in written]
        return ended

    def add(self, method: str, *options: str, tenant_id: str | None = None) -> None:
        """Put the tenant `contoso` into the inventory."""
        known = ("--tenant-id", tenant_id or self.tenant_id, "--sign-in", method)
        self.run("tenants", "remove", "contoso")  # a name is not moved to another tenant
        added = self.run("tenants", "add", "contoso", *known, *options)
        assert added.returncode == 0, added.stderr

    def check(self) -> dict[str, Any]:
        """What `tenants check` found."""
        return document(self.run("tenants", "check", "contoso", "-o", "json"))

    def plan(self) -> dict[str, Any]:
        """The plan for the playbook."""
        return document(self.run("plan", PLAYBOOK, "--tenant", "contoso", *PARAMETERS, "-o", "json"))

    def apply(self, code: int = 0) -> dict[str, Any]:
        """What became of it."""
        return document(self.run("apply", PLAYBOOK, "--tenant", "contoso", *PARAMETERS, "--yes", "-o", "json"), code)

    def trust(self, **outside: Any) -> None:
        """Let the operator application trust a workload elsewhere, whose platform has put a token into the file."""
        application = next(
            each for each in self.sandbox.state()["applications"] if each["appId"] == self.operator["clientId"]
        )
        credential = {
            "id": "11111111-2222-4333-8444-555555555555",
            "applicationId": application["id"],
            "name": "main",
            "issuer": ISSUER,
            "subject": SUBJECT,
            "description": None,
            "audiences": ["api://AzureADTokenExchange"],
        }
        self.sandbox.plant("federatedIdentityCredentials", credential)
        self.issue(**outside)

    def issue(self, **outside: Any) -> None:
        """Another token in the file, with the line end that a shell adds."""
        given = {"issuer": ISSUER, "subject": SUBJECT, **outside}
        token = str(self.sandbox.call("POST", "/federation/token", given)["token"])
        assert TOKEN.match(token)
        self.token_file.write_text(token + "\n")

    def pod(self) -> None:
        """What a Kubernetes cluster's webhook sets in a pod."""
        self.env |= {
            "AZURE_FEDERATED_TOKEN_FILE": str(self.token_file),
            "AZURE_CLIENT_ID": self.operator["clientId"],
            "AZURE_TENANT_ID": self.tenant_id,
            "AZURE_AUTHORITY_HOST": OTHER_CLOUD,
        }

    def az(self, form: Mapping[str, str] | None, **more: str) -> None:
        """Put an `az` on the path that is signed in with `form`, or not at all."""
        program = self.place / "bin" / "az"
        program.parent.mkdir(exist_ok=True)
        program.write_text(AZ.format(python=sys.executable))
        program.chmod(0o755)
        profile = {"login": self.sandbox.endpoints["login"], "ca": self.sandbox.endpoints["caFile"], **more}
        known = {} if form is None else {"form": dict(form)}
        (program.parent / "profile.json").write_text(json.dumps(profile | known))
        self.env["PATH"] = f"{program.parent}:/usr/bin:/bin"

    def az_person(self, person: str, **more: str) -> None:
        """The same, after somebody's `az login --use-device-code`."""
        base = f"{self.sandbox.endpoints['login']}/{self.tenant_id}/oauth2/v2.0"
        trusted = ssl.create_default_context(cafile=self.sandbox.endpoints["caFile"])
        with httpx.Client(verify=trusted, trust_env=False) as client:
            asked = {"client_id": AZURE_CLI, "scope": f"{GRAPH}/.default offline_access"}
            started = client.post(f"{base}/devicecode", data=asked).json()
            self.sandbox.call("POST", "/device/approve", {"userCode": started["user_code"], "as": person})
            grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": AZURE_CLI}
            answer = client.post(f"{base}/token", data=grant | {"device_code": started["device_code"]}).json()
        self._secrets.add(answer["refresh_token"])
        form = {"client_id": AZURE_CLI, "grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
        self.az(form, **more)

    def machine_loses(self, collection: str, lost: Callable[[Mapping[str, Any]], bool]) -> None:
        """Take from the machine's identity what it was given, as of before its next token."""
        state = self.sandbox.state()
        (principal,) = (each for each in state["servicePrincipals"] if each["appId"] == self.machine["clientId"])
        for each in state[collection]:
            if each["principalId"] == principal["id"] and lost(each):
                self.sandbox.unplant(collection, each["id"])

    def _aim(self) -> None:
        known = self.sandbox.endpoints
        (rows,) = gc.get_referents(CLOUDS)
        rows[Cloud.WORLDWIDE] = Endpoints(
            login=known["login"],
            graph=known["graph"],
            exchange=known["exchange"],
            smtp_host=known["smtp"]["host"],
            smtp_port=int(known["smtp"]["port"]),
            ca_file=known["caFile"],
        )


@pytest.fixture
def desk(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


def a_virtual_machine(desk: Desk, *options: str) -> str:
    desk.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = desk.machine["imds"]
    desk.add("managed-identity", *options)
    return desk.machine["clientId"]


def one_identity_of_several(desk: Desk, *options: str) -> str:
    return a_virtual_machine(desk, "--client-id", desk.machine["clientId"].upper(), *options)


def an_app_service(desk: Desk, *options: str) -> str:
    desk.env |= {"IDENTITY_ENDPOINT": desk.machine["identityEndpoint"], "IDENTITY_HEADER": desk.header}
    desk.add("managed-identity", *options)
    return desk.machine["clientId"]


def a_pod(desk: Desk, *options: str) -> str:
    desk.trust()
    desk.pod()
    desk.add("workload-identity", *options)
    return desk.operator["clientId"]


def a_pods_managed_identity(desk: Desk, *options: str) -> str:
    desk.trust()
    desk.pod()
    desk.add("managed-identity", *options)
    return desk.operator["clientId"]


def a_build_service(desk: Desk, *options: str) -> str:
    desk.trust()
    known = ("--client-id", desk.operator["clientId"], "--token-file", str(desk.token_file))
    desk.add("workload-identity", *known, *options)
    return desk.operator["clientId"]


def _named(desk: Desk, **credential: str) -> None:
    desk.env |= {
        "AZURE_CLIENT_ID": desk.operator["clientId"],
        "AZURE_TENANT_ID": desk.tenant_id,
        "AZURE_AUTHORITY_HOST": OTHER_CLOUD,
        **credential,
    }


def variables_with_a_secret(desk: Desk, *options: str) -> str:
    _named(desk, AZURE_CLIENT_SECRET=desk.secret)
    desk.add("environment", *options)
    return desk.operator["clientId"]


def variables_with_a_certificate(desk: Desk, *options: str) -> str:
    _named(desk, AZURE_CLIENT_CERTIFICATE_PATH=desk.operator["certificateFile"])
    desk.add("environment", *options)
    return desk.operator["clientId"]


def az_as_an_application(desk: Desk, *options: str) -> str:
    client = {"client_id": desk.operator["clientId"], "client_secret": desk.secret}
    desk.az(client | {"grant_type": "client_credentials"})
    desk.add("azure-cli", *options)
    return desk.operator["clientId"]


WAYS = (
    a_virtual_machine,
    one_identity_of_several,
    an_app_service,
    a_pod,
    a_pods_managed_identity,
    a_build_service,
    variables_with_a_secret,
    variables_with_a_certificate,
    az_as_an_application,
)
"""Each sets the machine up, adds the tenant and says which application signs in. The inventory's cloud counts, not
the environment's."""


@pytest.mark.parametrize("way", WAYS)
def test_each_way_onboards_a_product_as_nobody_else(way: Any, desk: Desk) -> None:
    expected = way(desk, "--exchange", "rest")
    mark = desk.sandbox.mark()
    found = desk.check()
    assert found["tenant"] == f"Contoso Sandbox ({desk.tenant_id})"
    assert found["signed in as"].endswith(" (application)")
    assert found["Exchange"].startswith("rest: answers")
    planned = desk.plan()
    assert (planned["blocked"], desk.sandbox.writes(mark)) == ([], [])
    applied = desk.apply()
    assert outcomes(applied) == dict.fromkeys(IN_ENTRA | IN_EXCHANGE, "done")
    assert {each["action"] for each in desk.plan()["changes"]} == {"keep"}
    did = [each for each in desk.sandbox.history(mark) if each["write"] and each["protocol"] != "login"]
    assert {each["protocol"] for each in did} == {"graph", "adminapi"}
    assert {each["caller"] for each in did} == {expected}


@pytest.mark.parametrize("way", [an_app_service, a_build_service, az_as_an_application])
def test_a_management_host_may_be_handed_each_ones_token(way: Any, desk: Desk) -> None:
    host = desk.sandbox.endpoints["wsman"]
    way(
        desk,
        *("--exchange", "psrp", "--host", host["host"], "--port", str(host["port"]), "--auth", "basic"),
        *("--username", host["username"], "--password", f"file:{host['passwordFile']}"),
        *("--ca-file", desk.sandbox.endpoints["caFile"], "--identity", "access-token"),
        *("--organization", host["hostIdentity"]["organization"]),
    )
    assert desk.check()["Exchange"] == "psrp: answers"
    assert desk.plan()["blocked"] == []


# --- a person's Azure CLI


def test_a_person_at_the_azure_cli_does_entras_part_and_a_script_the_rest(desk: Desk) -> None:
    desk.az_person("global-administrator")
    desk.add("azure-cli", "--exchange", "script")
    found = desk.check()
    assert found["signed in as"] == "global-administrator@contoso.example (user)"
    assert "it gets no token for Exchange (AADSTS65002)" in found["to do"]
    done = {address for address, state in outcomes(desk.apply(3)).items() if state == "done"}
    assert done == IN_ENTRA


def test_a_person_at_the_azure_cli_is_told_that_exchange_wants_another_sign_in(desk: Desk) -> None:
    desk.az_person("global-administrator")
    desk.add("azure-cli", "--exchange", "rest")
    told = desk.check()["Exchange"]
    assert "AADSTS65002" in told
    assert "sign in with an application of your own" in told
    shown = desk.run("apply", PLAYBOOK, "--tenant", "contoso", *PARAMETERS, "--yes", "-o", "json")
    assert shown.returncode != 0
    changes = json.loads(shown.stdout)["changes"]
    assert {each["address"] for each in changes if each["outcome"]["state"] == "done"} == IN_ENTRA
    for each in changes:
        assert each["address"] in IN_ENTRA or "AADSTS65002" in each["outcome"]["message"]


# --- identities that lack a right


def test_an_identity_without_any_permission_is_told_which_it_lacks(desk: Desk) -> None:
    a_virtual_machine(desk, "--exchange", "rest")
    desk.machine_loses("appRoleAssignments", lambda each: each["resourceDisplayName"] == "Microsoft Graph")
    found = desk.check()
    assert found["permissions"] == "none"
    assert "can be read by: Directory Readers or Global Reader" in found["tenant"]
    mark = desk.sandbox.mark()
    shown = desk.run("apply", PLAYBOOK, "--tenant", "contoso", *PARAMETERS, "--yes")
    assert shown.returncode == 3
    assert "Insufficient privileges" in shown.stdout
    assert "can be done by: Global Reader or Cloud Application Administrator" in shown.stdout
    assert not [each for each in desk.sandbox.writes(mark) if each.startswith("graph")]


def test_an_identity_that_may_only_read_is_told_which_permission_it_lacks(desk: Desk) -> None:
    a_virtual_machine(desk, "--exchange", "rest")
    principals = desk.sandbox.state()["servicePrincipals"]
    (graph,) = (each for each in principals if each["displayName"] == "Microsoft Graph")
    writing = {each["id"] for each in graph["appRoles"] if each["value"].endswith(".ReadWrite.All")}
    desk.machine_loses("appRoleAssignments", lambda each: each["appRoleId"] in writing)
    shown = desk.run("plan", PLAYBOOK, "--tenant", "contoso", *PARAMETERS)
    assert "vm-provisioner lacks the application permission Application.ReadWrite" in shown.stdout
    assert "vm-provisioner lacks the application permission AppRoleAssignment.ReadWrite.All" in shown.stdout
    assert set(desk.plan()["blocked"]) >= IN_ENTRA


@pytest.mark.parametrize("lost", ["Exchange.ManageAsApp", "Exchange Administrator"])
def test_an_identity_that_exchange_does_not_let_in(lost: str, desk: Desk) -> None:
    a_virtual_machine(desk, "--exchange", "rest")
    if lost == "Exchange Administrator":
        desk.machine_loses("roleAssignments", lambda _: True)
    else:
        desk.machine_loses("appRoleAssignments", lambda each: each["resourceDisplayName"] != "Microsoft Graph")
    told = desk.check()["Exchange"]
    assert "Exchange.ManageAsApp and a directory role such as Exchange Administrator" in told
    states = outcomes(desk.apply(3))
    assert {each for each, state in states.items() if state == "done"} == IN_ENTRA
    assert {each for each, state in states.items() if state == "blocked"} == IN_EXCHANGE


# --- ways that lead nowhere


def _nobody_answers(desk: Desk) -> None:
    a_virtual_machine(desk)
    desk.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = NOBODY


def _no_app_service(desk: Desk) -> None:
    an_app_service(desk)
    desk.env["IDENTITY_ENDPOINT"] = f"{NOBODY}/msi/token"


def _wrong_header(desk: Desk) -> None:
    an_app_service(desk)
    desk.env["IDENTITY_HEADER"] = "another"


def _another_identity(desk: Desk) -> None:
    a_virtual_machine(desk, "--client-id", OTHER_TENANT)


def _machine_of_another_tenant(desk: Desk) -> None:
    a_virtual_machine(desk)
    desk.add("managed-identity", tenant_id=OTHER_TENANT)


def _pod_without_a_client(desk: Desk) -> None:
    a_pods_managed_identity(desk)
    del desk.env["AZURE_CLIENT_ID"]


def _nobody_trusts(desk: Desk) -> None:
    a_pod(desk)
    desk.sandbox.unplant("federatedIdentityCredentials", "11111111-2222-4333-8444-555555555555")


def _other_subject(desk: Desk) -> None:
    a_pod(desk)
    desk.issue(subject=SUBJECT.replace("main", "trunk"))


def _other_issuer(desk: Desk) -> None:
    a_pod(desk)
    desk.issue(issuer="https://elsewhere.example/")


def _other_audience(desk: Desk) -> None:
    a_pod(desk)
    desk.issue(audience="api://elsewhere")


def _expired(desk: Desk) -> None:
    a_pod(desk)
    desk.issue(seconds=-3600)


def _no_token(desk: Desk) -> None:
    a_pod(desk)
    desk.token_file.write_text("a page that says: sign in first")


def _empty_file(desk: Desk) -> None:
    a_pod(desk)
    desk.token_file.write_text("\n")


def _file_of_windows(desk: Desk) -> None:
    a_pod(desk)
    desk.token_file.write_text(desk.token_file.read_text(), encoding="utf-16")


def _folder(desk: Desk) -> None:
    a_pod(desk)
    desk.env["AZURE_FEDERATED_TOKEN_FILE"] = str(desk.place)


def _no_file(desk: Desk) -> None:
    a_pod(desk)
    desk.token_file.unlink()


def _no_variables(desk: Desk) -> None:
    desk.add("workload-identity", "--client-id", desk.operator["clientId"])


def _wrong_secret(desk: Desk) -> None:
    variables_with_a_secret(desk)
    desk.env["AZURE_CLIENT_SECRET"] = "another"


def _other_tenants_variables(desk: Desk) -> None:
    variables_with_a_secret(desk)
    desk.env["AZURE_TENANT_ID"] = OTHER_TENANT


def _half_the_variables(desk: Desk) -> None:
    variables_with_a_secret(desk)
    del desk.env["AZURE_CLIENT_SECRET"]


def _no_certificate(desk: Desk) -> None:
    variables_with_a_certificate(desk)
    desk.env["AZURE_CLIENT_CERTIFICATE_PATH"] = str(desk.place / "gone.pem")


def _no_az(desk: Desk) -> None:
    desk.add("azure-cli")
    desk.env["PATH"] = str(desk.place)


def _signed_out(desk: Desk) -> None:
    desk.az(None)
    desk.add("azure-cli")


def _another_tenants_person(desk: Desk) -> None:
    desk.az_person("global-administrator")
    desk.add("azure-cli", tenant_id=OTHER_TENANT)


def _an_az_that_has_one_tenant(desk: Desk) -> None:
    desk.az_person("global-administrator", always=desk.tenant_id)
    desk.add("azure-cli", tenant_id=OTHER_TENANT)


def _over(desk: Desk) -> None:
    desk.az_person("global-administrator")
    desk.sandbox.advance(60)
    desk.sandbox.call("POST", "/password", {"as": "global-administrator", "password": "Another-one-4711"})
    desk.add("azure-cli")


BAD_DAYS: Mapping[Any, tuple[int, tuple[str, ...]]] = {
    # what is wrong: exit code, and what the person at the terminal reads
    _nobody_answers: (5, (f"{NOBODY} gives no answer", "no managed identity", "another sign-in method")),
    _no_app_service: (5, (f"{NOBODY}/msi/token gives no answer", "IDENTITY_ENDPOINT", "another sign-in method")),
    _wrong_header: (5, ("/msi/token answered 401", "IDENTITY_ENDPOINT with its header")),
    _another_identity: (5, ("answered 400", "Identity not found", "check `clientId`")),
    _machine_of_another_tenant: (5, (f"not to {OTHER_TENANT}", "of the right tenant")),
    _pod_without_a_client: (4, ("AZURE_CLIENT_ID", "`clientId`")),
    _nobody_trusts: (5, ("AADSTS70021:", SUBJECT, "does not trust this token")),
    _other_subject: (5, ("AADSTS700213:", "heads/trunk'", "(the subject is another)")),
    _other_issuer: (5, ("AADSTS700211:", "elsewhere.example", "(the issuer is another)")),
    _other_audience: (5, ("AADSTS700212:", "api://elsewhere", "(the audience is another)")),
    _expired: (5, ("AADSTS700024: Client assertion", "clock", "file with the token is renewed")),
    _no_token: (5, ("AADSTS50027: JWT token is invalid", "one token, and nothing else")),
    _empty_file: (4, ("federated-token: is empty", "set it where this runs")),
    _file_of_windows: (4, ("federated-token: is no UTF-8 text",)),
    _folder: (4, ("cannot be read: Is a directory",)),
    _no_file: (4, ("federated-token: no such file",)),
    _no_variables: (4, ("AZURE_FEDERATED_TOKEN_FILE", "`tokenFile`")),
    _wrong_secret: (5, ("AADSTS7000215:", "give the secret's Value")),
    _other_tenants_variables: (4, ("AZURE_TENANT_ID", "is another tenant's")),
    _half_the_variables: (5, ("set AZURE_TENANT_ID, AZURE_CLIENT_ID and either AZURE_CLIENT_SECRET or",)),
    _no_certificate: (4, ("AZURE_CLIENT_CERTIFICATE_PATH", "no PEM or PFX file")),
    _no_az: (5, ("Azure CLI not found", "install the Azure CLI")),
    _signed_out: (5, ("az login", "run `az login --tenant`")),
    _another_tenants_person: (5, ("the Azure CLI: AADSTS90002:", "check the tenant id")),
    _an_az_that_has_one_tenant: (5, (f"not to {OTHER_TENANT}", "of the right tenant")),
    _over: (5, ("AADSTS50173:", "sign in again")),
}


@pytest.mark.parametrize("wrong", BAD_DAYS)
def test_a_way_that_leads_nowhere_says_what_to_do(wrong: Any, desk: Desk) -> None:
    code, words = BAD_DAYS[wrong]
    wrong(desk)
    mark = desk.sandbox.mark()
    for command in (("tenants", "check", "contoso"), ("plan", PLAYBOOK, "--tenant", "contoso", *PARAMETERS)):
        ended = desk.run(*command)
        assert (ended.returncode, ended.stdout) == (code, "")
        said = " ".join(ended.stderr.split())
        assert said.startswith("error: ")
        assert "advice" in said
        assert [each for each in words if each not in said] == [], said
    assert [each for each in desk.sandbox.history(mark) if each["protocol"] != "login"] == []


def test_a_token_that_was_renewed_is_taken_at_once(desk: Desk) -> None:
    a_pod(desk)
    desk.issue(seconds=-3600)
    assert desk.run("tenants", "check", "contoso").returncode == 5
    desk.issue()
    assert desk.check()["signed in as"] == "Provisioner Operator (application)"


# --- the machine's endpoint is the machine's


def test_no_proxy_is_handed_what_only_the_machine_may_see(desk: Desk) -> None:
    an_app_service(desk)
    desk.env["HTTP_PROXY"] = NOBODY
    assert desk.check()["signed in as"] == "vm-provisioner (application)"


@pytest.mark.parametrize("status", [429, 503])
def test_a_machines_endpoint_that_is_busy_is_asked_again(status: int, desk: Desk) -> None:
    a_virtual_machine(desk)
    arguments = [sys.executable, "-I", "-c", BUSY, desk.machine["imds"], str(status)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as busy:
        assert busy.stdout is not None
        desk.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = f"http://127.0.0.1:{busy.stdout.readline().strip()}"
        try:
            ended = desk.run("tenants", "check", "contoso")
        finally:
            busy.kill()
    assert ended.returncode == 0, ended.stderr
    assert "vm-provisioner (application)" in ended.stdout
    assert "sign in" in ended.stderr, "the wait is told"
