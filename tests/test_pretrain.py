"""`python -m fmkeras.pretrain`, then `fmkeras.translate --init`: train, load elsewhere, fine-tune, resume, refuse."""

import dataclasses
import json
import shutil
from pathlib import Path

import killed
import numpy as np
import pandas as pd
import pytest
from conftest import call, succeed
from forked import Forked, run_module

import fmkeras
from fmkeras import InputError, runs
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import NONE, Settings
from fmkeras.translation.training import options, session, translators
from fmkeras.translation.training.denoising import BLANK
from fmkeras.translation.training.pretrained import Pretrained, load_pretrained, take_over
from fmkeras.translation.training.training import Training

ROOT = Path(__file__).parent.parent
SHORT = ["--epochs", 2, "--batch-tokens", "600", "--precision", "float32"]
LANGUAGES = ["--source", "pt", "--target", "en"]


def dies(folder: Path, module: str, point: str, number: int, *arguments) -> None:
    """Run a script that kills itself, in a process of its own: see killed.py."""
    process = Forked(folder, killed.main, module, point, number, [*map(str, arguments)])
    _, errors = process.communicate(timeout=600)
    assert process.returncode == -9, errors


def files(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


@pytest.fixture(scope="module")
def pretraining(pairs) -> list:
    """The command line of the pre-training, without its run folder."""
    return ["--dataset", pairs, *LANGUAGES, "--skip", 100, "--preset", "document", "--vocab-size", 330, *SHORT]


@pytest.fixture(scope="module")
def pretrained(pretraining, tmp_path_factory):
    """One pre-training: the folder and what was printed."""
    folder = tmp_path_factory.mktemp("runs") / "pretrained"
    return folder, succeed("pretrain", *pretraining, "--run", folder)


@pytest.fixture(scope="module")
def tuned(pairs, pretrained, tmp_path_factory):
    """A translator that starts from it: the folder and what was printed."""
    folder = tmp_path_factory.mktemp("runs") / "tuned"
    line = ["--dataset", pairs, *LANGUAGES, "--limit", 100, "--init", pretrained[0], *SHORT, "--run", folder]
    return folder, succeed("translate", *line)


@pytest.mark.slow
def test_the_run_folder_is_as_a_translator_s(pairs, pretrained):
    folder, printed = pretrained
    expected = "checkpoint.npz config.json history.csv loss.png model.keras report.json samples.txt tokenizer.model"
    assert sorted(files(folder)) == expected.split()
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    history = pd.read_csv(folder / "history.csv")
    assert report["sentences"].keys() == {"pt", "en"} and report["epochs"] == len(history) == 2
    assert report["validation"]["nll"] == pytest.approx(history["val_nll"].min())
    samples = (folder / "samples.txt").read_text(encoding="utf-8")
    assert samples in printed and samples.count("corrupted") == samples.count("reconstructed") == 10
    assert BLANK in samples
    for text in ("pt and en, without translations", "the first 100 pairs left out", "pt: 0 sentences over 128 tokens"):
        assert text in printed
    assert printed.endswith(f"translate --init {folder} --dataset {pairs} --source pt --target en --limit 100\n")


@pytest.mark.slow
def test_the_translator_has_its_vocabulary_size_and_weights(pretrained, tuned):
    folder, printed = tuned
    before, after = (Settings.load(runs.read_config(run)) for run in (pretrained[0], folder))
    assert (folder / "tokenizer.model").read_bytes() == (pretrained[0] / "tokenizer.model").read_bytes()
    assert (after.preset, after.d_model, after.vocab_size) == ("document", before.d_model, before.vocab_size)
    assert after.task == "translate" and after.init == str(pretrained[0])
    assert "all of its weights come from" in printed
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["init"] == str(pretrained[0])


@pytest.mark.slow
def test_the_translator_translates_the_same_in_a_new_process(tuned, tmp_path):
    sentences = ["um dois três", "sete oito"]
    here = fmkeras.load_translator(tuned[0]).translate(sentences)
    there = Forked(tmp_path, run_module, "fmkeras.translate", ["text", "--run", str(tuned[0]), *sentences])
    printed, errors = there.communicate(timeout=600)
    assert there.returncode == 0, errors
    assert printed.splitlines() == here


def test_weights_are_taken_over_by_name():
    sizes = dict(vocab_size=50, d_model=16, num_heads=2, d_ff=32)
    old = Transformer(**sizes, num_layers=1)
    same, deeper, wider = (
        Transformer(**sizes | other) for other in (dict(num_layers=1), dict(num_layers=2), dict(num_layers=1, d_ff=48))
    )
    assert take_over(same, old) == []
    for expected, found in zip(old.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(expected, found)
    random = deeper.decoder[1].feed_forward.expand.kernel.numpy().copy()
    missing = take_over(deeper, old)
    assert not take_over(same, deeper)  # a smaller one takes all that it has
    np.testing.assert_array_equal(same.decoder[0].feed_forward.expand.kernel, old.decoder[0].feed_forward.expand.kernel)
    assert len(missing) == len(deeper.trainable_variables) - len(old.trainable_variables)
    assert all(name.split("/")[0] in ("encoder_1", "decoder_1") for name in missing)
    np.testing.assert_array_equal(deeper.decoder[1].feed_forward.expand.kernel, random)
    np.testing.assert_array_equal(
        deeper.decoder[0].feed_forward.expand.kernel, old.decoder[0].feed_forward.expand.kernel
    )
    assert set(take_over(wider, old)) == {
        f"{side}_0/feed_forward/{part}"
        for side in ("encoder", "decoder")
        for part in ("expand/kernel", "expand/bias", "contract/kernel")
    }


def begun(folder: Path, *words) -> tuple[Training, str]:
    """The training of a translator as its command line begins it, before the first step, and what is said of it."""
    chosen, said = options.options_given(options.parser().parse_args(["train", *map(str, words)])), []
    chosen |= {"task": "translate"}
    _, training = translators.prepare(chosen["dataset"], folder, chosen, False, (), said.append)
    session.describe(training, said.append)
    return training, "\n".join(said)


def test_fine_tuning_starts_where_pre_training_ended(quick_pairs, quick_pretrained, tmp_path):
    training, _ = begun(tmp_path, "--dataset", quick_pairs, *LANGUAGES, "--init", quick_pretrained)
    expected = load_pretrained(quick_pretrained).model.get_weights()
    for model in (training.model, training.averaged):
        for before, after in zip(expected, model.get_weights(), strict=True):
            np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        ("tiny", ["47 of its 89 weights come from", "encoder_1"]),  # two blocks for one, as wide, with other heads
        ("small", ["0 of its 131 weights come from", "embedding/embeddings"]),
    ],
)
def test_another_size_takes_what_fits_and_says_so(quick_pairs, quick_pretrained, tmp_path, preset, said):
    line = ["--dataset", quick_pairs, *LANGUAGES, "--init", quick_pretrained, "--preset", preset]
    _, printed = begun(tmp_path, *line)
    assert all(text in printed for text in said)


def test_a_smaller_size_takes_all_that_it_has(quick_pairs, quick_pretrained, tmp_path):
    """One block of the two, as wide, with other heads."""
    larger = shutil.copytree(quick_pretrained, tmp_path / "pretrained")
    before = load_pretrained(larger)
    settings = dataclasses.replace(before.settings, preset="tiny", num_layers=2, num_heads=4)
    runs.write_config(larger, settings.asdict())
    runs.save_model(Transformer(len(before.tokenizer), **settings.model_sizes()), larger / runs.MODEL)
    line = ["--dataset", quick_pairs, *LANGUAGES, "--init", larger, "--preset", "document"]
    _, printed = begun(tmp_path / "run", *line)
    assert "all of its weights come from" in printed


@pytest.mark.slow
def test_text_of_one_s_own(pairs, tmp_path):
    """Two files, two --text, every other line too long; then stopped, resumed, and fine-tuned as it says at the end."""
    rows = [line.split("\t") for line in pairs.read_text(encoding="utf-8").splitlines()]
    for language, side in zip(("pt", "en"), zip(*rows, strict=True), strict=True):
        text = [f"{i} {sentence}" + " x" * 200 * (i % 2) for i, sentence in enumerate(side)]
        (tmp_path / f"{language}.txt").write_text("\n".join(text), encoding="utf-8")
    folder = tmp_path / "run"
    texts = [word for language in ("pt", "en") for word in ("--text", f"{language}={tmp_path / language}.txt")]
    line = ["--preset", "document", "--vocab-size", 330, "--batch-tokens", 600, "--run", folder]
    printed = succeed("pretrain", *texts, *line, "--epochs", 1)
    assert "pt and en, without translations" in printed
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for language, kept in report["sentences"].items():
        assert 150 < kept < 210 and f"{language}: {380 - kept} sentences over 128 tokens dropped" in printed
    assert (folder / "samples.txt").read_text(encoding="utf-8").count("reconstructed") == 10
    printed = succeed("pretrain", *texts, "--epochs", 2, "--run", folder, "--resume")
    assert len(pd.read_csv(folder / "history.csv")) == 2
    said = printed.splitlines()[-1].partition("Fine-tune: ")[2].split()
    assert said[3:] == ["--init", str(folder), *"--dataset PAIRS.tsv --source pt --target en".split()]
    said[said.index("PAIRS.tsv")] = str(pairs)
    _, printed = begun(tmp_path / "tuned", *said[3:], "--limit", 50)
    assert f"warning: {folder} may have learnt from test sentences of {pairs}" in printed
    assert "all of its weights come from" in printed


def test_a_limit_of_the_pre_training_is_none_of_the_translator(quick_pairs, quick_pretrained):
    """The preset "document" has one: it would be written to config.json after the corpus was read without it."""
    before = dataclasses.replace(Settings.load(runs.read_config(quick_pretrained)), preset="document", limit=50)
    chosen = {"dataset": str(quick_pairs), "init": str(quick_pretrained)}
    settings = options.decide(options.new_settings(chosen), chosen, 1000, before)
    assert settings.preset == "document" and settings.limit is None


@pytest.mark.slow
def test_another_run_in_the_place_of_the_one_that_it_was_begun_with(quick_pretrained, tuned, tmp_path):
    """Stopped before its first checkpoint, a translator would take weights of one vocabulary with another."""
    folder = tmp_path / "tuned"
    folder.mkdir()
    for name in ("config.json", "tokenizer.model"):
        shutil.copy(tuned[0] / name, folder / name)
    config = {key: value for key, value in runs.read_config(folder).items() if key != "sha256"}
    runs.write_config(folder, config | {"init": str(quick_pretrained)})
    before = files(folder)
    result = call("translate", "--run", folder, "--resume")
    assert result.returncode == 2 and "is not the run that" in result.stderr and before == files(folder)


@pytest.mark.slow
def test_pre_training_killed_and_resumed_gives_the_same(pretraining, tmp_path):
    """All in processes of their own: a process that has other models already may round the last bit otherwise."""
    whole, folder = tmp_path / "whole", tmp_path / "run"
    dies(tmp_path, "pretrain", "step", 5, *pretraining, "--run", folder)
    dies(tmp_path, "pretrain", "plot", 1, *pretraining, "--run", folder, "--resume")
    for run, *resume in ((whole,), (folder, "--resume")):
        process = Forked(tmp_path, run_module, "fmkeras.pretrain", [*map(str, pretraining), "--run", str(run), *resume])
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
    expected, found = (load_pretrained(run).model.get_weights() for run in (whole, folder))
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (folder / "samples.txt").read_bytes() == (whole / "samples.txt").read_bytes()


@pytest.mark.slow
def test_fine_tuning_killed_before_its_first_checkpoint_starts_from_the_same_weights(
    pairs, pretrained, tuned, tmp_path
):
    line = ["--dataset", pairs, *LANGUAGES, "--limit", 100, "--init", pretrained[0], *SHORT, "--run", tmp_path / "run"]
    dies(tmp_path, "translate", "step", 1, *line)
    assert not (tmp_path / "run" / "checkpoint.npz").exists()
    succeed("translate", *line, "--resume")
    for one, other in zip(
        *(runs.load_model(run / "model.keras").get_weights() for run in (tuned[0], tmp_path / "run")), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("module", "arguments", "said"),
    [
        ("translate", ["text", "--run", "PRE", "um"], "PRE is pre-trained only: make a translator of it with"),
        ("translate", ["evaluate", "--run", "PRE"], "PRE is pre-trained only"),
        ("translate", ["--run", "PRE", "--resume"], "PRE was trained with task denoise, not translate"),
        (
            "translate",
            ["--init", "TRANSLATOR", "--dataset", "PAIRS", "--source", "en", "--target", "pt"],
            "TRANSLATOR translates pt → en, not en → pt",
        ),
        ("translate", ["--init", "absent", "--dataset", "PAIRS"], "absent holds no run"),
        (
            "translate",
            ["--init", "PRE", "--dataset", "PAIRS"],
            "PRE has learnt to write pt and en, not target: name the",
        ),
        ("pretrain", ["--run", "TRANSLATOR", "--resume"], "TRANSLATOR was trained with task translate, not denoise"),
        ("pretrain", ["--run", "PRE", "--resume", "--mask", "0.2"], "PRE was trained with mask 0.35, not 0.2"),
        ("pretrain", ["--mask", "1"], "--mask: '1' is not a number from 0 to below 1"),
        ("pretrain", ["--span", "0.5"], "--span: '0.5' is not a number of 1 or more"),
        ("pretrain", ["--span", "1e19"], "--span: 1e19 is more than 1000"),
        ("pretrain", ["--bpe-dropout", "0.1"], "unrecognized arguments: --bpe-dropout 0.1"),
        ("translate", ["--init", "PRE", "--run", "PRE"], "--init and --run are both PRE"),
        (
            "translate",
            ["--init", "PRE", "--dataset", "PAIRS", *LANGUAGES, "--vocab-size", "500"],
            "--vocab-size 500: a translator keeps the vocabulary of PRE, of 320 tokens",
        ),
        (
            "translate",
            ["--init", "PRE", "--dataset", "PAIRS", "--source-column", "2", "--source", "en", "--target", "pt"],
            "that --source-column 2 tests on: pre-train with the same",
        ),
        ("pretrain", ["--text", "news.txt"], "--text news.txt: name the language before the file"),
        ("pretrain", ["--dataset", "none"], "leaves nothing to learn from"),
        ("pretrain", ["--dataset", "PAIRS", "--skip", "9999"], "--skip 9,999 leaves none of 5"),
    ],
)
def test_says_what_is_wrong_and_changes_nothing(module, arguments, said, quick_pairs, quick_pretrained, tmp_path):
    translator = shutil.copytree(ROOT / "tests" / "runs_0_1" / "translate", tmp_path / "translator")
    known = {"PRE": str(quick_pretrained), "TRANSLATOR": str(translator), "PAIRS": str(quick_pairs)}
    before = files(quick_pretrained), files(translator)
    line = [known.get(word, word) for word in arguments]
    if "--run" not in line:
        line += ["--run", tmp_path / "run"]
    result = call(module, *line)
    for name, path in known.items():
        said = said.replace(name, path)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert result.stderr.startswith("fmkeras: error: ") and result.stderr.count("\n") == 1
    assert said in result.stderr
    assert before == (files(quick_pretrained), files(translator)) and not (tmp_path / "run").exists()


def test_a_language_has_several_names(quick_pretrained):
    loaded = load_pretrained(quick_pretrained)
    for name in ("en", "English", "en-GB"):
        loaded.check(Settings(init="runs/pretrain", source="Portuguese", target=name))
        assert loaded.tokenizer.start(name) == loaded.tokenizer.special_tokens["<en>"]
    with pytest.raises(InputError, match="has learnt to write pt and en, not German"):
        loaded.check(Settings(init="runs/pretrain", target="German"))


def test_another_form_of_text_is_refused(quick_pretrained):
    loaded = load_pretrained(quick_pretrained)
    with pytest.raises(InputError, match="has learnt from text in the form 'plain', not 'ted': pre-train with"):
        loaded.check(Settings(init="runs/pretrain", dataset="ted", target="en", style="ted"))


@pytest.mark.parametrize(
    ("task", "before", "now", "warned"),
    [
        ("denoise", NONE, "pairs.tsv", True),  # text files only
        ("denoise", "phrasebook", "pairs.tsv", True),
        ("denoise", "pairs.tsv", "pairs.tsv", False),  # its own test set, which it left out
        ("translate", "phrasebook", "pairs.tsv", False),  # trained.npy tells of translators, see `evaluate`
    ],
)
def test_a_test_set_that_pre_training_did_not_leave_out_is_warned_of(task, before, now, warned):
    loaded = Pretrained(None, None, Settings(task=task, dataset=before))
    line = loaded.warning(Settings(init="runs/own", dataset=now))
    assert bool(line) == warned and line.startswith("warning: runs/own may have learnt from" * warned)
