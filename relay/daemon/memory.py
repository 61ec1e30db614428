"""``alarms.json`` in the state directory: what was told of the alarms, so that a restart tells nothing twice.

Names of the configuration, instants and facts about mailboxes and keys; nothing of a letter. Losing it costs
one repetition: so what cannot be read counts as nothing, and what cannot be written is an event.
"""

from __future__ import annotations

import dataclasses
import errno
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from relay import durable, events
from relay.alarm import Alarm, Name, Severity

FILE = "alarms.json"


@dataclass(frozen=True, slots=True)
class Noticed:
    """An alarm that a notice was written about."""

    alarm: Alarm
    at: datetime
    open: bool
    """Nobody was told yet that it is over."""


class Memory:
    """One small file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = b""
        self.standing: Sequence[Alarm] = ()
        """Whose beginning was told, and whose end was not."""
        self.noticed: Sequence[Noticed] = ()
        try:
            content = path.read_bytes()
            document = json.loads(content)
            self.standing = [_alarm(entry) for entry in document["standing"]]
            self.noticed = [
                Noticed(_alarm(entry["alarm"]), datetime.fromisoformat(entry["at"]), bool(entry["open"]))
                for entry in document["noticed"]
            ]
            self._written = content
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            self.standing, self.noticed = (), ()

    def keep(self, standing: Iterable[Alarm], noticed: Iterable[Noticed]) -> None:
        """Write both, if they are not what was written last. Blocks for an fsync."""
        document = {
            "standing": [_entry(alarm) for alarm in standing],
            "noticed": [
                {"alarm": _entry(each.alarm), "at": each.at.isoformat(), "open": each.open}
                for each in noticed
            ],
        }
        content = json.dumps(document, indent=1).encode() + b"\n"
        if content == self._written:
            return
        try:
            durable.write(self._path, content)
        except OSError as error:
            events.alarms_not_remembered(errno.errorcode.get(error.errno or 0, "unknown"))
        self._written = content


def _entry(alarm: Alarm) -> Mapping[str, Any]:
    values = dataclasses.asdict(alarm)
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()
    }


def _alarm(entry: Mapping[str, Any]) -> Alarm:
    return Alarm(
        Name(entry["name"]),
        str(entry["subject"]),
        datetime.fromisoformat(entry["since"]),
        Severity(entry["severity"]),
        str(entry["fact"]),
        str(entry["hint"]),
        int(entry["step"]),
        datetime.fromisoformat(entry["ends"]) if entry["ends"] else None,
    )
