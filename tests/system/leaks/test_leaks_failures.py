"""Runs that fail, at every stage and in every way, by services whose errors repeat whatever they were told."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.leaks.conftest import Place
from tests.system.leaks.overhearing import Strike
from tests.system.support import PARAMETERS, PLAYBOOK, Child

FORMS = ("terminal", "json", "markdown")


def apply(tenant: str, form: str = "terminal") -> tuple[str, ...]:
    return ("apply", PLAYBOOK, "--tenant", tenant, *PARAMETERS, "--yes", "-o", form)


@pytest.mark.parametrize(("tenant", "step", "fewest"), [("sandbox:operator-secret,rest", 1, 20), ("sandbox", 3, 14)])
@pytest.mark.parametrize("status", [400, 500])
def test_replies_that_echo_everything(place: Place, tenant: str, status: int, step: int, fewest: int) -> None:
    struck = 0
    number = 1
    while True:
        ended, overheard = place.run(*apply(tenant, FORMS[struck % 3]), strike=Strike(number, status))
        if overheard.struck is None:
            assert ended.returncode == 0
            break
        struck += 1
        number += step
        if struck % 4 == 0:
            place.run(*apply(tenant))  # what a failed run noted must not come out in the next one either
        place.renew()
    assert struck >= fewest
    assert not (leaks := place.leaks()), "\n".join(leaks)


def _raises(*_: Any, **__: Any) -> None:
    raise RuntimeError("an accident that nobody foresaw")


ACCIDENTS = (
    "provisioner.sinks.age_keys.AgeKeys.seal",
    "provisioner.sinks.store.SlotStore.save",
    "provisioner.graph.passwords.Minted.__init__",
    "provisioner.custody.drive._Drive._prove",
    "provisioner.exchange.psrp_session.PsrpSession._invoke",
    "provisioner.signin.tokens.Token.__init__",
)


@pytest.mark.parametrize(("where", "form"), [*zip(ACCIDENTS, itertools.cycle(FORMS))])
def test_tracebacks(place: Place, where: str, form: str) -> None:
    def break_it() -> None:
        module, owner, name = where.rsplit(".", 2)
        setattr(getattr(__import__(module, fromlist=[owner]), owner), name, _raises)

    ended, _ = place.run(*apply("sandbox", form), before=break_it)
    assert ended.returncode == 1
    assert "an accident that nobody foresaw" in ended.stderr
    assert not (leaks := place.leaks()), "\n".join(leaks)


def _interrupted_at(place: Place, match: str, *, after: bool) -> Callable[[Child], None]:
    place.sandbox.fault({"hold": True, "after": after}, match=match, nth=1)

    def interrupt(child: Child) -> None:
        while not place.sandbox.held():
            assert child.poll() is None, "ended before it could be interrupted"
            time.sleep(0.005)
        child.kill(signal.SIGINT)
        time.sleep(0.2)
        place.sandbox.clear_faults()

    return interrupt


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("match", ["oauth2/v2.0/token", "addPassword", "appRoleAssignedTo", "Add-MailboxPermission"])
def test_interrupted(place: Place, match: str, after: bool) -> None:
    ended, _ = place.run(*apply("sandbox"), meanwhile=_interrupted_at(place, match, after=after))
    assert ended.returncode == 130, ended.stderr
    place.run(*apply("sandbox"))
    assert not (leaks := place.leaks()), "\n".join(leaks)
