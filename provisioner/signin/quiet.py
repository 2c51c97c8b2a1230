"""`quiet_libraries`: what libraries may write to a log.

At DEBUG, pypsrp writes whole SOAP envelopes, msal writes token endpoint replies, and urllib3 writes URLs; somebody's
`logging.basicConfig(level=DEBUG)` must not be able to turn that on for a process that carries secrets.
"""

from __future__ import annotations

import logging

TALKATIVE = ("pypsrp", "spnego", "httpx", "httpcore", "msal", "azure", "urllib3")
"""Libraries that write what travels on the wire when asked for DEBUG (source: python-stack.md 3)."""

REPEATS_OUR_ERRORS = "azure.identity"
"""It warns of every refused sign-in, with Entra's text, before it raises what we report ourselves."""


def quiet_libraries() -> None:
    """Pin the talkative libraries to WARNING, whatever the root logger is set to. Called once, by cli/."""
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    logging.getLogger(REPEATS_OUR_ERRORS).setLevel(logging.CRITICAL)
