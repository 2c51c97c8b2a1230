"""A tenant's state and a home's files without what differs from run to run, and what must hold of them at the end."""

from __future__ import annotations

import json
import re
import ssl
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import jwt
import pyrage

from tests.system.support import Sandbox

State: TypeAlias = dict[str, list[dict[str, Any]]]
"""Every document by collection."""

AUDIENCE = "https://outlook.office365.com"

_IDS = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # object, application and key ids
    r"|S-1-5-21-[\d-]+"  # Exchange's security identifiers
    r"|(?<![\w-])[\w-]{43}(?:[\w-]{21})?(?![\w-])"  # app role assignments; delegated grants, longer for one account
    r"|(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])"  # intents, temporary files
)
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)|\d{8}T\d{6}Z-[0-9a-f]{8}")
_SEALED = re.compile(r"-----BEGIN AGE ENCRYPTED FILE-----.*?-----END AGE ENCRYPTED FILE-----")
_HINT = re.compile(r'"hint": ".{3}"')
_QUOTED = re.compile(r'(?<=: )"(<\d+>)"')
"""YAML quotes ids that would read as numbers."""
_INTENTS = re.compile(r'(?<="intents": )\[[^]]*\]')
"""An interrupted mint stays on record for ever."""
_MOMENTS = {"whenCreated", "deletedAt", "customizedAt"}


@dataclass
class Names:
    """Numbers for ids in order of their appearance, so that which is which stays visible and which ids does not."""

    fixed: frozenset[str] = frozenset()
    """Ids of a fresh tenant: the same in every run."""
    given: dict[str, str] = field(default_factory=dict)

    def of(self, text: str) -> str:
        """The text with numbered ids and without times."""
        return _IDS.sub(self._number, _TIMES.sub("<time>", text))

    def without(self, text: str) -> str:
        """The text without numbered ids and times."""
        return _IDS.sub(lambda found: found[0] if found[0] in self.fixed else "", _TIMES.sub("", text))

    def _number(self, found: re.Match[str]) -> str:
        text = found[0]
        return text if text in self.fixed else self.given.setdefault(text, f"<{len(self.given) + 1}>")


def fixed_ids(state: State) -> frozenset[str]:
    """All ids of a state."""
    return frozenset(_IDS.findall(json.dumps(state)))


def normalised(found: State, fresh: State, names: Names, *, keys: bool = True) -> str:
    """What differs from a fresh tenant, as text that two runs can be compared by; without `keys`, no secrets are."""
    lines = []
    for collection in sorted(found.keys() | fresh.keys()):
        now, before = found.get(collection, []), fresh.get(collection, [])
        # What is made side by side comes in any order.
        new = sorted(
            (each for each in now if each not in before),
            key=lambda each: names.without(json.dumps(each, sort_keys=True)),
        )
        gone = [each for each in before if each not in now]
        for sign, documents in (("+", new), ("-", gone)):
            plain = (_plain(each, names, keys=keys) for each in documents)
            lines += [f"{sign} {collection}: {json.dumps(each, sort_keys=True)}" for each in plain]
    return "\n".join(lines)


def normalised_home(home: Path, names: Names) -> str:
    """Paths and contents of what a home's owner cares for, without what differs from run to run."""
    return "\n".join(_listed(home, names, lambda path: not _is_litter(path.relative_to(home))))


def litter(home: Path) -> frozenset[str]:
    """The rest: receipts (never read for decisions), locks (held by nobody), temporary files and canaries."""
    return frozenset(_listed(home, Names(), lambda path: _is_litter(path.relative_to(home))))


def kept(home: Path) -> str:
    """What a home must look like in the end, whatever happened on the way to it."""
    temporary = (path for path in home.rglob("*.tmp") if ".canary." not in path.name)
    left = [f"left lying about: {path.relative_to(home)}" for path in temporary]
    files = _listed(home, Names(), lambda path: not _is_litter(path.relative_to(home)), intents=False)
    return "\n".join([*files, *left])


def _listed(home: Path, names: Names, wanted: Callable[[Path], bool], *, intents: bool = True) -> Iterator[str]:
    for path in sorted(each for each in home.rglob("*") if each.is_file()):
        place = path.relative_to(home)
        if place.parts[0] != "sandbox" and wanted(path):
            text = _content(path) if intents else _INTENTS.sub("<intents>", _content(path))
            content = _QUOTED.sub(r"\1", names.of(text))
            yield f"{names.of(place.as_posix())}: {content}"


def _content(path: Path) -> str:
    text = path.read_bytes().decode("utf-8", "replace")
    if path.parent.name == "age" or _is_litter(path):
        return "<something>" if text else ""
    return _HINT.sub("<hint>", _SEALED.sub("<sealed>", text))


def _is_litter(path: Path) -> bool:
    passing = path.suffix in (".lock", ".tmp", ".jsonl") or path.name == "lock"
    return passing or ".canary." in path.name


def _plain(value: Any, names: Names, *, keys: bool) -> Any:
    match value:
        case dict():
            return {
                name: "<moment>" if name in _MOMENTS else _plain(each, names, keys=keys)
                for name, each in value.items()
                if name != "hint" and (keys or name != "passwordCredentials")
            }
        case list():
            return [_plain(each, names, keys=keys) for each in value]
        case str():
            return names.of(value)
        case _:
            return value


def our_application(state: State, playbook: str) -> dict[str, Any] | None:
    """The application of a playbook's default instance."""
    unique_name = f"provisioner-{playbook}-default-main".replace("/", "-")
    return next((each for each in state["applications"] if each.get("uniqueName") == unique_name), None)


def our_keys(state: State, playbook: str) -> frozenset[str]:
    """Ids of the secrets on that application."""
    application = our_application(state, playbook)
    return frozenset(each["keyId"] for each in (application or {}).get("passwordCredentials", ()))


def held(home: Path) -> tuple[str, str] | None:
    """Key id and value of the current secret in a home's age sink, read without any code of the program."""
    stored = list((home / "secrets").glob("*/*.json"))
    if not stored:
        return None
    (file,) = stored
    slot = json.loads(file.read_text())
    current = slot["record"]["current"]
    if current is None:
        return None
    assert slot["record"]["pending"] is None
    assert set(slot["values"]) == {current["keyId"]}, "the sink keeps values that no record names"
    (line,) = (each for each in (home / "age" / "identity").read_text().splitlines() if each.startswith("AGE-"))
    value = pyrage.decrypt(slot["values"][current["keyId"]].encode(), [pyrage.x25519.Identity.from_str(line)])
    return current["keyId"], value.decode()


def signs_in(sandbox: Sandbox, app_id: str, secret: str) -> tuple[str, ...]:
    """The roles of a token that this secret gets for Exchange Online. Raises HTTPError where it gets none."""
    form = {
        "grant_type": "client_credentials",
        "client_id": app_id,
        "client_secret": secret,
        "scope": f"{AUDIENCE}/.default",
    }
    url = f"{sandbox.endpoints['login']}/{sandbox.endpoints['tenantId']}/oauth2/v2.0/token"
    context = ssl.create_default_context(cafile=sandbox.endpoints["caFile"])
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), context=context, timeout=30) as reply:
        token = json.load(reply)["access_token"]
    return tuple(jwt.decode(token, options={"verify_signature": False}).get("roles", ()))
