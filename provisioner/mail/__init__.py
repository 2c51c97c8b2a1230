"""Mail protocols as a product speaks them, for the probes: SMTP submission with XOAUTH2.

Standard library only: what matters is the server's exact reply at each stage, and ready-made clients hide it.
"""

from __future__ import annotations

from provisioner.mail.message import Message, proof_message
from provisioner.mail.smtp import Reply, Server, SmtpResult, Stage, Trouble, sign_in, submit

__all__ = ["Message", "Reply", "Server", "SmtpResult", "Stage", "Trouble", "proof_message", "sign_in", "submit"]
