"""`text`, from the command line and from Python: a line out for each line in, n-best lists, alignment, limits."""

import io
import json
import sys
from pathlib import Path

import pytest

import fmkeras
from fmkeras import InputError, translate
from fmkeras.translation.inference import decoding, loading
from fmkeras.translation.inference.parting import CUT, LIMIT, NUMBERS

RUN = Path(__file__).parent / "runs_0_1" / "translate"  # it turns Portuguese numbers into English ones


@pytest.fixture(scope="module")
def translator():
    return fmkeras.load_translator(RUN)


@pytest.fixture
def text(translator, capsys, monkeypatch):
    """Run the subcommand, with arguments and standard input; gives its lines and what was said on standard error.

    Of the translator that is loaded already, so that its graphs are made once.
    """
    monkeypatch.setattr(loading, "load_translator", lambda *arguments: translator)

    def run(*arguments, stdin: bytes | None = None):
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        translate.main(["text", "--run", str(RUN), *map(str, arguments)])
        captured = capsys.readouterr()
        assert captured.out.endswith("\n")
        return captured.out[:-1].split("\n"), captured.err

    return run


def test_a_string_is_one_text(translator):
    assert translator.translate("um dois") == translator.translate(["um dois"]) == ["one two"]


def test_what_comes_again_is_translated_once(translator, monkeypatch):
    asked, translate_ids = [], translator.engine.translate

    def counted(sources, options):
        asked.extend(sources)
        return translate_ids(sources, options)

    monkeypatch.setattr(translator.engine, "translate", counted)
    assert translator.translate(["um", "um dois", "um", "", "um"]) == ["one", "one two", "one", "", "one"]
    assert len(asked) == 2


def test_a_byte_order_mark_is_no_text(text):
    lines = "um dois três\nquatro\n".encode()
    assert text(stdin=b"\xef\xbb\xbf" + lines) == text(stdin=lines)
    with pytest.raises(InputError, match="standard input is UTF-16 text"):
        text(stdin="um dois".encode("utf-16"))


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\r", "\u3000"])
def test_only_a_line_feed_ends_a_line(mark, text, translator):
    lines, _ = text(stdin=f"um{mark}dois\n\ntrês\n".encode())
    assert lines == translator.translate(["um dois", "", "três"])
    assert translator.translate([f"um{mark}dois\ntrês"]) == translator.translate(["um dois três"])


def test_full_width_forms_stay_as_they_are(translator):
    """NFC keeps them: "ｕｍ" is another text than "um", and nothing makes one of the other in silence."""
    assert translator.parts("ｕｍ　ｄｏｉｓ。") == ["ｕｍ ｄｏｉｓ。"]


def test_sentences_are_cut_unless_told_otherwise(translator, text):
    line = "Um dois. Três quatro!"
    assert translator.parts(line) == ["Um dois.", "Três quatro!"]
    assert translator.parts(line, split=False) == [line]
    whole = translator.translate([line], split=False)
    assert text("--no-split", line)[0] == whole != translator.translate([line])


def test_what_training_lines_held_is_not_cut(translator, monkeypatch):
    line = "Um dois. Três quatro!"
    monkeypatch.setattr(translator.settings, "sentences_per_line", 2)
    assert translator.parts(line) == [line]
    assert translator.parts(f"{line} Cinco.") == ["Um dois.", "Três quatro!", "Cinco."]
    monkeypatch.setattr(translator.settings, "max_sentence_tokens", 10)
    assert translator.parts(line) == ["Um dois.", "Três quatro!"]  # whole it would be too long


def test_the_name_of_a_file_and_words_without_quotes_are_said(text, tmp_path, monkeypatch):
    """Both are translated, for a file may be called as a text is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "um livro.txt").write_text("um dois\n", encoding="utf-8")
    said = "fmkeras: um livro.txt is a file, and its name is translated: to translate what is in it, "
    for arguments in (["um livro.txt"], ["um", "um livro.txt"]):
        lines, err = text(*arguments)
        assert len(lines) == len(arguments) and f"{said}python -m fmkeras.translate text < 'um livro.txt'\n" in err
    for words, shown in (("um dois três", "um dois três"), ("um dois três um dois", "um dois três um ...")):
        lines, err = text(*words.split())
        count = len(words.split())
        assert lines[0] == "one" and len(lines) == count
        said = f"fmkeras: each of the {count} words is translated alone: if they are one text, quote it"
        assert err.startswith(f'{said}, "{shown}"\n')
    for arguments in (["um"], ["um dois", "três"], ["um dois três"]):
        assert "quote" not in text(*arguments)[1]
    assert "quote" not in text(stdin=b"um\ndois\n")[1]


def test_too_long_sentences_are_cut_and_that_is_said(translator, text):
    line = "um dois três, " * 60
    said = []
    assert len(translator.translate([line], 1, lambda *doubt: said.append(doubt))) == 1 and (CUT, line) in said
    assert "".join(translator.parts(line)).replace(" ", "") == line.replace(" ", "")
    assert all(part.endswith(",") for part in translator.parts(line))
    lines, err = text("--beam", 1, line, line)
    assert len(lines) == 2 and err.count("cut, since too long for one sentence: um dois") == 1
    assert "cut, since too long for one sentence: lines 1, 2\n" in err


def test_n_best(translator, text):
    (found,) = translator.translate_n_best(["um dois três"], 3)
    assert len({translation for translation, _ in found}) == 3
    assert found[0].translation == translator.translate(["um dois três"])[0]
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    lines, _ = text("--n-best", 3, "um dois três", "", "um")
    assert [line.split("\t")[0] for line in lines] == ["1", "1", "1", "2", "3", "3", "3"]
    assert [line.split("\t")[2] for line in lines[:3]] == [translation for translation, _ in found]


def test_n_best_of_several_sentences_is_put_together_from_theirs(translator):
    first, second = (translator.translate_n_best([text], 2)[0] for text in ("um dois.", "três."))
    (both,) = translator.translate_n_best(["um dois. três."], 2)
    assert both[0].translation == f"{first[0].translation} {second[0].translation}"
    assert both[0].score == pytest.approx((first[0].score + second[0].score) / 2, abs=1e-5)
    assert both[1].score <= both[0].score


def test_json_has_score_tokens_and_alignment(translator, text):
    lines, _ = text("--json", "--n-best", 2, "um dois três", " ", "dois. quatro")
    one, none, two = map(json.loads, lines)
    assert one["source"] == "um dois três" and one["translation"] == "one two three" and not one["cut"]
    assert one["alternatives"][0]["translation"] == "one two three"
    assert one["score"] == one["alternatives"][0]["score"] < 0
    assert "".join(one["tokens"]).replace("▁", " ").strip() == "one two three"
    assert one["source_tokens"][-1] == "</s>" and len(one["alignment"]) == len(one["tokens"])
    assert all(0 <= place < len(one["source_tokens"]) for row in (one, two) for place in row["alignment"])
    assert (none["translation"], none["tokens"], none["alternatives"], none["score"]) == ("", [], [], None)
    assert two["source_tokens"].count("</s>") == 2
    # Of two parts, the second's tokens look at the second's source.
    assert two["alignment"][-1] > two["source_tokens"].index("</s>")


def test_alignment_is_that_of_the_last_block(translator):
    (detail,) = translator.translate_in_detail(["um dois três"], beam=1)
    source, target, weights = translator.attention("um dois três")
    assert (detail.source_tokens, detail.tokens) == (source, target[:-1])
    assert detail.alignment == weights[-1].mean(axis=0).argmax(axis=-1)[:-1].tolist()


def test_a_translation_cut_by_the_limit_is_said_once(translator, text):
    said = []
    (short,) = translator.translate(["um dois três quatro"], max_length=3, on_doubt=lambda *doubt: said.append(doubt))
    assert (LIMIT, "um dois três quatro") in said and len(translator.tokenizer.encode([short])[0]) <= 3
    lines, err = text("--max-length", 3, "um dois três quatro", "cinco seis sete oito")
    assert len(lines) == 2 and err.count("length limit (--max-length): um dois três quatro") == 1
    assert "length limit (--max-length): lines 1, 2\n" in err
    assert json.loads(text("--json", "--max-length", 3, "um dois três quatro")[0][0])["cut"]
    assert "length limit" not in text("um dois três")[1]


def test_a_translation_with_other_numbers_is_said_once(translator, text):
    said = []
    translator.translate(["um 2024", "um dois três"], on_doubt=lambda *doubt: said.append(doubt))
    assert (NUMBERS, "um 2024") in said and "um dois três" not in dict(map(reversed, said))
    for options in ((), ("--json",), ("--n-best", 2)):
        err = text(*options, "um 2024", "um dois", "dois 1999")[1]
        assert err.count("lacks a number, a name or an address of the text, check it: um 2024") == 1
        assert "lacks a number, a name or an address of the text, check it: lines 1, 3\n" in err


def test_the_length_penalty_is_the_searchs(translator, text):
    (low,), (high,) = (translator.translate_n_best(["um dois três"], 1, length_penalty=p) for p in (0.0, 2.0))
    assert low[0].score < high[0].score < 0  # divided by length ** penalty
    assert text("--length-penalty", 0, "um dois três")[0] == [low[0].translation]


def test_a_search_is_made_once(translator, monkeypatch):
    made, make = [], decoding.Search.__init__

    def count(self, *arguments, **options):
        made.append(arguments)
        make(self, *arguments, **options)

    monkeypatch.setattr(decoding.Search, "__init__", count)
    fresh = fmkeras.load_translator(RUN)
    for _ in range(2):
        fresh.translate(["um"])
        fresh.translate_sentences(["um"])
    assert len(made) == 1


def test_the_first_sentence_waits_for_no_tracing():
    """A short sentence is translated without the graph, whose tracing takes longer; the graph then gives the same."""
    fresh = fmkeras.load_translator(RUN)
    first = fresh.translate(["um dois três"])
    (search,) = fresh.engine.searches.values()
    assert search.compiled_call.experimental_get_tracing_count() == 0 and 0 < search.tokens <= decoding.SHORT
    search.tokens = decoding.SHORT
    assert [fresh.translate(["um dois três"]) for _ in range(2)] == [first] * 2
    assert search.compiled_call.experimental_get_tracing_count() == 1


def test_attention_of_any_script_is_drawn_with_one_line_at_most(text, tmp_path):
    _, err = text("--attention", tmp_path / "map.png", "你好")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG") and err.count("\n") <= 1


@pytest.mark.parametrize("heavy", ["sacrebleu", "pandas", "sklearn", "matplotlib", "tensorflow_datasets"])
def test_translating_imports_nothing_that_it_does_not_need(heavy, loaded_modules):
    assert heavy not in loaded_modules


@pytest.fixture(scope="module")
def loaded_modules(tmp_path_factory):
    """The modules of a process that has translated a sentence."""
    import os
    import subprocess

    program = (
        "import sys\nfrom fmkeras import translate\n"
        f"translate.main(['text', '--run', {str(RUN)!r}, 'um dois'])\nprint(*sorted(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    translation, modules = result.stdout.splitlines()
    assert translation == "one two"
    return set(modules.split())
