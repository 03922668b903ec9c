"""Corrupting sentences, and learning to reconstruct them in the language that the special token asks for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmkeras import InputError
from fmkeras.translation.corpora.sentences import Sentences
from fmkeras.translation.corpora.tokenizer import END, MASK, START, Tokenizer, language_token
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.curriculum import Curriculum
from fmkeras.translation.training.denoising import BLANK, Denoising, Fate, Reconstructor, corrupt, readable
from fmkeras.translation.training.training import Training

M = 4  # the id of a mask


def noise(**settings) -> Settings:
    return Settings(**dict(mask=0.35, span=3.0, delete=0.0) | settings)


def corrupted(rows: list[list[int]], seed: int = 0, **settings) -> list[list[int]]:
    found, _ = corrupt(Sentences.of(rows), noise(**settings), M, np.random.default_rng(seed))
    return [row.tolist() for row in found]


class Chosen:
    """Stands in for a random generator: gaps and spans have these lengths, then all is gap; these are deleted."""

    def __init__(self, gaps, spans, deleted):
        self.gaps, self.spans, self.deleted = gaps, spans, deleted

    def geometric(self, p, size):
        return np.array([*self.gaps, *[1000] * size][:size]) + 1

    def poisson(self, mean, size):
        return np.array([*self.spans, *[1] * size][:size]) - 1

    def random(self, size):
        return np.where(np.isin(np.arange(size), self.deleted), 0.0, 0.999)


@pytest.mark.parametrize(
    ("gaps", "spans", "deleted", "expected"),
    [
        ([], [], [], [[10, 11, 12, 13, END], [20, 21, END]]),
        ([1], [2], [], [[10, M, 13, END], [20, 21, END]]),
        ([0], [1], [], [[M, 11, 12, 13, END], [20, 21, END]]),
        ([0, 1], [1, 1], [], [[M, 11, M, 13, END], [20, 21, END]]),
        ([0, 0], [1, 2], [], [[M, M, 13, END], [20, 21, END]]),  # they touch
        ([3], [2], [], [[10, 11, 12, M, END], [M, 21, END]]),  # from one sentence into the next
        ([4], [9], [], [[10, 11, 12, 13, END], [M, END]]),
        ([1], [2], [0, 1, 4, 6], [[M, 13, END], [20, END]]),  # neither masks nor end tokens are deleted
    ],
)
def test_spans_become_one_mask_each(gaps, spans, deleted, expected):
    clean = Sentences.of([[10, 11, 12, 13, END], [20, 21, END]])
    found, _ = corrupt(clean, noise(delete=0.1), M, Chosen(gaps, spans, deleted))
    assert [row.tolist() for row in found] == expected


def test_noise_tells_what_it_made_of_each_token():
    clean = Sentences.of([[10, 11, 12, 13, END], [20, 21, END]])
    _, fates = corrupt(clean, noise(delete=0.1), M, Chosen([1, 0, 0], [2, 1, 1], [0, 1, 4, 5]))
    D, K = Fate.DELETED, Fate.KEPT
    assert fates.tolist() == [D, Fate.MASKED, Fate.COVERED, Fate.MASKED, K, Fate.MASKED, K, K]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            dict(mask=0.35, span=3.0, delete=0.1),
            [[10, 12, 4, END], [END], [4, END], [4, 11, 12, 13, 14, 15, 16, 4, 19, 20, 4, END], [4, 12, 13, END]],
        ),
        (
            dict(mask=0.5, span=1.5),
            [
                [10, 4, 12, 13, 14, 15, 4, END],
                [END],
                [10, END],
                [10, 4, 4, 4, 15, 16, 17, 18, 4, 4, 21, END],
                [10, 11, 4, 13, END],
            ],
        ),
        (
            dict(mask=0.0, delete=0.3),
            [[10, 11, 12, 14, 15, END], [END], [10, END], [12, 13, 14, 15, 16, 17, 18, 21, END], [11, 12, 13, END]],
        ),
    ],
)
def test_a_seed_gives_the_noise_that_it_always_gave(settings, expected):
    """Or a run that was pre-trained could not be resumed to the same bits."""
    rows = [[*range(10, 10 + tokens), END] for tokens in (7, 0, 1, 12, 4)]
    assert corrupted(rows, 7, **settings) == expected


def test_nothing_to_corrupt():
    assert corrupted([], delete=0.1) == [] and corrupted([[END], [END]], delete=0.1) == [[END], [END]]


sentences = st.lists(st.lists(st.integers(5, 30), max_size=12).map(lambda row: [*row, END]), min_size=1, max_size=8)
shares = st.floats(0, 0.95)


@given(sentences, shares, st.floats(1, 6), shares, st.integers(0, 99))
def test_what_is_left_stands_in_the_order_that_it_had(rows, mask, span, delete, seed):
    found = corrupted(rows, seed, mask=mask, span=span, delete=delete)
    assert len(found) == len(rows)
    for clean, row in zip(rows, found, strict=True):
        assert row[-1] == END and len(row) <= len(clean)
        rest = iter(clean)
        assert all(token in rest for token in row if token != M)  # a subsequence
    left, fates = corrupt(
        Sentences.of(rows), noise(mask=mask, span=span, delete=delete), M, np.random.default_rng(seed)
    )
    remains = np.where(fates == Fate.MASKED, M, np.concatenate(rows))[(fates == Fate.KEPT) | (fates == Fate.MASKED)]
    assert remains.tolist() == left.ids.tolist()
    assert corrupted(rows, seed, mask=mask, span=span, delete=delete) == found
    assert corrupted(rows, seed, mask=0.0, delete=0.0) == rows


@pytest.mark.parametrize("mask", [0.15, 0.35, 0.6])
@pytest.mark.parametrize("span", [1.0, 3.0])
def test_masks_cover_the_share_that_was_asked_for(mask, span):
    rows = [[*range(5, 1005), END] for _ in range(50)]
    found = corrupted(rows, mask=mask, span=span)
    left = sum(token not in (M, END) for row in found for token in row) / 50_000
    assert left == pytest.approx(1 - mask, abs=0.015)
    masks = sum(row.count(M) for row in found)
    assert mask * 50_000 / masks == pytest.approx(span, rel=0.05)
    deleted = corrupted(rows, mask=0.0, delete=0.2)
    assert sum(map(len, deleted)) / 50_050 == pytest.approx(0.8, abs=0.01)


TEXTS = {
    "pt": ["um dois três quatro", "dois três quatro cinco", "três quatro cinco seis", "quatro cinco seis sete"] * 12,
    "en": ["one two three four", "two three four five", "three four five six", "four five six seven"] * 12,
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    text = [sentence for side in TEXTS.values() for sentence in side]
    return Tokenizer.train(text, 340, [MASK, language_token("pt"), language_token("en")])


def test_no_text_is_cut_into_a_special_token(tokenizer):
    assert tokenizer.special_tokens == {"<mask>": 4, "<pt>": 5, "<en>": 6}
    assert (tokenizer.start("pt"), tokenizer.start("en"), tokenizer.start("de")) == (5, 6, START)
    text = "<mask> <pt> <en> </s>"
    (ids,) = tokenizer.encode([text])
    assert not set(ids[:-1]) & set(range(7)) and tokenizer.decode([ids]) == [text]
    assert Tokenizer.train(["one two"], 300).special_tokens == {}


def test_batches_hold_corrupted_and_clean_with_the_start_of_the_language(tokenizer):
    denoising = Denoising.of(TEXTS, tokenizer, noise(batch_tokens=200))
    batches = denoising.batches(3)
    languages = {tokenizer.start(language): set(side) for language, side in TEXTS.items()}
    rows = 0
    for (_, shifted), target, _ in batches.epoch(3):
        for start, sentence in zip(shifted[:, 0], tokenizer.decode(target), strict=True):
            assert sentence in languages[int(start)]
            rows += 1
    assert rows == len(batches.source) == 96
    assert denoising.batches(3).source == batches.source != denoising.batches(4).source
    assert denoising.batches(4).target == batches.target == denoising.originals


def test_long_sentences_are_left_out(tokenizer):
    texts = {"en": ["one", "one two three four five six seven"]}
    denoising = Denoising.of(texts, tokenizer, noise(max_sentence_tokens=4))
    assert tokenizer.decode(denoising.originals) == ["one"] and len(denoising.start) == 1
    assert denoising.counts == {"en": 1}
    texts["pt"] = ["um dois três quatro cinco seis sete"]
    with pytest.raises(InputError, match="every sentence of pt is longer than 4 tokens: cut them"):
        Denoising.of(texts, tokenizer, noise(max_sentence_tokens=4))


def test_masks_are_read_as_blanks(tokenizer):
    one, two = tokenizer.encode(["one", "two three"])
    mask = tokenizer.special_tokens[MASK]
    assert readable([*one[:-1], mask, *two], tokenizer) == f"one {BLANK} two three"
    assert readable([mask, END], tokenizer) == BLANK


def trained(folder, tokenizer, resume=False, **settings) -> Training:
    options = dict(d_model=32, d_ff=64, num_layers=1, batch_tokens=150, learning_rate=5e-3, warmup_steps=30)
    settings = Settings(**options | dict(ema_decay=0.95, mask=0.5, precision="float32") | settings)
    denoising = Denoising.of(TEXTS, tokenizer, settings)
    batches = denoising.batches(0)
    curriculum = Curriculum(batches, settings.epochs, lambda epoch, part: denoising.batches(epoch))
    return Training(settings, tokenizer, curriculum, batches, folder, resume)


@pytest.mark.slow
def test_the_model_reconstructs_and_writes_the_language_that_is_asked_for(tokenizer, tmp_path):
    training = trained(tmp_path, tokenizer, epochs=40)
    assert list(training.epochs(show_progress=False))[-1]["val_token_accuracy"] > 0.75
    reconstructor = Reconstructor(training.averaged, tokenizer, training.settings)
    rows = reconstructor.samples(TEXTS, 4)
    assert [row[0] for row in rows] == TEXTS["pt"][:4] + TEXTS["en"][:4]
    assert any(BLANK in row[1] for row in rows)
    nothing = [[tokenizer.special_tokens[MASK], END]]  # the start is all that tells the language
    for language, side in TEXTS.items():
        words = {word for sentence in side for word in sentence.split()}
        (text,) = reconstructor.reconstruct(nothing, language)
        assert text and set(text.split()) <= words, text


@pytest.mark.slow
def test_resumed_to_the_same_bits(tokenizer, tmp_path):
    """New noise in each epoch, and the same noise again where an epoch is taken up again."""
    options = dict(epochs=3, dropout=0.2)
    (tmp_path / "whole").mkdir()
    whole = trained(tmp_path / "whole", tokenizer, **options)
    list(whole.epochs(show_progress=False))
    (tmp_path / "parts").mkdir()
    list(trained(tmp_path / "parts", tokenizer, **options | {"epochs": 1}).epochs(show_progress=False))
    resumed = trained(tmp_path / "parts", tokenizer, resume=True, **options)
    assert len(resumed.history) == 1
    list(resumed.epochs(show_progress=False))
    for expected, found in zip(whole.variables(), resumed.variables(), strict=True):
        np.testing.assert_array_equal(np.asarray(expected), np.asarray(found))
    assert len({row["loss"] for row in whole.history}) == 3
