"""Start the program: `seamwatch`, or `python -m seamwatch`."""

from seamwatch.cli import cli

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code."""
    cli(prog_name="seamwatch")


if __name__ == "__main__":
    main()
