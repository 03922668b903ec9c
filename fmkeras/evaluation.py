"""The subcommands of `fmkeras.translate` that score: `evaluate` and `compare`; what they print."""

import argparse
import json
from typing import TYPE_CHECKING

from fmkeras import cli, runs
from fmkeras.errors import InputError

if TYPE_CHECKING:
    from fmkeras.translation.inference.evaluation_sets import EvaluationSet
    from fmkeras.translation.settings import Settings


def evaluate(arguments: argparse.Namespace) -> None:
    """What section 5.4 of the article meant: load the saved model and score it on data that it was not trained on."""
    from fmkeras.translation.inference import evaluation_sets
    from fmkeras.translation.inference.loading import load_translator
    from fmkeras.translation.inference.remarks import Remarks
    from fmkeras.translation.inference.scoring import score_lines

    translator = load_translator(arguments.run, arguments.engine)
    with cli.quiet():  # TED is read with TensorFlow, whatever translates
        test = _test_set(arguments, translator.settings, arguments.run, arguments.split)
    known = evaluation_sets.trained_on(arguments.run, translator.settings)
    overlap = evaluation_sets.overlap(test, known)
    with Remarks() as remarks:
        remarks.texts(test.sources, 1)
        options = arguments.beam, arguments.bleu_tokenize, arguments.ter
        result, translations = evaluation_sets.score(translator, test, *options, remarks.say)
    test.notes += _doubts(arguments, test, translations)
    result["trained_on"] = overlap
    cli.write_utf8()
    if arguments.json:
        print(json.dumps({"test_set": test.name, "notes": test.notes} | result, ensure_ascii=False))
        return
    print(*score_lines(test.name, result), sep="\n")
    for line in [*test.notes, overlap_note(overlap, result["pairs"])]:
        print(line)


def _test_set(
    arguments: argparse.Namespace, settings: "Settings", run: str, split: str | None = None
) -> "EvaluationSet":
    """The test set that the command line names."""
    from fmkeras.translation.inference import evaluation_sets

    if bool(arguments.source_file) != bool(arguments.reference):
        raise InputError("--source-file needs --reference, the files with its translations, and the other way round")
    reading = {name: getattr(arguments, name) for name in evaluation_sets.PLAIN if getattr(arguments, name)}
    if not arguments.source_file:
        return evaluation_sets.load(settings, run, arguments.dataset, split, **reading)
    encoding = reading.pop("encoding", "")
    if arguments.dataset or split or reading:
        raise InputError("--source-file is scored whole: leave out --dataset, --split, --columns and --source-column")
    return evaluation_sets.load_texts(
        arguments.source_file, arguments.reference, encoding, (settings.source, settings.target)
    )


def _doubts(arguments: argparse.Namespace, test: "EvaluationSet", translations: list[str]) -> list[str]:
    """What looks wrong with a test set that is not of the run's own data, with the options that put it right."""
    from fmkeras.translation.inference import checks

    if test.own:
        return []
    ways = "--columns", f"--source-column {3 - (arguments.source_column or 1)}"
    ways = ("--reference", "swap --source-file and --reference") if arguments.source_file else ways
    return checks.doubts(test.sources, test.references, translations, *ways)


def overlap_note(overlap: dict[str, int] | None, pairs: int) -> str:
    """What is said of sentences that the run was trained on."""
    if overlap is None:
        return "how much of it was trained on cannot be said: the run keeps no list, and its data are gone"
    counts = " and ".join(f"{count:,} of {pairs:,} {name}" for name, count in overlap.items())
    return f"trained on: {counts}"


def compare(arguments: argparse.Namespace) -> None:
    """Translate one test set with two runs, and say whether their scores differ by more than chance."""
    from fmkeras.translation.inference import evaluation_sets
    from fmkeras.translation.inference.loading import load_translator
    from fmkeras.translation.inference.scoring import bleu_note, paired_bootstrap

    arguments.runs = [str(runs.find(run)) for run in arguments.runs]
    translators = [load_translator(run, "keras") for run in arguments.runs]
    first, second = (translator.settings for translator in translators)
    if (first.source, first.target) != (second.source, second.target):
        pairs = [f"{settings.source} → {settings.target}" for settings in (first, second)]
        raise InputError(f"{arguments.runs[0]} translates {pairs[0]}, {arguments.runs[1]} {pairs[1]}: no comparison")
    tests = [
        _test_set(arguments, translator.settings, run)
        for translator, run in zip(translators, arguments.runs, strict=True)
    ]
    if tests[0].sources != tests[1].sources or (tests[0].references, tests[0].more) != (
        tests[1].references,
        tests[1].more,
    ):
        raise InputError(
            f"{arguments.runs[0]} and {arguments.runs[1]} hold out different sentences ({tests[0].name}; "
            f"{tests[1].name}): name one test set by --dataset or --source-file"
        )
    test = tests[0]
    systems, notes = {}, []
    for translator, own, run in zip(translators, tests, arguments.runs, strict=True):
        result, systems[run] = evaluation_sets.score(translator, own, arguments.beam, arguments.bleu_tokenize)
        overlap = evaluation_sets.overlap(own, evaluation_sets.trained_on(run, translator.settings))
        notes.append(f"{run}: {overlap_note(overlap, result['pairs'])}")
    notes += _doubts(arguments, test, systems[arguments.runs[0]])
    scoring = first.target, first.style if test.own else "plain", arguments.bleu_tokenize
    notes += filter(None, [bleu_note(test.references, *scoring)])
    found = paired_bootstrap(systems, test.references, *scoring, arguments.samples, test.more)
    cli.write_utf8()
    print_comparison(test.name, found, [*test.notes, *notes])


def print_comparison(title: str, found: dict[str, dict], notes: list[str]) -> None:
    """A table for each metric: score, confidence and p value of each system."""
    print(f"\n{title}; paired bootstrap against the first run")
    for name, metric in found.items():
        print(f"  {name}  {metric['signature']}")
        for row in metric["systems"]:
            chance = "baseline" if row["p"] is None else f"p = {row['p']:.4f}"
            scored = f"{row['score']:>8.2f}  {row['mean']:>7.2f} ± {row['confidence']:<6.2f}"
            print(f"    {scored} {chance:<12} {row['system']}")
    for note in notes:
        print(note)
