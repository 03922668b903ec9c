"""Both scripts that train a Transformer: what they refuse leaves a run as it was; what they resume ends as it must."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from conftest import QUICK

from fmkeras import InputError, pretrain, runs, translate
from fmkeras.translation.training import session
from fmkeras.translation.training.checkpoint import CHECKPOINT

SCRIPTS = {"translate": translate.main, "pretrain": pretrain.main}


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(params=SCRIPTS)
def finished(request) -> tuple:
    """A script, and a run of it."""
    run = {"translate": "quick_translator", "pretrain": "quick_pretrained"}[request.param]
    return SCRIPTS[request.param], request.getfixturevalue(run)


@pytest.fixture
def run(finished, tmp_path) -> tuple:
    """The script, and a copy of the run, to do as one likes with."""
    main, folder = finished
    return main, Path(shutil.copytree(folder, tmp_path / "run"))


def refused(run, message: str, *options: str) -> None:
    """The script says so, and changes no file."""
    main, folder = run
    before = hashes(folder.parent)
    with pytest.raises(InputError, match=message) as caught:
        main([*options, "--run", str(folder)])
    assert "\n" not in str(caught.value) and hashes(folder.parent) == before


@pytest.mark.parametrize("left", [runs.HISTORY, runs.REPORT])
def test_a_run_whose_checkpoint_was_deleted_is_not_begun_anew(run, left):
    """To share a run one leaves out what is large and not needed."""
    (run[1] / CHECKPOINT).unlink()
    (run[1] / (runs.REPORT if left == runs.HISTORY else runs.HISTORY)).unlink()
    refused(run, r"checkpoint\.npz is missing: restore it, or train in another --run", "--resume")


def test_a_refused_resume_keeps_the_settings(run):
    (run[1] / CHECKPOINT).write_bytes(b"damaged")
    refused(run, r"checkpoint\.npz cannot be used", "--resume", "--epochs", "3", "--learning-rate", "1")


def test_without_its_tokenizer_no_other_is_trained(run):
    (run[1] / "tokenizer.model").unlink()
    refused(run, r"tokenizer\.model is missing", "--resume")


def test_text_that_cannot_be_used_leaves_the_earlier_run(run, quick_pairs):
    refused(run, "choose a larger vocabulary", "--dataset", str(quick_pairs), "--vocab-size", "1")


def test_nothing_but_long_sentences_leave_the_earlier_run(run, tmp_path):
    path = tmp_path / "long.tsv"
    sides = (" ".join(chr(97 + i * j % 26) + tail for j in range(200)) for i in range(60) for tail in ("", "z"))
    path.write_text("".join(f"{source}\t{next(sides)}\n" for source in sides), encoding="utf-8")
    refused(run, "longer than 128 tokens: cut them into", "--dataset", str(path), *QUICK)


@pytest.mark.skipif(runs.fcntl is None, reason="no locks on Windows")
@pytest.mark.parametrize("options", [["--resume"], QUICK])
def test_a_folder_that_another_training_writes_to_is_refused(run, quick_pairs, options):
    with runs.alone(run[1]):
        refused(run, "another training writes to", *options, "--dataset", str(quick_pairs))


def test_killed_in_its_last_plot_it_draws_it(run):
    """And "auto" names what was settled on when the run began."""
    main, folder = run
    plot = folder / "loss.png"
    before = plot.read_bytes()
    plot.unlink()
    main(["--resume", "--preset", "auto", "--precision", "auto", "--dataset", "auto", "--run", str(folder)])
    assert plot.read_bytes() == before


@pytest.mark.slow
def test_while_it_is_resumed_it_is_no_finished_run(run, monkeypatch):
    main, folder = run
    reported, plot = [], session.plot

    def watched(*arguments):
        reported.append((folder / runs.REPORT).exists())
        plot(*arguments)

    monkeypatch.setattr(session, "plot", watched)
    main(["--resume", "--epochs", "2", "--run", str(folder)])
    assert reported == [False]
    assert json.loads((folder / runs.REPORT).read_text(encoding="utf-8"))["epochs"] == 2


@pytest.mark.slow
def test_a_damaged_history_is_named(run, capsys):
    main, folder = run
    (folder / runs.HISTORY).write_bytes(b"epoch,loss\n1,0.5\n")
    main(["--resume", "--run", str(folder)])
    lines = [line for line in capsys.readouterr().out.splitlines() if f"{folder / runs.HISTORY} was missing" in line]
    assert len(lines) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("schedule", "said"), [("linear", 1), ("inverse-sqrt", 0)])
def test_a_rate_that_had_fallen_to_0_and_jumps_is_named(run, capsys, schedule, said):
    main, folder = run
    runs.write_config(folder, runs.read_config(folder) | {"schedule": schedule})
    main(["--resume", "--epochs", "2", "--run", str(folder)])
    line = "its learning rate fell to 0 in 1 epochs, and falls in 2 now: it jumps"
    assert capsys.readouterr().out.count(line) == said
