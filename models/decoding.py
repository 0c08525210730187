"""Well-formed touchpoints, read fast: msgspec structs made from the pydantic models, which stay the models of record.

What is read here is, field by field, what the models give; a property test holds the two equal. Whatever is not quite regular (a key that no model knows, an
escaped control character, a heartbeat, anything wrong) is left to the models, which say what it is.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from models.touchpoint import (
    MAXIMUM_BYTES,
    NO_CONTROL_CHARACTERS,
    HeartbeatTouchpoint,
    PromiseMadeTouchpoint,
    Touchpoint,
    is_raw_identifier,
)

__all__ = ["decode_touchpoint"]

_DELETE, _BACKSLASH = 0x7F, 0x5C
_TIME = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})\Z"
_NOT_REGULAR = (msgspec.MsgspecError, ValueError)
_ESCAPED_CONTROL = re.compile(rb"\\(?:[bfnrt]|u00(?:[01]|7[fF]))")


def decode_touchpoint(value: bytes | None) -> tuple[Any, datetime] | None:
    """Return a touchpoint with the attributes of its model, but times as text, and its time; None where ``parse_touchpoint`` has to say what ``value`` is."""
    if value is None or len(value) > MAXIMUM_BYTES:
        return None
    # All other control characters are wrong in JSON unless they are escaped.
    if _DELETE in value or (_BACKSLASH in value and _ESCAPED_CONTROL.search(value)):
        return None
    try:
        touchpoint = _decode(value)
        time = datetime.fromisoformat(touchpoint.time)
    except _NOT_REGULAR:
        return None
    return None if is_raw_identifier(touchpoint.customer) else (touchpoint, time)


@cache
def _struct(model: type[BaseModel], tag: str | None = None) -> type[msgspec.Struct]:
    """Return the struct of ``model``, told apart by ``tag``."""
    hints = get_type_hints(model, include_extras=True)
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        if tag is None or name != "type":
            field = (name, _type(hints[name]))
            fields.append(field if info.is_required() else (*field, _default(info.default)))
    return msgspec.defstruct(
        model.__name__,
        fields,
        kw_only=True,
        frozen=True,
        gc=False,
        forbid_unknown_fields=True,
        tag_field=None if tag is None else "type",
        tag=tag,
        namespace=None if tag is None else {"type": tag},
    )


def _default(default: Any) -> Any:
    if isinstance(default, BaseModel):
        empty = _struct(type(default))()
        return msgspec.field(default_factory=lambda: empty)
    return default


def _type(hint: Any) -> Any:
    """Return what msgspec calls a type that the models use; raises ``TypeError`` for one that is not known here."""
    origin, parameters = get_origin(hint), get_args(hint)
    if hint is AwareDatetime:  # as text: msgspec rounds what is finer than a microsecond, the models cut it off
        return Annotated[str, msgspec.Meta(pattern=_TIME)]
    if hint in _PLAIN or origin is Literal:
        return hint
    if origin in {Union, UnionType}:
        return Union[tuple(_type(each) for each in parameters)]  # noqa: UP007  # the members are not known before it runs
    if origin is list:
        return list[_type(*parameters)]  # type: ignore[misc]  # as above
    if origin is Annotated:
        return _constrained(_type(parameters[0]), parameters[1:])
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return _struct(hint)
    raise TypeError(f"{hint} has no like in msgspec")


def _constrained(kind: Any, constraints: Sequence[Any]) -> Any:
    each = [part for each in constraints for part in (each.metadata if isinstance(each, FieldInfo) else [each])]
    limits = {name: limit for part in each for name in _LIMITS if (limit := getattr(part, name, None)) is not None}
    pattern = limits.pop("pattern", NO_CONTROL_CHARACTERS)
    if pattern != NO_CONTROL_CHARACTERS:  # which are looked for in the whole record
        limits["pattern"] = pattern.removesuffix("$") + r"\Z"  # Python's $ lets a line end follow
    return Annotated[kind, msgspec.Meta(**limits)] if limits else kind


_LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
_LEFT_TO_THE_MODELS = {HeartbeatTouchpoint, PromiseMadeTouchpoint}  # anything as data; a second time
_PLAIN = {str, int, float, bool, type(None)}
_decode = msgspec.json.Decoder(
    Union[  # noqa: UP007  # as above
        tuple(
            _struct(model, tag)
            for model in get_args(get_args(Touchpoint)[0])
            if model not in _LEFT_TO_THE_MODELS
            for tag in get_args(model.model_fields["type"].annotation)
        )
    ]
).decode
