"""PowerShell source as a syntax tree (tree-sitter), and the little of its meaning that our scripts use.

No PowerShell is here to run them. The tree says that they are PowerShell and what is a string in them; `value` says
what the few kinds of expression that we write stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import tree_sitter
import tree_sitter_powershell
from tree_sitter import Node

LANGUAGE = tree_sitter.Language(tree_sitter_powershell.language())
QUOTES = "'\u2018\u2019\u201a\u201b"


def parsed(source: bytes) -> Node:
    """The tree; fails where a part of it is no PowerShell."""
    root = tree_sitter.Parser(LANGUAGE).parse(source).root_node
    faults = [(each.start_point, text(each)[:80]) for each in walk(root) if each.is_error or each.is_missing]
    assert faults == []
    return root


def walk(node: Node) -> Iterator[Node]:
    yield node
    for each in node.children:
        yield from walk(each)


def text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def commands(root: Node) -> list[str]:
    """The name of every command, in order: what the source would run."""
    return [text(each) for each in walk(root) if each.type == "command_name"]


def shape(root: Node) -> list[str]:
    """The kinds of all nodes but for the insides of strings: what the source means but for its texts."""
    return [each.type for each in walk(root) if each.is_named]


@dataclass(frozen=True)
class Call:
    """One command with what stands after its name."""

    name: str
    arguments: tuple[Node, ...]


def calls(root: Node) -> list[Call]:
    made = []
    for node in walk(root):
        if node.type == "command":
            name = next((each for each in node.children if each.type == "command_name"), None)
            if name is None:  # `& $block`
                continue
            elements = next((each for each in node.children if each.type == "command_elements"), None)
            given = [] if elements is None else list(elements.named_children)
            made.append(Call(text(name), tuple(each for each in given if each.type != "command_argument_sep")))
    return made


def assigned(root: Node, variable: str) -> list[Node]:
    """The right side of every assignment to a variable, in order."""
    return [
        node.named_children[-1]
        for node in walk(root)
        if node.type == "assignment_expression" and text(node.named_children[0]).strip() == f"${variable}"
    ]


def value(node: Node, look_up: Callable[[str, str], str] = lambda variable, name: f"<{variable}.{name}>") -> Any:
    """What an expression of ours stands for. `look_up` gives a property of a variable."""
    match node.type:
        case "string_literal":
            return _unquoted(text(node))
        case "decimal_integer_literal":
            return int(text(node))
        case "variable":
            return {"$true": True, "$false": False, "$null": None}[text(node)]
        case "member_access":
            variable, name = text(node).removeprefix("$").split(".")
            return look_up(variable, name)
        case "invokation_expression":
            assert text(node).startswith("[char]::ConvertFromUtf32(0x")
            return chr(int(text(node)[len("[char]::ConvertFromUtf32(") : -1], 16))
        case "command":
            (called,) = (each for each in calls(node) if each.name == "Get-Quoted")
            return str(value(called.arguments[0], look_up)).replace("'", "''")
        case "array_expression":
            literal = next((each for each in walk(node) if each.type == "array_literal_expression"), None)
            return [] if literal is None else [value(each, look_up) for each in literal.named_children]
        case "hash_literal_expression":
            bodies = [each for body in node.named_children for each in body.named_children]
            entries = [each for each in bodies if each.type == "hash_entry"]
            return {text(each.named_children[0]): value(each.named_children[1], look_up) for each in entries}
        case "additive_expression" if len(node.named_children) == 2:
            left, right = (value(each, look_up) for each in node.named_children)
            assert isinstance(left, str) and isinstance(right, str)
            return left + right
        case "cast_expression":
            return value(node.named_children[-1], look_up)
    (only,) = node.named_children
    return value(only, look_up)


def _unquoted(source: str) -> str:
    """PowerShell's own rule: any of its five quotes, twice in a row, is the second of them; once, it is the end."""
    assert source[0] == "'" and source[-1] == "'"
    found, place = "", 1
    while place < len(source) - 1:
        if source[place] in QUOTES:
            assert place + 1 < len(source) - 1 and source[place + 1] in QUOTES, f"the string ends early: {source}"
            place += 1
        found += source[place]
        place += 1
    return found
