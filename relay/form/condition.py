"""Questions that are asked only where an earlier answer makes them sensible.

The page shows them by a style sheet, without a script; what counts is decided here, from what came.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from relay.form.setting import FieldName, Setting, mistake

TICKED = "yes"
"""What a ticked checkbox counts as."""


def _listed(value: object) -> object:
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(TICKED if each is True else each for each in values)  # YAML reads yes as true


class Condition(Setting):
    """``{field: antwort, is: email}``: met when the earlier field was answered with one of these options.

    Of a checkbox: ``is: yes``.
    """

    field: FieldName
    values: Annotated[tuple[str, ...], BeforeValidator(_listed), Field(alias="is", min_length=1)]
    """The value of one option, or a list of several."""


class Conditional(Protocol):
    """What may be shown only sometimes."""

    @property
    def show_if(self) -> Condition | None:
        """When; None: always."""


_Item = TypeVar("_Item", bound=Conditional)


def shown(items: Sequence[_Item], chosen: Callable[[str], Collection[str]]) -> Iterator[_Item]:
    """The items that are asked, given what was chosen in each field, in order.

    A field that is not asked itself makes no other one asked, whatever was sent for it.
    """
    hidden: set[str] = set()
    for item in items:
        condition = item.show_if
        if condition is not None and (
            condition.field in hidden or not set(condition.values) & set(chosen(condition.field))
        ):
            hidden.add(getattr(item, "name", ""))
            continue
        yield item


def wrong_conditions(fields: Sequence[Any]) -> Iterator[tuple[tuple[int | str, ...], PydanticCustomError]]:
    """Conditions that can never be met, looked for in the raw settings; with the place of each."""
    choices: dict[str, Collection[str]] = {}
    for index, item in enumerate(fields):
        if not isinstance(item, Mapping):
            continue
        condition = item.get("show_if")
        if isinstance(condition, Mapping) and isinstance(condition.get("field"), str):
            yield from _wrong(condition, choices, ("fields", index, "show_if"))
        if isinstance(name := item.get("name"), str):
            choices[name] = _choices(item)


def _choices(item: Mapping[Any, Any]) -> Collection[str]:
    if item.get("type") == "checkbox":
        return (TICKED,)
    options = item.get("options")
    if not isinstance(options, list | tuple):
        return ()
    values = (option.get("value") for option in options if isinstance(option, Mapping))
    return [value for value in values if isinstance(value, str)]


def _wrong(
    condition: Mapping[Any, Any], choices: Mapping[str, Collection[str]], loc: tuple[int | str, ...]
) -> Iterator[tuple[tuple[int | str, ...], PydanticCustomError]]:
    name = condition["field"]
    if name not in choices:
        hint = "show_if looks at a field above: one with options, or a checkbox"
        yield (*loc, "field"), mistake("condition_field", f"no earlier field has the name {name!r}", hint)
        return
    if not choices[name]:
        hint = "a select, radio, checkboxes or checkbox can be"
        yield (*loc, "field"), mistake("condition_field", f"{name!r} is not a choice to look at", hint)
        return
    for value in _listed(condition.get("is", ())):  # type: ignore[attr-defined]
        if isinstance(value, str) and value not in choices[name]:
            known = ", ".join(repr(each) for each in choices[name])
            yield (
                (*loc, "is"),
                mistake("condition_value", f"{name!r} has no option {value!r}", f"it has {known}"),
            )
