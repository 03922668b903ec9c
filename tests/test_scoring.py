"""BLEU and chrF are sacreBLEU's own, on the scale 0 to 100, each with its signature."""

import pytest
import sacrebleu

from fmkeras.translation.inference.scoring import bleu, scores

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


def test_scores_is_what_report_json_holds():
    result = scores(HYPOTHESES, REFERENCES)
    assert (result["bleu"], result["bleu_signature"]) == bleu(HYPOTHESES, REFERENCES, "none")
    assert (result["bleu_13a"], result["bleu_13a_signature"]) == bleu(HYPOTHESES, REFERENCES, "13a")
    assert result["chrf"] == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score
    assert "nrefs:1" in result["chrf_signature"] and "version:" in result["chrf_signature"]


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
