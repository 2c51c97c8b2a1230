"""What bootstrap adds to apply: the inventory's entry, and the proof that waits for a token with everything in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioner.catalogue import role_id
from provisioner.errors import ProvisionerError, SignInRefused
from provisioner.graph import organization as graph_organization
from provisioner.home import Home
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.faults import Fault
from provisioner.model.identifiers import Address, AppId, ObjectId, TenantId
from provisioner.model.outcome import ChangeOutcome, ChangeState, ProofState
from provisioner.model.plan import ApplicationIds, Plan
from provisioner.model.results import Applied
from provisioner.model.secret import Secret
from provisioner.model.tenant import ExchangeDriver, SignIn, SignInMethod, Tenant
from provisioner.signin.tokens import Claims, Token
from provisioner.workflows import bootstrap as workflow
from provisioner.workflows.bootstrap import Bootstrapped, bootstrap, bootstrap_request, entry_name
from provisioner.workflows.ports import Ports

TENANT_ID = TenantId("7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11")
APP_ID = AppId("11111111-0000-4000-8000-000000000011")
PERSON = SignIn(SignInMethod.BROWSER, AppId("22222222-0000-4000-8000-000000000022"))
CONTOSO = Tenant("contoso", TENANT_ID, CLOUDS[Cloud.US_GOV_DOD], PERSON, ExchangeDriver.REST)
PERMISSIONS = frozenset(
    {
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "DelegatedPermissionGrant.ReadWrite.All",
        "Directory.Read.All",
        "Policy.Read.All",
    }
)
ROLES = frozenset({role_id("Exchange Administrator")})
NO_KEY_YET = Fault("signin", "sign in", 401, "AADSTS700027", "the key was not found")
NO_ENTRY = Fault("signin", "sign in", 400, "AADSTS50034", "no such account")


class Clock:
    """Waits without waiting."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self.skew = timedelta()

    def now(self) -> datetime:
        return self.time

    def heard(self, tenant_time: datetime) -> None: ...

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def token(roles: frozenset[str], directory_roles: frozenset[str]) -> Token:
    claims = Claims(TENANT_ID, ObjectId("o"), APP_ID, roles, frozenset(), directory_roles, "tool", "application")
    return Token(Secret("planted"), datetime(2026, 11, 22, 13, 0, tzinfo=UTC), claims)


ALL = token(PERMISSIONS, ROLES)


class World:
    """A home, and a tenant in which the certificate's sign-ins end as planned; the last answer repeats."""

    def __init__(self, home: Path, *answers: Token | ProvisionerError) -> None:
        self.home = Home(home)
        self.answers = list(answers)
        self.tried: list[Tenant] = []
        self.clock = Clock()
        self.ports = cast(
            "Ports",
            SimpleNamespace(home=self.home, events=lambda _: None, connect=self.connect, open_sink=lambda _: None),
        )

    @asynccontextmanager
    async def connect(self, tenant: Tenant) -> AsyncIterator[Any]:
        if tenant.sign_in.method is not SignInMethod.CERTIFICATE:
            yield SimpleNamespace(clock=self.clock)
            return
        self.tried.append(tenant)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ProvisionerError):
            raise answer
        found = answer

        async def fetch(audience: str, *, fresh: bool = False) -> Token:
            assert fresh, "a kept token carries the roles of an earlier moment"
            return found

        yield SimpleNamespace(tokens=SimpleNamespace(token=fetch), graph=None, clock=self.clock)


Boot = Callable[..., Bootstrapped]


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> Boot:
    def run(world: World, *states: ChangeState, tenant: Tenant = CONTOSO, auditor: bool = False) -> Bootstrapped:
        request = bootstrap_request(replace(tenant, exchange=None), auditor=auditor, gates=(), ticket=None)
        plan = Plan(
            TENANT_ID,
            "Contoso",
            tenant.sandbox,
            "p",
            "t",
            "guide",
            "default",
            "",
            (),
            (),
            (ApplicationIds("main", "x", APP_ID),),
        )
        outcomes = tuple(ChangeOutcome(Address(str(n)), state) for n, state in enumerate(states))

        async def applied(*_: object) -> Applied:
            return Applied(plan, outcomes)

        async def organization(_: object) -> None: ...

        monkeypatch.setattr(workflow, "apply", applied)
        monkeypatch.setattr(graph_organization, "organization", organization)
        return asyncio.run(bootstrap(request, tenant, world.ports))

    return run


def proof(done: Bootstrapped) -> tuple[ProofState, str]:
    assert done.verified is not None
    (found,) = done.verified.proofs
    return found.state, found.detail


def test_the_entry_signs_in_with_the_certificate_and_keeps_the_rest(tmp_path: Path, boot: Boot) -> None:
    world = World(tmp_path, ALL)
    done = boot(world, ChangeState.DONE, ChangeState.KEPT)
    written = world.home.inventory.find("contoso")
    assert written is not None
    assert written == done.entry
    assert (written.endpoints, written.exchange) == (CONTOSO.endpoints, ExchangeDriver.REST)
    assert (written.sign_in.method, written.sign_in.client_id) == (SignInMethod.CERTIFICATE, APP_ID)
    file = Path(written.sign_in.certificate_file or "")
    assert file.name == "provisioner_operator_default.main.signin.pem"
    assert file.is_relative_to(tmp_path / "keys")
    assert proof(done)[0] is ProofState.PASSED
    assert all(each.exchange is None for each in world.tried), "Graph alone is tried"


def test_a_fresh_certificate_and_late_permissions_are_waited_for(tmp_path: Path, boot: Boot) -> None:
    refused = SignInRefused(NO_KEY_YET)
    world = World(tmp_path, refused, token(frozenset(), ROLES), token(PERMISSIONS, frozenset()), ALL)
    assert proof(boot(world, ChangeState.DONE))[0] is ProofState.PASSED
    assert len(world.tried) == 4


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (token(PERMISSIONS - {"Directory.Read.All"}, ROLES), "Directory.Read.All"),
        (token(PERMISSIONS, frozenset()), "Exchange Administrator"),
        (SignInRefused(NO_KEY_YET), "key was not found"),
    ],
)
def test_what_is_still_late_is_not_yet_and_the_entry_is_there(
    tmp_path: Path, boot: Boot, answer: Token | ProvisionerError, words: str
) -> None:
    world = World(tmp_path, answer)
    state, detail = proof(boot(world, ChangeState.DONE))
    assert state is ProofState.NOT_YET
    assert words in detail
    assert world.home.inventory.find("contoso") is not None


def test_another_refusal_is_a_failure_at_once(tmp_path: Path, boot: Boot) -> None:
    world = World(tmp_path, SignInRefused(NO_ENTRY))
    assert proof(boot(world, ChangeState.DONE))[0] is ProofState.FAILED
    assert len(world.tried) == 1


@pytest.mark.parametrize("state", [ChangeState.BLOCKED, ChangeState.FAILED, ChangeState.NOT_YET, ChangeState.SKIPPED])
def test_where_something_is_left_nothing_is_written_or_tried(tmp_path: Path, boot: Boot, state: ChangeState) -> None:
    world = World(tmp_path, ALL)
    done = boot(world, ChangeState.DONE, state)
    assert (done.verified, done.entry, world.tried) == (None, None, [])
    assert world.home.inventory.tenants() == ()


def test_the_sandbox_is_in_no_inventory(tmp_path: Path, boot: Boot) -> None:
    world = World(tmp_path, ALL)
    done = boot(world, ChangeState.DONE, tenant=replace(CONTOSO, name="sandbox", sandbox=True))
    assert proof(done)[0] is ProofState.PASSED
    assert done.entry is None
    assert world.home.inventory.tenants() == ()


def test_names() -> None:
    assert entry_name("contoso", auditor=False) == "contoso"
    assert entry_name("contoso", auditor=True) == "contoso-auditor"
    assert entry_name("Contoso Ltd", auditor=False) is None
    assert entry_name("c" * 60, auditor=True) is None
