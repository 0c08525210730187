"""What a row keeps besides its touchpoints. It stays Python when the engine is compiled, as all structs of msgspec."""

import msgspec

__all__ = ["Rest"]


class Rest(msgspec.Struct, array_like=True):
    """Revisions of findings, what was dropped, and what the dropped ones leave behind; keys that were taken in, and what is forgotten."""

    revisions: dict[bytes, tuple[int, int]]
    horizon: tuple[int, int, int, str, str] | None
    waiting: list[tuple[str, str]]
    kept_contacts: dict[str, str]
    kept_latest: tuple[int, str] | None
    aliases: dict[str, tuple[int, int, int]] = {}
    forgotten: int = 0
    scored: int = 0
