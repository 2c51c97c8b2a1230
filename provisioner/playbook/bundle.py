"""The playbooks that come with the tool, and how a name or a path on the command line leads to a text.

In a wheel they lie in the package as `bundled_playbooks`; in a checkout, in `playbooks/` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import InputFault
from provisioner.playbook.hidden import shown
from provisioner.playbook.loading import read_file
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.yaml_text import PLAYBOOK_LIMITS, Plain, read_document

_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Summary:
    """One line of `playbooks list`."""

    name: str
    """`vendor/product`."""
    vendor: str
    title: str
    summary: str
    variants: tuple[str, ...]


def _root() -> Path:
    installed = _PACKAGE / "bundled_playbooks"
    return installed if installed.is_dir() else _PACKAGE.parent / "playbooks"


def names() -> tuple[str, ...]:
    """The bundled playbooks as `vendor/product`."""
    return tuple(sorted(f"{path.parent.name}/{path.stem}" for path in _root().glob("*/*.yaml")))


def bundled() -> tuple[Summary, ...]:
    """The heads of the bundled playbooks, sorted by name; read quickly, not checked in full."""
    return tuple(_summary(name) for name in names())


def _summary(name: str) -> Summary:
    text, file_name = find(name)
    data = read_document(text, file_name, PLAYBOOK_LIMITS).data
    top = data if isinstance(data, dict) else {}
    variants = top.get("variants")
    return Summary(
        name,
        _text(top.get("vendor")),
        _text(top.get("title")),
        _text(top.get("summary")),
        tuple(variants) if isinstance(variants, dict) else (),
    )


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else ""


def find(name_or_path: str) -> tuple[str, str]:
    """Text and file name of a playbook: a bundled one by name, any other by path. Raises `InputFault`.

    Names are looked up in the list of what is there, never joined to a path.
    """
    known = names()
    if name_or_path in known:
        vendor, product = name_or_path.split("/")
        return read_file(_root() / vendor / f"{product}.yaml"), f"playbooks/{name_or_path}.yaml"
    if name_or_path.endswith((".yaml", ".yml")) or _is_there(name_or_path):
        return read_file(Path(name_or_path)), name_or_path
    raise InputFault(
        f"no playbook {shown(name_or_path, 200)}",
        advice=did_you_mean(name_or_path, known)
        or "'provisioner playbooks list' shows those there are; or give a path.",
    )


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False
