"""The command line, in this process."""

import numpy as np
import pytest

from mlejax.cli import machine, main


@pytest.fixture(autouse=True, scope="package")
def no_compilation_cache():
    """The user's is left alone, and what other tests compile is not kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "use_compilation_cache", lambda: None)
        yield


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The default result directories are in the current one."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """Run a command: the exit status, standard output and standard error."""

    def run(*arguments):
        try:
            status = main.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def heights(tmp_path):
    """A file of 120 heights, and these."""
    x = np.random.RandomState(0).normal(170.0, 8.0, 120)
    file = tmp_path / "heights.csv"
    file.write_text("id,cm\n" + "".join(f"{i},{value!r}\n" for i, value in enumerate(x.tolist())))
    return file, x
