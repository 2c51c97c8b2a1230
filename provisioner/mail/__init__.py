"""Mail protocols as a product speaks them, for the probes: SMTP submission, IMAP and POP with XOAUTH2, and EWS.

What matters is the server's exact reply at each stage, and ready-made clients hide it. So all but EWS, which is HTTP,
stands on the standard library.
"""

from __future__ import annotations

from provisioner.mail.ews import EwsResult
from provisioner.mail.inbox import InboxResult, Step
from provisioner.mail.message import Message, proof_message
from provisioner.mail.server import Server, Trouble
from provisioner.mail.smtp import Reply, SmtpResult, Stage, sign_in, submit

__all__ = [
    "EwsResult",
    "InboxResult",
    "Message",
    "Reply",
    "Server",
    "SmtpResult",
    "Stage",
    "Step",
    "Trouble",
    "proof_message",
    "sign_in",
    "submit",
]
