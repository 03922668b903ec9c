"""BLEU and chrF are sacreBLEU's own, on the scale 0 to 100, each with its signature."""

import pytest
import sacrebleu

from fmkeras.errors import InputError
from fmkeras.translation.inference import options, scoring
from fmkeras.translation.inference.scoring import bleu, paired_bootstrap, scores

REFERENCES = [
    "the train is late , and i ca n't wait any longer .",
    "where is the beach ? it 's over there .",
    "she did n't want to go to the market on monday .",
]
HYPOTHESES = [
    "the train is late , and i ca n't wait .",
    "where is the beach ? it is over there .",
    "she did n't want to go to the shop on monday .",
]


@pytest.mark.parametrize("tokenize", ["none", "13a", "intl"])
def test_bleu_is_sacrebleus(tokenize):
    expected = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES], tokenize=tokenize, force=True).score
    score, signature = bleu(HYPOTHESES, REFERENCES, tokenize)
    assert score == expected
    assert 20 < score < 100
    assert f"tok:{tokenize}" in signature and f"version:{sacrebleu.__version__}" in signature


def test_the_two_tokenisations_differ():
    cased = ["It's late, isn't it? I think so."], ["It's late, isn't it ? I thought so."]
    assert bleu(*cased, "none")[0] != bleu(*cased, "13a")[0]


def test_perfect_is_100_and_not_1():
    result = scores(REFERENCES, REFERENCES)
    assert [result[name] for name in ("bleu", "bleu_13a", "chrf")] == pytest.approx([100.0] * 3)


def test_nothing_in_common_is_0():
    result = scores(["0 0 0 0 0 0"] * 3, REFERENCES)
    assert [result[name] for name in ("bleu", "bleu_13a", "chrf")] == [0.0] * 3


@pytest.mark.parametrize(
    ("language", "style", "tokenize", "expected"),
    [
        ("en", "plain", None, "13a"),
        ("source", "plain", None, "13a"),
        ("en", "ted", None, "none"),
        ("Chinese", "plain", None, "zh"),
        ("Thai", "plain", None, "char"),
        ("en", "ted", "intl", "intl"),
    ],
)
def test_scores_is_what_report_json_holds(language, style, tokenize, expected):
    result = scores(HYPOTHESES, REFERENCES, language, style, tokenize)
    assert (result["bleu"], result["bleu_signature"]) == bleu(HYPOTHESES, REFERENCES, expected)
    assert (result["bleu_13a"], result["bleu_13a_signature"]) == bleu(HYPOTHESES, REFERENCES, "13a")
    assert result["chrf"] == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
    assert "nrefs:1" in result["chrf_signature"] and "version:" in result["chrf_signature"]
    assert result["chrf_plus_plus"] == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES], word_order=2).score
    assert "nw:2" in result["chrf_plus_plus_signature"] and "ter" not in result


def test_ter_on_request():
    result = scores(HYPOTHESES, REFERENCES, ter=True)
    assert result["ter"] == sacrebleu.corpus_ter(HYPOTHESES, [REFERENCES]).score and "tok:" in result["ter_signature"]


CHINESE = ["我们明天去北京。", "他不喜欢下雨天。", "你能帮我开门吗？"]


@pytest.mark.parametrize("language", ["zh", "ja", "ko", "th", "lo", "km", "my", "yue", "Japanese"])
def test_perfect_output_is_100_in_scripts_without_spaces(language, monkeypatch):
    monkeypatch.setattr(scoring.importlib.util, "find_spec", lambda name: None)  # as where MeCab is not installed
    result = scores(CHINESE, CHINESE, language)
    assert result["bleu"] == pytest.approx(100) and result["bleu_13a"] == 0  # a sentence is a word to 13a
    almost = scores(["我们后天去北京。", *CHINESE[1:]], CHINESE, language)
    assert 50 < almost["bleu"] < 100


def test_mecab_is_taken_where_it_is_installed(monkeypatch):
    monkeypatch.setattr(scoring.importlib.util, "find_spec", lambda name: name)
    assert (scoring.tokenizer_of("ja"), scoring.tokenizer_of("Korean")) == ("ja-mecab", "ko-mecab")


def test_the_tokenisers_offered_are_sacrebleus():
    assert set(options.TOKENIZERS) <= set(sacrebleu.BLEU.TOKENIZERS)


def test_a_tokeniser_that_cannot_be_had_is_named_in_one_line(monkeypatch):
    def refuse(**options):
        raise OSError("no network\nat all")

    monkeypatch.setattr(sacrebleu, "BLEU", refuse)
    with pytest.raises(InputError, match="--bleu-tokenize flores200 cannot be had") as error:
        scores(HYPOTHESES, REFERENCES, tokenize="flores200")
    assert "\n" not in str(error.value)


def test_several_references():
    more = [[None, REFERENCES[1], HYPOTHESES[2]]]
    assert scores(HYPOTHESES, REFERENCES, more=more)["bleu"] > scores(HYPOTHESES, REFERENCES)["bleu"]
    assert "nrefs:var" in scores(HYPOTHESES, REFERENCES, more=more)["bleu_signature"]
    with pytest.raises(ValueError, match="3 hypotheses for 2 references"):
        scores(HYPOTHESES, REFERENCES, more=[REFERENCES[:2]])


def test_paired_bootstrap_tells_a_difference_from_chance():
    better, worse = REFERENCES * 20, HYPOTHESES * 20
    found = paired_bootstrap({"a": worse, "b": better, "c": worse}, REFERENCES * 20, samples=200)
    for name in ("BLEU", "chrF2", "chrF2++"):
        baseline, other, same = found[name]["systems"]
        assert [row["system"] for row in (baseline, other, same)] == ["a", "b", "c"]
        assert baseline["p"] is None and other["p"] < 0.05 < same["p"]
        assert other["score"] == pytest.approx(100) and same["score"] == baseline["score"] < 100
    assert "bs:200" in found["BLEU"]["signature"]


def test_order_matters():
    """Each hypothesis is held against its own reference, not against the nearest."""
    assert bleu(REFERENCES[::-1], REFERENCES)[0] < 50 < bleu(REFERENCES, REFERENCES)[0]


@pytest.mark.filterwarnings("error")
def test_text_that_is_tokenised_is_meant_to_be(caplog):
    """sacreBLEU warns of sentences that end in " .": not here, where the signature says tok:none."""
    bleu(HYPOTHESES * 40, REFERENCES * 40, "none")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("hypotheses", "references"),
    [
        ("the train is late .", ["the train is late ."]),
        (["the train is late ."], "the train is late ."),
        ([["the", "train"]], ["the train"]),  # what gave a peer a BLEU of 1e-231
        (["the train"], [["the", "train"]]),
        ([b"the train"], ["the train"]),
    ],
)
def test_what_is_no_list_of_sentences_is_refused(hypotheses, references):
    with pytest.raises(ValueError, match="list of sentences"):
        scores(hypotheses, references)


@pytest.mark.parametrize(("hypotheses", "references"), [(["a"], ["a", "b"]), (["a", "b"], ["a"]), ([], [])])
def test_unequal_or_no_lists_are_refused(hypotheses, references):
    with pytest.raises(ValueError, match=f"{len(hypotheses)} hypotheses for {len(references)} references"):
        scores(hypotheses, references)


def test_empty_translations_count_against_the_score():
    assert 0 < bleu([*HYPOTHESES[:2], ""], REFERENCES)[0] < bleu(HYPOTHESES, REFERENCES)[0]


SHORT = ["Yes.", "Thank you.", "Good morning!", "No"]


def test_where_no_reference_has_four_tokens_bleu_says_nothing_and_that_is_said():
    """A perfect translation of a word list has a BLEU of 0."""
    result = scores(SHORT, SHORT)
    assert result["bleu"] == 0 and result["chrf"] == pytest.approx(100)
    said = "BLEU says nothing of lines so short: 0 of 4 references have 4 tokens, which it compares in a row"
    assert result["bleu_note"] == f"{said}; look at chrF"
    lines = scoring.score_lines("words", result | {"beam": 4, "parts": {}})
    assert lines[-1] == f"  {said}; look at chrF"


@pytest.mark.parametrize(
    ("references", "language", "style", "says"),
    [
        (SHORT * 3 + ["I have a dog."], "en", "plain", True),  # 1 of 13
        (SHORT * 2 + ["I have a dog."], "en", "plain", False),
        (["I have it."], "en", "plain", False),  # 13a cuts the full stop off
        (["I have it."], "en", "ted", True),
        (["i have it ."], "en", "ted", False),
        (CHINESE, "zh", "plain", False),
        (["I have a dog."], "en", "plain", False),
    ],
)
def test_where_bleu_says_something_nothing_is_said(references, language, style, says):
    assert bool(scoring.bleu_note(references, language, style)) is says
    assert ("bleu_note" in scores(references, references, language, style)) is says
