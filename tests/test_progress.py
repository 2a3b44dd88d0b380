"""What is shown while a sweep runs: on standard error, counted right, and nothing when it is not wanted."""

from mlejax.progress import Progress, Tally


def shown(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_seeds_are_counted_and_then_runs(capsys):
    tally = Tally()
    with Progress(enabled=True) as bar:
        bar.draw(4)
        bar.seeds_done(4)
        bar.train(10, 3)
        tally.executed += 500
        bar.runs_done(7, tally)
        bar.bar.refresh()
    told = shown(capsys)
    assert "drawing" in told
    assert "training" in told
    assert "10/10" in told
    assert "epochs/s" in told


def test_compiling_and_waiting_are_said(capsys):
    with Progress(enabled=True) as bar:
        bar.draw(1)
        bar.train(10, 0)
        bar.compiling(True)
        bar.bar.refresh()
        bar.waiting_for(4)
    told = shown(capsys)
    assert "compiling" in told
    assert "waiting for other processes" in told
    assert "6/10" in told


def test_nothing_is_shown_when_it_is_not_wanted(capsys):
    with Progress(enabled=False) as bar:
        bar.draw(4)
        bar.train(10, 3)
        bar.runs_done(7, Tally())
    assert shown(capsys) == ""
