"""The command line."""


def run() -> int:
    """Run the command that this process was started for; its signals are handled before anything else is imported."""
    from .signals import INTERRUPTS

    INTERRUPTS.watch()
    from .main import main

    return main()
