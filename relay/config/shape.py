"""What the models know at a place of a file, given as pydantic names places (its ``loc``, tags included)."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def settings_at(model: type[BaseModel], loc: Sequence[str | int]) -> frozenset[str]:
    """The names that the model knows at a place, given as pydantic names places."""
    found = model_at(model, loc)
    return frozenset(_settings(found)) if found else frozenset()


def model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that says what may stand at a place, if one does."""
    annotation: Any = model
    for step in loc:
        annotation = _inside(annotation, step)
    return next((member for member in _members(annotation) if _is_model(member)), None)


def _settings(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By their names in files, which may be other ones in Python."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _members(annotation: Any) -> list[Any]:
    bare = _bare(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return [member for argument in get_args(bare) for member in _members(argument)]
    return [bare]


def _inside(annotation: Any, step: str | int) -> Any:
    for member in _members(annotation):
        if _is_model(member):
            if _tag(member) == step:
                return member
            if step in (settings := _settings(member)):
                return settings[str(step)].annotation
        elif get_origin(member) is dict:
            return get_args(member)[1]
        elif get_origin(member) in (tuple, list):
            return get_args(member)[0]
    return None


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("type")
    values = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    return str(values[0]) if values else None


def description_of(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    """What the setting means, where its model says so in one line."""
    around = model_at(model, loc[:-1])
    text = _settings(around)[str(loc[-1])].description if around else None
    return text.replace("``", "").rstrip(".") if text and "\n" not in text else ""
