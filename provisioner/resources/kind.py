"""What a kind of declared thing must be able to do. One file per kind; the list is in `resources/__init__.py`.

A kind must: read without writing, compare without I/O, and carry out exactly the change it is given. Its change is
data; the texts shown in the plan and the deed done come from the same object. A kind must never remove or overwrite
what is not ours: foreign values are folded into the desired side before comparing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Generic, TypeVar

from provisioner.model.change import Blocked, Change, Part, Standing
from provisioner.model.declared import Declared
from provisioner.model.identifiers import Address
from provisioner.model.observed import Caller
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.sight import Sight

D = TypeVar("D", bound=Declared)
O = TypeVar("O")  # noqa: E741 observed, beside D for declared


@dataclass(frozen=True)
class Ending:
    """What Microsoft ends, in people's words, and the day from which it is over."""

    what: str
    when: date


def ending(what: str, when: date | None) -> Ending | None:
    """The end of something that may have none."""
    return Ending(what, when) if when is not None else None


class Kind(ABC, Generic[D, O]):
    """One kind of declared thing."""

    name: ClassVar[str]
    part: ClassVar[Part]
    owner: ClassVar[bool] = False
    """Whether all else hangs on it: it goes last, so that what is restored comes back with nothing."""
    shared: ClassVar[bool] = False
    """Whether others rely on it as well, so that it is not changed to no purpose."""
    opens: ClassVar[bool] = False
    """Whether it gives the application something that a stranger with a key of it would use as well."""
    by_item: ClassVar[bool] = False
    """Whether each field of its removal goes, or stays, by itself; `remove` then takes exactly the change's fields."""

    @abstractmethod
    def needs(self, declared: D) -> tuple[Address, ...]:
        """What must exist before this can be carried out."""

    @abstractmethod
    async def read(self, declared: D, sight: Sight) -> O:
        """What the tenant shows now. Reads only."""

    @abstractmethod
    def bind(self, declared: D, observed: O, bindings: Bindings) -> None:
        """Note the ids of what already exists."""

    @abstractmethod
    def compare(self, declared: D, observed: O) -> Change:
        """The one change that makes it so. Pure."""

    @abstractmethod
    def standing(self, declared: D, observed: O, caller: Caller) -> Standing:
        """Whether this caller can carry out the change now. Pure."""

    def doubt(self, declared: D, observed: O, caller: Caller) -> str | None:
        """Who else would have what is opened to this; None where nobody else is known of."""
        return None

    def ends(self, declared: D) -> Ending | None:
        """What of it Microsoft will offer no more; None where nothing is announced."""
        return None

    @abstractmethod
    async def carry_out(self, declared: D, change: Change, hands: Hands) -> None:
        """Make the change. Must be safe to run again after any interruption."""

    @abstractmethod
    def compare_removal(self, declared: D, observed: O) -> Change:
        """The change that takes it away, or a Keep that says why it stays. Pure."""

    def removal_standing(self, declared: D, observed: O, caller: Caller) -> Standing:
        """Whether this caller can take it away now. Pure."""
        return self.standing(declared, observed, caller)

    def holds_back_removal(self, declared: D, observed: O) -> Blocked | None:
        """Why nothing of the onboarding may be taken away as long as this stands; None where nothing is against it."""
        return None

    @abstractmethod
    async def remove(self, declared: D, change: Change, hands: Hands) -> None:
        """Take it away. Must be safe to run again."""
