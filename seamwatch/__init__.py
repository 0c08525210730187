"""The program: its commands, and the worker that they put together from all rooms. The one place that knows every room, and holds no logic of any."""

__all__ = ["__version__"]

__version__ = "0.1.0"
