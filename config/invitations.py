"""Load the rules of invitations, from ``invitations.yaml`` or a file of one's own."""

from pathlib import Path

from agents.invitations import InvitationRules
from config.yaml_lines import read_yaml, validate

__all__ = ["load_invitations"]

_SHIPPED = Path(__file__).parent / "invitations.yaml"


def load_invitations(file: Path | None = None) -> InvitationRules:
    """Return the invitations' rules. Raises `ConfigError` with file, line and key, and what was expected."""
    return validate(InvitationRules, read_yaml(file or _SHIPPED))
