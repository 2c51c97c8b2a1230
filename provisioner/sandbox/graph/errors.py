"""Graph's error replies."""

from __future__ import annotations

from typing import Any

from provisioner.sandbox.ledger import behaviour, mark


class GraphError(Exception):
    """A refusal as Graph words it. ``details``: [{code, message, target}] where the service gives them."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = headers or {}


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphError:
    """400: the directory does not accept this request."""
    return GraphError(400, code, message)


@behaviour(
    "A missing object is 404 Request_ResourceNotFound and names the key as sent",
    source="recorded-graph.md 13 [SPS, APP, GRP]",
    if_wrong="not found is not told from other faults",
)
def not_found(key: str) -> GraphError:
    """404 for an object that does not exist, or that this replica has not heard of."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


@behaviour(
    "A caller without the permission or role gets 403 Authorization_RequestDenied, which names neither",
    source="graph.md 2.1 V: GD json-batching.md",
    if_wrong="the missing role is not found out",
)
def denied() -> GraphError:
    """403 for a caller who may not do this."""
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def unsupported_query(message: str) -> GraphError:
    """400 for a query the directory does not answer."""
    return GraphError(400, "Request_UnsupportedQuery", message)


@behaviour(
    "A taken uniqueName or identifierUri is a 400 Request_BadRequest, not a 409",
    source="field-notes.md 1.3; message in public deployment logs (2024-11-28)",
    if_wrong="the conflict is not recognised and the recycle bin not looked into",
)
def conflicting_value(name: str) -> GraphError:
    """400 for a value another object holds."""
    return bad_request(f"Another object with the same value for property {name} already exists.")


def invalid_value(name: str, resource: str) -> GraphError:
    """400 for a value outside the directory's own rules."""
    return bad_request(f"Invalid value specified for property '{name}' of resource '{resource}'.")


def faulty(status: int, retry_after: int | None) -> GraphError:
    """The reply of a fault on demand: 429, 500, 503 or 504."""
    texts = {
        429: ("TooManyRequests", "Too many requests. Please try again later."),
        503: ("ServiceUnavailable", "The service is temporarily unavailable. Please try again later."),
        504: ("UnknownError", ""),
    }
    code, message = texts.get(status, ("InternalServerError", "An internal error has occurred."))
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return GraphError(status, code, message, headers=headers)


mark(
    "429 has code TooManyRequests and Retry-After; 504 has an empty UnknownError and may follow work that was done",
    source="unverified (graph.md 4: code M)",
    if_wrong="throttling is told by status alone, which is right anyway",
)
mark(
    "Values outside the rules: 400 Request_BadRequest \"Invalid value specified for property '..' of resource '..'.\"",
    source="unverified",
    if_wrong="only the text of an error differs",
)
