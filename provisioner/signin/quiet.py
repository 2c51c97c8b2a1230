"""What libraries may do beside their work: `quiet_libraries` for what they log, `slim_libraries` for what they load.

At DEBUG, pypsrp writes whole SOAP envelopes, msal writes token endpoint replies, and urllib3 writes URLs; somebody's
`logging.basicConfig(level=DEBUG)` must not be able to turn that on for a process that carries secrets.
"""

from __future__ import annotations

import logging
import sys
import warnings

TALKATIVE = ("pypsrp", "spnego", "httpx", "httpcore", "msal", "azure", "urllib3")
"""Libraries that write what travels on the wire when asked for DEBUG (source: python-stack.md 3)."""

REPEATS_OUR_ERRORS = "azure.identity"
"""It warns of every refused sign-in, with Entra's text, before it raises what we report ourselves."""


def quiet_libraries() -> None:
    """Pin the talkative libraries to WARNING, whatever the root logger or one of theirs is set to. Called by cli/."""
    for name, part in list(logging.root.manager.loggerDict.items()):
        if isinstance(part, logging.Logger) and name.partition(".")[0] in TALKATIVE and "." in name:
            part.setLevel(logging.NOTSET)  # as the library's own, which is pinned here
    for name in TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    logging.getLogger(REPEATS_OUR_ERRORS).setLevel(logging.CRITICAL)


UNUSED = ("httpx._main", "charset_normalizer")
"""httpx's own command line, which brings rich, pygments and click (40 ms, 2 MiB), and what `requests` guesses text
encodings with (10 ms, 3 MiB of tables). Both libraries do without where these are not installed."""


def slim_libraries() -> None:
    """Keep libraries from importing what nobody here uses. Called once, by cli/, before the first of them is needed."""
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
    for name in UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
