"""Scores of translations against references, by sacreBLEU (Post 2018), each BLEU with its signature."""

import sacrebleu


def bleu(hypotheses: list[str], references: list[str], tokenize: str = "13a") -> tuple[float, str]:
    """Corpus BLEU (Papineni et al. 2002), 0 to 100, and the signature that says how it was computed.

    Args:
        hypotheses, references: one sentence each, in order.
        tokenize: sacreBLEU's tokeniser; "none" for text that is tokenised already.

    Raises:
        ValueError: the lists differ in length or are empty, or hold anything but sentences.
    """
    _check(hypotheses, references)
    # force: sacreBLEU would warn that text which ends in " ." looks tokenised. TED's is, and is meant to be.
    metric = sacrebleu.BLEU(tokenize=tokenize, force=True)
    score = metric.corpus_score(hypotheses, [references]).score
    return score, str(metric.get_signature())


def scores(hypotheses: list[str], references: list[str]) -> dict:
    """What report.json holds: BLEU on the text as it is and with 13a tokens, their signatures, and chrF2."""
    plain, signature = bleu(hypotheses, references, "none")
    standard, signature_13a = bleu(hypotheses, references, "13a")
    chrf = sacrebleu.CHRF()
    return {
        "bleu": plain,
        "bleu_signature": signature,
        "bleu_13a": standard,
        "bleu_13a_signature": signature_13a,
        "chrf": chrf.corpus_score(hypotheses, [references]).score,
        "chrf_signature": str(chrf.get_signature()),
    }


def _check(hypotheses: list[str], references: list[str]) -> None:
    """sacreBLEU itself takes a string for a list of letters, and of lists of unequal length scores the first few."""
    for name, sentences in (("hypotheses", hypotheses), ("references", references)):
        if isinstance(sentences, str) or not all(isinstance(sentence, str) for sentence in sentences):
            raise ValueError(f"{name} must be a list of sentences, each one string")
    if not 0 < len(hypotheses) == len(references):
        raise ValueError(f"{len(hypotheses):,} hypotheses for {len(references):,} references: give one for each")
