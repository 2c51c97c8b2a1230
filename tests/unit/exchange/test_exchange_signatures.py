"""One list of cmdlets for everybody: what the typed cmdlets send and read is what is in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.exchange.cmdlets import CMDLETS, SIGNATURES

ROOM = Path(__file__).parents[3] / "provisioner" / "exchange"
OTHERS = {"cmdlets.py", "script_steps.py", "script_file.py", "as_script.py", "host_kit.py"}
"""Not typed cmdlets: they handle cmdlets as data."""
READERS = {"text", "optional_text", "texts", "flag"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOM.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.name not in OTHERS and cmdlets_in(tree):
            yield path.name, tree


def cmdlets_in(node: ast.AST) -> set[str]:
    """Names of cmdlets, in the code and not only in its documentation."""
    return {each for each in texts_in(node) if each in SIGNATURES}


def texts_in(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def sent(function: ast.AST) -> set[str]:
    """The keys of every table of parameters in a function."""
    keys = {
        key.value
        for each in ast.walk(function)
        if isinstance(each, ast.Dict)
        for key in each.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    set_later = {
        each.slice.value
        for each in ast.walk(function)
        if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Constant) and isinstance(each.ctx, ast.Store)
    }
    return keys | {each for each in set_later if isinstance(each, str)}


def read(tree: ast.AST) -> set[str]:
    """The properties that a module reads."""
    found: set[str] = set()
    for each in ast.walk(tree):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in READERS:
            for given in each.args[1:]:
                if isinstance(given, ast.Constant):
                    found.add(given.value)
    # `text(record, name) for name in ("A", "B")`
    for each in ast.walk(tree):
        if isinstance(each, (ast.GeneratorExp, ast.ListComp)) and any(
            isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in READERS
            for one in ast.walk(each.elt)
        ):
            for generator in each.generators:
                found |= set(texts_in(generator.iter)) if isinstance(generator.iter, ast.Tuple) else set()
    return found


MODULES = dict(modules())
FUNCTIONS = {
    f"{name}:{function.name}": function
    for name, tree in MODULES.items()
    for function in tree.body
    if isinstance(function, ast.AsyncFunctionDef) and cmdlets_in(function)
}


def test_every_cmdlet_is_run_somewhere() -> None:
    assert {each for function in FUNCTIONS.values() for each in cmdlets_in(function)} == set(CMDLETS)


@pytest.mark.parametrize("where", FUNCTIONS)
def test_every_parameter_that_is_sent_is_in_the_list(where: str) -> None:
    function = FUNCTIONS[where]
    known = {name for each in cmdlets_in(function) for name in SIGNATURES[each].parameters}
    assert sent(function) <= known


@pytest.mark.parametrize("module", MODULES)
def test_every_property_that_is_read_is_in_the_list(module: str) -> None:
    known = {name for each in cmdlets_in(MODULES[module]) for name in SIGNATURES[each].properties}
    wanted = read(MODULES[module])
    assert wanted <= known
    assert wanted, "the test no longer sees how properties are read"


def test_no_parameter_is_listed_that_nobody_sends() -> None:
    for cmdlet, signature in SIGNATURES.items():
        functions = [each for each in FUNCTIONS.values() if cmdlet in cmdlets_in(each)]
        given = {name for each in functions for name in sent(each)}
        assert set(signature.parameters) <= given, cmdlet
