from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from entra_double import CLIENT, PLANTED, TENANT_ID, Entra, EntraServer, granted, jwt, refused

from provisioner.errors import InputFault, SignInRefused
from provisioner.model.secret import Secret
from provisioner.model.tenant import SignInMethod
from provisioner.pace import SystemClock
from provisioner.signin import operator
from provisioner.signin.off_loop import off_loop

GRAPH = "https://graph.microsoft.com"
EXCHANGE = "https://outlook.office365.com"
USER = {"oid": "aaaaaaaa-0000-4000-8000-00000000000a", "scp": "User.Read", "upn": "anna@contoso.com"}


class Hurried(SystemClock):
    """Waits without waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def no_prompt(*_: object) -> None:
    raise AssertionError("nobody should be asked")


def test_tokens_are_kept_per_audience_until_a_fresh_one_is_asked_for(entra: Entra) -> None:
    entra.tokens = [granted(jwt(n=n)) for n in range(5)]
    source = operator(entra.tenant(), secret=Secret(PLANTED), prompt=no_prompt)

    async def main() -> list[str]:
        first = await asyncio.gather(*(source.token(GRAPH) for _ in range(4)))
        other = await source.token(EXCHANGE)
        fresh = await source.token(GRAPH, fresh=True)
        again = await source.token(GRAPH)
        return [each.secret.reveal() for each in (*first, other, fresh, again)]

    texts = asyncio.run(main())
    assert texts == [jwt(n=0)] * 4 + [jwt(n=1), jwt(n=2), jwt(n=2)]
    assert [each["scope"] for each in entra.forms] == [f"{each}/.default" for each in (GRAPH, EXCHANGE, GRAPH)]
    assert not any("claims" in each for each in entra.forms)


def test_a_token_about_to_expire_is_renewed(entra: Entra) -> None:
    entra.tokens = [granted(jwt(n=0), expires_in=200), granted(jwt(n=1))]
    source = operator(entra.tenant(), secret=Secret(PLANTED), prompt=no_prompt)

    async def main() -> list[str]:
        return [(await source.token(GRAPH)).secret.reveal() for _ in range(3)]

    assert asyncio.run(main()) == [jwt(n=0), jwt(n=1), jwt(n=1)]


def test_the_azure_credential_is_asynchronous_and_answers_challenges(entra: Entra) -> None:
    from azure.core.credentials import AccessToken

    entra.tokens = [granted(jwt(n=0)), granted(jwt(n=1))]
    source = operator(entra.tenant(), secret=Secret(PLANTED), prompt=no_prompt)
    credential = source.azure_credential()

    async def main() -> list[AccessToken]:
        plain = await credential.get_token(f"{GRAPH}/.default", claims=None, enable_cae=False)  # type: ignore[attr-defined]
        challenged = await credential.get_token(f"{GRAPH}/.default", claims='{"access_token":{}}')  # type: ignore[attr-defined]
        kept = await credential.get_token(f"{GRAPH}/.default")  # type: ignore[attr-defined]
        return [plain, challenged, kept]

    plain, challenged, kept = asyncio.run(main())
    assert (plain.token, challenged.token, kept.token) == (jwt(n=0), jwt(n=1), jwt(n=1))
    assert abs(plain.expires_on - datetime.now(UTC).timestamp() - 3599) < 30
    assert entra.forms[1]["claims"] == '{"access_token":{}}'


def test_an_ill_service_is_waited_for_as_told(entra: Entra) -> None:
    clock = Hurried()
    entra.headers = {"Retry-After": "9"}
    entra.tokens = [(503, {"error": "x"}), (429, {"error": "x"}), granted(jwt())]
    source = operator(entra.tenant(), secret=Secret(PLANTED), prompt=no_prompt, clock=clock)
    assert asyncio.run(source.token(GRAPH)).claims is not None
    assert clock.slept == [9.0, 9.0]


def test_a_refusal_is_told_at_once(entra: Entra) -> None:
    clock = Hurried()
    entra.tokens = [refused(7000215, "Invalid client secret provided.")]
    with pytest.raises(SignInRefused):
        asyncio.run(operator(entra.tenant(), secret=Secret(PLANTED), prompt=no_prompt, clock=clock).token(GRAPH))
    assert clock.slept == []
    assert len(entra.forms) == 1


def test_a_certificate_signs_us_in(entra: Entra, entra_server: EntraServer) -> None:
    tenant = entra.tenant(SignInMethod.CERTIFICATE, certificate_file=str(entra_server.client_certificate))
    token = asyncio.run(operator(tenant, secret=None, prompt=no_prompt).token(GRAPH))
    assert token.claims is not None
    assert "client_assertion" in entra.forms[0]


@pytest.mark.parametrize(
    ("method", "key"), [(SignInMethod.CLIENT_SECRET, "secret"), (SignInMethod.CERTIFICATE, "certificate_file")]
)
def test_an_incomplete_inventory_entry_is_told_before_anything_is_sent(
    entra: Entra, method: SignInMethod, key: str
) -> None:
    with pytest.raises(InputFault) as caught:
        operator(entra.tenant(method), secret=None, prompt=no_prompt)
    assert f"`{key}`" in (caught.value.advice or "")
    assert entra.paths == []


PENDING = (400, {"error": "authorization_pending", "error_description": "AADSTS70016: pending"})


def signed_in(n: int) -> tuple[int, dict[str, object]]:
    now = int(datetime.now(UTC).timestamp())
    id_token = jwt(aud=CLIENT, iss=f"https://x/{TENANT_ID}/v2.0", sub="s", preferred_username="anna@contoso.com",
                   exp=now + 3600, iat=now, nbf=now, ver="2.0")  # fmt: skip
    info = "eyJ1aWQiOiJhIiwidXRpZCI6ImIifQ"
    return granted(
        jwt(n=n, **USER),
        id_token=id_token,
        client_info=info,
        refresh_token="planted-refresh",
        scope=f"{GRAPH}/.default",
    )


def test_a_device_code_is_shown_on_the_loop_and_used_once_for_all_audiences(entra: Entra) -> None:
    entra.tokens = [PENDING, signed_in(0), signed_in(1), signed_in(2)]
    shown: list[tuple[str, str, datetime, int]] = []

    async def main() -> list[str]:
        def prompt(uri: str, code: str, expires: datetime) -> None:
            shown.append((uri, code, expires, threading.get_ident()))

        source = operator(entra.tenant(SignInMethod.DEVICE_CODE), secret=None, prompt=prompt)
        first = await source.token(GRAPH)
        second = await source.token(EXCHANGE)
        fresh = await source.token(GRAPH, fresh=True)
        assert first.claims is not None
        assert first.claims.kind == "user"
        return [each.secret.reveal() for each in (first, second, fresh)]

    assert asyncio.run(main()) == [jwt(n=n, **USER) for n in range(3)]
    ((uri, code, expires, thread),) = shown
    assert (uri, code) == ("https://microsoft.com/devicelogin", "ABCD-1234")
    assert timedelta(minutes=10) < expires - datetime.now(UTC) < timedelta(minutes=20)
    assert thread == threading.get_ident()
    assert [each["grant_type"].rsplit(":")[-1] for each in entra.forms] == [
        "device_code",
        "device_code",
        "refresh_token",
        "refresh_token",
    ]
    assert "nbf" in entra.forms[3]["claims"]


def test_nobody_asks_before_the_code_is_shown(entra: Entra) -> None:
    entra.tokens = [signed_in(0)]
    asked: list[int] = []

    def slow(*_: object) -> None:
        time.sleep(0.3)
        asked.append(len(entra.forms))

    asyncio.run(operator(entra.tenant(SignInMethod.DEVICE_CODE), secret=None, prompt=slow).token(GRAPH))
    assert asked == [0]
    assert len(entra.forms) == 1


@pytest.mark.parametrize(
    ("permissions", "scopes"),
    [((), {f"{GRAPH}/.default"}), (("User.Read", "Mail.Send"), {f"{GRAPH}/User.Read", f"{GRAPH}/Mail.Send"})],
)
def test_a_person_is_asked_for_permissions_by_name_or_for_all_that_were_consented_to(
    entra: Entra, permissions: tuple[str, ...], scopes: set[str]
) -> None:
    entra.tokens = [signed_in(0)]
    tenant = entra.tenant(SignInMethod.DEVICE_CODE, permissions=permissions)
    asyncio.run(operator(tenant, secret=None, prompt=lambda *_: None).token(GRAPH))
    (form,) = entra.device_forms
    assert {each for each in form["scope"].split() if each.startswith("https")} == scopes


@pytest.mark.parametrize(
    ("answer", "code", "advice"),
    [
        ((400, {"error": "expired_token", "error_description": "AADSTS70020: expired"}), "AADSTS70020", "expired"),
        ((400, {"error": "expired_token"}), "expired_token", "expired"),
        ((400, {"error": "authorization_declined"}), "authorization_declined", "declined"),
        (refused(65004, "User declined to consent", "access_denied", 400), "AADSTS65004", "declined"),
        (refused(50076, "Due to a configuration change", "interaction_required", 400), "AADSTS50076", "multi-factor"),
    ],
)
def test_a_device_code_that_comes_to_nothing(entra: Entra, answer, code: str, advice: str) -> None:  # type: ignore[no-untyped-def]
    entra.tokens = [answer]
    source = operator(entra.tenant(SignInMethod.DEVICE_CODE), secret=None, prompt=lambda *_: None)
    with pytest.raises(SignInRefused) as caught:
        asyncio.run(source.token(GRAPH))
    assert caught.value.fault.code == code
    assert advice in (caught.value.advice or "")
    assert "planted-device-code" not in str(caught.value)


def test_leaving_does_not_wait_for_a_blocking_sign_in() -> None:
    released = threading.Event()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(off_loop(lambda: released.wait(20)), 0.05)

    started = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - started < 5
    released.set()


def test_the_loop_runs_on_while_a_call_blocks() -> None:
    async def main() -> int:
        done = threading.Event()
        task = asyncio.create_task(off_loop(lambda: done.wait(20)))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
            if ticks == 50:
                done.set()
        assert await task
        return ticks

    assert asyncio.run(main()) >= 50

    def fails() -> None:
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        asyncio.run(off_loop(fails))


def test_without_a_browser_the_device_code_is_advised(entra: Entra, monkeypatch: pytest.MonkeyPatch) -> None:
    import azure.identity._credentials.browser as library

    class NoServer:
        def __init__(self, *_: object, **__: object) -> None:
            pass

    monkeypatch.setattr(library, "AuthCodeRedirectServer", NoServer)
    monkeypatch.setattr(library, "_open_browser", lambda _: False)
    tenant = entra.tenant(SignInMethod.BROWSER, login_hint="anna@contoso.com")
    with pytest.raises(SignInRefused) as caught:
        asyncio.run(operator(tenant, secret=None, prompt=no_prompt).token(GRAPH))
    assert caught.value.fault.code == "no_browser"
    assert "device-code" in (caught.value.advice or "")
