"""Runs are handed to devices in fair shares, and lanes are as many as pay."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mlejax import devices
from mlejax.sweeps import schedule


def test_a_line_gives_no_more_than_a_share_and_takes_back():
    line = schedule.Waiting(100, iter(np.split(np.arange(100), [3, 30, 31])), devices=4, least=8)
    first, more = line.take(50, wait=True)
    assert (first.tolist(), more) == (list(range(25)), True)
    second, _ = line.take(10, wait=True)
    assert second.tolist() == list(range(25, 35))
    line.took(first, 5)
    third, _ = line.take(21, wait=True)
    assert third.tolist() == [*range(5, 25), 35]
    rest = []
    while len(part := line.take(8, wait=False)[0]):
        rest += part.tolist()
    assert rest == list(range(36, 100))


def test_who_has_nothing_to_do_waits_until_nothing_can_come_back():
    line = schedule.Waiting(4, iter([np.arange(4)]), devices=2, least=4)
    given, more = line.take(4, wait=True)
    assert (len(given), more) == (4, False)
    assert len(line.take(4, wait=False)[0]) == 0
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(line.take, 4, True)
        with pytest.raises(TimeoutError):
            waits.result(0.05)
        line.took(given, 3)
        assert waits.result(5)[0].tolist() == [3]
        waits = pool.submit(line.take, 4, True)
        line.took(given[3:], 1)
        assert len(waits.result(5)[0]) == 0


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("runs", [1, 63, 1000, 100_000, 10**7])
def test_lanes_are_a_power_of_two_and_not_too_many(runs, count):
    wide = schedule.lanes_per_device(runs, count, devices.CPU, devices.CPU.smallest)
    assert wide & (wide - 1) == 0
    assert devices.CPU.smallest <= wide <= devices.CPU.lanes
    assert wide == devices.CPU.smallest or wide * count * devices.CPU.fillings <= runs
