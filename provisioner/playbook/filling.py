"""The texts of one variant with the values of its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner import catalogue
from provisioner.model import declared
from provisioner.playbook import written
from provisioner.playbook.checks import KINDS
from provisioner.playbook.templates import expand, references
from provisioner.playbook.written import Playbook, Value


@dataclass(frozen=True)
class Filling:
    """One playbook, one of its variants, one instance, and the values."""

    playbook: Playbook
    variant: written.Variant
    values: Mapping[str, Value]
    instance: str

    def text(self, text: str) -> str:
        """A text with its parameters filled in."""
        return expand(text, self.values)

    def optional(self, text: str | None) -> str | None:
        """The same for a text that may be missing."""
        return None if text is None else self.text(text)

    def texts(self, several: tuple[str, ...]) -> tuple[str, ...]:
        """The same for several texts."""
        return tuple(self.text(each) for each in several)

    def given(self, several: tuple[str, ...]) -> tuple[str, ...]:
        """The same for those of several texts whose parameters all have a value."""
        return self.texts(tuple(each for each in several if all(name in self.values for name, _ in references(each))))


def permission(asked: written.Permission) -> declared.Permission:
    """A written permission by its API's id."""
    resource = catalogue.resource(asked.api)
    assert resource is not None, "a checked playbook names known APIs only"
    return declared.Permission(resource[0], KINDS[asked.kind], asked.name)
