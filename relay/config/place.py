"""Values with their places: what a YAML file says, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, both 1-based."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(slots=True)
class Node:
    """A value and where it stands."""

    place: Place
    value: str | list[Node] | dict[str, Node] | None
    names: dict[str, Place] = field(default_factory=dict)
    """Where the names of a mapping stand."""
    size: int = 1
    """How many values this is, with every alias written out."""
    height: int = 1
    """How many levels this is, itself included."""
    characters: int = 0
    """Of all texts and names, with every alias written out."""

    def plain(self) -> object:
        """The value without places, as the settings take it."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Sequence[str | int]) -> Node | None:
        """What stands at this path, if anything."""
        node = self
        for step in path:
            inner: Node | None = None
            if isinstance(node.value, dict) and isinstance(step, str):
                inner = node.value.get(step)
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                inner = node.value[step]
            if inner is None:
                return None
            node = inner
        return node

    def place_of(self, path: Sequence[str | int]) -> Place:
        """Where the setting begins: its name, or the entry of a list; else where the group around it does."""
        place, node = self.place, self
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                place, node = node.names[str(step)], node.value[str(step)]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                place = node.place
            else:
                break
        return place

    def mapping(self, name: str) -> dict[str, Node]:
        """The mapping below this name; empty where there is none."""
        node = self.at([name])
        return node.value if node and isinstance(node.value, dict) else {}


def spelled(path: Sequence[str | int]) -> str:
    """The path of a setting for people: ``fields[2].type``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{shortened(step, 63)}" for step in path)
    return "".join(steps).removeprefix(".")


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning where it is longer than a line should be."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
