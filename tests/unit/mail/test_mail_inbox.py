"""IMAP and POP as far as the inbox: each step, both shapes of a refused token, every trouble; never the token."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from line_double import LineDouble, line_double
from smtp_double import DROP, HANG, certificate, server_context

from provisioner.errors import InputFault
from provisioner.mail import InboxResult, Server, Step, Trouble, imap, pop
from provisioner.model.secret import Secret

MAILBOX = "vma@contoso.example"
TOKEN = "eyJplanted.token-that-must-not.show"
INITIAL = base64.b64encode(f"user={MAILBOX}\x01auth=Bearer {TOKEN}\x01\x01".encode()).decode()
CHALLENGE = base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode()
NOT_CONNECTED = "BAD User is authenticated but not connected."
GREETINGS = {
    "imap": "* OK The Microsoft Exchange IMAP4 service is ready.",
    "pop": "+OK The Microsoft Exchange POP3 service is ready.",
}

IMAP = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS\r\n{tag} OK CAPABILITY completed.",
    "AUTHENTICATE": "{tag} OK AUTHENTICATE completed.",
    "EXAMINE": "* 17 EXISTS\r\n* 0 RECENT\r\n* OK [READ-ONLY] so\r\n{tag} OK [READ-ONLY] EXAMINE completed.",
    "LOGOUT": "* BYE\r\n{tag} OK LOGOUT completed.",
}
POP = {
    "AUTH": "+ ",
    INITIAL: "+OK User successfully authenticated.",
    "STAT": "+OK 17 4711",
    "QUIT": "+OK bye",
}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("pem"))


def answers(protocol: str, changed: Mapping[str, str]) -> Callable[[str], str]:
    """Scripted by verb; what follows a challenge has the key of the line that answers it."""
    script = {**(IMAP if protocol == "imap" else POP), **changed}
    last = [""]

    def answer(line: str) -> str:
        words = line.split(" ")
        if protocol == "pop":
            return script.get(line, script.get(words[0], "-ERR what?"))
        if len(words) > 1:
            last[0] = words[0]
        return script[words[1] if len(words) > 1 else line].replace("{tag}", last[0])

    return answer


def look(
    pem: tuple[Path, Path],
    protocol: str,
    changed: Mapping[str, str] | None = None,
    *,
    greeting: str | None = None,
    trust: Path | None = None,
    host: str = "127.0.0.1",
) -> tuple[InboxResult, LineDouble]:
    async def run() -> tuple[InboxResult, LineDouble]:
        script = answers(protocol, changed or {})
        async with line_double(server_context(*pem), greeting or GREETINGS[protocol], script) as double:
            server = Server(host, double.port, ssl.create_default_context(cafile=trust or pem[0]), 1.0)
            open_inbox = imap.open_inbox if protocol == "imap" else pop.open_inbox
            return await open_inbox(server, mailbox=MAILBOX, token=Secret(TOKEN)), double

    result, double = asyncio.run(run())
    assert TOKEN not in repr(result)
    assert INITIAL not in repr(result)
    return result, double


def test_imap_opens_the_inbox_for_reading_only(pem: tuple[Path, Path]) -> None:
    result, double = look(pem, "imap")
    assert (result.step, result.opened, result.messages, result.trouble) == (Step.OPENED, True, 17, None)
    verbs = [line.split(" ")[1] for line in double.lines]
    assert verbs[:3] == ["CAPABILITY", "AUTHENTICATE", "EXAMINE"]
    assert double.lines[1].endswith(f"XOAUTH2 {INITIAL}")
    assert double.lines[2].endswith("EXAMINE INBOX")


def test_imap_waits_to_be_asked_where_one_line_is_not_offered(pem: tuple[Path, Path]) -> None:
    changed = {
        "CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{tag} OK done",
        "AUTHENTICATE": "+ ",
        INITIAL: "{tag} OK done",
    }
    result, double = look(pem, "imap", changed)
    assert result.opened
    assert double.lines[1].endswith("AUTHENTICATE XOAUTH2")
    assert double.lines[2] == INITIAL


def test_pop_counts_the_messages(pem: tuple[Path, Path]) -> None:
    result, double = look(pem, "pop")
    assert (result.step, result.messages) == (Step.OPENED, 17)
    assert double.lines[:3] == ["AUTH XOAUTH2", INITIAL, "STAT"]
    assert not {each.split(" ")[0] for each in double.lines} & {"RETR", "DELE", "TOP"}


@pytest.mark.parametrize(
    ("protocol", "changed", "step", "said", "signed_in"),
    [
        ("imap", {"AUTHENTICATE": "{tag} NO AUTHENTICATE failed."}, Step.AUTH, "NO AUTHENTICATE failed.", False),
        ("imap", {"EXAMINE": f"{{tag}} {NOT_CONNECTED}"}, Step.INBOX, NOT_CONNECTED, True),
        ("imap", {"EXAMINE": "* BYE Connection closed. 14"}, Step.INBOX, "BYE Connection closed. 14", True),
        ("imap", {"CAPABILITY": "{tag} BAD no"}, Step.CONNECT, "BAD no", False),
        ("pop", {INITIAL: "-ERR Authentication failure"}, Step.AUTH, "-ERR Authentication failure", False),
        ("pop", {"AUTH": "-ERR Protocol error."}, Step.AUTH, "-ERR Protocol error.", False),
        ("pop", {"STAT": "-ERR not connected"}, Step.INBOX, "-ERR not connected", True),
    ],
)
def test_a_refusal_at_each_step(
    pem: tuple[Path, Path], protocol: str, changed: Mapping[str, str], step: Step, said: str, signed_in: bool
) -> None:
    result, _ = look(pem, protocol, changed)
    assert (result.step, str(result), result.signed_in) == (step, said, signed_in)
    assert (result.opened, result.trouble, result.messages) == (False, None, None)


@pytest.mark.parametrize(
    ("protocol", "changed", "status"),
    [
        ("imap", {"AUTHENTICATE": f"+ {CHALLENGE}", "": "{tag} NO AUTHENTICATE failed."}, "NO"),
        ("pop", {INITIAL: f"+ {CHALLENGE}", "": "-ERR [AUTH] Authentication failed."}, "-ERR"),
    ],
)
def test_a_challenge_is_answered_with_an_empty_line(
    pem: tuple[Path, Path], protocol: str, changed: Mapping[str, str], status: str
) -> None:
    result, double = look(pem, protocol, changed)
    assert (result.step, result.status) == (Step.AUTH, status)
    assert '"status":"401"' in result.text
    assert "" in double.lines


@pytest.mark.parametrize("protocol", ["imap", "pop"])
@pytest.mark.parametrize(
    ("where", "answer", "step", "trouble"),
    [
        ("greeting", DROP, Step.CONNECT, Trouble.UNREACHABLE),
        ("greeting", HANG, Step.CONNECT, Trouble.TIMEOUT),
        ("greeting", "HTTP/1.1 200 OK", Step.CONNECT, Trouble.PROTOCOL),
        ("auth", DROP, Step.AUTH, Trouble.DROPPED),
        ("auth", HANG, Step.AUTH, Trouble.TIMEOUT),
        ("inbox", DROP, Step.INBOX, Trouble.DROPPED),
    ],
)
def test_no_reply(pem: tuple[Path, Path], protocol: str, where: str, answer: str, step: Step, trouble: Trouble) -> None:
    verbs = {"imap": {"auth": "AUTHENTICATE", "inbox": "EXAMINE"}, "pop": {"auth": INITIAL, "inbox": "STAT"}}
    greeting = answer if where == "greeting" else None
    changed = {} if where == "greeting" else {verbs[protocol][where]: answer}
    result, _ = look(pem, protocol, changed, greeting=greeting)
    assert (result.step, result.trouble, result.status) == (step, trouble, "")
    assert result.text


def test_a_server_without_xoauth2(pem: tuple[Path, Path]) -> None:
    result, double = look(pem, "imap", {"CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done"})
    assert (result.step, result.trouble) == (Step.AUTH, Trouble.PROTOCOL)
    assert not any("AUTHENTICATE" in each for each in double.lines), "the token stays here"


@pytest.mark.parametrize("protocol", ["imap", "pop"])
def test_a_certificate_that_is_not_trusted(pem: tuple[Path, Path], protocol: str, tmp_path: Path) -> None:
    stranger, _ = certificate(tmp_path)
    result, double = look(pem, protocol, trust=stranger)
    assert (result.step, result.trouble) == (Step.CONNECT, Trouble.CERTIFICATE)
    assert double.lines == []


@pytest.mark.parametrize("protocol", ["imap", "pop"])
def test_an_echoed_token_is_taken_out(pem: tuple[Path, Path], protocol: str) -> None:
    refusal = "{tag} NO" if protocol == "imap" else "-ERR"
    verb = "AUTHENTICATE" if protocol == "imap" else INITIAL
    result, _ = look(pem, protocol, {verb: f"{refusal} {TOKEN} {INITIAL}"})
    assert result.text == "… …"


def test_nobody_listens_and_no_address(pem: tuple[Path, Path]) -> None:
    server = Server("127.0.0.1", 1, ssl.create_default_context(cafile=pem[0]), 1.0)
    result = asyncio.run(imap.open_inbox(server, mailbox=MAILBOX, token=Secret(TOKEN)))
    assert (result.step, result.trouble) == (Step.CONNECT, Trouble.UNREACHABLE)
    with pytest.raises(InputFault):
        asyncio.run(pop.open_inbox(server, mailbox="no address", token=Secret(TOKEN)))
