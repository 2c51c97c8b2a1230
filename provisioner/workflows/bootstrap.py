"""`bootstrap`: an application of ours in a tenant, from one administrator's sign-in to an inventory entry that works.

The application itself is a playbook like any other (`provisioner/operator`, `provisioner/auditor`) and is set up by
the ordinary `apply`: a plan, a question, receipts, and the same command again after anything. What is added here is
the entry in the inventory and the proof that the certificate signs in. The entry is written before the proof: a fresh
certificate may take minutes, and whoever waits has the entry already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from provisioner import playbook
from provisioner.catalogue import role_id
from provisioner.errors import Absent, NotYet, ProvisionerError
from provisioner.graph import organization
from provisioner.home.inventory import NAME
from provisioner.model.change import Gate
from provisioner.model.declaration import Declaration
from provisioner.model.declared import AppRoleGrant, DirectoryRoleAssignment, KeyCredential
from provisioner.model.faults import Fault
from provisioner.model.identifiers import GRAPH_APP_ID, GRAPH_AUDIENCE, AppId
from provisioner.model.observed import Caller
from provisioner.model.outcome import ChangeState, ProofOutcome, ProofState
from provisioner.model.results import Applied, Verified
from provisioner.model.tenant import SignIn, SignInMethod, Tenant
from provisioner.pace import Clock
from provisioner.pace.settle import settle
from provisioner.resources.key_credential import slot_of
from provisioner.signin import caller
from provisioner.workflows.apply import apply
from provisioner.workflows.onboarding import open_onboarding
from provisioner.workflows.ports import Ports
from provisioner.workflows.requests import Request

OPERATOR = "provisioner/operator"
AUDITOR = "provisioner/auditor"

GRAPH_COMMAND_LINE_TOOLS = AppId("14d82eec-204b-4c2f-b7e8-296a70dab67e")
"""Microsoft's own public client "Microsoft Graph Command Line Tools", for the one sign-in before an application of ours
exists. Source: Microsoft's list of first-party applications."""

ASKED_FOR = (
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "Organization.Read.All",
    "RoleManagement.ReadWrite.Directory",
)
"""What the administrator consents to for that sign-in: what the two playbooks need, and no more."""

PROOF_SECONDS = 300.0
"""How long a fresh certificate, consent and role are waited for; grants show in tokens after minutes (graph.md 3.1)."""

REACHED = (ChangeState.DONE, ChangeState.KEPT)


@dataclass(frozen=True)
class Bootstrapped:
    """What became of it. `entry` is None where something is left to do first, or where there is no inventory entry."""

    applied: Applied
    verified: Verified | None = None
    entry: Tenant | None = None


def bootstrap_request(tenant: Tenant, *, auditor: bool, gates: tuple[Gate, ...], ticket: str | None) -> Request:
    """The request for one of our own applications; `tenant` is signed in to as the administrator."""
    text, file_name = playbook.find(AUDITOR if auditor else OPERATOR)
    return Request(
        tenant=tenant,
        playbook_text=text,
        playbook_file=file_name,
        variant="guide",
        instance="default",
        parameters=(),
        sink="age",  # of which nothing is asked: a certificate's key lies in the home itself
        gates=gates,
        ticket=ticket,
    )


def entry_name(name: str, *, auditor: bool) -> str | None:
    """What the inventory will call the tenant as seen by the application; None for a name that it would not take."""
    wanted = f"{name}-auditor" if auditor else name
    return wanted if NAME.fullmatch(wanted) else None


async def bootstrap(request: Request, entry: Tenant, ports: Ports) -> Bootstrapped:
    """Set the application up, write the entry (its sign-in is replaced by the certificate), and prove it."""
    applied = await apply(request, ports)
    if applied.declined or any(each.state not in REACHED for each in applied.outcomes):
        return Bootstrapped(applied)
    onboarding = open_onboarding(request, ports)
    declaration = onboarding.declaration
    key = next(each for each in declaration.resources if isinstance(each, KeyCredential))
    file = onboarding.keys.path(slot_of(key, entry.tenant_id, declaration.onboarding))
    (application,) = applied.plan.applications
    ours = replace(entry, sign_in=SignIn(SignInMethod.CERTIFICATE, application.app_id, certificate_file=str(file)))
    if not ours.sandbox:
        ports.home.inventory.add(ours)
    async with ports.connect(request.tenant) as administrators:
        proof = await _proof(replace(ours, exchange=None), declaration, ports, administrators.clock)
    return Bootstrapped(applied, Verified(applied.plan, (proof,)), None if ours.sandbox else ours)


async def _proof(ours: Tenant, declaration: Declaration, ports: Ports, clock: Clock) -> ProofOutcome:
    """Sign in with the certificate until the token carries everything, and read the tenant with it."""

    async def attempt() -> None:
        async with ports.connect(ours) as session:
            missing = _missing(declaration, caller(await session.tokens.token(GRAPH_AUDIENCE, fresh=True)))
            if missing:
                message = f"the token does not carry {', '.join(missing)} yet"
                raise Absent(Fault("signin", "sign in with the certificate", 404, "TokenOlderThanGrant", message))
            await organization.organization(session.graph)

    def outcome(state: ProofState, detail: str, advice: str | None = None) -> ProofOutcome:
        title = "The certificate signs in, with every permission and role"
        return ProofOutcome("certificate", title, state, detail, advice=advice)

    try:
        await settle(
            attempt,
            clock=clock,
            events=ports.events,
            subject="sign in with the certificate",
            seconds=PROOF_SECONDS,
            just_wrote=True,
            harmless=True,
        )
    except NotYet as error:
        return outcome(ProofState.NOT_YET, error.fault.message, f"try it later: provisioner tenants check {ours.name}")
    except ProvisionerError as error:
        return outcome(ProofState.FAILED, error.message, error.advice)
    return outcome(ProofState.PASSED, "a token was had, and the tenant was read with it")


def _missing(declaration: Declaration, found: Caller) -> tuple[str, ...]:
    """Graph permissions and directory roles that are not in our own token; an opaque one is believed."""
    if not found.known:
        return ()
    permissions = (
        each.permission.value
        for each in declaration.resources
        if isinstance(each, AppRoleGrant) and each.permission.resource_app_id == GRAPH_APP_ID
    )
    roles = (each.role for each in declaration.resources if isinstance(each, DirectoryRoleAssignment))
    return (
        *(each for each in permissions if each not in found.roles),
        *(each for each in roles if role_id(each) not in found.directory_roles),
    )
