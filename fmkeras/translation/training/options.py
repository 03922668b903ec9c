"""The command lines of `fmkeras.translate` and `fmkeras.pretrain`, and the settings that follow from them."""

import argparse
import dataclasses
import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.translation.inference import options as inference
from fmkeras.translation.settings import CHOICES, FIELDS, LONGEST_SPAN, PRESETS, VARYING, Settings, possible

SIZES = ("d_model", "num_heads", "d_ff", "num_layers", "decoder_layers")
SUBCOMMANDS = ("train", *inference.SUBCOMMANDS)
# What may change when a run is resumed.
RESUMABLE = ("epochs", "minutes", "learning_rate", "patience", "select", "cache", "devices", "accumulate")
AUTOMATIC = ("dataset", "preset", "precision")  # what may be "auto"
MOST = 10**6  # epochs, tokens in a vocabulary or a batch: beyond any use, and small enough to compute with
MOST_PAIRS = 10**9
RARE = {  # settings without an option of their own above, and what they are
    "patience": "stop after N validations without a better one, 0 for never; each epoch ends with one",
    "validate_every": "validate after every N steps, too, and keep the best",
    "select": "keep the epoch of the lowest validation loss, the highest validation BLEU, or the last",
    "passes": "passes over the pairs in an epoch",
    "denoise_epochs": "epochs before the others, in which both sides are reconstructed from noise, unpaired",
    "warmup_steps": "steps of linear warm-up",
    "schedule": "how the learning rate falls after it, linear and cosine to 0 at the last step",
    "optimizer": "muon, with Keras 3.13 or later, is for the matrices, and Adam for the rest",
    "weight_decay": "share of a weight that a step takes away, times the learning rate",
    "label_smoothing": "probability spread over the vocabulary",
    "attention_dropout": "dropout rate on the attention weights",
    "word_dropout": "share of the tokens whose embedding is left out",
    "consistency": "weight of the divergence of two passes over each batch (R-Drop; with --word-dropout SimCut)",
    "clip_norm": "longest gradient",
    "ema_decay": "decay a step of the average of the weights, which is what is kept",
    "max_sentence_tokens": "leave out pairs with a side of more than N subword tokens",
    "held_out": "share of a file's sources for validation, and for test",
    "style": "form of the text: ted is lower-cased and tokenised",
    "d_model": "model dimension",
    "num_heads": "attention heads",
    "d_ff": "inner dimension of the feed-forward layers",
    "num_layers": "encoder blocks, and as many decoder blocks",
    "decoder_layers": "decoder blocks, 0 for as many as encoder blocks",
    "beam": "hypotheses of beam search",
    "length_penalty": "exponent of the length that scores are divided by",
}
TENSORBOARD = "tensorboard"  # the folder of logs in a run folder


def parser() -> argparse.ArgumentParser:
    """The options of all subcommands."""
    top = cli.Parser(
        prog="python -m fmkeras.translate",
        description="Train a Transformer translator, evaluate it, translate text with it.",
        epilog="Without a subcommand it trains, on TED if that can be had, else on the bundled phrasebook. "
        "Each subcommand has its own options: python -m fmkeras.translate train --help",
    )
    subcommands = top.add_subparsers(
        dest="subcommand", required=True, metavar="{train,evaluate,compare,text}", parser_class=cli.Parser
    )
    plain: dict[str, Any] = {"formatter_class": argparse.HelpFormatter, "argument_default": argparse.SUPPRESS}

    usage = "%(prog)s [options]"
    train = subcommands.add_parser("train", help="train and score a translator (the default)", usage=usage, **plain)
    add = train.add_argument
    data = "auto (TED if it can be had, else the phrasebook; the default), ted, phrasebook, a file of sentence pairs "
    data += "(.tsv, .csv, .json, .jsonl, .parquet, .tmx, .xliff, also compressed or in a .zip), two files with as many "
    add("--dataset", nargs="+", action="extend", help=data + "lines, or a folder with train, validation and test files")
    pair_options(add)
    for split in ("validation", "test"):
        add(f"--{split}", metavar="FILE", help=f"{split} pairs, in place of some of --dataset")
    add("--limit", type=cli.positive(most=MOST_PAIRS), metavar="PAIRS", help="train on PAIRS pairs only (all)")
    add("--cache", metavar="DIR", help="keep what is made of large files there (fmkeras-cache, beside the run)")
    add(
        "--init",
        metavar="RUN",
        help="start from this run, pre-trained or a translator (bundled is one): its vocabulary, sizes, weights",
    )
    dropout = "BPE-dropout: skip this share of the tokenizer's merges at random, 0.1 for small data (0)"
    add("--bpe-dropout", type=cli.share, metavar="P", help=dropout)
    add("--sampling", dest="bpe_dropout", type=cli.share, help=argparse.SUPPRESS)  # as version 0.1 called it
    training_options(add, runs.OWN)
    rare_options(train, RARE)

    inference.add_subcommands(subcommands)
    return top


def pretrain_parser() -> argparse.ArgumentParser:
    """The options of pre-training."""
    top = cli.Parser(
        prog="python -m fmkeras.pretrain",
        usage="%(prog)s [options]",
        description="Pre-train a Transformer without translations: it learns to reconstruct corrupted sentences.",
        epilog="Fine-tune it: python -m fmkeras.translate --init runs/pretrain",
        formatter_class=argparse.HelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    add = top.add_argument
    data = "pairs whose sides are used as unpaired text, as in fmkeras.translate (auto; with --text none)"
    add(
        "--dataset",
        nargs="+",
        action="extend",
        help=data + "; their validation and test sentences are left out of all text",
    )
    text = "text files, one sentence a line: pt=news.txt en=more.txt.gz"
    add("--text", nargs="+", action="extend", metavar="LANGUAGE=FILE", help=text)
    add(
        "--skip",
        type=cli.positive(most=MOST_PAIRS),
        metavar="PAIRS",
        help="leave out the first PAIRS pairs, to fine-tune on (0)",
    )
    pair_options(add)
    sentences = "train on N sentences of each language only (all)"
    add("--limit", type=cli.positive(most=MOST_PAIRS), metavar="N", help=sentences)
    add("--mask", type=cli.share, metavar="P", help=f"share of the subword tokens that masks cover ({Settings.mask})")
    add("--span", type=span, metavar="N", help=f"subword tokens under a mask, on average ({Settings.span:g})")
    add(
        "--delete",
        type=cli.share,
        metavar="P",
        help=f"share of the other subword tokens that are deleted ({Settings.delete:g})",
    )
    training_options(add, "runs/pretrain")
    translating = ("select", "beam", "length_penalty", "passes", "denoise_epochs", "style")
    rare_options(top, [name for name in RARE if name not in translating])
    return top


def span(text: str) -> float:
    """An argparse type: a number of 1 or more."""
    value = cli.positive(float, most=LONGEST_SPAN)(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return value


def devices(text: str) -> int:
    """An argparse type: how many devices, 0 for all."""
    return 0 if text == "all" else int(cli.positive(most=MOST)(text))


def pair_options(add: Callable) -> None:
    """Add the options that say what a corpus' sentence pairs are."""
    add("--source-column", type=int, choices=(1, 2), help="column to translate from (1); 2 turns the direction round")
    add("--columns", metavar="A,B", help="columns of source and target, by number or name: 2,4 (told by the file)")
    add("--encoding", metavar="NAME", help="of text without a byte-order mark: cp1252, utf-16-le, ... (UTF-8)")
    add(
        "--clean",
        action="store_true",
        help="leave out training pairs that look wrong: unlike length, untranslated, "
        "markup, wrong script, near-duplicates",
    )
    add("--source", metavar="NAME", help="name of the language translated from, for pairs of your own")
    add("--target", metavar="NAME", help="name of the language translated to, for pairs of your own")


def training_options(add: Callable, run: str) -> None:
    """Add the options that all training has."""
    sizes = "size of the model (auto: tiny for the phrasebook and below 10,000 pairs; else small, or on a GPU base "
    add("--preset", choices=("auto", *PRESETS), help=sizes + "from 100,000 pairs on)")
    add("--epochs", type=cli.positive(most=MOST), metavar="N", help="rounds, then a validation each (fits the data)")
    add("--minutes", type=cli.positive(float), metavar="M", help="stop after M minutes of training (no limit)")
    size = "subword tokens in the vocabulary, for both languages (what fits the data)"
    add("--vocab-size", type=cli.positive(most=MOST), metavar="V", help=size)
    add("--batch-tokens", type=cli.positive(most=MOST), metavar="N", help="tokens a batch (what fits the data)")
    add("--learning-rate", type=cli.positive(float), metavar="R", help="peak of the learning rate (what fits the data)")
    add("--dropout", type=cli.share, metavar="P", help="dropout rate (what fits the data)")
    add("--seed", type=cli.seed, metavar="S", help="seed of everything random (0)")
    shared = "devices that share each batch: a number, or all (all GPUs, or one CPU)"
    add("--devices", type=devices, metavar="N", help=shared)
    parts = "compute each batch in N parts, one after the other, where memory is short (1); the steps stay the same"
    add("--accumulate", type=cli.positive(most=MOST), metavar="N", help=parts)
    address = "share each batch with other machines, on JAX: the address of process 0, or auto where Slurm or Open MPI "
    add("--distributed", metavar="HOST:PORT", default=None, help=address + "tells it. The same command on each machine")
    add("--processes", type=cli.positive(most=MOST), metavar="N", default=None, help="how many processes there are")
    add("--process", type=cli.seed, metavar="I", default=None, help="the number of this one, from 0 on")
    add("--precision", choices=CHOICES["precision"], help="of the products (auto: by the device, docs/devices.md)")
    logs = f"write TensorBoard logs to {run}/{TENSORBOARD}, to look at with: tensorboard --logdir {run}"
    add("--tensorboard", action="store_true", default=False, help=logs)
    add("--resume", action="store_true", default=False, help="go on with the run where it was stopped")
    add("--run", metavar="DIR", default=run, help=f"run folder ({run})")


def rare_options(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add the settings that few people change, each under its own name, in a group at the end."""
    group = parser.add_argument_group("rarely needed", "what is left out fits the data, or is the preset's")
    for name in names:
        value = getattr(Settings, name)
        default = "" if name in VARYING else " (by the number of pairs)" if value is None else f" ({value})"
        option, about = f"--{name.replace('_', '-')}", RARE[name] + default
        if name in CHOICES:
            group.add_argument(option, choices=CHOICES[name], help=about)
        else:
            group.add_argument(option, type=functools.partial(setting, name), metavar="N", help=about)


def setting(name: str, text: str) -> int | float:
    """An argparse type: a value that a setting may have."""
    kind = int if FIELDS[name] is int else float
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not possible(name, value) or value > MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no value for {name}")
    return value


def options_given(arguments: argparse.Namespace) -> dict:
    """The settings that the command line names."""
    names = (field.name for field in dataclasses.fields(Settings))
    given = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    return given | {"dataset": ",".join(given["dataset"])} if "dataset" in given else given


def callbacks_given(arguments: argparse.Namespace) -> list:
    """The Keras callbacks that the command line names."""
    from fmkeras import machines
    from fmkeras.translation.training.callbacks import tensorboard

    return [tensorboard(Path(arguments.run) / TENSORBOARD)] if arguments.tensorboard and machines.first() else []


def new_settings(chosen: dict) -> Settings:
    """Defaults, then the preset's, then the command line's."""
    return Settings(**PRESETS.get(chosen.get("preset", "auto"), {}) | chosen)


def resumed_settings(folder: Path, chosen: dict) -> Settings:
    """The saved settings, of which only the length of training and its learning rate may be given anew.

    Raises:
        InputError: there is no run, or other settings are asked for than it has.
    """
    settings = Settings.load(runs.read_config(folder))
    saved = settings.asdict()
    # "auto" is whatever was settled on when the run began.
    chosen = {name: value for name, value in chosen.items() if name not in AUTOMATIC or value != "auto"}
    changed = [name for name, value in chosen.items() if value != saved[name] and name not in RESUMABLE]
    if "dataset" in changed and (
        saved["dataset"] == "auto" or not {chosen["dataset"], saved["dataset"]} & {"ted", "phrasebook"}
    ):
        changed.remove("dataset")  # data are known by their digest, wherever they lie now: see `same_data`
    if changed:
        listed = ", ".join(f"{name} {saved[name]}, not {chosen[name]}" for name in changed)
        raise InputError(f"{folder} was trained with {listed}: resume without these options, or start another --run")
    if settings.select != chosen.get("select", settings.select) != "last":
        raise InputError(
            f"--select {chosen['select']}: {folder} has kept the best epoch by {settings.select} alone: "
            "leave the option out, or choose last"
        )
    return dataclasses.replace(settings, **chosen)


def decide(settings: Settings, chosen: dict, pairs: int, pretrained: Settings | None = None) -> Settings:
    """Settle what "auto" left open: tiny for the phrasebook; else what fits the number of pairs and the device.

    With a pre-trained run its size is the default, and its vocabulary is kept.

    Raises:
        InputError: another size of vocabulary is asked for; the heads cannot share the model's dimension; or it cannot
            be told what is to end the training.
    """
    from fmkeras.devices import best_precision, has_gpu
    from fmkeras.translation.training.fitting import FINE_TUNING, bundled_corpus, preset_for, unnamed

    phrasebook, afresh = settings.dataset == "phrasebook", settings.task == "translate" and not pretrained
    if settings.preset == "auto" or (
        phrasebook and afresh and settings.preset == "tiny"
    ):  # who names it means the same
        preset = "tiny" if phrasebook else preset_for(pairs, has_gpu())
        preset = pretrained.preset if pretrained else preset
        own = (
            (bundled_corpus(has_gpu(), chosen.get("optimizer", "")) if afresh else {"epochs": 4}) if phrasebook else {}
        )
        sizes = {name: getattr(pretrained, name) for name in SIZES} | {"limit": settings.limit} if pretrained else {}
        fitting = unnamed(PRESETS[preset] | own | sizes, chosen)
        settings = dataclasses.replace(settings, **fitting | {"preset": preset})
    if pretrained:
        if chosen.get("vocab_size", pretrained.vocab_size) != pretrained.vocab_size:
            raise InputError(
                f"--vocab-size {chosen['vocab_size']:,}: a translator keeps the vocabulary of {settings.init}, of "
                f"{pretrained.vocab_size:,} tokens: leave the option out"
            )
        settings = dataclasses.replace(settings, vocab_size=pretrained.vocab_size)
        if pretrained.task == "translate" and "learning_rate" not in chosen:
            settings = dataclasses.replace(settings, learning_rate=FINE_TUNING * settings.learning_rate)
    if settings.d_model % 2 or settings.d_model % settings.num_heads:
        raise InputError(f"--d-model {settings.d_model}: choose an even multiple of --num-heads {settings.num_heads}")
    if settings.select == "last" and chosen.get("patience"):
        raise InputError("--patience waits for a better epoch, and --select last knows none: leave one of them out")
    if settings.precision == "auto":
        settings = dataclasses.replace(settings, precision=best_precision()[0])
    return settings
