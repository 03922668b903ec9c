"""Each step of the search, on tensors small enough to work out by hand."""

import numpy as np
import pytest
from keras import ops

from fmkeras.translation.corpora.tokenizer import END, PAD, START
from fmkeras.translation.inference.beam import (
    COPY,
    WORST,
    Beam,
    Continuations,
    ancestors_bias,
    best_continuations,
    choose_active,
    keep_best_finished,
    pick,
    remember_computed,
    score_continuations,
    start_beam,
)
from fmkeras.translation.inference.hypotheses import length_limit
from fmkeras.translation.model.attention import MASKED


def floats(rows):
    return ops.convert_to_tensor(np.array(rows, "float32"))


def ints(rows):
    return ops.convert_to_tensor(np.array(rows, "int32"))


def same(found, expected):
    found = ops.convert_to_numpy(found)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def a_beam(**changes) -> Beam:
    """One sentence, two active hypotheses of two tokens, one that has finished."""
    beam = Beam(
        rows=ints([0]),
        limits=ints([9]),
        tokens=ints([[[START, 7, 8, PAD], [START, 7, 9, PAD]]]),
        ancestors=ints([[[0, 0, 1, -1], [0, 0, 0, -1]]]),
        scores=floats([[-1, -2]]),
        ended=ints([1]),
        finished=ints([[[START, 7, PAD, PAD]]]),
        finished_scores=floats([[-1.0]]),
    )
    return beam._replace(**changes)


def test_the_limit_is_half_as_many_again_and_ten_or_what_is_asked_for():
    assert [length_limit(n) for n in (1, 2, 3, 20)] == [11, 13, 14, 40]
    assert length_limit(20, 7) == 7
    assert length_limit(np.array([1, 20]), 7).tolist() == [7, 7]


def test_the_beam_starts_with_one_hypothesis_that_counts():
    beam = start_beam(ints([[7, END], [END, PAD]]), beams=2, start=5, n_best=1, max_length=None)
    same(beam.rows, [0, 1])
    same(beam.limits, [13, 11])
    same(beam.tokens, [[[5] + [PAD] * 13] * 2] * 2)
    same(beam.ancestors, [[[-1] * 14] * 2] * 2)
    same(beam.scores, [[0, COPY]] * 2)
    same(beam.finished, [[[5] + [PAD] * 13]] * 2)
    same(beam.finished_scores, [[WORST]] * 2)
    same(beam.is_active(), [True, True])


def test_the_beam_has_room_for_as_many_tokens_as_asked_for():
    beam = start_beam(ints([[7, END], [END, PAD]]), beams=3, start=5, n_best=2, max_length=4)
    same(beam.limits, [4, 4])
    assert beam.tokens.shape == (2, 3, 5) and beam.finished.shape == (2, 2, 5)


def test_a_sentence_is_active_until_as_many_have_finished_as_there_are_hypotheses():
    beam = a_beam(scores=floats([[0, 0]] * 4), ended=ints([0, 1, 2, 3]))
    same(beam.is_active(), [True, True, False, False])


def test_each_hypothesis_is_its_own_ancestor_where_it_has_computed():
    same(remember_computed(a_beam(), 2).ancestors, [[[0, 0, 0, -1], [0, 0, 1, -1]]])


def test_each_hypothesis_attends_to_its_ancestors_only():
    # The second token of both was computed by hypothesis 1; of the third nothing is there yet.
    bias = ancestors_bias(ints([[[0, 1, -1], [1, 1, -1]]]))
    hidden = MASKED
    same(bias, [[[[0, hidden, hidden, 0, hidden, hidden], [hidden, 0, hidden, 0, hidden, hidden]]]])


def test_continuations_are_scored_with_the_log_probability_of_the_whole():
    """One hypothesis, six tokens: the special ones below END are likely, and yet none of them may be written."""
    probabilities = np.array([0.3, 0.1, 0.1, 0.2, 0.05, 0.25])
    scores, tokens = score_continuations(floats([[np.log(probabilities) + 5]]), floats([[-1]]), ints([0]) > 0)
    assert tokens.shape == (1, 1, 2 * 1 + END)
    found = dict(zip(np.ravel(tokens), np.ravel(scores), strict=True))
    assert found[END] == pytest.approx(np.log(0.2) - 1, abs=1e-5)
    assert found[5] == pytest.approx(np.log(0.25) - 1, abs=1e-5)
    assert all(score <= WORST for token, score in found.items() if token < END)


def test_at_the_limit_the_end_mark_is_all_that_is_left():
    probabilities = np.array([0.1, 0.1, 0.1, 0.01, 0.3, 0.39])
    scores, tokens = score_continuations(floats([[np.log(probabilities)]]), floats([[-1]]), ints([1]) > 0)
    same(tokens, [[[END] * 5]])
    scores = np.ravel(scores)
    assert scores[0] == pytest.approx(np.log(0.01) - 1, abs=1e-5) and (scores[1:] <= WORST).all()


def test_the_best_continuations_come_from_all_hypotheses():
    scores = floats([[[-1, -5, -6], [-2, -3, -7]], [[-9, -9.5, -9.7], [-1, -2, -10]]])
    tokens = ints([[[10, 11, 12], [20, 21, 22]], [[30, 31, 32], [40, 41, 42]]])
    found = best_continuations(scores, tokens)
    same(found.scores, [[-1, -2, -3, -5], [-1, -2, -9, -9.5]])
    same(found.parents, [[0, 1, 1, 0], [1, 1, 0, 0]])
    same(found.tokens, [[10, 20, 21, 11], [40, 41, 30, 31]])


@pytest.mark.parametrize(
    ("scores", "tokens", "penalty", "expected", "score", "ended"),
    [
        # Nothing ends.
        ([-1.2, -1.5, -3, -4], [5, 6, 5, 6], 1.0, [START, 7, PAD, PAD], -1.0, 1),
        # -2.4 / 3 is better than -1, and comes from the second hypothesis.
        ([-1.2, -2.4, -3, -4], [5, END, 5, 6], 1.0, [START, 7, 9, PAD], -0.8, 2),
        # Without a penalty it is not.
        ([-1.2, -2.4, -3, -4], [5, END, 5, 6], 0.0, [START, 7, PAD, PAD], -1.0, 2),
        # Of equal ones the earlier stays.
        ([-1.2, -3.0, -3, -4], [5, END, 5, 6], 1.0, [START, 7, PAD, PAD], -1.0, 2),
        # Both end: the better is kept, both are counted.
        ([-1.2, -1.5, -3, -4], [END, END, 5, 6], 1.0, [START, 7, 8, PAD], -0.4, 3),
        # What is not among the K best continuations does not end.
        ([-1.2, -1.5, -1.8, -4], [5, 6, END, 6], 1.0, [START, 7, PAD, PAD], -1.0, 1),
        # A copy that only fills the beam at its start is counted, never kept.
        ([-9.0, COPY, COPY, COPY], [5, END, 5, 6], 9.0, [START, 7, PAD, PAD], -1.0, 2),
    ],
)
def test_the_best_finished_hypothesis_is_kept(scores, tokens, penalty, expected, score, ended):
    found = Continuations(floats([scores]), ints([[0, 1, 0, 1]]), ints([tokens]))
    beam = keep_best_finished(a_beam(), found, 3, penalty)
    same(beam.finished, [[expected]])
    same(beam.finished_scores, [[score]])
    same(beam.ended, [ended])


def test_nothing_more_is_kept_of_a_sentence_that_is_done():
    found = Continuations(floats([[-0.1, -0.2, -3, -4]]), ints([[0, 1, 0, 1]]), ints([[END, END, 5, 6]]))
    beam = keep_best_finished(a_beam(ended=ints([2])), found, 3, 1.0)
    same(beam.finished_scores, [[-1.0]])
    same(beam.ended, [2])


def test_as_many_finished_hypotheses_are_kept_as_asked_for_best_first():
    finished = ints([[[START, 7, PAD, PAD], [START, PAD, PAD, PAD]]])
    beam = a_beam(ended=ints([0]), finished=finished, finished_scores=floats([[-1.0, WORST]]))
    found = Continuations(floats([[-2.4, -3.3, -3.4, -4]]), ints([[1, 0, 0, 1]]), ints([[END, END, 5, 6]]))
    beam = keep_best_finished(beam, found, 3, 1.0)
    same(beam.finished, [[[START, 7, 9, PAD], [START, 7, PAD, PAD]]])
    same(beam.finished_scores, [[-0.8, -1.0]])
    same(beam.ended, [2])


def test_the_best_that_do_not_end_go_on_with_their_ancestors():
    found = Continuations(floats([[-1, -2, -3, -4]]), ints([[0, 1, 1, 0]]), ints([[END, 5, 6, 7]]))
    beam = choose_active(a_beam(), found, 3)
    same(beam.tokens, [[[START, 7, 9, 5], [START, 7, 9, 6]]])
    same(beam.ancestors, [[[0, 0, 0, -1]] * 2])
    same(beam.scores, [[-2, -3]])


def test_pick_takes_from_each_row_its_own():
    same(pick(ints([[1, 2, 3], [4, 5, 6]]), ints([[2, 0], [1, 1]])), [[3, 1], [5, 5]])
    same(pick(ints([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), ints([[1], [0]])), [[[3, 4]], [[5, 6]]])
