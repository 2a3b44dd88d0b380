"""How long a call should last is learned from the calls before."""

from mlejax.ascent import pace


def test_a_pace_is_learnt_by_and_by():
    learnt = pace.Pace()
    learnt.learn(1e-6, 1, 128)
    assert (learnt.turns, learnt.rounds) == (8, 1)
    learnt.learn(pace.SECONDS_PER_CALL / 100, 1, 128)
    assert (learnt.turns, learnt.rounds) == (64, 1)
    for _ in range(9):
        learnt.learn(float(1e-4 * learnt.rounds * learnt.turns / 128), int(learnt.rounds), 128)
    assert (learnt.turns, learnt.rounds) == (128, round(pace.SECONDS_PER_CALL / 1e-4))
    learnt.learn(4 * pace.SECONDS_PER_CALL, 1, 128)  # suddenly a round takes long
    assert (learnt.turns, learnt.rounds) == (32, 1)
