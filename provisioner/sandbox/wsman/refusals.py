"""What WSMan says when it refuses: one constructor per fault, with the code and words of the recorded hosts.

Sources: the recordings (`tests/data/psrp-recordings`) where a fault occurs in them; Windows' wsmerror.h for the
numbers; DSP0226 for subcodes and details of the rest, whose exact words are unverified.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.sandbox.wsman import envelope

_DETAILS = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"
_INVALID_SELECTORS_TEXT = (
    "The WS-Management service cannot process the request because the request contained invalid selectors for the "
    "resource. "
)


@dataclass(frozen=True)
class Refusal:
    """One WSMan fault: `code` is the Windows error, `message` the text a client shows, `reason` the SOAP reason."""

    code: int
    subcode: str
    reason: str
    message: str
    sender: bool = True
    detail: str | None = None
    by_provider: bool = False


class Refused(Exception):
    """Carries a refusal up to the endpoint."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def timed_out() -> Refused:
    """Nothing to receive within OperationTimeout; a client asks again."""
    words = "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  "
    return Refused(Refusal(2150858793, "w:TimedOut", words, words, sender=False))


def shell_not_found(shell_id: str, *, for_get: bool = False) -> Refused:
    """The ShellId selector names no shell of this user; Get words it through the shell provider."""
    if for_get:
        message = _INVALID_SELECTORS_TEXT
    else:
        message = (
            f"The request for the Windows Remote Shell with ShellId {shell_id} failed because the shell was not "
            "found on the "
            "server. Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the "
            "server. "
            "Provide the correct ShellId or create a new shell and retry the operation. "
        )
    return Refused(_selectors(message, by_provider=for_get))


def command_not_found() -> Refused:
    """The command identifier names no running or unread pipeline of the shell."""
    return Refused(
        _selectors(
            "The Windows Remote Shell received a request to perform an operation on a command identifier that does "
            "not exist. "
            "Either the command has completed execution or the client specified an invalid command identifier. "
        )
    )


def unknown_configuration(name: str, host: str) -> Refused:
    """No session configuration of that name: ERROR_WSMAN_INVALID_RESOURCE_URI."""
    words = (
        f"The WS-Management service cannot process the request. Cannot find the {name} session configuration in the "
        "WSMan: "
        f"drive on the {host} computer. "
    )
    return Refused(
        Refusal(
            2150858811,
            "a:DestinationUnreachable",
            words,
            words,
            detail=_DETAILS + "InvalidResourceURI",
            by_provider=True,
        )
    )


def unknown_resource(uri: str) -> Refused:
    """A resource URI that is no shell at all: ERROR_WSMAN_INVALID_RESOURCE_URI."""
    words = (
        f"The WS-Management service cannot process the request. The resource URI ({uri}) was not found in the "
        "WS-Management "
        "catalog. The catalog contains the metadata that describes resources, or logical endpoints. "
    )
    return Refused(
        Refusal(2150858811, "a:DestinationUnreachable", words, words, detail=_DETAILS + "InvalidResourceURI")
    )


def unsupported_action(action: str) -> Refused:
    """An action this host does not implement: ERROR_WSMAN_ACTION_NOT_SUPPORTED."""
    words = f"The WS-Management service cannot process the request because the action {action} is not supported. "
    return Refused(Refusal(2150858771, "a:ActionNotSupported", words, words))


def malformed(why: str) -> Refused:
    """A body that is no WSMan request, or no fragment of the remoting protocol."""
    words = f"The WS-Management service cannot process a SOAP packet because it contains invalid content: {why} "
    return Refused(Refusal(2150858752, "w:SchemaValidationError", words, words))


def too_large(limit: int) -> Refused:
    """More bytes than the host takes in one envelope: ERROR_WSMAN_MAX_ENVELOPE_SIZE_EXCEEDED."""
    words = (
        "The WS-Management service cannot process the request. The request envelope exceeds the maximum of "
        f"{limit} bytes. "
    )
    return Refused(Refusal(2150858824, "w:EncodingLimit", words, words, detail=_DETAILS + "MaxEnvelopeSizeExceeded"))


def shell_gone() -> Refused:
    """The shell was deleted while a Receive waited on it: ERROR_OPERATION_ABORTED."""
    words = "The I/O operation has been aborted because of either a thread exit or an application request. "
    return Refused(Refusal(995, "w:InternalError", words, words, sender=False))


def render(refusal: Refusal) -> str:
    """The s:Fault element."""
    inner = envelope.text(refusal.message)
    opening = (
        f'<f:WSManFault xmlns:f="{envelope.NAMESPACES["f"]}" Code="{refusal.code}" Machine="127.0.0.1"><f:Message>'
    )
    closing = "</f:Message></f:WSManFault>"
    if refusal.by_provider:
        inner = (
            r'<f:ProviderFault provider="Shell provider" path="%systemroot%\system32\WsmSvc.dll">'
            f"{opening}{inner}{closing}</f:ProviderFault>"
        )
    detail = f"<w:FaultDetail>{refusal.detail}</w:FaultDetail>" if refusal.detail else ""
    return (
        f"<s:Fault><s:Code><s:Value>{'s:Sender' if refusal.sender else 's:Receiver'}</s:Value><s:Subcode>"
        f"<s:Value>{refusal.subcode}</s:Value></s:Subcode></s:Code><s:Reason>"
        f'<s:Text xml:lang="en-US">{envelope.text(refusal.reason)}</s:Text></s:Reason>'
        f"<s:Detail>{detail}{opening}{inner}{closing}</s:Detail></s:Fault>"
    )


def _selectors(message: str, *, by_provider: bool = False) -> Refusal:
    return Refusal(
        2150858843,
        "w:InvalidSelectors",
        _INVALID_SELECTORS_TEXT,
        message,
        detail=_DETAILS + "UnexpectedSelectors",
        by_provider=by_provider,
    )
