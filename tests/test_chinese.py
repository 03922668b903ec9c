"""A translator into Chinese and one out of it, trained here: no white space anywhere, and nothing is lost by that."""

import json

import numpy as np
import pytest

import fmkeras
from fmkeras import translate
from fmkeras.translation.settings import PRESETS

pytestmark = pytest.mark.slow  # two translators are trained for all of them

WHO = {"I": "我", "you": "你", "he": "他", "we": "我们", "they": "他们"}
DOES = {"eat": "吃", "buy": "买", "want": "要", "see": "看见"}
WHAT = {"rice": "米饭", "fish": "鱼", "tea": "茶", "bread": "面包", "apples": "苹果", "milk": "牛奶"}
ENDS = {".": "。", "!": "！"}
SIZES = dict(d_model=32, num_heads=4, d_ff=64, num_layers=1, dropout=0.0, batch_tokens=200, learning_rate=0.01)
SIZES |= dict(warmup_steps=60, ema_decay=0.97, label_smoothing=0.02)
OPTIONS = "--preset tiny --epochs 15 --vocab-size 340 --precision float32"
OPTIONS += " --batch-tokens 200 --dropout 0 --passes 1 --select loss --patience 0"  # not what is fitted to few pairs


def sentences() -> list[tuple[str, str]]:
    """All 240 sentences of the four lists, in a random order: Chinese and English."""
    pairs = [
        (f"{WHO[who]}{DOES[does]}{WHAT[what]}{ENDS[end]}", f"{who[0].upper()}{who[1:]} {does} {what}{end}")
        for who in WHO for does in DOES for what in WHAT for end in ENDS
    ]  # fmt: skip
    return [pairs[i] for i in np.random.default_rng(0).permutation(len(pairs))]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Run folders by direction, each learnt from the same file."""
    folder = tmp_path_factory.mktemp("chinese")
    (folder / "pairs.tsv").write_text("".join(f"{zh}\t{en}\n" for zh, en in sentences()), encoding="utf-8")
    runs = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "tiny", SIZES)
        for column, names in ((1, ("Chinese", "English")), (2, ("English", "Chinese"))):
            run = folder / names[1]
            options = ["--dataset", str(folder / "pairs.tsv"), "--source-column", str(column), *OPTIONS.split()]
            translate.main([*options, "--source", names[0], "--target", names[1], "--run", str(run)])
            runs[names[1]] = run
    return runs


def test_out_of_chinese_each_sentence_of_a_line_is_translated(trained):
    translator = fmkeras.load_translator(trained["English"])
    assert translator.translate(["我吃米饭。他们买茶！"]) == ["I eat rice. They buy tea!"]
    assert translator.settings.sentences_per_line == 1


def test_into_chinese_sentences_are_joined_without_a_space(trained):
    translator = fmkeras.load_translator(trained["Chinese"])
    assert translator.translate(["I eat rice. They buy tea!"]) == ["我吃米饭。他们买茶！"]


@pytest.mark.parametrize(("target", "tokenizer"), [("Chinese", "zh"), ("English", "13a")])
def test_perfect_output_is_a_bleu_of_100(target, tokenizer, trained):
    """Of what was learnt nearly all comes out perfect, and that has 100; held-out sentences have little less."""
    test = json.loads((trained[target] / "report.json").read_text(encoding="utf-8"))["test"]
    assert test["bleu"] > 80 and f"tok:{tokenizer}" in test["bleu_signature"]
    translator = fmkeras.load_translator(trained[target])
    pairs = [pair if target == "English" else pair[::-1] for pair in sentences()]
    found = translator.translate([source for source, _ in pairs], 1)
    right = [pair for pair, translation in zip(pairs, found, strict=True) if translation == pair[1]]
    assert len(right) > 0.9 * len(pairs)
    result, _ = translator.score(right, {}, beam=1)
    assert [result[name] for name in ("bleu", "chrf", "chrf_plus_plus")] == pytest.approx([100] * 3)
    assert f"tok:{tokenizer}" in result["bleu_signature"]


def test_what_text_prints_of_one_sentence_is_what_was_scored(trained):
    for target, run in trained.items():
        translator = fmkeras.load_translator(run)
        lines = [pair[target == "Chinese"] for pair in sentences()]
        assert translator.translate(lines, 1) == translator.translate_sentences(lines, 1)


def test_a_long_sentence_without_spaces_is_cut_at_its_commas(trained):
    translator = fmkeras.load_translator(trained["English"])
    line = "，".join(["我们看见苹果"] * 60)
    parts = translator.parts(line)
    assert len(parts) > 1 and "".join(parts) == line and all(part.endswith("，") for part in parts[:-1])
