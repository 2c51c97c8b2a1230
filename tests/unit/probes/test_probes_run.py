"""The probes end to end against a scripted submission server: outcomes in words, waiting, and never a second mail."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from smtp_double import DROP, certificate, server_context, smtp_double

from provisioner.errors import Refused, ServiceFault, SignInRefused, SinkFault, Unreachable
from provisioner.graph import Graph, connect
from provisioner.model.declaration import Proof, ProofKind
from provisioner.model.events import Event
from provisioner.model.faults import Fault
from provisioner.model.identifiers import EXCHANGE_AUDIENCE, Address, AppId, ObjectId, TenantId
from provisioner.model.observed import NotSeen, RoleAuthorization
from provisioner.model.outcome import ProofOutcome, ProofState
from provisioner.model.secret import Secret
from provisioner.model.tenant import Endpoints, SignIn, SignInMethod, Tenant
from provisioner.pace import Deadline
from provisioner.probes import PROBES, Facts, Pointer, ProofTools, Worked, run
from provisioner.signin import Claims, OneToken, Token

TENANT = TenantId("11111111-2222-3333-4444-555555555555")
APP = AppId("99999999-2222-3333-4444-555555555555")
ROLE = "SMTP.SendAsApp"
SENDER, OTHER = "cryptshare@contoso.example", "ceo@contoso.example"
PLANTED = "eyJplanted.product-token"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
OLD, YOUNG = timedelta(days=3), timedelta(minutes=2)
RIGHT = Facts(
    consent=True,
    pointer=Pointer.RIGHT,
    mailbox_exists=True,
    mailbox_right=True,
    smtp_auth=True,
    consent_age=OLD,
    pointer_age=OLD,
    right_age=OLD,
    smtp_auth_age=OLD,
    secret_age=OLD,
)
SMTP_AUTH_OFF = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
LOGON_FAILED = "430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed"


TENANT_HERE = Tenant(
    "sandbox",
    TENANT,
    Endpoints("https://login", "https://graph.example/v1.0", "https://exchange", "127.0.0.1", 1),
    SignIn(SignInMethod.CLIENT_SECRET, AppId("operator")),
)


class VirtualClock:
    """Sleeping moves it."""

    def __init__(self) -> None:
        self.time = NOW
        self.slept: list[float] = []
        self.skew = timedelta()

    def now(self) -> datetime:
        return self.time

    def heard(self, tenant_time: datetime) -> None:
        raise AssertionError("nobody has heard anything")

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


def token(*roles: str, app_id: AppId = APP, tenant_id: TenantId = TENANT, opaque: bool = False) -> Token:
    claims = Claims(
        tenant_id, ObjectId("o"), app_id, frozenset(roles), frozenset(), frozenset(), "Cryptshare", "application"
    )
    return Token(Secret(PLANTED), NOW + timedelta(hours=1), None if opaque else claims)


def refused(code: str, status: int = 401) -> SignInRefused:
    return SignInRefused(Fault("signin", "POST /token", status, code, f"{code}: Entra's own words"))


@dataclass
class World:
    """What the outside answers, one entry per call; the last one stays."""

    tokens: Sequence[Token | Exception] = field(default_factory=lambda: [token(ROLE)])
    facts: Sequence[Facts] = (RIGHT,)
    found: Sequence[bool | ServiceFault | None] = (True,)
    smtp: Sequence[Mapping[str, str]] = ({},)
    authorization: Sequence[tuple[RoleAuthorization, ...] | NotSeen | None] = (None,)
    graph: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(500)
    wait_seconds: float = 0.0
    send: bool = True
    clock: VirtualClock = field(default_factory=VirtualClock)
    events: list[Event] = field(default_factory=list)
    audiences: list[str] = field(default_factory=list)
    scopes: list[tuple[str, ...]] = field(default_factory=list)
    asked_about: list[str] = field(default_factory=list)
    looked_for: list[tuple[str, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)


def each_call(values: Sequence[object]) -> Callable[[], object]:
    rest = list(values)

    def call() -> object:
        value = rest.pop(0) if len(rest) > 1 else rest[0]
        if isinstance(value, Exception):
            raise value
        return value

    return call


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("pem"))


def prove(pem: tuple[Path, Path], proof: Proof, world: World) -> ProofOutcome:
    next_token, next_facts, next_found = each_call(world.tokens), each_call(world.facts), each_call(world.found)
    next_authorization = each_call(world.authorization)

    async def get_token(audience: str) -> Token:
        world.audiences.append(audience)
        value = next_token()
        assert isinstance(value, Token)
        return value

    async def get_account_token(scopes: tuple[str, ...]) -> Token:
        world.scopes.append(scopes)
        value = next_token()
        assert isinstance(value, Token)
        return value

    async def get_facts() -> Facts:
        value = next_facts()
        assert isinstance(value, Facts)
        return value

    async def read_back(mailbox: str, message_id: str) -> bool | None:
        world.looked_for.append((mailbox, message_id))
        return next_found()  # type: ignore[return-value]

    async def authorization(mailbox: str) -> tuple[RoleAuthorization, ...] | NotSeen | None:
        world.asked_about.append(mailbox)
        return next_authorization()  # type: ignore[return-value]

    def over_graph(product: Token) -> AbstractAsyncContextManager[Graph]:
        transport = httpx.MockTransport(world.graph)
        return connect(
            TENANT_HERE, OneToken(product), clock=world.clock, events=world.events.append, transport=transport
        )

    async def go() -> ProofOutcome:
        script = {key: value for answers in world.smtp[:1] for key, value in answers.items()}
        async with smtp_double(server_context(*pem), script) as double:
            later = list(world.smtp[1:])

            async def sleep(seconds: float) -> None:
                await VirtualClock.sleep(world.clock, seconds)
                if later:
                    double.script.update(later.pop(0))

            world.clock.sleep = sleep  # type: ignore[method-assign]
            tools = ProofTools(
                tenant=Tenant(
                    "sandbox",
                    TENANT,
                    Endpoints("https://login", "https://graph/v1.0", "https://exchange", "127.0.0.1", double.port),
                    SignIn(SignInMethod.CLIENT_SECRET, AppId("operator")),
                ),
                app_id=APP,
                token=get_token,
                account_token=get_account_token,
                tls=ssl.create_default_context(cafile=pem[0]),
                clock=world.clock,
                deadline=Deadline.after(world.clock, world.wait_seconds),
                events=world.events.append,
                send=world.send,
                read_back=read_back,
                facts=get_facts,
                authorization=authorization,
                graph=over_graph,
            )
            outcome = await run(proof, tools)
            world.lines, world.mails = double.lines, double.mails
            return outcome

    outcome = asyncio.run(go())
    assert PLANTED not in repr(outcome) + repr(world.events)
    assert outcome.name == proof.name
    assert outcome.title == proof.title
    return outcome


def proof_of(kind: ProofKind, mailbox: str | None = None, *roles: str) -> Proof:
    return Proof(
        kind.value,
        f"Proof of {kind.value}",
        kind,
        Address("application.main"),
        Address("s"),
        EXCHANGE_AUDIENCE,
        roles,
        mailbox=mailbox,
    )


TOKEN = proof_of(ProofKind.TOKEN, None, ROLE)
SUBMISSION = proof_of(ProofKind.SMTP_SUBMISSION, SENDER)
DENIED = proof_of(ProofKind.MAILBOX_REFUSED, OTHER)


def test_every_kind_has_its_probe() -> None:
    assert set(PROBES) == set(ProofKind)


# token


@pytest.mark.parametrize(
    ("answer", "facts", "state", "causes", "words"),
    [
        (token(ROLE, "Other"), RIGHT, ProofState.PASSED, (), f"with {ROLE}"),
        (token(), replace(RIGHT, consent=False), ProofState.FAILED, ("requested_not_granted",), f"without {ROLE}"),
        (
            token("Mail.Send"),
            replace(RIGHT, consent_age=YOUNG),
            ProofState.NOT_YET,
            ("token_older_than_grant",),
            "without",
        ),
        (token(), Facts(), ProofState.FAILED, ("requested_not_granted", "token_older_than_grant"), "one of"),
        (token(opaque=True), RIGHT, ProofState.NOT_PROVEN, (), "cannot be read"),
        (token(ROLE, app_id=AppId("x")), RIGHT, ProofState.FAILED, ("token_of_another_application",), "not this"),
        (token(ROLE, tenant_id=TenantId("x")), RIGHT, ProofState.FAILED, ("wrong_tenant",), "not this"),
        (
            refused("AADSTS7000215"),
            replace(RIGHT, secret_age=YOUNG),
            ProofState.NOT_YET,
            ("secret_id_or_fresh_secret",),
            "own words",
        ),
        (refused("AADSTS7000222"), RIGHT, ProofState.FAILED, ("secret_expired",), "AADSTS7000222: Entra's own words"),
        (refused("AADSTS999999"), RIGHT, ProofState.FAILED, (), "own words"),
        (
            Unreachable(Fault("signin", "POST /token", 0, "", "no route")),
            RIGHT,
            ProofState.NOT_PROVEN,
            ("signin_unreachable",),
            "no route",
        ),
    ],
)
def test_token(
    pem: tuple[Path, Path],
    answer: Token | ServiceFault,
    facts: Facts,
    state: ProofState,
    causes: tuple[str, ...],
    words: str,
) -> None:
    world = World(tokens=[answer], facts=[facts])
    outcome = prove(pem, TOKEN, world)
    assert (outcome.state, outcome.causes) == (state, causes), outcome
    assert words in outcome.told
    assert outcome.advice or not causes
    assert world.audiences == [EXCHANGE_AUDIENCE]
    assert world.lines == []


def test_a_token_without_expected_roles(pem: tuple[Path, Path]) -> None:
    assert prove(pem, replace(TOKEN, roles=()), World(tokens=[token()])).state is ProofState.PASSED


def test_a_late_secret_is_waited_for_within_the_deadline(pem: tuple[Path, Path]) -> None:
    world = World(
        tokens=[refused("AADSTS7000215"), refused("AADSTS7000215"), token(), token(ROLE)],
        facts=[replace(RIGHT, secret_age=YOUNG, consent_age=YOUNG)],
        wait_seconds=60,
    )
    assert prove(pem, TOKEN, world).state is ProofState.PASSED
    assert world.clock.slept == [4.0, 8.0, 16.0]
    assert len(world.events) == 3

    impatient = World(tokens=world.tokens, facts=world.facts, wait_seconds=10)
    assert prove(pem, TOKEN, impatient).state is ProofState.NOT_YET
    assert impatient.clock.slept == [4.0]


# smtp_submission


def test_signed_in_sending_not_proven(pem: tuple[Path, Path]) -> None:
    world = World(send=False)
    outcome = prove(pem, SUBMISSION, world)
    assert outcome.state is ProofState.NOT_PROVEN
    assert "signed in" in outcome.detail
    assert "sending not proven" in outcome.detail
    assert "--send" in (outcome.advice or "")
    assert not any(line.startswith("MAIL") for line in world.lines)


def test_delivered_and_read_back(pem: tuple[Path, Path]) -> None:
    world = World(found=[False, False, True])
    outcome = prove(pem, SUBMISSION, world)
    assert outcome.state is ProofState.PASSED
    assert "delivered and read back" in outcome.detail
    ((mailbox, message_id),) = set(world.looked_for)
    assert mailbox == SENDER
    (mail,) = world.mails
    assert f"Message-ID: {message_id}\r\n".encode() in mail
    assert world.clock.slept == [0.5, 1.0]


@pytest.mark.parametrize("found", [None, Refused(Fault("graph", "GET /messages", 403, "ErrorAccessDenied", "no"))])
def test_accepted_delivery_not_read(pem: tuple[Path, Path], found: ServiceFault | None) -> None:
    outcome = prove(pem, SUBMISSION, World(found=[found]))
    assert outcome.state is ProofState.PASSED
    assert "accepted, delivery not read" in outcome.detail


def test_accepted_but_never_seen_is_not_yet_and_not_sent_again(pem: tuple[Path, Path]) -> None:
    busy = ServiceFault(Fault("graph", "GET /messages", 503, "", "busy"))
    world = World(found=[busy, False], wait_seconds=600)
    outcome = prove(pem, SUBMISSION, world)
    assert outcome.state is ProofState.NOT_YET
    assert "not in the mailbox so far" in outcome.detail
    assert len(world.mails) == 1
    assert 500 < sum(world.clock.slept) <= 600
    short = World(found=[False])
    assert prove(pem, SUBMISSION, short).state is ProofState.NOT_YET
    assert 60 < sum(short.clock.slept) <= 90


@pytest.mark.parametrize(
    ("found", "state"), [(True, ProofState.PASSED), (False, ProofState.NOT_YET), (None, ProofState.NOT_YET)]
)
def test_a_connection_that_breaks_after_the_mail(pem: tuple[Path, Path], found: bool | None, state: ProofState) -> None:
    world = World(found=[found], smtp=[{"content": DROP}], wait_seconds=600)
    outcome = prove(pem, SUBMISSION, world)
    assert outcome.state is state
    assert len(world.mails) == 1, "it may have been taken: never a second one"
    assert state is ProofState.PASSED or "perhaps accepted" in outcome.detail


@pytest.mark.parametrize(
    ("answers", "facts", "state", "causes"),
    [
        (
            {"AUTH": "535 5.7.3 Authentication unsuccessful"},
            replace(RIGHT, pointer=Pointer.WRONG_OBJECT_ID),
            ProofState.FAILED,
            ("pointer_has_registration_object_id",),
        ),
        ({"AUTH": SMTP_AUTH_OFF}, replace(RIGHT, smtp_auth=False), ProofState.FAILED, ("smtp_auth_off",)),
        ({"content": LOGON_FAILED}, replace(RIGHT, mailbox_right=False), ProofState.FAILED, ("mailbox_right_missing",)),
        ({"content": LOGON_FAILED}, replace(RIGHT, right_age=YOUNG), ProofState.NOT_YET, ("exchange_settling",)),
        (
            {"MAIL": "550 5.7.60 SMTP; Client does not have permissions to send as this sender"},
            RIGHT,
            ProofState.FAILED,
            ("send_as_denied",),
        ),
        ({"content": "451 4.7.500 busy"}, RIGHT, ProofState.NOT_YET, ()),
        ({"CONNECT": DROP}, RIGHT, ProofState.NOT_PROVEN, ("smtp_unreachable",)),
    ],
)
def test_refused_submissions(
    pem: tuple[Path, Path], answers: dict[str, str], facts: Facts, state: ProofState, causes: tuple[str, ...]
) -> None:
    world = World(smtp=[answers], facts=[facts])
    outcome = prove(pem, SUBMISSION, world)
    assert (outcome.state, outcome.causes) == (state, causes), outcome
    reply = next(iter(answers.values()))
    assert reply == DROP or reply in outcome.detail
    assert world.looked_for == []


def test_exchange_settles_while_we_wait(pem: tuple[Path, Path]) -> None:
    late = {"content": LOGON_FAILED}
    world = World(
        smtp=[{"AUTH": "535 5.7.3 no"}, {"AUTH": "235 2.7.0 yes", **late}, {"content": "250 2.0.0 ok"}],
        facts=[replace(RIGHT, right_age=YOUNG)],
        wait_seconds=7200,
    )
    outcome = prove(pem, SUBMISSION, world)
    assert outcome.state is ProofState.PASSED
    assert world.clock.slept == [4.0, 8.0]
    assert len(world.audiences) == 3, "a fresh token each time"


def test_waiting_two_hours_asks_exchange_only_a_dozen_times(pem: tuple[Path, Path]) -> None:
    world = World(smtp=[{"AUTH": "535 5.7.3 no"}], facts=[replace(RIGHT, right_age=YOUNG)], wait_seconds=7200)
    assert prove(pem, SUBMISSION, world).state is ProofState.NOT_YET
    assert len(world.audiences) <= 13


# mailbox_refused

NO_RIGHT = replace(RIGHT, mailbox_right=False, right_age=None)


@pytest.mark.parametrize(
    ("send", "answers", "facts", "state", "causes", "words"),
    [
        (False, {"AUTH": "535 5.7.3 no"}, NO_RIGHT, ProofState.PASSED, (), "refused at auth: 535 5.7.3 no"),
        (False, {}, NO_RIGHT, ProofState.NOT_PROVEN, (), "signed in as"),
        (
            False,
            {"AUTH": "535 5.7.139 SmtpClientAuthentication is disabled"},
            NO_RIGHT,
            ProofState.NOT_PROVEN,
            ("smtp_auth_off",),
            "proves nothing",
        ),
        (
            False,
            {"AUTH": "535 5.7.3 no"},
            replace(NO_RIGHT, smtp_auth=False),
            ProofState.NOT_PROVEN,
            ("smtp_auth_off",),
            "proves nothing",
        ),
        (False, {"AUTH": "535 5.7.3 no"}, Facts(), ProofState.NOT_PROVEN, ("mailbox_missing",), "proves nothing"),
        (
            True,
            {"content": "430 4.2.0 STOREDRV; MapiExceptionLogonFailed"},
            NO_RIGHT,
            ProofState.PASSED,
            (),
            "refused at data",
        ),
        (
            True,
            {"content": "430 4.2.0 STOREDRV; x"},
            replace(NO_RIGHT, pointer_age=YOUNG),
            ProofState.NOT_YET,
            ("exchange_settling",),
            "refused at data",
        ),
        (
            True,
            {"content": "430 4.2.0 STOREDRV; x"},
            replace(NO_RIGHT, pointer_age=YOUNG, works_elsewhere=Worked.ACCEPTED),
            ProofState.PASSED,
            (),
            "refused at data",
        ),
        (True, {}, NO_RIGHT, ProofState.FAILED, ("scope_too_wide",), "was accepted"),
        (True, {"AUTH": "535 5.7.3 no"}, RIGHT, ProofState.FAILED, ("scope_too_wide",), "shows a right"),
        (True, {"MAIL": DROP}, NO_RIGHT, ProofState.NOT_YET, ("smtp_unreachable",), "no reply at mail"),
    ],
)
def test_mailbox_refused(
    pem: tuple[Path, Path],
    send: bool,
    answers: dict[str, str],
    facts: Facts,
    state: ProofState,
    causes: tuple[str, ...],
    words: str,
) -> None:
    world = World(send=send, smtp=[answers], facts=[facts])
    outcome = prove(pem, DENIED, world)
    assert (outcome.state, outcome.causes) == (state, causes), outcome
    assert words in outcome.told
    recipients = [line for line in world.lines if line.startswith("RCPT")]
    assert set(recipients) <= {f"RCPT TO:<{OTHER}>"}, "never to anybody else"
    if not send:
        assert recipients == []
        assert state is not ProofState.NOT_PROVEN or causes or "--send" in (outcome.advice or "")


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (refused("AADSTS7000222"), ProofState.NOT_PROVEN),
        (refused("AADSTS53003"), ProofState.NOT_YET),
        (Unreachable(Fault("signin", "POST /token", 0, "", "no route")), ProofState.NOT_PROVEN),
    ],
)
def test_without_a_token_nothing_was_refused(pem: tuple[Path, Path], fault: ServiceFault, state: ProofState) -> None:
    world = World(tokens=[fault])
    outcome = prove(pem, DENIED, world)
    assert outcome.state is state
    assert "no token" in outcome.detail
    assert world.lines == []


@pytest.mark.parametrize("proof", [TOKEN, SUBMISSION, DENIED])
def test_a_secret_that_was_shown_once_proves_nothing(pem: tuple[Path, Path], proof: Proof) -> None:
    world = World(tokens=[SinkFault("terminal", "it was shown once", advice="ask whoever noted it")])
    outcome = prove(pem, proof, world)
    assert (outcome.state, outcome.causes) == (ProofState.NOT_PROVEN, ())
    assert "no secret to sign in with: terminal: it was shown once" in outcome.detail
    assert outcome.advice == "ask whoever noted it"
    assert world.lines == []


def test_a_proof_about_mail_needs_a_mailbox(pem: tuple[Path, Path]) -> None:
    for kind in (ProofKind.SMTP_SUBMISSION, ProofKind.MAILBOX_REFUSED):
        with pytest.raises(ValueError, match="names no mailbox"):
            prove(pem, proof_of(kind), World())
