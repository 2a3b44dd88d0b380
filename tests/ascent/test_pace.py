"""How long a call should last is learned from the calls before."""

from mlejax.ascent import pace


def test_a_pace_is_learned_by_and_by():
    learned = pace.Pace()
    learned.learn(1e-6, 1, 128)
    assert (learned.turns, learned.rounds) == (8, 1)
    learned.learn(pace.SECONDS_PER_CALL / 100, 1, 128)
    assert (learned.turns, learned.rounds) == (64, 1)
    for _ in range(9):
        learned.learn(float(1e-4 * learned.rounds * learned.turns / 128), int(learned.rounds), 128)
    assert (learned.turns, learned.rounds) == (128, round(pace.SECONDS_PER_CALL / 1e-4))
    learned.learn(4 * pace.SECONDS_PER_CALL, 1, 128)  # suddenly a round takes long
    assert (learned.turns, learned.rounds) == (32, 1)
