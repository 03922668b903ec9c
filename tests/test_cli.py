"""The command line that both scripts share: default subcommand, one-line errors, exit statuses."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from fmkeras import InputError, cli, serve
from fmkeras.houses import options as regress_options
from fmkeras.translation.training import options as translate_options


def parser() -> cli.Parser:
    parser = cli.Parser(prog="fmkeras.test")
    subcommands = parser.add_subparsers(dest="subcommand", required=True)
    subcommands.add_parser("train").add_argument("--epochs", type=cli.positive(), default=3)
    subcommands.add_parser("text").add_argument("sentences", nargs="*")
    return parser


def parse(*argv: str):
    return cli.parse(parser(), ("train", "text"), argv)


def test_the_first_subcommand_may_be_left_out():
    assert parse().subcommand == parse("train").subcommand == "train"
    assert parse("--epochs", "5").epochs == parse("train", "--epochs", "5").epochs == 5
    assert parse("text", "train", "a").sentences == ["train", "a"]


def test_the_process_arguments_are_the_default(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["fmkeras.test", "--epochs", "7"])
    assert cli.parse(parser(), ("train", "text"), None).epochs == 7


@pytest.mark.parametrize("line", [["--epoch", "5"], ["--epochs"], ["--epochs", "x"], ["sing"], ["train", "more"]])
def test_mistakes_are_input_errors_of_one_line(line):
    with pytest.raises(InputError, match="--help") as caught:
        parse(*line)
    assert "\n" not in str(caught.value)


def test_a_word_in_place_of_a_subcommand_is_told_which_there_are():
    with pytest.raises(InputError, match=r"no subcommand 'Bom dia\.': choose from train, text"):
        parse("Bom dia.")


def test_what_is_named_twice_counts_twice():
    """The last `--run` alone would be served, and nobody told."""
    given = serve.parser().parse_args("--run a --run b c --allow-origin http://a --allow-origin http://b".split())
    assert given.run == ["a", "b", "c"] and given.allow_origin == ["http://a", "http://b"]
    houses = regress_options.parser().parse_args("train --drop a --drop b,c".split())
    assert houses.drop == ["a", "b,c"]
    training = translate_options.parser().parse_args("train --dataset a.pt --dataset a.en".split())
    assert training.dataset == ["a.pt", "a.en"]
    scoring = translate_options.parser().parse_args("evaluate --source-file a --reference b --reference c".split())
    assert scoring.reference == ["b", "c"]


def test_help_ends_well(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    assert caught.value.code == 0 and "usage: fmkeras.test" in capsys.readouterr().out


def test_help_shows_the_defaults_that_say_something():
    parser = cli.Parser(prog="fmkeras.test")
    parser.add_argument("--folds", default=0, help="parts")
    parser.add_argument("--target", help="column")
    parser.add_argument("--show", action="store_true", help="open")
    shown = parser.format_help()
    assert "parts (default: 0)" in shown and shown.count("(default") == 1


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "nan", "inf"])
def test_positive_whole_numbers(text):
    assert cli.positive()("7") == 7
    with pytest.raises(cli.argparse.ArgumentTypeError, match="not a number above 0"):
        cli.positive()(text)


@pytest.mark.parametrize("text", ["0", "-0.5", "nan", "inf", "x"])
def test_positive_numbers(text):
    assert cli.positive(float)("0.5") == 0.5
    with pytest.raises(cli.argparse.ArgumentTypeError):
        cli.positive(float)(text)


@pytest.mark.parametrize("text", ["-1", "4294967296", "1.5", "x", "", "+1"])
def test_seeds(text):
    assert cli.seed("0") == 0 and cli.seed("4294967295") == 2**32 - 1
    with pytest.raises(cli.argparse.ArgumentTypeError, match="0 to 4294967295"):
        cli.seed(text)


def ends(raised: BaseException | None) -> int:
    def main() -> None:
        print("out")
        if raised:
            raise raised

    with pytest.raises(SystemExit) as caught:
        cli.run(main)
    return caught.value.code


def test_exit_statuses(capsys, monkeypatch):
    for name in cli.ENVIRONMENT:
        monkeypatch.setenv(name, os.environ.get(name, "0"))
    monkeypatch.setattr(os, "_exit", sys.exit)  # how Ctrl-C leaves, past Python's own end
    assert ends(None) == 0 and capsys.readouterr().err == ""
    assert ends(InputError("what is wrong: what to do")) == 2
    assert capsys.readouterr().err == "fmkeras: error: what is wrong: what to do\n"
    assert ends(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err.strip() == "fmkeras: stopped"
    assert ends(KeyboardInterrupt("the weights are kept")) == 130
    assert capsys.readouterr().err.strip() == "fmkeras: stopped; the weights are kept"
    with pytest.raises(ZeroDivisionError):  # our own mistakes keep their traceback
        cli.run(lambda: print(1 / 0))


def test_a_reader_that_has_enough_is_no_error():
    """`... | head -1`: no traceback when the pipe closes."""
    main = "from fmkeras import cli; cli.run(lambda: [print('x' * 100, flush=True) for _ in range(100_000)])"
    with subprocess.Popen([sys.executable, "-c", main], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("named", "said"),
    [("theano", "theano): set KERAS_BACKEND="), ("torch", "pip install torch, or set KERAS_BACKEND=")],
)
def test_a_backend_that_keras_settings_name_and_that_cannot_be(named, said, tmp_path):
    """~/.keras/keras.json, left behind by another program."""
    if named == "torch" and importlib.util.find_spec("torch"):
        pytest.skip("torch is installed")
    (tmp_path / "keras.json").write_text(json.dumps({"backend": named}))
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    program = "from fmkeras import cli; cli.run(cli.import_keras)"
    environment["KERAS_HOME"] = str(tmp_path)
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert ended.returncode == 2 and said in ended.stderr and ended.stderr.count("\n") == 1


def test_quiet_hides_what_an_import_writes_unless_it_fails(capfd):
    with cli.quiet():
        os.write(2, b"oneDNN is on\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    with pytest.raises(InputError), cli.quiet():
        os.write(2, b"oneDNN is on\n")
        raise InputError("no model")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), cli.quiet():
        os.write(2, b"illegal instruction\n")
        raise ImportError
    assert capfd.readouterr().err == "illegal instruction\n"


@pytest.mark.parametrize("seconds, words", [(3.4, "3 seconds"), (250, "4.2 minutes"), (9000, "2.5 hours")])
def test_durations_read_well(seconds, words):
    assert cli.duration(seconds) == words


def test_a_ctrl_c_that_was_swallowed_is_not_lost():
    """TensorFlow can swallow the exception where its C++ part asks Python something."""
    with pytest.raises(KeyboardInterrupt), cli.interruptible():
        cli.stop_if_interrupted()
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        cli.stop_if_interrupted()
    cli.stop_if_interrupted()  # that block has ended
    with cli.interruptible():
        cli.stop_if_interrupted()


def test_a_ctrl_c_in_the_midst_of_tensorflow_waits_for_its_end_but_a_second_one_does_not():
    """There the exception has crashed the process (SIGSEGV), or become another one."""

    def strikes_within(module: str, times: int) -> str:
        reached: list = []
        call = {"__name__": module, "signal": signal, "reached": reached, "times": times}
        with contextlib.suppress(KeyboardInterrupt), cli.interruptible():
            exec("for i in range(times): signal.raise_signal(signal.SIGINT); reached.append('within')", call)
            reached.append("after")
            cli.stop_if_interrupted()
            reached.append("on")
        return " ".join(reached)

    assert strikes_within("tensorflow.python.eager.execute", 1) == "within after"
    assert strikes_within("tensorflow.python.eager.execute", 2) == "within"
    assert strikes_within("fmkeras.translation", 1) == strikes_within("tensorflow_datasets", 1) == ""


@pytest.mark.parametrize("swallow", [0, 1])
def test_training_ends_at_the_next_step_if_its_ctrl_c_was_swallowed(swallow):
    from fmkeras.houses.linear import Data
    from fmkeras.regress import build_model, train_model

    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X @ [1.0, 2.0]
    data = Data(X, y, X[:10], y[:10], X, y, None, 0.0, 1.0)

    def report(epoch, epochs):
        if epoch["epoch"] == 3:
            with contextlib.suppress(*[KeyboardInterrupt] * swallow):
                signal.raise_signal(signal.SIGINT)

    with cli.interruptible():
        history, finished = train_model(build_model((2,)), data, epochs=20, report=report)
    assert len(history) == 3 and not finished
