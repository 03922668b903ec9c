"""What README and docs say is so: commands, options, file names, and the figures that the code or the data know.

A page that quotes something that is not so is named here with the quotation. Figures that only a measurement can tell
are in docs/results.md, each with its command.
"""

import argparse
import functools
import importlib.util
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from fmkeras import cli, export, serve
from fmkeras.houses import options as houses
from fmkeras.serving import bodies, translating
from fmkeras.translation.corpora import cleaning, held_out, own, phrasebook
from fmkeras.translation.settings import PRESETS, Settings
from fmkeras.translation.training import bpe_dropout, estimates, fitting, options, translators

ROOT = Path(__file__).parents[1]
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
PAGES = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", *DOCS]
SCRIPTS = {
    "fmkeras.translate": options.parser,
    "fmkeras.pretrain": options.pretrain_parser,
    "fmkeras.regress": houses.parser,
    "fmkeras.export": export.parser,
    "fmkeras.serve": serve.parser,
}
OURS = ("fmkeras", "benchmarks", "docs", "notebooks")
OTHERS = {"--rest_api_port", "--model_name", "--model_base_path", "--load-only"}  # of programs that are not ours
FOLDERS = (*OURS, "data", "tests", ".ci")


@functools.cache
def text_of(page: str) -> str:
    """A page, with the lines of a command that goes on in the next joined."""
    return re.sub(r"\\\n\s*", "", (ROOT / page).read_text(encoding="utf-8"))


# --- Commands and their options ---


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of its subcommands, the default one first; itself under "" if it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {"": parser}


@functools.cache
def options_of(module: str, word: str = "") -> dict[str, list[str]]:
    """The options of a command with the values that they may have; [] for any value. Of a benchmark: those it names."""
    if module not in SCRIPTS:
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        return {option: [] for option in re.findall(r'"(--[a-z][\w-]*)"', path.read_text(encoding="utf-8"))}
    parsers = subcommands(SCRIPTS[module]())
    parser = parsers.get(word) or next(iter(parsers.values()))
    return {
        option: list(map(str, action.choices or [])) for action in parser._actions for option in action.option_strings
    }


def commands(text: str) -> list[tuple[str, str]]:
    """The modules that a page calls with `python -m`, or one of ours by its name alone, each with what follows it."""
    found = re.findall(r"(?:(python3? -m )|(?<![\w.-]))([A-Za-z_][\w.]*)(?=[ `\n])([^\n`|#&)]*)", text)
    return [(module.rstrip("."), rest) for called, module, rest in found if called or module in SCRIPTS]


def wrong_commands(text: str) -> list[str]:
    """Commands of a text whose module, option or value does not exist."""
    wrong = []
    for module, rest in commands(text):
        if module.split(".")[0] not in OURS:
            continue
        if not importlib.util.find_spec(module):
            wrong.append(module)
            continue
        words = rest.split()
        known = options_of(module, words[0] if words else "") | {"--help": []}
        for word, value in pairwise([*words, ""]):
            if word.startswith("--") and word.rstrip(".,;:") not in known:
                wrong.append(f"{module} {word}")
            elif known.get(word) and value[:1].islower() and value.rstrip(".,;:") not in known[word]:
                wrong.append(f"{module} {word} {value}")
    return wrong


def every_option() -> set[str]:
    """The options of all our commands."""
    modules = [f"benchmarks.{path.stem}" for path in (ROOT / "benchmarks").glob("*.py")]
    found = {option for module in modules for option in options_of(module)} | OTHERS | {"--help"}
    for module, parser in SCRIPTS.items():
        found |= {option for word in subcommands(parser()) for option in options_of(module, word)}
    return found


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page):
    text = text_of(page)
    assert not wrong_commands(text)
    spans = re.findall(r"`(--[^`\n]+)`", text)  # options by themselves, in a sentence
    assert not {option for span in spans for option in re.findall(r"--[a-z][\w-]*", span)} - every_option()


@pytest.mark.parametrize("module", SCRIPTS)
def test_help_fits_80_columns(module, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parser = SCRIPTS[module]()
    helps = [parser, *subcommands(parser).values()]
    assert not [line for one in helps for line in one.format_help().splitlines() if len(line) > 80]


# --- Links and file names ---


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_links_and_file_names_lead_somewhere(page):
    text, folder = text_of(page), (ROOT / page).parent
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)
    assert not [link for link in links if not (folder / link.partition("#")[0]).exists()]
    for page_of, _, anchor in (link.partition("#") for link in links if "#" in link):
        linked = folder / page_of if page_of else ROOT / page
        headings = re.findall(r"^#+ (.*)", linked.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in anchors, f"{page_of}#{anchor}"
    names = re.findall(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*)`", text)
    assert not [name for name in names if not (ROOT / name).exists()]


# --- Figures ---


def rows(pattern: str) -> str:
    """How many lines the tables of the phrasebook of these names have, without headers and empty ones: "4,315"."""
    files = list((ROOT / "data" / "phrasebook").glob(pattern))
    return f"{sum(len([line for line in path.open(encoding='utf-8') if line.strip()]) - 1 for path in files):,}"


REPORT = json.loads((ROOT / "data" / "translator" / "report.json").read_text(encoding="utf-8"))
PARTS = REPORT["test"]["parts"]
WORDS = sum(
    int(rows(f"{folder}{kind}.csv").replace(",", ""))
    for folder in ("", "rare/")
    for kind in ("nouns", "adjectives", "verbs", "phrases")
)


def lines(name: str) -> int:
    """How many lines a file has, without empty ones."""
    return sum(1 for line in (ROOT / name).open(encoding="utf-8") if line.strip())


FIRST = lines("tests/first_sentences.tsv") - 1


def sizes(preset: str) -> str:
    """ "128 / 512 / 4 / 2+2"."""
    chosen = Settings(**PRESETS[preset])
    return f"{chosen.d_model} / {chosen.d_ff} / {chosen.num_heads} / {chosen.blocks}"


SERVING = serve.parser().parse_args([])
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
LOW, ABOVE = re.search(r'requires-python = ">=([\d.]+),<3\.(\d+)"', PROJECT).groups()
PYTHONS = f"{LOW} to 3.{int(ABOVE) - 1}"
LOWEST_KERAS, KERAS_ABOVE = re.search(r'"keras>=([\d.]+),<3\.(\d+)"', PROJECT).groups()
KERAS = LOWEST_KERAS, f"3.{int(KERAS_ABOVE) - 1}"
PHRASEBOOK, RESULTS = "data/phrasebook/README.md", "docs/results.md"
OWN, DEPLOY = "docs/own-data.md", "docs/deploy.md"


def measured(pattern: str) -> float:
    """A figure of docs/results.md."""
    found = re.search(pattern, text_of(RESULTS))
    assert found, f"{RESULTS} has no {pattern}"
    return float(found[1].replace(",", ""))


def short(seconds: float) -> str:
    """54 s, 9 min, 1.5 h, 15 h, 6 days."""
    units = (("days", 86400), ("h", 3600), ("min", 60), ("s", 1))
    unit, size = next((unit, size) for unit, size in units if seconds > 1.2 * size)
    value = seconds / size
    return f"{value:.1f} {unit}" if unit == "h" and value < 10 else f"{value:.0f} {unit}"


TOKENS_A_PAIR = measured(r"rehearsal \(([\d,]+) target tokens") / measured(r"([\d,]+) training pairs of")
SECONDS_A_PAIR = TOKENS_A_PAIR / measured(r"\| \*\*ours, float32\*\* \|.*\| \*\*([\d,]+)\*\*")
PREPARED = {n: measured(rf"\n\| {n:,} \|.*?([\d.]+) \([\d.]+ - [\d.]+\) \|") for n in (10_000, 100_000, 300_000, 10**6)}

TRAINING, PRETRAINING = "docs/training.md", "docs/pretraining.md"
OURS_SPEED = measured(r"\| \*\*ours, float32\*\* \| \*\*([\d,]+)\*\*")
MEMORY = r"\n\| {:,} \|.* ([\d,]+) \|\n"
# What the pages quote of results.md: page, what stands there, the figure of results.md, and its form there.
QUOTED = [
    *[
        ("README.md", rf"  {name} +([\d.]+)  bleu", measured(r"the default, seed 0 \|.*" + place), ".2f")
        for name, place in (
            ("written", r"\| ([\d.]+) \|[^|]*\|[^|]*\|\n"),
            ("new", r"\| ([\d.]+) \|[^|]*\|\n"),
            ("unseen", r"\| ([\d.]+) \|\n"),
        )
    ],
    ("README.md", r"run above gives, (\d+)", measured(r"the default, seed 0 \|.*?(\d+) of \d+ "), ".0f"),
    *[
        (OWN, rf"\n\| {pairs} \| {before}([\d.]+)", measured(rf"\| {pairs} \| {data} \|.*?\*\*([\d.]+)\*\*"), ".1f")
        for pairs in ("300", "600", "2,000")
        for before, data in (("", "phrasebook"), (r"[\d.]+ \| ", "rehearsal"))
    ],
    (OWN, r"they made\s+([\d.]+) BLEU", measured(r"noise, then pairs \|.*?\*\*([\d.]+)\*\*"), ".2f"),
    (OWN, r"([\d.]+) without noise", measured(r"before 2026-11-28: .*?in all \| ([\d.]+)"), ".2f"),
    (OWN, r"in (\d+) minutes of one busy core", measured(r"noise, then pairs \|.*? ([\d,]+) \| \*\*") / 60, ".0f"),
    (OWN, r"or ([\d.]+) from a pre-trained start", measured(r"rehearsal pairs then give ([\d.]+)"), ".1f"),
    (OWN, r"from ([\d.]+) target tokens a pair", TOKENS_A_PAIR, ".1f"),
    (OWN, r"and ([\d,]+) target\s+tokens a second", TOKENS_A_PAIR / SECONDS_A_PAIR, ",.0f"),
    (
        TRAINING,
        r"(\d+) times as fast as the TensorFlow",
        OURS_SPEED / measured(r"tutorial trains, float32 \| ([\d,]+)"),
        ".0f",
    ),
    (
        TRAINING,
        r"([\d.]+) times as fast as the same model",
        OURS_SPEED / measured(r"Keras's layers, our batches, float32 \| ([\d,]+)"),
        ".1f",
    ),
    (TRAINING, r"about (\d+) sentences of TED", round(measured(r"ours, greedy\*\* \|.*?\*\*([\d.]+)\*\*"), -1), ".0f"),
    (TRAINING, r"Beam 4: about (\d+)\.", round(measured(r"ours, beam 4\*\* \|.*?\*\*([\d.]+)\*\*"), -1), ".0f"),
    (TRAINING, r"Greedy search is (\d+) times", round(measured(r"Greedy search is (\d+) times"), -1), ".0f"),
    (TRAINING, r"and (\d+) times as fast as that loop", measured(r"and (\d+) times as fast as that loop"), ".0f"),
    (PRETRAINING, r"reaches ([\d.]+) test BLEU from pre-trained", measured(r"9, 9 \| ([\d.]+)"), ".1f"),
    (
        PRETRAINING,
        r"and ([\d.]+) from\s+random ones",
        measured(r"lowest validation loss \| ([\d.]+) .*, epochs 10"),
        ".1f",
    ),
    (PRETRAINING, r"noise on their own\s+sides, ([\d.]+)", measured(r"noise, then pairs \|.*?\*\*([\d.]+)\*\*"), ".2f"),
    (PRETRAINING, r"it is ([\d.]+) against", measured(r"after 768 steps \| .*?\| ([\d.]+)"), ".1f"),
    (PRETRAINING, r"it is [\d.]+ against ([\d.]+)\.", measured(r"after 768 steps \| ([\d.]+)"), ".1f"),
    (PRETRAINING, r"we call ([\d,]+) pairs", measured(r"([\d,]+) training pairs of"), ",.0f"),
    ("docs/regressor.md", r"test R² ([\d.]+)", measured(r"bundled one, seeds 0 and 1 \| 4,323 \| ([\d.]+)"), ".4f"),
]
# (page, what stands there with the figure in brackets, what it must be)
FIGURES = [
    *[(page, pattern, format(figure, form)) for page, pattern, figure, form in QUOTED],
    ("README.md", r"([\d,]+) sentence pairs that we wrote", rows("written/*.tsv")),
    (PHRASEBOOK, r"\(`written/`\): ([\d,]+) pairs", rows("written/*.tsv")),
    ("CHANGELOG.md", r"phrasebook has ([\d,]+) written pairs", rows("written/*.tsv")),
    ("README.md", r"([\d,]+) that a bilingual grammar generates", f"{phrasebook.GENERATED:,}"),
    (PHRASEBOOK, r"([\d,]+) lexical entries", f"{WORDS:,}"),
    (PHRASEBOOK, r"([\d,]+) patterns, ", rows("patterns.csv")),
    (PHRASEBOOK, r"([\d,]+) whole sentences; ", rows("sentences.csv")),
    ("README.md", r"train: (.*)\n", REPORT["notes"][0].removeprefix("train: ")),
    ("README.md", r"test: ([\d,]+) pairs", f"{REPORT['test']['pairs']:,}"),
    *[("README.md", rf"  {name} +[\d.]+  bleu of (\d+) pairs", str(part["pairs"])) for name, part in PARTS.items()],
    *[("README.md", rf"BLEU.* ([\d.]+) on \*{name}\*", f"{part['bleu']:.1f}") for name, part in PARTS.items()],
    *[(RESULTS, rf"(?<=\| ){name} \((\d+)\)", str(part["pairs"])) for name, part in PARTS.items()],
    (
        RESULTS,
        r"\(`bundled`\) (\| \d+ \| [\d.]+ million \|).*",
        f"| {REPORT['epochs']} | {REPORT['target_tokens'] / 1e6:.2f} million |",
    ),
    (
        RESULTS,
        r"\(`bundled`\).*?\| ([\d.]+ \| [\d.]+ \| [\d.]+) \|\n",
        " | ".join(f"{part['bleu']:.2f}" for part in PARTS.values()),
    ),
    ("README.md", r"Of the \[(\d+) sentences\]", str(FIRST)),
    (RESULTS, r"of (\d+) \([\d.]+ %\)", str(FIRST)),
    ("README.md", r"types first it gets (\d+) right", f"{measured(r'`bundled`.*?([0-9]+) of [0-9]+ '):.0f}"),
    ("README.md", r"scores, translates: about (\d+) minutes", f"{estimates.PHRASEBOOK / 60:.0f}"),
    *[(TRAINING, rf"\| `{name}` \| (\d+ / [^|]+) \|", sizes(name)) for name in PRESETS],
    (OWN, r"Below ([\d,]+) training pairs", f"{fitting.FEW:,}"),
    (OWN, r"about ([\d,]+) steps, but 10 epochs", f"{fitting.STEPS:,}"),
    (OWN, r"tokens, dropout ([\d.]+)", str(fitting.SMALL_DATA["dropout"])),
    (OWN, r"Up to ([\d,]+) it gets", f"{fitting.SOME:,}"),
    (OWN, r"it gets (\d+) epochs", str(fitting.SOME_DATA["epochs"])),
    (OWN, r"From there to ([\d,]+) it gets", f"{fitting.MANY:,}"),
    (OWN, r"From there to [\d,]+ it gets (\d+)", str(fitting.MANY_DATA["epochs"])),
    (TRAINING, r"From there to ([\d,]+) pairs", f"{fitting.MANY:,}"),
    (OWN, r"after (\d+) epochs without a better BLEU", str(fitting.SMALL_DATA["patience"])),
    (OWN, r"batches of (\d+) tokens", str(fitting.SMALL_DATA["batch_tokens"])),
    (OWN, r"holds ([\d,]+) pairs that we wrote", str(lines("docs/fr-de.tsv"))),
    (OWN, r"Without them (\d+) % of the sources", f"{held_out.SHARE:.0%}"[:-1]),
    (OWN, r"of large files, about ([\d,]+) each", f"{held_out.MOST:,}"),
    (OWN, r"sentences \(at most (\d+) of them\)", str(translators.SCORED)),
    (OWN, r"anew for each epoch, ([\d,]+) pairs", f"{bpe_dropout.PART:,}"),
    (OWN, r"a side over (\d+) times as long", f"{cleaning.LONGER:g}"),
    (OWN, r"sides up to (\d+) characters stay", str(cleaning.SHORT)),
    (OWN, r"where over\s+(\d+) % would go", f"{cleaning.RECOMMENDED:.0%}"[:-1]),
    *[(OWN, rf"\| {n:,} \| [\d.]+ s, ([\d,]+) MB", f"{measured(MEMORY.format(n)):,.0f}") for n in PREPARED],
    (OWN, r"Files of (\d+) MB", str(own.LARGE >> 20)),
    *[(OWN, rf"\| {n:,} \|[^|]*\| ([^|]*) \|[^|]*\|\n", f"{short(n * SECONDS_A_PAIR)}*") for n in (*PREPARED, 10**7)],
    *[
        (OWN, rf"\| {n:,} \|[^|]*\|[^|]*\| ([^|]*) \|\n", f"{short(10 * n * SECONDS_A_PAIR)}*")
        for n in (*PREPARED, 10**7)
    ],
    *[(OWN, rf"\| {n:,} \| ([\d.]+) s,", f"{s:.1f}".removesuffix(".0")) for n, s in PREPARED.items()],
    (OWN, r"\| 10,000,000 \| ([^,]*),", short(measured(r"\| first \| ([\d,]+) \|"))),
    (OWN, r"\| 51,785 \|.*\| (\d+ min) \|", short(measured(r"\n\| 0 \| 10 \|.*?\| ([\d,]+), beside"))),
    (DEPLOY, r"compared on (\d+) sentences", str(export.SENTENCES)),
    (DEPLOY, r"up to `--batch (\d+)` texts", str(SERVING.batch)),
    (DEPLOY, r"waits (\d+) ms", f"{SERVING.wait:g}"),
    (DEPLOY, r"([\d,]+) characters a request", f"{SERVING.char_limit:,}"),
    (DEPLOY, r"and (\d+) lines, else 413", str(translating.MOST_TEXTS)),
    (DEPLOY, r"(\d+) texts may wait", str(SERVING.max_waiting)),
    (DEPLOY, r"takes more than (\d+) seconds: 408", f"{bodies.SECONDS:g}"),
    ("CONTRIBUTING.md", r"Python ([\d.]+ to [\d.]+), in a clone", PYTHONS),
    ("README.md", r"with Python ([\d.]+ to [\d.]+)\.", PYTHONS),
    ("README.md", r"!\[Python ([\d.]+ to [\d.]+)\]", PYTHONS),
    ("README.md", r"!\[Keras ([\d.]+ to [\d.]+)\]", " to ".join(KERAS)),
    ("README.md", r"and-cuda\](.*?)\"", re.search(r'"tensorflow(>.*)"', PROJECT)[1]),
    ("README.md", r"# ([\d,]+) house sales", f"{lines('data/king_county_houses.csv') - 1:,}"),
]


def wrong_figures(page: str, text: str) -> list[str]:
    """Figures of a page that are not what they must be, or that it no longer has where this file looks for them."""
    wrong = []
    for _, pattern, right in (figure for figure in FIGURES if figure[0] == page):
        found = re.findall(pattern, text)
        wrong += [f"{pattern}: {value}, not {right}" for value in found if value != right]
        wrong += [f"{pattern}: not there"] * (not found)
    return wrong


@pytest.mark.parametrize("page", sorted({page for page, _, _ in FIGURES}))
def test_figures_are_those_of_code_and_data(page):
    assert not wrong_figures(page, text_of(page))


@pytest.mark.parametrize(
    ("page", "right", "changed"),
    [
        ("README.md", "sentence pairs that we wrote", "1 sentence pairs that we wrote"),
        ("README.md", f"{PARTS['written']['bleu']:.1f} on *written*", "99.9 on *written*"),
        (TRAINING, sizes("small"), "256 / 1024 / 8 / 3+3"),
        (DEPLOY, "256 texts may wait", "512 texts may wait"),
        (TRAINING, "11 times as fast", "12 times as fast"),
        (PRETRAINING, "it is 23.5 against", "it is 24.5 against"),
    ],
)
def test_a_changed_figure_is_found(page, right, changed):
    assert right in text_of(page)
    assert wrong_figures(page, text_of(page).replace(right, changed))


@pytest.mark.parametrize(
    "line",
    ["python -m fmkeras.gone", "python -m fmkeras.translate text --epochs 3", "`fmkeras.export --to onnx`\n"],
)
def test_a_command_that_does_not_exist_is_found(line):
    assert wrong_commands(f"{line}\n")


def test_badges_say_what_pyproject_does():
    badges = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "badges").glob("*.svg")}
    assert f">{PYTHONS.replace('to', '-')}<" in badges["python"]
    assert f">{' - '.join(KERAS)}<" in badges["keras"]
    assert f">{', '.join(cli.BACKENDS)}<" in badges["backends"]
    assert f'license = "{re.search(">(Apache[^<]+)<", badges["licence"])[1]}"' in PROJECT


def test_the_code_of_the_page_on_attention_gives_what_stands_below_it(capsys):
    code, printed = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", text_of("docs/attention.md"), re.S).groups()
    exec(code, {})
    assert capsys.readouterr().out == printed


@pytest.mark.slow
def test_the_heads_look_where_the_page_on_attention_says(tmp_path, capsys):
    from docs import attention

    attention.main(["--folder", str(tmp_path)])
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    shown = [line for line in text_of("docs/attention.md").splitlines() if "%" in line or "| head 1 |" in line]
    # Another processor rounds otherwise.
    assert [re.sub(r"\d+%", "", line) for line in printed if "---" not in line] == [
        re.sub(r"\d+%", "", s) for s in shown
    ]
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in attention.FOLDER.iterdir()}
