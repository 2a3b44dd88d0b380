"""Ctrl-C, SIGTERM and SIGHUP: what has ended is kept, one line is printed, and the exit status says what happened.

A signal ends the command at once, except while a sweep runs. There it raises `Interrupted`, which makes the sweep write
what has ended. Python may deliver a signal in any line of any library, some of which swallow exceptions (callbacks of
the garbage collector) or turn them into others (the initialization of an extension module). So the exception is raised
only where code of this package waits, never while the store writes, and again until it is on its way.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

AGAIN = 0.05
"""Seconds until it is tried again to raise the exception."""

PATIENCE = 20.0
"""Seconds after which it is raised in other libraries as well."""

WAITING = ("mlejax", "concurrent", "queue", "threading", "time")
"""Packages in whose lines the exception may be raised."""

WRITING = ("mlejax.store.batches", "mlejax.store.files")
"""Modules that it never interrupts: a batch is written whole."""


class Interrupted(KeyboardInterrupt):
    """A signal that asks the command to stop; the message says what has been kept."""


class Interrupts:
    """The signals that this process has received, and what becomes of them."""

    def __init__(self) -> None:
        self.command = "mlejax"  # what the message begins with
        self.number = 0  # the first signal, 0 for none
        self.began = 0.0
        self.watching = self.raising = False

    @property
    def status(self) -> int:
        """The exit status of an interrupted command: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + (self.number or signal.SIGINT)

    def watch(self) -> None:
        """Handle the signals from now on, those excepted that whoever started this process has switched off."""
        self.watching = True
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._receive)
        sys.unraisablehook = _quietly

    def acknowledge(self) -> None:
        """End what `_receive` began: the exception has arrived."""
        self.raising = False
        if self.number:
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    @contextlib.contextmanager
    def keeping(self, what: str) -> Iterator[None]:
        """Let a signal raise `Interrupted`, with a message that says what has been kept, until the block has ended.

        Raises:
            Interrupted: a signal arrived, whatever else the block raised because of it.
        """
        self.raising = self.watching
        try:
            yield
        except BaseException as error:
            if self.number or isinstance(error, KeyboardInterrupt):
                raise Interrupted(what) from None
            raise
        finally:
            self.acknowledge()
        if self.number:
            raise Interrupted(what)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        first = not self.number
        if number in SIGNALS and first:
            self.number, self.began = number, time.monotonic()
        if not self.raising:
            self._leave(first)
        if first:
            signal.signal(signal.SIGALRM, self._receive)
        signal.setitimer(signal.ITIMER_REAL, AGAIN)
        late = time.monotonic() - self.began > PATIENCE
        if not _on_its_way() and _may_raise(frame, late):
            raise Interrupted

    def _leave(self, first: bool) -> None:
        """End the process, in the middle of whatever it does: there is nothing to keep."""
        if first:
            end = "\n" if os.isatty(2) else ""  # of a progress bar
            with contextlib.suppress(OSError):
                os.write(2, f"{end}{self.command}: interrupted.\n".encode())
        os._exit(self.status)


def _on_its_way() -> bool:
    """Return whether an `Interrupted` is being handled: what clears up after it must not be interrupted again."""
    error = sys.exception()
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None


def _may_raise(frame: FrameType | None, late: bool) -> bool:
    """Return whether an exception that is raised in this frame reaches the command, and harms nothing on its way."""
    if frame is None:
        return True
    if not late and frame.f_globals.get("__name__", "").partition(".")[0] not in WAITING:
        return False
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        closing = module.startswith("mlejax") and frame.f_code.co_name in ("__exit__", "close")
        if closing or module in WRITING:
            return False
        frame = frame.f_back
    return True


def _quietly(unraisable: "sys.UnraisableHookArgs") -> None:
    """Say nothing of an `Interrupted` that was swallowed: it is raised again."""
    if not isinstance(unraisable.exc_value, Interrupted):
        sys.__unraisablehook__(unraisable)


INTERRUPTS = Interrupts()
"""Those of this process."""
