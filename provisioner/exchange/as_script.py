"""The driver for tenants in which nobody of ours may run cmdlets: a person runs a script, and we read its result.

`AsScript` is what a plan sees: nothing, or what a result tells. `Recorder` is what the script is made with: the kinds
carry their changes out against it, and it notes their commands; then they look, and it notes their questions. So
whatever a kind does over the other drivers is what its script does, and what it asks is what the result answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.errors import Absent, ProvisionerError, Refused
from provisioner.exchange.interface import CmdletReply, Parameter, is_read, refuse_half_characters
from provisioner.exchange.powershell import Blank
from provisioner.exchange.script_file import Question
from provisioner.exchange.script_steps import Command
from provisioner.model.evidence import ScriptRead, ScriptResult
from provisioner.model.faults import Fault
from provisioner.model.tenant import ExchangeDriver

ROLE = "Exchange Administrator"
"""Who can run a script of ours (exchange.md 4.7)."""

_NAMES = ("Identity", "Guid", "Name", "Alias", "AppId", "ObjectId", "DistinguishedName", "ExternalDirectoryObjectId")
"""Properties by which Exchange takes a thing for the same."""

_MADE_BY_EXCHANGE: Mapping[str, tuple[str, ...]] = {"DistributionGroup": ("DistinguishedName",)}
"""What a new thing gets from Exchange itself and a later command needs."""


class AsScript:
    """One tenant's Exchange, as far as a script's result shows it."""

    name = ExchangeDriver.SCRIPT
    undocumented = False

    def __init__(self, result: ScriptResult | None = None) -> None:
        self._reads = result.reads if result is not None else ()
        self._same = _same_things(self._reads)

    async def run(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> CmdletReply:
        """Answer from the result. Raises `Refused` for what it does not tell, which is not "not there"."""
        if not is_read(cmdlet):
            raise ProvisionerError(f"{cmdlet}: in this tenant a person runs it, by script")
        found = next((each for each in self._reads if each.cmdlet == cmdlet and self._asked(each, parameters)), None)
        if found is None:
            raise _unseen(cmdlet, "nobody of ours may look into Exchange Online here")
        if found.absent:
            raise Absent(Fault("exchange", cmdlet, 404, "ManagementObjectNotFoundException", "there is none"))
        if found.refused is not None:
            raise _unseen(cmdlet, f"the script could not read it: {found.refused}")
        return CmdletReply(found.output, ())

    async def close(self) -> None:
        """Nothing is open."""

    def _asked(self, read: ScriptRead, parameters: Mapping[str, Parameter]) -> bool:
        """The same question, though perhaps by another name of the same thing."""
        return read.parameters.keys() == parameters.keys() and all(
            self._is(read.parameters[each], value) for each, value in parameters.items()
        )

    def _is(self, one: object, other: Parameter) -> bool:
        left, right = str(one).lower(), str(other).lower()
        return one == other or left == right or any(left in names and right in names for names in self._same)


class Recorder:
    """Notes what it is told. Reads find what was made before and what an earlier result tells."""

    name = ExchangeDriver.SCRIPT
    undocumented = False

    def __init__(self, seen: AsScript, *, leaving_blanks: bool = True) -> None:
        """`leaving_blanks`: whether what Exchange will name itself is left open, or unknown."""
        self._seen = seen
        self._leaving_blanks = leaving_blanks
        self.commands: list[Command] = []
        self.questions: list[Question] = []
        self.blanks: set[Blank] = set()
        self._made: dict[str, list[Mapping[str, object]]] = {}

    async def run(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> CmdletReply:
        """Note it. Never raises what a service would."""
        refuse_half_characters(cmdlet, parameters)
        given = tuple(parameters.items())
        noun = cmdlet.partition("-")[2]
        if is_read(cmdlet):
            question = Question(cmdlet, given)
            if question not in self.questions:
                self.questions.append(question)
            return await self._found(cmdlet, parameters)
        if not cmdlet.startswith("New-"):
            self.commands.append(Command(cmdlet, given))
            return CmdletReply((), ())
        made: dict[str, object] = dict(given)
        named = self._leaving_blanks and noun in _MADE_BY_EXCHANGE
        variable = f"made{len(self.commands) + 1}" if named else None
        if variable is not None:
            blanks = [Blank(variable, each) for each in _MADE_BY_EXCHANGE[noun]]
            self.blanks.update(blanks)
            made |= {each.shown: each.mark for each in blanks}
        self.commands.append(Command(cmdlet, given, variable))
        self._made.setdefault(noun, []).append(made)
        return CmdletReply((made,), ())

    async def close(self) -> None:
        """Nothing is open."""

    async def _found(self, cmdlet: str, parameters: Mapping[str, Parameter]) -> CmdletReply:
        wanted = parameters.get("Identity")
        made = tuple(each for each in self._made.get(cmdlet.partition("-")[2], ()) if wanted in each.values())
        if made:
            return CmdletReply(made, ())
        try:
            return await self._seen.run(cmdlet, parameters)
        except (Absent, Refused):
            return CmdletReply((), ())


def _unseen(cmdlet: str, why: str) -> Refused:
    return Refused(Fault("exchange", cmdlet, 403, "NotRun", why), who_can=(ROLE,), message=why)


def _same_things(reads: Iterable[ScriptRead]) -> tuple[frozenset[str], ...]:
    """The names of each thing that a result shows, in lower case."""
    return tuple(
        frozenset(str(record[each]).lower() for each in _NAMES if record.get(each))
        for read in reads
        for record in read.output
    )
