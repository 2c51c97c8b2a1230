from __future__ import annotations

import asyncio

import pytest
from graph_doubles import FakeGraph, VirtualClock, reply

from provisioner.errors import Absent, AlreadyThere, Refused, ServiceFault, Unreachable
from provisioner.graph import applications
from provisioner.graph.faults import error_of, fault_of_item, retry_after
from provisioner.graph.reading import maybe_moment, texts
from provisioner.graph.rights import READ_MAIL, WRITE_APPLICATIONS
from provisioner.model.faults import Fault
from provisioner.model.identifiers import AppId
from provisioner.model.observed import ApplicationObject

NOT_FOUND = "Resource 'x' does not exist or one of its queried reference-property objects are not present."
TABLE: list[tuple[int, str, str, type[ServiceFault]]] = [
    (404, "Request_ResourceNotFound", NOT_FOUND, Absent),
    (400, "Request_BadRequest", "Permission being assigned already exists on the object", AlreadyThere),
    (400, "Request_BadRequest", "Permission entry already exists.", AlreadyThere),
    (409, "Request_MultipleObjectsWithSameKeyValue", "x", AlreadyThere),
    (400, "Request_BadRequest", "Another object with the same value for property x already exists.", AlreadyThere),
    (400, "Request_BadRequest", "Not a valid reference update", ServiceFault),
    (400, "Request_BadRequest", NOT_FOUND, ServiceFault),
    (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.", Refused),
    (403, "Authorization_RequestDenied", "the backing application of the service principal being created must in the "
     "local tenant", ServiceFault),
    (401, "InvalidAuthenticationToken", "Access token is empty.", Refused),
    (429, "TooManyRequests", "x", ServiceFault),
    (503, "ServiceUnavailable", "x", ServiceFault),
    (400, "Request_BadRequest", "x", ServiceFault),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "message", "kind"), TABLE)
def test_every_fault_has_its_leaf(status: int, code: str, message: str, kind: type[ServiceFault]) -> None:
    error = error_of(Fault("graph", "GET /x", status, code, message), WRITE_APPLICATIONS)
    assert type(error) is kind
    if isinstance(error, Refused):
        assert bool(error.who_can) == (status == 403)
        assert error.advice


@pytest.mark.parametrize("sent", [True, False])
def test_silence_is_unreachable(sent: bool) -> None:
    error = error_of(Fault("graph", "GET /x", 0, "", "", sent=sent), READ_MAIL)
    assert type(error) is Unreachable
    assert error.advice


def test_a_batch_items_fault_keeps_codes_and_request_id() -> None:
    body = {
        "error": {
            "code": "Request_BadRequest",
            "message": "two\r\nlines",
            "details": [{"code": "NoBackingApplicationObject"}, "odd", {"code": 7}],
            "innererror": {"request-id": "rid"},
        }
    }
    fault = fault_of_item(400, {"Retry-After": "3"}, body, "GET /x", VirtualClock())
    assert (fault.code, fault.message, fault.request_id) == ("Request_BadRequest", "two lines", "rid")
    assert fault.detail_codes == ("NoBackingApplicationObject",)
    assert fault.retry_after == 3
    for odd in (None, "text", [], {"error": "text"}, {"error": {"code": 1, "message": None, "details": "x"}}):
        assert fault_of_item(500, None, odd, "GET /x", VirtualClock()).status == 500


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("", None), ("soon", None), ("-5", 0.0), ("1.5", 1.5), ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0), ("0", 0.0)],
)
def test_retry_after(told: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": told}, VirtualClock()) == seconds


def test_a_batch_item_may_give_its_status_as_text() -> None:
    parts = [{"id": "0", "status": "404", "body": {}}, {"id": "1", "status": "200", "body": {"id": "a", "appId": "b"}}]
    graph = FakeGraph(batch_answers=[reply({"responses": parts})])

    async def work() -> list[object]:
        async with graph.connect() as connection:
            return await asyncio.gather(*(applications.by_app_id(connection, AppId(each)) for each in "ab"))

    missing, found = asyncio.run(work())
    assert missing is None
    assert isinstance(found, ApplicationObject)
    assert (found.object_id, found.app_id) == ("a", "b")


def test_odd_fields_are_read_without_a_crash() -> None:
    assert maybe_moment({"at": "yesterday"}, "at") is None
    assert texts({"tags": ["a", 1, None, "\ud83d"]}, "tags") == ("a", "\ufffd")
