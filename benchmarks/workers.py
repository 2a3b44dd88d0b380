"""Programs in processes of their own, on cores of their own: measured in turn, though they need different start-ups."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

CHOSEN = ("XLA_FLAGS", "JAX_NUM_CPU_DEVICES", "JAX_PLATFORMS", "OMP_NUM_THREADS")
"""What decides how fast a program runs; never inherited."""


class WorkerError(Exception):
    """A program in another process failed; says why."""


class Worker:
    """One object, made by `make(**arguments)` of a class in a process of its own that may use so many cores.

    Its methods are called by name; arguments and results are plain values, and arrays become lists.
    """

    def __init__(
        self,
        make: type,
        arguments: Mapping[str, Any],
        *,
        cores: int = 1,
        environment: Mapping[str, str] | None = None,
    ):
        inherited = {key: value for key, value in os.environ.items() if key not in CHOSEN}
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(cores)],
            env=inherited | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self._ask({"module": make.__module__, "name": make.__qualname__, "arguments": dict(arguments)})
        except WorkerError:
            self.close()
            raise

    def call(self, method: str, **arguments: Any) -> Any:
        """Return the result of a method.

        Raises:
            WorkerError: it failed.
        """
        return self._ask({"method": method, "arguments": arguments})

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request, default=_plain) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        reply = json.loads(answer) if answer else {"error": f"it ended with status {self.process.wait()}"}
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply["result"]

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def serve() -> None:
    """Be the other side: one JSON document a line in, one out. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    target: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "module" in request:
                module = importlib.import_module(request["module"])
                target, result = getattr(module, request["name"])(**request["arguments"]), None
            else:
                result = getattr(target, request["method"])(**request["arguments"])
            reply = {"result": result}
        except Exception as error:  # whatever a program does, the others go on
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        answers.write(json.dumps(reply, default=_plain) + "\n")
        answers.flush()


if __name__ == "__main__":
    # Before anything counts the cores. The last ones: the first are where other things run.
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[-int(sys.argv[1]) :])
    serve()
