"""Sheets as Markdown, for tickets and wikis: lists and code spans, nothing interpreted, no HTML.

Names and values to copy stand in code spans, where Markdown obeys nothing but backticks; everything else is escaped
character by character. Lists instead of tables: not every viewer knows tables, and long values break them.
"""

from __future__ import annotations

import re
from typing import TextIO

from provisioner.reports.legible import encodable, legible, prose
from provisioner.reports.sheet import Detail, Field, Item, Kind, Mark, Part, Screen, Sheet
from provisioner.reports.sheet_report import SheetReport
from provisioner.reports.wording import SANDBOX

_ENTITIES = {"&": "&amp;", "<": "&lt;"}
_SPECIAL = re.compile(r"[\\`*_\[\]|#~$!^]")
_LEADING = re.compile(r"^([-+=>]|\d+(?=[.)]))")
_LINK = re.compile(r":(?=//)|(?<=\bwww)\.", re.IGNORECASE)


def escaped(text: str) -> str:
    """One line of text that Markdown (CommonMark, GitHub's and GitLab's dialect) shows as it is."""
    inner = text.strip(" ")
    if not inner:
        return "&#32;" * len(text)
    safe = "".join(_ENTITIES.get(each, each) for each in inner)
    safe = _SPECIAL.sub(r"\\\g<0>", safe)
    safe = _LINK.sub(r"\\\g<0>", safe)
    numbered = _LEADING.match(safe)
    if numbered and numbered[1].isdecimal():
        safe = f"{numbered[1]}\\{safe[numbered.end() :]}"
    elif numbered:
        safe = "\\" + safe
    before = len(text) - len(text.lstrip(" "))
    return "&#32;" * before + safe + "&#32;" * (len(text) - before - len(inner))


def code(text: str) -> str:
    """A code span that holds the text, however many backticks are in it."""
    if not text.strip(" "):
        return escaped(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


class MarkdownReport(SheetReport):
    """The Report for tickets."""

    def __init__(self, stream: TextIO, *, arguments: str | None = None) -> None:
        super().__init__(arguments)
        self._stream = stream
        self._encoding = stream.encoding or "utf-8"

    def draw_error(self, message: str, places: tuple[str, ...], details: tuple[Detail, ...]) -> None:
        """The message, then places and details as a list."""
        listed = [*(self._code(each) for each in places), *(self._detail(each) for each in details)]
        self._write([f"**Error:** {self._prose(message)}", "", *(f"- {each}" for each in listed)])

    def draw(self, sheet: Sheet) -> None:
        """Head, parts, sum."""
        lines = [f"# {self._prose(sheet.title)}", ""]
        if sheet.sandbox:
            lines += [f"**{self._prose(SANDBOX)}**", ""]
        lines += [f"- {self._detail(each)}" for each in sheet.facts]
        for part in sheet.parts:
            lines += self._part(part)
        for each in sheet.closing:
            lines += ["", f"**{self._prose(each)}**"]
        if sheet.next:
            lines += ["", *(f"- Next, {self._prose(each.when)}: {self._code(each.command)}" for each in sheet.next)]
        self._write(lines)

    def _part(self, part: Part) -> list[str]:
        if isinstance(part, Screen):
            return self._screen(part)
        return ["", f"## {self._prose(part.title)}", "", *(line for each in part.items for line in self._item(each))]

    def _item(self, item: Item) -> list[str]:
        sign = item.mark.value if encodable(item.mark.value, self._encoding) else ""
        task = sign == Mark.HAND.value
        lead = (
            "[ ]"
            if task
            else " ".join(
                filter(None, (code(sign) if sign else "", f"**{self._prose(item.word)}**" if item.word else ""))
            )
        )
        aside = f" _({self._prose(item.aside)})_" if item.aside else ""
        title = self._prose(item.title)
        return [
            f"- {lead} {title}{aside}" if lead else f"- {title}{aside}",
            *(f"  - {self._detail(each)}" for each in item.details),
        ]

    def _detail(self, detail: Detail) -> str:
        text = self._prose(detail.text) if detail.kind is Kind.PROSE else self._code(detail.text)
        return f"{detail.label}: {text}" + (f" ({self._code(detail.code)})" if detail.code else "")

    def _screen(self, screen: Screen) -> list[str]:
        aside = f" _({self._prose(screen.aside)})_" if screen.aside else ""
        lines = ["", f"## {self._prose(screen.title)}{aside}", ""]
        for number, each in enumerate(screen.fields, 1):
            lines += self._field(number, each)
        return [*lines, *(f"{n}. {self._prose(each)}" for n, each in enumerate(screen.actions, len(screen.fields) + 1))]

    def _field(self, number: int, field: Field) -> list[str]:
        value = self._code(field.value) if field.copied else self._prose(field.value)
        lead = f"{number}. "
        return [
            f"{lead}**{self._prose(field.title)}**: {value}",
            *(f"{' ' * len(lead)}- {self._detail(each)}" for each in field.details),
        ]

    def _prose(self, text: str) -> str:
        return escaped(prose(text, self._encoding))

    def _code(self, text: str) -> str:
        return code(legible(text, self._encoding))

    def _write(self, lines: list[str]) -> None:
        self._stream.write("\n".join([*lines, ""]))
