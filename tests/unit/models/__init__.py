"""The shapes of what flows."""
