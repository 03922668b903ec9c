"""What looks wrong with a test set is said in one line, with the way out; of what is right nothing is."""

import html
import json

import pytest
from test_evaluation import evaluate, numbers, run, translator, write  # noqa: F401

from fmkeras import InputError, translate
from fmkeras.translation.inference import checks

REFERENCES = [
    "The cat is sleeping on the sofa.",
    "I'm hungry, and you?",
    "Where is the nearest beach?",
    "Thank you for your help.",
    "It doesn't cost 47 euros.",
    "What are you doing there?",
    "The store opens at nine.",
    "My sister lives in Porto.",
    "We missed the last train.",
    "He wrote a long letter.",
]
SOURCES = [
    "O gato dorme no sofá.",
    "Tenho fome, e tu?",
    "Onde fica a praia mais próxima?",
    "Obrigado pela sua ajuda.",
    "Não custa 47 euros.",
    "O que está a fazer aí?",
    "A loja abre às nove.",
    "A minha irmã mora no Porto.",
    "Perdemos o último comboio.",
    "Ele escreveu uma carta longa.",
]
TRANSLATIONS = [text.replace("The", "A").replace("is", "was") for text in REFERENCES]
TOKENISED = [text[:-1].replace(",", " ,") + f" {text[-1]}" for text in REFERENCES]
AFTER = "are like the reference after their own: see whether a line is missing there, or too much"


def doubts(references, translations=TRANSLATIONS, sources=SOURCES) -> list[str]:
    return checks.doubts(sources, references, translations, "--reference", "turn them")


@pytest.mark.parametrize(
    ("references", "said"),
    [
        (SOURCES, "10 of 10 sources are their own references: name their translations, by --reference"),
        (REFERENCES[-1:] + REFERENCES[:-1], f"from about pair 1 on translations {AFTER}"),
        (REFERENCES[1:] + REFERENCES[:1], f"from about pair 2 on translations {AFTER.replace('after', 'before')}"),
        (REFERENCES[:4] + REFERENCES[9:] + REFERENCES[4:9], f"from about pair 5 on translations {AFTER}"),
        (
            [html.escape(text).replace("&#x27;", "&apos;") for text in REFERENCES],
            "2 of 10 references are escaped (&apos;), and translations not: undo it, as html.unescape does",
        ),
        (
            [text.lower() for text in REFERENCES],
            "10 of 10 references are lower-cased, and translations not: take them as they were written, or score what "
            "text prints by sacrebleu -lc",
        ),
        (
            TOKENISED,
            "10 of 10 references are tokenised (a space before full stops), and translations not: detokenise them",
        ),
    ],
)
def test_what_looks_wrong_is_said_in_one_line(references, said):
    assert doubts(references) == [said]


def test_sides_that_are_turned_are_said():
    said = "its sources read like translations, and its references do not: if they are turned, turn them"
    assert doubts(SOURCES, TRANSLATIONS, REFERENCES) == [said]


def test_of_what_is_right_nothing_is_said():
    assert doubts(REFERENCES) == []
    assert doubts(SOURCES[:4], TRANSLATIONS[:4], SOURCES[:4]) == []  # too few
    assert doubts([SOURCES[0], *REFERENCES[1:]]) == []  # one is not translated
    assert doubts(REFERENCES, ["a cat"] * 10) == []  # a translator that has learnt nothing


@pytest.mark.parametrize("form", [lambda text: text.lower(), lambda text: text.replace("'", "&apos;")])
def test_a_form_that_translations_have_too_is_none_of_the_references(form):
    assert doubts(list(map(form, REFERENCES)), list(map(form, TRANSLATIONS))) == []
    assert doubts(TOKENISED, TOKENISED) == []


def test_evaluate_and_compare_say_it_with_the_option_that_they_have(evaluate, run, tmp_path, capsys):  # noqa: F811
    pairs = numbers(20, seed=9)
    same = write(tmp_path / "same.tsv", [(source, source) for source, _ in pairs])
    (tmp_path / "text").write_text("".join(f"{source}\n" for source, _ in pairs), encoding="utf-8")
    said = "20 of 20 sources are their own references: name their translations, by"
    assert f"{said} --columns" in evaluate("--dataset", same)["notes"]
    translate.main(["compare", *2 * [str(run[0])], "--dataset", str(same), "--samples", "10", "--beam", "1"])
    assert f"{said} --columns" in capsys.readouterr().out.splitlines()
    both = ["--source-file", tmp_path / "text", "--reference", tmp_path / "text"]
    assert f"{said} --reference" in evaluate(*both)["notes"]


@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.txt", "pairs.csv", "pairs.jsonl"])
def test_a_table_is_no_plain_text(name, evaluate, tmp_path):  # noqa: F811
    """Each of its lines would be translated, tab and all."""
    rows = numbers(3, seed=1)
    join = {"csv": ",".join, "jsonl": lambda row: json.dumps(dict(zip(("pt", "en"), row, strict=True)))}
    lines = map(join.get(name.split(".")[1], "\t".join), rows)
    (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (tmp_path / "one.tsv").write_text("".join(f"{target}\n" for _, target in rows), encoding="utf-8")
    with pytest.raises(InputError) as error:
        evaluate("--source-file", tmp_path / name, "--reference", tmp_path / "one.tsv")
    said = ": a table or file of pairs, and no plain text: name it with --dataset"
    assert str(error.value) == f"{tmp_path / name}{said}"
    (tmp_path / "text").write_text("".join(f"{source}\n" for source, _ in rows), encoding="utf-8")
    assert evaluate("--source-file", tmp_path / "text", "--reference", tmp_path / "one.tsv")["pairs"] == 3
