"""What the tests of the chain do again and again: commands with the playbook's parameters, results as documents."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.golden.match import Comparison, compare
from tests.system.support import PARAMETERS, PLAYBOOK, Sandbox, forked
from tests.system.tenant import GIVEN, GOLDEN, State, in_golden_words

Run = Callable[..., subprocess.CompletedProcess[str]]


def run(command: str, *arguments: str, home: Path, tenant: str = "sandbox", by: Run = forked) -> Any:
    """One command about the playbook with its parameters."""
    return by(command, PLAYBOOK, "--tenant", tenant, *PARAMETERS, *arguments, home=home)


def document(finished: subprocess.CompletedProcess[str], code: int = 0) -> dict[str, Any]:
    """The JSON result of a command that ended with the expected code."""
    assert finished.returncode == code, f"{finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer


def result(command: str, *arguments: str, home: Path, tenant: str = "sandbox", code: int = 0) -> dict[str, Any]:
    """The JSON result of one command about the playbook."""
    return document(run(command, *arguments, "-o", "json", home=home, tenant=tenant), code)


def onboarded(home: Path, *arguments: str, tenant: str = "sandbox") -> dict[str, Any]:
    """A finished onboarding with its proofs."""
    return result("onboard", "--yes", "--send", *arguments, home=home, tenant=tenant)


def outcomes(answer: Mapping[str, Any]) -> dict[str, str]:
    """Address to state of each change that was carried out or not."""
    return {each["address"]: each["outcome"]["state"] for each in answer["changes"] if each["outcome"]}


def standings(answer: Mapping[str, Any]) -> dict[str, str]:
    """Address to standing of each pending change."""
    return {each["address"]: each["standing"] for each in answer["changes"] if each["action"] != "keep"}


def proofs(answer: Mapping[str, Any]) -> dict[str, str]:
    """Name to state of each proof."""
    return {each["name"]: each["state"] for each in answer["proofs"]}


def texts(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def against_golden(part: str, before: State, after: State, sandbox: Sandbox, bindings: Any = None) -> Comparison:
    """`after` against `before` plus what the golden file says under `part`."""
    given = {"given": {**GIVEN, "tenantId": sandbox.endpoints["tenantId"]}}
    return compare(GOLDEN[part], in_golden_words(before), in_golden_words(after), {**given, **(bindings or {})})
