"""Whether what a mapping made are touchpoints."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec

from models.decoding import decode_touchpoint
from models.touchpoint import Refusal, Touchpoint, parse_touchpoint
from streams.sources.errors import Unmappable

__all__ = ["DATA", "checked"]


def _data_of(model: Any) -> Mapping[str, bool]:
    fields = getattr(model.model_fields["data"].annotation, "model_fields", {})
    return {key: field.is_required() for key, field in fields.items()}


DATA: Mapping[str, Mapping[str, bool]] = {
    name: _data_of(model)
    for model in get_args(get_args(Touchpoint)[0])
    for name in get_args(model.model_fields["type"].annotation)
}
"""By touchpoint type: the keys of its data, and whether each must be there."""

_encode = msgspec.json.Encoder().encode


def checked(touchpoints: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return touchpoints as JSON.

    Raises :class:`Unmappable` where one of them is none: what the vendor sent is not what its mapping is made for.
    """
    mapped = []
    for touchpoint in touchpoints:
        encoded = _encode(touchpoint)
        if decode_touchpoint(encoded) is None and isinstance(refusal := parse_touchpoint(encoded), Refusal):
            raise Unmappable(refusal.detail)
        mapped.append(encoded)
    return mapped
