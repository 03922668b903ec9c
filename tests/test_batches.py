"""Batches: every pair once, within the budget, little padding, an order that only seed and epoch decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmkeras.translation.corpora.batches import ROWS, Batches, by_length, by_width, padded, rounded, rows_of, sorted_by
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import END, PAD, START, Tokenizer

# Ids of sentences as the tokenizer makes them: no marks but the end token, which is last.
sentences = st.lists(st.integers(END + 1, 99), max_size=12).map(lambda ids: [*ids, END])
pairs = st.lists(st.tuples(sentences, sentences), max_size=40)


def make(pairs, **options) -> Batches:
    return Batches([source for source, _ in pairs], [target for _, target in pairs], **options)


def like_ted(count: int = 4000, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    """Pairs of TED's lengths: a long tail, and both sides alike."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.lognormal(2.7, 0.7, count), 2, 128)
    other = np.clip(lengths * rng.normal(1.0, 0.15, count), 2, 128)
    return [([7] * int(s) + [END], [8] * int(t) + [END]) for s, t in zip(lengths, other, strict=True)]


def padding(batches) -> float:
    """Share of padding on both sides together."""
    cells = real = 0
    for (source, _), target, _ in batches:
        cells += source.size + target.size
        real += (source != PAD).sum() + (target != PAD).sum()
    return 1 - real / cells


@given(pairs, st.integers(1, 60), st.sampled_from([0, 1, 8]), st.integers(0, 3))
def test_every_pair_comes_exactly_once(pairs, budget, widths, epoch):
    found = []
    for (source, _), target, _ in make(pairs, budget=budget, widths=widths).epoch(epoch):
        real = (source != PAD).any(axis=1)
        found += [
            tuple(map(tuple, (s[s != PAD], t[t != PAD]))) for s, t in zip(source[real], target[real], strict=True)
        ]
        assert not target[~real].any()
    assert sorted(found) == sorted((tuple(s), tuple(t)) for s, t in pairs)


@given(pairs, st.integers(1, 60), st.sampled_from([0, 1, 8]))
def test_budget_is_kept_but_for_single_sentences(pairs, budget, widths):
    for (source, target_in), target, weights in make(pairs, budget=budget, widths=widths).epoch(0):
        assert target_in.shape == target.shape == weights.shape
        assert not widths or source.shape[1] % 4 == target.shape[1] % 4 == 0
        assert len(source) == 1 or max(source.size, target.size) <= budget


@given(pairs)
def test_shift_marks_and_weights(pairs):
    batches = make(pairs, budget=50)
    weight = 0.0
    for (source, target_in), target, weights in batches.epoch(1):
        assert source.dtype == target_in.dtype == target.dtype == "int32" and weights.dtype == "float32"
        for s, inside, out, w in zip(source, target_in, target, weights, strict=True):
            real = int((out != PAD).sum())
            assert (w == [1.0] * real + [0.0] * (len(out) - real)).all()
            assert s[(s != PAD).sum() - 1] == END and out[real - 1] == END
            assert (inside[:real] == [START, *out[: real - 1]]).all()
            assert (inside[real:] == PAD).all() and (out[real:] == PAD).all()
        weight += float(weights.sum())
    assert weight == batches.tokens == sum(len(target) for _, target in pairs)


def test_an_example_by_hand():
    batches = make([([5, 6, END], [7, END]), ([9, END], [8, 8, 8, END])], budget=64)
    ((source, target_in), target, weights) = next(batches.epoch(None))
    # In order of the longer side: the pair of 3, then that of 4.
    assert source.tolist() == [[5, 6, END], [9, END, PAD]]
    assert target.tolist() == [[7, END, PAD, PAD], [8, 8, 8, END]]
    assert target_in.tolist() == [[START, 7, PAD, PAD], [START, 8, 8, 8]]
    assert weights.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]


def test_order_is_that_of_seed_and_epoch():
    pairs = like_ted(300)

    def order(seed, epoch):
        return [rows.tolist() for rows in make(pairs, budget=256, seed=seed).indices(epoch)]

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)
    assert order(0, None) == order(0, None)


def test_lists_and_sentences_give_the_same_batches():
    pairs = like_ted(200)
    lists = make(pairs, budget=256)
    arrays = Batches(*(Sentences.of(side) for side in zip(*pairs, strict=True)), budget=256)
    assert lists.tokens == arrays.tokens and (lists.lengths == arrays.lengths).all()
    for ((a, b), c, d), ((e, f), g, h) in zip(lists.epoch(2), arrays.epoch(2), strict=True):
        assert all(np.array_equal(x, y) for x, y in ((a, e), (b, f), (c, g), (d, h)))


def test_order_is_that_of_every_release():
    """Written down, so that no figure in the documents changes unseen."""
    batches = make(like_ted(60), budget=256, seed=5)
    found = [rows.tolist() for rows in batches.indices(3)]
    assert [len(rows) for rows in found] == [1, 4, 7, 10, 5, 20, 13]
    assert found[1] == [39, 6, 41, 48]


def test_sentences_meet_others_in_another_epoch():
    """Not only the order of the batches is new: those of like length are dealt anew."""
    batches = make(like_ted(300), budget=256)
    assert {frozenset(rows.tolist()) for rows in batches.indices(0)} != {
        frozenset(rows.tolist()) for rows in batches.indices(1)
    }


def test_batches_of_an_epoch_are_not_in_order_of_length():
    widths = [rows.shape[1] for (_, rows), _, _ in make(like_ted(600), budget=512).epoch(0)]
    assert widths != sorted(widths) and widths != sorted(widths, reverse=True)
    evaluated = make(like_ted(600), budget=512).epoch(None)
    longest = [max(source.shape[1], target.shape[1]) for (source, _), target, _ in evaluated]
    assert longest == sorted(longest)


def test_number_of_batches_is_known_beforehand():
    batches = make(like_ted(500), budget=256)
    assert [len(list(batches.epoch(epoch))) for epoch in (0, 1, 7, None)] == [len(batches)] * 4


def test_padding_is_a_few_per_cent():
    pairs = like_ted()
    bucketed = padding(make(pairs, budget=2048).epoch(0))
    order = np.random.default_rng(0).permutation(len(pairs))
    at_random = padding(
        next(make([pairs[i] for i in order[k : k + 64]], budget=10**9).epoch(0)) for k in range(0, len(pairs), 64)
    )
    assert bucketed < 0.10 < 0.50 < at_random


def test_few_widths_have_few_shapes_and_pad_a_little_more():
    """XLA compiles each shape: a width has one number of rows, of which 1, 2, 4 or 8 devices get as many each."""
    pairs = like_ted()
    ones, few = make(pairs, budget=2048), make(pairs, budget=2048, widths=8)
    shapes = {(*source.shape, target.shape[1]) for epoch in range(3) for (source, target), _, _ in few.epoch(epoch)}
    assert len(shapes) <= 16 < len({(*s.shape, t.shape[1]) for (s, t), _, _ in ones.epoch(0)})
    assert all(source == target for _, source, target in shapes)
    assert len(shapes) == len({width for _, width, _ in shapes})
    assert all(rows % ROWS == 0 for rows, *_ in shapes)
    assert padding(ones.epoch(0)) < padding(few.epoch(0)) < 0.2
    assert [len(list(few.epoch(epoch))) for epoch in (0, 1, None)] == [len(few)] * 3


@pytest.mark.slow
def test_the_rehearsal_has_at_most_sixteen_shapes(rehearsal):
    tokenizer = Tokenizer.train((side for pair in rehearsal["train"] for side in pair), 8000)
    train, validation = (
        Batches(*map(tokenizer.encode_corpus, zip(*rehearsal[split], strict=True)), 4096, widths=widths)
        for split, widths in (("train", 8), ("validation", 1))
    )
    shapes = {(*s.shape, t.shape[1]) for epoch in range(2) for (s, t), _, _ in train.epoch(epoch)}
    assert len(shapes) <= 16 and padding(train.epoch(0)) < 0.16
    assert len({(*s.shape, t.shape[1]) for (s, t), _, _ in validation.epoch(None)}) <= 6


def test_very_few_pairs_get_no_more_rows_than_need_be():
    batches = make(like_ted(11), budget=10**6, widths=8)
    (((source, shifted), target, weights),) = batches.epoch(0)
    assert len(source) == len(shifted) == len(target) == len(weights) == 16
    assert weights.sum() == batches.tokens


def test_rounded_and_rows_by_hand():
    lengths = np.array([1, 4, 5, 31, 32, 33, 64, 65, 128, 129])
    assert rounded(lengths, 8).tolist() == [4, 4, 8, 32, 32, 40, 64, 80, 128, 160]
    assert rounded(lengths, 1).tolist() == [4, 4, 8, 32, 32, 64, 64, 128, 128, 256]
    assert rounded(lengths, 0) is lengths
    assert [rows_of(width, 100) for width in (4, 11, 12, 13, 60, 101)] == [24, 8, 8, 7, 1, 1]
    assert [run.tolist() for run in by_width(np.array([4, 4, 4, 8, 8, 8]), 16)] == [[0, 1], [2, 3], [4, 5]]


def test_sentence_longer_than_the_budget_gets_a_batch_of_its_own():
    short = ([5, END], [6, END])
    batches = make([short, ([5] * 99 + [END], [6, END]), short], budget=20)
    assert sorted(source.shape for (source, _), _, _ in batches.epoch(0)) == [(1, 100), (2, 2)]


def test_no_pairs_give_no_batches():
    batches = make([])
    assert (len(batches), list(batches.epoch(0)), list(batches.epoch(None)), batches.tokens) == (0, [], [], 0)


def test_unequal_sides_are_refused():
    with pytest.raises(ValueError, match="1 sources cannot be paired with 2 targets"):
        Batches([[5, END]], [[5, END], [6, END]])


def test_padded():
    assert padded([[1, 2, 3], [4]]).tolist() == [[1, 2, 3], [4, PAD, PAD]]
    assert padded([[1, 2, 3], [4]], widths=8, count=3).tolist() == [[1, 2, 3, PAD], [4, *[PAD] * 3], [PAD] * 4]
    assert padded([[1] * 8], widths=8).shape == (1, 8), "a length that fits is not rounded up"
    assert len(padded([])) == 0


LENGTHS = st.integers(0, 2**31 - 1) | st.integers(0, 5)


@given(st.lists(st.tuples(LENGTHS, LENGTHS, st.integers(0, 3)), max_size=60))
def test_sorted_by_is_lexsort(rows):
    first, second, last = (
        (np.array(column, "int32") for column in zip(*rows, strict=True)) if rows else [np.array([], "int32")] * 3
    )
    assert sorted_by(first, second, last / 4).tolist() == np.lexsort((last / 4, second, first)).tolist()


def one_by_one(lengths, budget) -> list[list[int]]:
    """`by_length` without NumPy: a sentence starts a new batch if it makes the one so far too large."""
    batches, widest = [], 0
    for i, length in enumerate(lengths):
        if batches and max(widest, length) * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(i)
            widest = max(widest, length)
        else:
            batches.append([i])
            widest = length
    return batches


@given(st.lists(st.integers(1, 50), max_size=200).map(sorted), st.integers(1, 300))
def test_by_length_is_the_plain_loop(lengths, budget):
    found = by_length(np.array(lengths, "int32"), budget)
    assert [run.tolist() for run in found] == one_by_one(lengths, budget)


def test_by_length_by_hand():
    lengths = np.array([5] * 5)
    assert [len(run) for run in by_length(lengths, 25)] == [5]
    assert [len(run) for run in by_length(lengths, 24)] == [4, 1]


@given(st.lists(st.integers(1, 50), max_size=60).map(sorted), st.integers(1, 200))
def test_by_length_cuts_runs_as_late_as_the_budget_lets_it(lengths, budget):
    runs = by_length(np.array(lengths), budget)
    assert [int(i) for run in runs for i in run] == list(range(len(lengths)))
    for run, following in zip(runs, [*runs[1:], []][: len(runs)], strict=True):
        assert len(run) == 1 or lengths[run[-1]] * len(run) <= budget
        if len(following):
            assert lengths[following[0]] * (len(run) + 1) > budget
