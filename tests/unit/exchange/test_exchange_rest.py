"""The driver over InvokeCommand: what it sends, how it reads, when it waits and when it must not repeat."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from exchange_doubles import TENANT_ID, TOKEN_TEXT, Error, FakeTokens, Said, a_tenant, claims, rest_reply, streamed

from provisioner.errors import (
    Absent,
    AlreadyThere,
    InputFault,
    NotYet,
    ProvisionerError,
    Refused,
    ServiceFault,
    UnknownOutcome,
    Unreachable,
)
from provisioner.exchange import CmdletReply, Exchange, over_rest, service_principals
from provisioner.model.identifiers import AppId, ObjectId

APP_ID = AppId("aaaaaaaa-0000-4000-8000-00000000000a")
OBJECT_ID = ObjectId("bbbbbbbb-0000-4000-8000-00000000000b")
RECORD = {"AppId": APP_ID, "ObjectId": OBJECT_ID, "Identity": "i"}

GOOD = rest_reply(Said(output=(RECORD,)))
READ = "Get-ServicePrincipal"
HARMLESS = "Add-MailboxPermission"
SENSITIVE = ("New-ServicePrincipal", "Remove-ServicePrincipal")


def running(cmdlet: str) -> Callable[[Exchange], Any]:
    return lambda exchange: exchange.run(cmdlet, {"Identity": "x"})


def in_turn(*answers: httpx.Response | Exception) -> Callable[[httpx.Request], httpx.Response]:
    """The answers one after the other, the last one for ever."""
    left = list(answers)

    def handle(_: httpx.Request) -> httpx.Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return streamed(answer)

    return handle


def caught(rig: Any, cmdlet: str, kind: type[ProvisionerError]) -> Any:
    with pytest.raises(ProvisionerError) as info:
        rig.run(running(cmdlet))
    assert type(info.value) is kind, info.value
    assert TOKEN_TEXT not in str(info.value) + repr(vars(info.value))
    return info.value


# --- what is sent


def test_the_request(rest_rig: Any) -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return GOOD

    tokens = FakeTokens(claims("application", "operator"))
    rig = rest_rig(handler=handle, tokens=tokens)
    rig.run(
        lambda exchange: exchange.run(
            "Add-MailboxPermission", {"Identity": "é", "AccessRights": ("FullAccess",), "AutoMapping": False, "N": None}
        )
    )
    (request,) = seen
    assert request.method == "POST"
    assert str(request.url) == f"https://exchange.invalid/adminapi/beta/{TENANT_ID}/InvokeCommand"
    assert json.loads(request.content) == {
        "CmdletInput": {
            "CmdletName": "Add-MailboxPermission",
            "Parameters": {"Identity": "é", "AccessRights": ["FullAccess"], "AutoMapping": False, "N": None},
        }
    }
    assert request.headers["authorization"] == f"Bearer {TOKEN_TEXT}"
    assert request.headers["content-type"].startswith("application/json")
    assert request.headers["prefer"] == "odata.maxpagesize=1000"
    assert request.headers["x-cmdletname"] == "Add-MailboxPermission"
    anchor = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{TENANT_ID}"
    assert request.headers["x-anchormailbox"] == anchor
    assert tokens.asked == [("https://outlook.office365.com", False)]


@pytest.mark.parametrize(
    ("token_claims", "anchor"),
    [
        (claims("user", "admin@contoso.example"), "UPN:admin@contoso.example"),
        (claims("user", "no address"), "APP:"),
        (None, "APP:"),
    ],
)
def test_the_anchor_follows_the_caller(rest_rig: Any, token_claims: Any, anchor: str) -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["x-anchormailbox"])
        return GOOD

    rest_rig(handler=handle, tokens=FakeTokens(token_claims)).run(running(READ))
    assert seen[0].startswith(anchor)


def test_it_says_that_it_is_undocumented(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(GOOD))
    assert rig.exchange.undocumented is True
    assert rig.exchange.name.value == "rest"


# --- what is read


def test_type_annotations_are_left_out(rest_rig: Any) -> None:
    inner = {"@odata.type": "#X", "a": [1, {"b@odata.type": "#Y", "b": None}]}
    body = {"value": [{"@odata.type": "#Z", "A@odata.type": "#C", "A": ["x"], "I": inner}, "bare"]}
    body["@adminapi.warnings"] = ["careful"]
    rig = rest_rig(handler=in_turn(httpx.Response(200, json=body)))
    assert rig.run(running(READ)) == CmdletReply(
        output=({"A": ("x",), "I": {"a": (1, {"b": None})}}, {"Value": "bare"}), warnings=("careful",)
    )


def page(link: str | None, *records: Any, warnings: tuple[str, ...] = ()) -> httpx.Response:
    body = {"value": list(records), "@adminapi.warnings": list(warnings)}
    return httpx.Response(200, json={**body, "@odata.nextLink": link} if link else body)


def test_pages_are_asked_for_with_the_same_body_from_our_own_host(rest_rig: Any) -> None:
    seen: list[httpx.Request] = []
    pages = [
        page("https://elsewhere.example/adminapi/beta/x/InvokeCommand?$skiptoken=1", {"n": 1}, warnings=("one",)),
        page("https://exchange.invalid/adminapi/beta/x/InvokeCommand?$skiptoken=2", {"n": 2}),
        page(None, {"n": 3}, warnings=("three",)),
    ]

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return pages[len(seen) - 1]

    reply = rest_rig(handler=handle).run(running(READ))
    assert [each["n"] for each in reply.output] == [1, 2, 3]
    assert reply.warnings == ("one", "three")
    assert {each.url.host for each in seen} == {"exchange.invalid"}
    assert [each.url.params.get("$skiptoken") for each in seen] == [None, "1", "2"]
    assert len({each.content for each in seen}) == 1
    assert {each.method for each in seen} == {"POST"}


def test_a_link_that_leads_in_a_circle_comes_to_an_end(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(page("https://exchange.invalid/next?$skiptoken=1", {"n": 1})))
    assert len(rig.run(running(READ)).output) == 2
    assert len(rig.calls()) == 2


def test_a_write_is_never_sent_again_for_a_next_page(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(page("https://exchange.invalid/next?$skiptoken=1")))
    rig.run(running("New-ServicePrincipal"))
    assert len(rig.calls()) == 1


def test_nothing_printed_is_no_fault(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(page(None)))
    assert rig.run(running("Set-CASMailbox")) == CmdletReply((), ())


def test_the_services_clock_is_heard(rest_rig: Any) -> None:
    headers = {"Date": "Sun, 22 Nov 2026 12:34:56 GMT"}
    rig = rest_rig(handler=in_turn(httpx.Response(200, json={"value": []}, headers=headers)))
    rig.run(running(READ))
    assert rig.clock.heard_times == [datetime(2026, 11, 22, 12, 34, 56, tzinfo=UTC)]


def test_a_compressed_answer_is_read_though_none_was_asked_for(rest_rig: Any) -> None:
    raw = gzip.compress(json.dumps({"value": [{"n": 1}]}).encode())
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(raw))
    assert rest_rig(handler=in_turn(response)).run(running(READ)).output == ({"n": 1},)


# --- errors


def test_missing_object(rest_rig: Any) -> None:
    text = "The operation couldn't be performed because object 'X' couldn't be found on 'DC1'."
    said = Said(error=Error("Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException", text, 404))
    response = rest_reply(said)
    response.headers["request-id"] = "the-id"
    error = caught(rest_rig(handler=in_turn(response)), READ, Absent)
    assert error.fault.message == text
    assert error.fault.code == "ManagementObjectNotFoundException"
    assert error.fault.detail_codes == ("Ex6F9304", "BadRequest")
    assert error.fault.status == 404
    assert error.fault.request_id == "the-id"


def test_the_request_id_is_ours_where_none_came(rest_rig: Any) -> None:
    error = caught(rest_rig(handler=in_turn(httpx.Response(400))), READ, ServiceFault)
    assert len(error.fault.request_id) == 36


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {
                "message": "m",
                "details": [{"message": "Ex1|A.B|d"}],
                "innererror": {"internalexception": {"message": "i"}},
            },
            "d",
        ),
        ({"message": "m", "details": [{"message": "no pipes"}]}, "no pipes"),
        ({"message": "m", "details": [], "innererror": {"internalexception": {"message": "i"}}}, "i"),
        ({"message": "m", "details": "odd", "innererror": "odd"}, "m"),
        ({"code": "BadRequest"}, "HTTP 400"),
    ],
)
def test_the_sentence_for_people(rest_rig: Any, body: dict[str, Any], message: str) -> None:
    error = caught(rest_rig(handler=in_turn(httpx.Response(400, json={"error": body}))), READ, ServiceFault)
    assert error.fault.message == message


NULS = httpx.Response(403, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"\0" * 300))


def test_an_unknown_cmdlet_is_403_with_nul_bytes_that_are_called_gzip(rest_rig: Any) -> None:
    error = caught(rest_rig(handler=in_turn(NULS)), READ, Refused)
    assert error.who_can == ("Exchange Administrator",)
    assert "does not offer it" in str(error)
    assert "Exchange.ManageAsApp" in error.advice
    assert "an hour" in error.advice
    assert "\0" not in str(error)


def test_a_broken_gzip_is_no_reason_to_fail_differently(rest_rig: Any) -> None:
    response = httpx.Response(403, stream=httpx.ByteStream(b"\x1f\x8b broken"))
    caught(rest_rig(handler=in_turn(response)), READ, Refused)


def test_a_cmdlet_outside_the_callers_role(rest_rig: Any) -> None:
    text = "The cmdlet 'X' is not present in the role definition of the current user."
    error = caught(rest_rig(handler=in_turn(rest_reply(Said(error=Error("X.Y", text, 403))))), READ, Refused)
    assert error.fault.message == text
    assert "Exchange.ManageAsApp" in error.advice


def test_a_refused_token_is_renewed_once(rest_rig: Any) -> None:
    tokens = FakeTokens()
    rig = rest_rig(handler=in_turn(httpx.Response(401), GOOD), tokens=tokens)
    assert rig.run(running("New-ServicePrincipal")).output == (RECORD,)
    assert [fresh for _, fresh in tokens.asked] == [False, True]


def test_a_token_that_stays_refused(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(httpx.Response(401)))
    error = caught(rig, "New-ServicePrincipal", Refused)
    assert error.fault.status == 401
    assert len(rig.calls()) == 2
    assert "an hour" in error.advice


@pytest.mark.parametrize("status", [404, 302])
def test_something_else_answers(rest_rig: Any, status: int) -> None:
    error = caught(rest_rig(handler=in_turn(httpx.Response(status, html="<html>no</html>"))), READ, ServiceFault)
    assert "exchange endpoint" in error.advice
    assert "<html>" not in str(error)


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"[]", b'{"value": 1}', b""])
def test_a_good_status_with_something_else(rest_rig: Any, body: bytes) -> None:
    error = caught(rest_rig(handler=in_turn(httpx.Response(200, content=body))), READ, ServiceFault)
    assert error.fault.code == "NoReply"


# --- waiting


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "7", "Rate-Limit-Reset": "3"}, 7.0),
        ({"Rate-Limit-Remaining": "0", "Rate-Limit-Reset": "11"}, 11.0),
        ({"Rate-Limit-Reset": "2026-11-22T12:00:20Z"}, 20.0),
        ({"Rate-Limit-Reset": "2026-11-22T12:00:20"}, 20.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
    ],
)
@pytest.mark.parametrize("cmdlet", [READ, HARMLESS, *SENSITIVE])
def test_throttling_is_waited_for_as_told(rest_rig: Any, headers: dict[str, str], seconds: float, cmdlet: str) -> None:
    rig = rest_rig(handler=in_turn(httpx.Response(429, headers=headers), GOOD))
    assert rig.run(running(cmdlet)).output == (RECORD,)
    assert rig.clock.slept == [seconds]


@pytest.mark.parametrize("headers", [{}, {"Rate-Limit-Reset": "soon"}, {"Rate-Limit-Reset": "1900000000"}])
def test_throttling_without_a_useful_word_is_waited_for_shortly(rest_rig: Any, headers: dict[str, str]) -> None:
    rig = rest_rig(handler=in_turn(httpx.Response(429, headers=headers), GOOD))
    rig.run(running(READ))
    assert 0 < rig.clock.slept[0] < 1


def test_throttling_by_concurrency_is_told_in_plain_text(rest_rig: Any) -> None:
    text = "You have reached the maximum number of concurrent requests per tenant. Please wait and try again"
    rig = rest_rig(handler=in_turn(httpx.Response(400, text=text), GOOD))
    rig.run(running("New-ServicePrincipal"))
    assert len(rig.clock.slept) == 1


def test_throttling_for_longer_than_we_wait_is_not_yet(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(httpx.Response(429, headers={"Retry-After": "600"})))
    caught(rig, READ, NotYet)
    assert rig.clock.slept == []


@pytest.mark.parametrize("status", [503, 504])
@pytest.mark.parametrize("cmdlet", [READ, "Set-CASMailbox", HARMLESS])
def test_a_busy_service_is_asked_again_where_that_is_harmless(rest_rig: Any, status: int, cmdlet: str) -> None:
    rig = rest_rig(handler=in_turn(httpx.Response(status), httpx.Response(status), GOOD))
    assert rig.run(running(cmdlet)).output == (RECORD,)
    assert len(rig.calls()) == 3


@pytest.mark.parametrize("cmdlet", SENSITIVE)
@pytest.mark.parametrize("answer", [httpx.Response(each) for each in (408, 500, 502, 503, 504)], ids=lambda each: each)
def test_and_never_where_it_is_not(rest_rig: Any, cmdlet: str, answer: httpx.Response) -> None:
    rig = rest_rig(handler=in_turn(answer, GOOD))
    caught(rig, cmdlet, UnknownOutcome)
    assert len(rig.calls()) == 1
    assert rig.clock.slept == []


def test_a_read_that_stays_busy_is_not_yet(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(httpx.Response(503)))
    caught(rig, READ, NotYet)
    assert 30 < sum(rig.clock.slept) <= 90


def test_an_error_of_the_cmdlet_itself_is_no_unknown_outcome(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(rest_reply(Said(error=Error("X.Y", "it is broken", 500)))))
    error = caught(rig, "New-ServicePrincipal", ServiceFault)
    assert error.fault.message == "it is broken"
    assert len(rig.calls()) == 1


BROKEN = [httpx.ReadTimeout(""), httpx.RemoteProtocolError("gone"), httpx.ReadError(""), httpx.WriteError("")]


@pytest.mark.parametrize("error", BROKEN, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("cmdlet", [HARMLESS, "Set-CASMailbox", *SENSITIVE])
def test_a_write_that_was_cut_is_unknown_and_never_repeated(rest_rig: Any, error: Exception, cmdlet: str) -> None:
    rig = rest_rig(handler=in_turn(error, GOOD))
    raised = caught(rig, cmdlet, UnknownOutcome)
    assert raised.fault.sent is True
    assert raised.fault.status == 0
    assert len(rig.calls()) == 1


@pytest.mark.parametrize("error", BROKEN, ids=lambda each: type(each).__name__)
def test_a_read_that_was_cut_is_repeated(rest_rig: Any, error: Exception) -> None:
    rig = rest_rig(handler=in_turn(error, GOOD))
    assert rig.run(running(READ)).output == (RECORD,)
    assert len(rig.calls()) == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "cannot be reached"),
        (httpx.ConnectTimeout(""), "cannot be reached"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"), "certificate is not trusted"),
    ],
)
def test_unreachable_is_said_at_once(rest_rig: Any, error: Exception, words: str) -> None:
    rig = rest_rig(handler=in_turn(error))
    raised = caught(rig, "New-ServicePrincipal", Unreachable)
    assert words in str(raised)
    assert "exchange.invalid" in str(raised)
    assert raised.fault.sent is False
    assert rig.clock.slept == []


def test_a_ca_file_that_is_not_there(rest_rig: Any) -> None:
    rig = rest_rig(handler=in_turn(GOOD))
    exchange = over_rest.connect(
        a_tenant(ca_file="/nowhere/ca.pem"), FakeTokens(), clock=rig.clock, events=rig.events.append
    )
    with pytest.raises(InputFault, match="caFile"):
        rig.run(lambda _: exchange.run(READ, {}))


# --- creating after an unknown outcome


class Directory:
    """Takes a record, and breaks the connection after or before it did."""

    def __init__(self, *, breaks: str, seen_after: int = 0) -> None:
        self.records: list[dict[str, Any]] = []
        self.breaks, self.seen_after = breaks, seen_after
        self.creates = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sent = json.loads(request.content)["CmdletInput"]
        if sent["CmdletName"] == READ:
            self.seen_after -= 1
            return rest_reply(Said(output=tuple(self.records) if self.seen_after < 0 else ()))
        self.creates += 1
        if self.breaks == "before" and self.creates == 1:
            raise httpx.ReadError("")
        if self.records:
            return rest_reply(Said(error=Error("X.ADObjectAlreadyExistsException", "It already exists.")))
        self.records.append({**sent["Parameters"], "Identity": "i"})
        if self.breaks == "after":
            raise httpx.ReadError("")
        return rest_reply(Said(output=tuple(self.records)))


def create(exchange: Exchange) -> Any:
    return service_principals.create(exchange, app_id=APP_ID, object_id=OBJECT_ID, display_name="n")


@pytest.mark.parametrize("breaks", ["before", "after"])
def test_create_looks_first_and_makes_one(rest_rig: Any, breaks: str) -> None:
    directory = Directory(breaks=breaks)
    rig = rest_rig(handler=directory)
    assert rig.run(create).object_id == OBJECT_ID
    assert len(directory.records) == 1
    assert [cmdlet for cmdlet, _ in rig.calls()][:2] == ["New-ServicePrincipal", READ]
    assert directory.creates == (2 if breaks == "before" else 1)


def test_create_on_a_replica_that_has_not_heard_of_it(rest_rig: Any) -> None:
    directory = Directory(breaks="after", seen_after=5)
    with pytest.raises(AlreadyThere):
        rest_rig(handler=directory).run(create)
    assert len(directory.records) == 1
