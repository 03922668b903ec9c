"""What is said of texts: of the first at once, and of which lines besides; what makes a translation a guess."""

import math

from fmkeras.translation.inference.hypotheses import SearchOptions, doubtful
from fmkeras.translation.inference.remarks import Remarks


def test_each_thing_is_said_of_the_first_text_and_of_the_numbers_of_all(capsys):
    with Remarks() as remarks:
        remarks.texts(["one 1", "Too long.", "one 1"], 1)
        remarks.say("other numbers", "one 1")
        remarks.say("cut", "Too long.")
        remarks.texts(["four 4", "five"], 4)
        remarks.say("other numbers", "four 4")
        assert capsys.readouterr().err == "fmkeras: other numbers: one 1...\nfmkeras: cut: Too long....\n"
    assert capsys.readouterr().err == "fmkeras: other numbers: lines 1, 3, 4\n"


def test_of_many_lines_the_first_are_named(capsys):
    texts = [f"text {number}" for number in range(2000)]
    with Remarks() as remarks:
        remarks.texts(texts, 1)
        for text in texts[:1500]:
            remarks.say("cut", text)
    assert capsys.readouterr().err.endswith(" 19, 20 and 1,480 more\n")


def test_a_translation_is_a_guess_if_it_is_less_probable_than_right_ones_were():
    usual = SearchOptions(4, 1.0, 1, None)
    assert doubtful({"test": {"nll": 0.7}}, usual) == -0.7
    assert (
        doubtful({"test": {"nll": 0.01}}, usual) == -0.5
    )  # it knows its test set by heart, and is sure enough of others
    assert doubtful({}, usual) == doubtful({"test": {"perplexity": 2.0}}, usual) == -math.inf
    assert doubtful({"test": {"nll": 0.7}}, SearchOptions(4, 0.5, 1, None)) == -math.inf  # scores of another kind
