"""What each epoch is made of: `--denoise-epochs` has both sides reconstructed from noise before pairs are learnt."""

import json

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError, runs, translate
from fmkeras.translation.corpora.batches import Batches
from fmkeras.translation.corpora.tokenizer import END, MASK, START, Tokenizer, language_token
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.checkpoint import Place
from fmkeras.translation.training.curriculum import Curriculum
from fmkeras.translation.training.denoising import Denoising
from fmkeras.translation.training.training import Training

WORDS = {"um": "one", "dois": "two", "três": "three", "quatro": "four"}
PAIRS = [(f"{a} {b} {c}", f"{WORDS[a]} {WORDS[b]} {WORDS[c]}") for a in WORDS for b in WORDS for c in WORDS]
SMALL = dict(d_model=16, d_ff=16, num_layers=1, num_heads=2, precision="float32", source="pt", target="en")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    text = [side for pair in PAIRS for side in pair]
    return Tokenizer.train(text, 300, [MASK, language_token("pt"), language_token("en")])


def batches_of(tokenizer: Tokenizer, budget: int = 60) -> Batches:
    source, target = (tokenizer.encode([pair[side] for pair in PAIRS]) for side in (0, 1))
    return Batches(source, target, budget, start=tokenizer.start("en"))


def training(folder, tokenizer, resume=False, **settings) -> Training:
    batches = batches_of(tokenizer)
    return Training(Settings(**SMALL | {"batch_tokens": 60} | settings), tokenizer, batches, batches, folder, resume)


def test_noise_comes_first_and_then_the_pairs(tokenizer):
    pairs = batches_of(tokenizer)
    settings = Settings(**SMALL, denoise_epochs=2, epochs=3, batch_tokens=60)
    made = Curriculum.of(settings, tokenizer, pairs)
    noisy = [made(epoch) for epoch in (0, 1)]
    assert all(made(epoch) is pairs for epoch in (2, 3, 4)) and made.epochs == 5
    assert made.first == (len(noisy[0]), noisy[0].tokens)
    assert made.steps == 2 * len(noisy[0]) + 3 * len(pairs)
    assert [made.tokens(epoch) for epoch in (0, 1, 2, 4, 5)] == [
        2 * noisy[0].tokens + 3 * pairs.tokens,
        noisy[0].tokens + 3 * pairs.tokens,
        3 * pairs.tokens,
        pairs.tokens,
        0,
    ]
    assert noisy[0].source != noisy[1].source and noisy[0].target == noisy[1].target  # other noise each time


def test_both_sides_are_reconstructed_each_in_its_own_language(tokenizer):
    pairs = batches_of(tokenizer)
    noisy = Denoising.of_pairs(pairs, tokenizer, Settings(**SMALL)).batches(0)
    assert [row.tolist() for row in noisy.target] == [
        row.tolist() for side in (pairs.source, pairs.target) for row in side
    ]
    assert noisy.start.tolist() == [tokenizer.start("pt")] * len(PAIRS) + [tokenizer.start("en")] * len(PAIRS)
    masks = [np.count_nonzero(row == tokenizer.special_tokens[MASK]) for row in noisy.source]
    assert np.mean(masks) > 0.3 and all(row[-1] == END for row in noisy.source)


def test_with_bpe_dropout_pairs_are_cut_anew_after_the_noise(tokenizer):
    settings = Settings(**SMALL, denoise_epochs=1, epochs=2, bpe_dropout=0.3)
    made = Curriculum.of(settings, tokenizer, batches_of(tokenizer))
    assert len(made(0).source) == 2 * len(PAIRS) and len(made(1).source) == len(PAIRS)
    assert made(1).source != made(2).source
    assert tokenizer.decode(made(1).source) == tokenizer.decode(made(2).source)
    assert made.steps == pytest.approx(made.first[0] + 2 * made.longer * len(made.batches), abs=1)


def test_a_vocabulary_without_a_mask_has_no_noise(tokenizer):
    plain = Tokenizer.train(["um dois", "one two"], 300)
    assert plain.start("en") == START
    batches = Batches(plain.encode("um dois"), plain.encode("one two"))
    settings = Settings(**SMALL, denoise_epochs=1, init="runs/before")
    with pytest.raises(InputError, match="--denoise-epochs: the vocabulary of runs/before has no mask"):
        Curriculum.of(settings, plain, batches)


def test_the_best_epoch_and_patience_are_of_pairs(tokenizer, tmp_path):
    """A loss of translations that were never learnt is no result to compare with, and none to wait for."""
    trained = training(tmp_path, tokenizer, denoise_epochs=3, epochs=2, patience=1)
    rows = [{"epoch": epoch + 1, "val_nll": nll} for epoch, nll in enumerate((0.1, 0.2, 0.3, 5.0, 4.0))]
    trained.history, trained.place = rows[:3], Place(epoch=3)
    assert not trained.done() and trained.best is rows[0]
    trained.history, trained.place = rows[:4], Place(epoch=4)
    assert not trained.done() and trained.best is rows[3]
    trained.history = rows
    assert trained.best is rows[4]


@pytest.mark.slow
def test_stopped_amid_the_noise_or_after_it_training_goes_on_to_the_same_bits(tokenizer, tmp_path):
    options = dict(denoise_epochs=2, epochs=2, dropout=0.2)
    whole = training(tmp_path / "whole", tokenizer, **options)
    (tmp_path / "whole").mkdir()
    rows = list(whole.epochs(show_progress=False))
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4] and whole.steps == whole.curriculum.steps
    rate, of_noise = whole.objective.optimizer._learning_rate, whole.curriculum.steps_of_noise
    assert float(rate(of_noise)) == float(rate(0)) != float(rate(of_noise - 1)), "the rate of pairs begins anew"
    for stop in (1, 2, 3):
        folder = tmp_path / str(stop)
        folder.mkdir()
        stopped = training(folder, tokenizer, **options).epochs(show_progress=False)
        for _ in range(stop):
            next(stopped)
        stopped.close()
        resumed = training(folder, tokenizer, resume=True, **options)
        assert len(list(resumed.epochs(show_progress=False))) == 4 - stop
        for expected, found in zip(whole.variables(), resumed.variables(), strict=True):
            np.testing.assert_array_equal(np.asarray(expected), np.asarray(found))


def test_a_translator_that_began_with_noise(tmp_path, capsys):
    """It is trained by one command, says what it does, and is loaded as any other."""
    folder, data = tmp_path / "run", tmp_path / "pairs.tsv"
    data.write_text("".join(f"{a}\t{b}\n" for a, b in PAIRS), encoding="utf-8")
    words = [f"--dataset={data}", "--source=pt", "--target=en", "--denoise-epochs=2", "--epochs=1", "--passes=1"]
    words += ["--d-model=16", "--num-heads=2", "--num-layers=1", f"--run={folder}"]
    translate.main(["train", *words])
    said = capsys.readouterr().out
    assert "before them 2 of" in said and "in which both sides are reconstructed from noise" in said
    assert said.count("of noise training loss") == 2 and said.count("         → ") == 2  # samples of pairs only
    loaded = fmkeras.load_translator(folder)
    assert loaded.settings.denoise_epochs == 2 and list(loaded.tokenizer.special_tokens) == [MASK, "<pt>", "<en>"]
    assert loaded.start == loaded.tokenizer.start("en") != START
    assert list(pd.read_csv(folder / runs.HISTORY)["epoch"]) == [1, 2, 3]
    assert json.loads((folder / runs.REPORT).read_text(encoding="utf-8"))["best_epoch"] == 3


@pytest.mark.slow
def test_whose_time_is_up_amid_the_noise_hears_that_no_pair_was_learnt():
    made = fmkeras.train_translator(PAIRS, **SMALL, denoise_epochs=50, epochs=1, passes=1, minutes=1e-3, verbose=False)
    assert made.report["warning"] == "it has seen noise, and no pairs yet: --resume with more --minutes goes on"
    assert made.report["epochs"] == 1


def test_pre_training_is_noise_already():
    with pytest.raises(InputError, match="denoise_epochs=: pre-training has no such choice"):
        fmkeras.pretrain(denoise_epochs=1)
