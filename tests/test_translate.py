"""`python -m fmkeras.translate` end to end on a small file: train, load elsewhere, score, translate, resume, refuse."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import NUMBERS, call

import fmkeras
from fmkeras import InputError, runs, translate
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.model.transformer import Transformer
from fmkeras.translation.settings import PRESETS, Settings
from fmkeras.translation.training import options, translators

ROOT = Path(__file__).parent.parent
OPTIONS = "--preset document --epochs 2 --vocab-size 320 --batch-tokens 600 --precision float32".split()
OPTIONS += ["--warmup-steps", "5"]  # named: otherwise it follows from the epochs, of which some tests ask for fewer


def command(*arguments, stdin=None, cwd=ROOT):
    """Run the script in a new process."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "fmkeras.translate", *map(str, arguments)]
    options = dict(capture_output=True, text=True, encoding="utf-8", cwd=cwd, env=environment, timeout=600)
    return subprocess.run(line, input=stdin, **options)


def files(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


@pytest.fixture(scope="session")
def trained(pairs, tmp_path_factory):
    """One training by the command line: the folder and what was printed."""
    folder = tmp_path_factory.mktemp("runs") / "numbers"
    result = call("translate", "--dataset", pairs, "--source", "pt", "--target", "en", *OPTIONS, "--run", folder)
    assert result.returncode == 0, result.stderr[-3000:]
    return folder, result


def test_the_run_folder_holds_what_the_design_says(trained):
    folder, _ = trained
    expected = {
        "config.json",
        "model.keras",
        "tokenizer.model",
        "history.csv",
        "loss.png",
        "report.json",
        "samples.txt",
        "trained.npy",
    }
    assert expected <= set(files(folder))
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    keys = {"dataset", "pairs", "preset", "parameters", "precision", "epochs", "seconds", "target_tokens_per_second"}
    assert keys <= set(report)
    scores = {"loss", "perplexity", "token_accuracy", "bleu", "bleu_signature", "bleu_13a", "chrf"}
    assert scores <= set(report["test"])
    assert report["epochs"] == 2 == len(pd.read_csv(folder / "history.csv"))
    assert report["direction"] == "pt-en" and report["precision"] == "float32"
    assert "tok:13a" in report["test"]["bleu_signature"]


def test_what_is_printed(trained, pairs):
    folder, result = trained
    assert "Traceback" not in result.stderr
    out = result.stdout
    for part in (str(pairs), "pairs read", "parameters", "target tokens", "epoch 1", "epoch 2", "perplexity",
                 "tokens/s", "reference", "tok:13a", str(folder)):  # fmt: skip
        assert part in out, part
    assert out.count("\n         → ") == 4  # two samples an epoch
    samples = (folder / "samples.txt").read_text(encoding="utf-8")
    assert samples.count("reference") == translators.SAMPLES and samples in out


@pytest.mark.slow
def test_evaluate_gives_the_reported_scores_in_a_new_process(trained):
    """What section 5.4 of the article meant: load, and score on data that it was not trained on."""
    folder, _ = trained
    before = files(folder)
    result = command("evaluate", "--run", folder)
    assert result.returncode == 0, result.stderr
    test = json.loads((folder / "report.json").read_text(encoding="utf-8"))["test"]
    rows = (line.split() for line in result.stdout.splitlines() if line.startswith("  "))
    printed = {row[0]: row[1] for row in rows}
    printed = {name: float(printed[name]) for name in ("loss", "token_accuracy", "bleu")}
    assert printed["loss"] == pytest.approx(test["loss"], abs=1e-3)
    assert printed["token_accuracy"] == pytest.approx(test["token_accuracy"], abs=1e-3)
    assert printed["bleu"] == pytest.approx(test["bleu"], abs=0.01)
    assert files(folder) == before


@pytest.mark.slow
def test_loaded_elsewhere_it_translates_the_same(trained):
    folder, _ = trained
    lines = ["um dois três", "", "quatro cinco seis sete", "oito um"]
    here = fmkeras.load_translator(folder).translate(lines)
    there = command("text", "--run", folder, stdin="\n".join(lines) + "\n")
    assert there.returncode == 0, there.stderr
    assert there.stdout.splitlines() == here and here[1] == ""


def test_text_prints_a_line_for_each_line(trained, capsys, monkeypatch):
    folder, _ = trained
    words = list(NUMBERS)
    lines = [" ".join(words[i % 8] for i in range(n % 5)) for n in range(2300)]  # more than one chunk, some blank
    monkeypatch.setattr("sys.stdin", iter_stdin(lines))
    translate.main(["text", "--run", str(folder), "--beam", "1"])
    out = capsys.readouterr().out
    assert out.count("\n") == 2300
    expected = fmkeras.load_translator(folder).translate(lines[995:1005], beam=1)  # where one chunk meets the next
    assert out.split("\n")[995:1005] == expected


def iter_stdin(lines):
    import io

    return io.TextIOWrapper(io.BytesIO("".join(line + "\n" for line in lines).encode()))


def test_sentences_of_a_line_are_translated_one_by_one(trained):
    translator = fmkeras.load_translator(trained[0])
    assert translator.parts("Um dois. Três quatro! ") == ["Um dois.", "Três quatro!"]
    first, second = translator.translate(["Um dois.", "Três quatro!"])
    assert translator.translate(["Um dois. Três quatro! ", " "]) == [f"{first} {second}".strip(), ""]


def test_ted_style_is_applied_and_undone(trained):
    loaded = fmkeras.load_translator(trained[0])
    settings = Settings(style="ted", source="pt", target="en")
    translator = Translator(loaded.model, loaded.tokenizer, settings)
    assert translator.parts("Não sabia.") == ["não sabia ."]
    (ids,) = loaded.tokenizer.encode(["i did n't know ."])
    assert translator._joined([ids], "Não sabia.") == "I didn't know."


def test_attention_is_drawn(trained, tmp_path, capsys):
    folder, _ = trained
    translate.main(["text", "--run", str(folder), "--attention", str(tmp_path / "map.png"), "um dois três"])
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    source, target, weights = fmkeras.load_translator(folder).attention("um dois três")
    assert weights.shape == (1, 2, len(target), len(source))
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert source[-1] == target[-1] == "</s>"


def test_attention_is_given_for_every_block_and_head(trained):
    loaded = fmkeras.load_translator(trained[0])
    model = Transformer(len(loaded.tokenizer), d_model=16, num_heads=4, d_ff=16, num_layers=2)
    source, target, weights = Translator(model, loaded.tokenizer, loaded.settings).attention("um dois três")
    assert weights.shape == (2, 4, len(target), len(source))


@pytest.mark.slow
def test_more_epochs_by_resume_and_the_finished_run_is_moved_aside(trained, pairs, tmp_path, capsys):
    folder = tmp_path / "run"
    options = ["--dataset", str(pairs), *OPTIONS, "--run", str(folder)]
    translate.main([*options, "--epochs", "1"])
    with pytest.raises(InputError, match=r"dropout 0\.1, not 0\.3"):
        translate.main(["--run", str(folder), "--resume", "--dropout", "0.3"])
    translate.main(["--run", str(folder), "--resume", "--epochs", "2"])
    resumed = pd.read_csv(folder / "history.csv")
    whole = pd.read_csv(trained[0] / "history.csv")
    np.testing.assert_allclose(resumed[["loss", "val_nll"]], whole[["loss", "val_nll"]], rtol=1e-4)
    before = files(folder)
    capsys.readouterr()
    translate.main([*options, "--epochs", "1", "--limit", "100"])
    assert "kept as" in capsys.readouterr().out
    assert files(f"{folder}.1") == before


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to a process on Windows")
def test_ctrl_c_keeps_the_weights_and_says_how_to_go_on(pairs, tmp_path):
    folder = tmp_path / "run"
    options = ["--dataset", pairs, *OPTIONS, "--epochs", "500", "--run", folder]
    line = [sys.executable, "-m", "fmkeras.translate", *map(str, options)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    deadline = time.monotonic() + 300
    while not (folder / "loss.png").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors[-2000:]
    assert "--resume" in errors and "Traceback" not in errors and "port.cc" not in errors
    assert len(fmkeras.load_translator(folder).translate(["um dois"])) == 1
    assert not (folder / "report.json").exists()


@pytest.mark.slow
def test_either_direction_of_any_two_languages(pairs, tmp_path, capsys):
    folder = tmp_path / "back"
    options = ["--dataset", str(pairs), "--source-column", "2", "--source", "English", "--target", "Português"]
    translate.main([*options, *OPTIONS, "--epochs", "1", "--run", str(folder)])
    assert "English → Português" in capsys.readouterr().out
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (settings["source"], settings["target"], settings["source_column"]) == ("English", "Português", 2)
    assert (folder / "samples.txt").read_text(encoding="utf-8").split("\n")[0].split()[1] in NUMBERS.values()


BAD = [
    (["--dataset", "nowhere.tsv"], "no such file"),
    (["--preset", "huge"], "invalid choice"),
    (["--epochs", "0"], "not a number above 0"),
    (["--epochs", "many"], "not a number above 0"),
    (["--minutes", "-1"], "not a number above 0"),
    (["--seed", "-1"], "not a whole number"),
    (["--dropout", "1.5"], "from 0 to below 1"),
    (["--bpe-dropout", "x"], "from 0 to below 1"),
    (["--source-column", "3"], "invalid choice"),
    (["--precision", "int8"], "invalid choice"),
    (["--nonsense"], "unrecognized arguments"),
    (["--vocab-size", "3", "--dataset", "PAIRS"], "vocab"),
    (["--dataset", "PAIRS", "--run", "PAIRS"], "not a run folder"),
    (["--run", "EMPTY", "--resume"], "holds no run"),
    (["evaluate", "--run", "EMPTY"], "holds no run"),
    (["evaluate", "--run", "RUN", "--split", "dev"], "invalid choice"),
    (["evaluate", "--run", "RUN", "--dataset", "phrasebook", "--beam", "0"], "not a number above 0"),
    (["text", "--run", "EMPTY", "um"], "holds no run"),
    (["text", "--run", "RUN", "--attention", "map.png", "um", "dois"], "one sentence"),
    (["text", "--run", "RUN", "--attention", "map.jpg", "um"], ".png"),
    (["text", "--run", "RUN", "--attention", "map.png", " "], "needs a sentence"),
    (["text", "--run", "RUN", "--attention", "map.png", "--beam", "4", "um"], "leave --beam out"),
    (["text", "--run", "RUN", "--attention", "map.png", "--n-best", "2", "um"], "leave --n-best out"),
]


@pytest.mark.parametrize("arguments, message", BAD)
def test_a_mistake_gets_one_line_and_changes_nothing(arguments, message, trained, pairs, tmp_path):
    folder, _ = trained
    places = {"PAIRS": str(pairs), "EMPTY": str(tmp_path), "RUN": str(folder)}
    before, content = files(folder), pairs.read_bytes()
    arguments = [places.get(a, a) for a in arguments]
    if "--run" not in arguments:
        arguments += ["--run", str(tmp_path / "new")]
    with pytest.raises(InputError) as error:
        translate.main(arguments)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert files(folder) == before and pairs.read_bytes() == content


@pytest.mark.parametrize("name", ["config.json", "model.keras", "tokenizer.model"])
@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_a_damaged_run_is_named_in_one_line(trained, tmp_path, name, damage):
    folder = tmp_path / "run"
    folder.mkdir()
    for file, content in files(trained[0]).items():
        if file != name:
            (folder / file).write_bytes(content)
        elif damage != "gone":
            (folder / file).write_bytes(content[: len(content) // 2] if damage == "cut" else b"something else")
    with pytest.raises(InputError, match=name.replace(".", r"\.")) as error:
        fmkeras.load_translator(folder)
    assert "\n" not in str(error.value)


def test_a_run_of_another_version_is_refused(tmp_path):
    runs.write_json(tmp_path / "config.json", {"dataset": "ted", "flux": 1})
    with pytest.raises(InputError, match="flux"):
        fmkeras.load_translator(tmp_path)


@pytest.mark.parametrize("subcommand", [[], ["train"], ["evaluate"], ["compare"], ["text"]])
def test_help_needs_no_heavy_import(subcommand):
    """--help answers at once: nothing is imported that takes longer than answering."""
    program = (
        "import sys\nfrom fmkeras import translate\n"
        "try:\n    translate.main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'pandas', 'matplotlib', 'sentencepiece'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    line = [sys.executable, "-c", program, *subcommand, "--help"]
    result = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, timeout=600)
    assert result.returncode == 0 and "usage" in result.stdout, result.stderr


def test_presets_are_settings_and_the_article_has_its_numbers():
    for preset in PRESETS.values():
        settings = Settings(**preset)
        assert settings.d_model % settings.num_heads == 0
    article = Settings(**PRESETS["document"])
    assert (article.d_model, article.num_heads, article.num_layers) == (128, 2, 1)
    assert (article.limit, article.epochs) == (10_000, 3)


def test_options_beat_the_preset_even_where_they_equal_a_default():
    settings = options.decide(Settings(dataset="ted", precision="float32", epochs=10), {"epochs": 10}, 50_000)
    assert settings.preset == "small" and settings.d_model == 256
    base = options.new_settings({"preset": "base", "epochs": 10})
    assert base.epochs == 10 and base.d_model == 512
