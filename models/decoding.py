"""Well-formed touchpoints, read fast: msgspec structs made from the pydantic models, which stay the models of record.

What is read here is, field by field, what the models give; a property test holds the two equal. Whatever is not quite regular (a key that no model knows, an
escaped control character, a heartbeat, anything wrong) is left to the models, which say what it is.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, lru_cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

from models.touchpoint import (
    MAXIMUM_BYTES,
    NO_CONTROL_CHARACTERS,
    HeartbeatTouchpoint,
    SurveyAnswered,
    Tenant,
    Touchpoint,
    check_scale,
    is_raw_identifier,
)

__all__ = ["NOT_REGULAR", "Parts", "decode_touchpoint", "decoder", "is_plain", "parts_of", "plain_decoder"]

Parts = tuple[Any, ...]
"""What all touchpoints have, in the order of the models: id, source, time, schema_version, sequence, tenant, brand, journey, contact, segment,
previous_contact, language, customer, channel, actor, data."""

_DELETE, _BACKSLASH = 0x7F, 0x5C
_FINE: Final = 7
"""Digits of a second's fraction that no microsecond holds."""
_FINE_TIME = re.compile(rb":[0-9]{2}:[0-9]{2}\.[0-9]{7}")
_TENANT = re.compile(Tenant.__metadata__[0].pattern.removesuffix("$"))  # type: ignore[attr-defined]
NOT_REGULAR = (msgspec.MsgspecError, ValueError)
_ESCAPED = re.compile(rb"\\(?:[bfnrt]|u00[0-37])")
"""Control characters, and what a time is written in."""


def decode_touchpoint(value: bytes | None) -> Any | None:
    """Return a touchpoint with the attributes of its model, in the order of `Parts`; None where ``parse_touchpoint`` has to say what ``value`` is."""
    if value is None or len(value) > MAXIMUM_BYTES:
        return None
    # msgspec rounds what is finer than a microsecond, the models cut it off.
    for behind in value.split(b".")[1:]:
        if len(behind) >= _FINE and behind[:_FINE].isdigit():
            return None
    # All other control characters are wrong in JSON unless they are escaped.
    if _DELETE in value or (_BACKSLASH in value and _ESCAPED.search(value)):
        return None
    try:
        touchpoint = _decode(value)
    except NOT_REGULAR:
        return None
    customer = touchpoint.customer
    if ("@" in customer or ":" in customer or "+" in customer) and is_raw_identifier(customer):
        return None
    return touchpoint if _is_tenant(touchpoint.tenant) else None


def parts_of(touchpoint: Any) -> Parts:
    """Return the parts of a touchpoint that its model read."""
    return tuple([getattr(touchpoint, name) for name in _PARTS])


def decoder(model: type[BaseModel]) -> Callable[[bytes], Any | None]:
    """Return a function that reads JSON into an object with the attributes of ``model``; or into None, where ``model`` has to say what it is."""
    decode = plain_decoder(model)

    def decoded(value: bytes) -> Any | None:
        if not is_plain(value):
            return None
        try:
            return decode(value)
        except NOT_REGULAR:
            return None

    return decoded


def is_plain(text: bytes) -> bool:
    """Return whether no part of ``text``, one record or many together, could be read otherwise by ``plain_decoder`` than by a model."""
    return not _FINE_TIME.search(text) and not (_BACKSLASH in text and _ESCAPED.search(text))


def plain_decoder(model: type[BaseModel]) -> Callable[[bytes], Any]:
    """Return a function that reads plain JSON into an object with the attributes of ``model``; it raises one of `NOT_REGULAR` where ``model`` has to look."""
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(_struct(model)).decode
    return decode


@lru_cache(maxsize=4096)
def _is_tenant(tenant: str) -> bool:
    return _TENANT.fullmatch(tenant) is not None


@cache
def _struct(model: type[BaseModel], tag: str | None = None) -> type[msgspec.Struct]:
    """Return the struct of ``model``, told apart by ``tag``."""
    hints = get_type_hints(model, include_extras=True)
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        if tag is None or name != "type":
            field = (name, _type(hints[name]))
            fields.append(field if info.is_required() else (*field, _default(info)))
    return msgspec.defstruct(
        model.__name__,
        fields,
        kw_only=True,
        frozen=True,
        gc=False,
        forbid_unknown_fields=True,
        rename={name: info.alias for name, info in model.model_fields.items() if info.alias is not None},
        tag_field=None if tag is None else "type",
        tag=tag,
        namespace={"type": tag} if tag is not None else {"__post_init__": check_scale} if model is SurveyAnswered else None,
    )


def _default(info: FieldInfo) -> Any:
    if isinstance(info.default, BaseModel):
        empty = _struct(type(info.default))()
        return msgspec.field(default_factory=lambda: empty)
    factory: Any = info.default_factory
    if factory is not None:
        return msgspec.field(default_factory=factory)
    return info.default


def _type(hint: Any) -> Any:
    """Return what msgspec calls a type that the models use; raises ``TypeError`` for one that is not known here."""
    origin, parameters = get_origin(hint), get_args(hint)
    if hint is AwareDatetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if hint == Tenant:  # a pattern costs msgspec half of what all the rest does
        return str
    if hint in _PLAIN or origin in {Literal, dict}:
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
    if limits.pop("pattern", NO_CONTROL_CHARACTERS) != NO_CONTROL_CHARACTERS:  # which are looked for in the whole record
        raise TypeError(f"{kind} has a pattern that nothing looks for here")
    return Annotated[kind, msgspec.Meta(**limits)] if limits else kind


_LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern")
_PARTS = tuple(name for name in HeartbeatTouchpoint.model_fields if name != "type")
_PLAIN = {str, int, float, bool, type(None)}
_decode = msgspec.json.Decoder(
    Union[  # noqa: UP007  # as above
        tuple(
            _struct(model, tag)
            for model in get_args(get_args(Touchpoint)[0])
            if model is not HeartbeatTouchpoint  # its data may be anything
            for tag in get_args(model.model_fields["type"].annotation)
        )
    ]
).decode
