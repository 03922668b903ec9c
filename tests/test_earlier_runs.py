"""Run folders of version 0.1, whose modules lay elsewhere, still load, translate, resume and price.

`runs_0_1` was made by that version, at commit 5a0f8c0: a translator and a pre-trained model of 24 units on
numbers.tsv, a regressor on houses.csv, and in expected.json what each answered then.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import fmkeras
from fmkeras import InputError, pretrain, regress, translate
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.options import options_given, parser


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A copy of the folder, and the working directory in it: the runs name their data by relative paths."""
    shutil.copytree(Path(__file__).parent / "runs_0_1", tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "runs")
    return json.loads(Path("expected.json").read_text(encoding="utf-8"))


def test_the_translator_translates_as_it_did(runs):
    translator = fmkeras.load_translator("translate")
    for beam, translations in runs["translations"].items():
        assert translator.translate(runs["texts"], int(beam.split()[1])) == translations


def test_settings_go_by_their_earlier_names_too():
    earlier = {"sampling": 0.2, "max_pieces": 50, "average": 0.9}
    assert Settings.load(earlier) == Settings(bpe_dropout=0.2, max_sentence_tokens=50, ema_decay=0.9, held_out=0.0)
    assert options_given(parser().parse_args(["train", "--sampling", "0.2"]))["bpe_dropout"] == 0.2
    for train, problem in ((fmkeras.train_translator, r"2\.0 cannot be"), (fmkeras.pretrain, ": pre-training has no")):
        with pytest.raises(InputError, match=f"^bpe_dropout={problem}"):
            train(sampling=2.0, verbose=False)
        with pytest.raises(InputError, match=r"^max_sentence_tokens=0 cannot be"):
            train(max_pieces=0, verbose=False)


def test_the_tokenizer_knows_its_processor_by_the_earlier_name(runs):
    tokenizer = fmkeras.load_translator("translate").tokenizer
    assert tokenizer.pieces is tokenizer.processor and tokenizer.pieces.id_to_piece(3) == "</s>"


def test_the_translator_is_scored_again_and_trained_on(runs, capsys):
    translate.main(["evaluate", "--run", "translate"])
    assert f"{runs['test']:.2f}" in capsys.readouterr().out
    epochs = len(Path("translate/history.csv").read_text().splitlines()) - 1
    translate.main(["--run", "translate", "--resume", "--epochs", str(epochs + 1)])
    assert f"resumed after epoch {epochs}" in capsys.readouterr().out


@pytest.mark.slow
def test_the_pretrained_run_starts_a_translator_and_is_trained_on(runs, capsys):
    languages = ["--dataset", "numbers.tsv", "--source", "pt", "--target", "en"]
    translate.main(["--init", "pretrain", *languages, "--epochs", "1", "--run", "new"])
    assert "all of its weights come from pretrain" in capsys.readouterr().out
    # Version 0.1 split files otherwise. So does a translator that starts from its run: else it would be tested on
    # sentences that the run has learnt from.
    assert json.loads(Path("new/config.json").read_text(encoding="utf-8"))["held_out"] == 0
    pretrain.main(["--run", "pretrain", "--resume", "--epochs", "4"])
    assert "resumed after epoch 3" in capsys.readouterr().out


def test_the_regressor_prices_as_it_did(runs, capsys):
    houses = {"size": [1000, 2000], "rooms": [3, 5], "age": [10, 40]}
    np.testing.assert_allclose(fmkeras.load_regressor("regress").predict(houses), runs["prices"], rtol=1e-5)
    regress.main(["evaluate", "--run", "regress"])
    assert "12 rows" in capsys.readouterr().out
