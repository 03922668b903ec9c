"""The requests that ask for translations: LibreTranslate's fields, and one more for the page."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, ValidationError

from fmkeras.serving.batching import Batcher
from fmkeras.serving.failures import Refused
from fmkeras.serving.served import Answer, Key, Served
from fmkeras.translation.corpora import textform
from fmkeras.translation.inference.hypotheses import Alternative, Detail

MOST_TEXTS = 64  # of one request
MOST_ALTERNATIVES = 10
AUTO = "auto"


# JSON can hold half a surrogate pair, which no answer can.
Text = Annotated[StrictStr, AfterValidator(textform.storable)]


class Ask(BaseModel):
    """Fields of a request, named and typed as LibreTranslate's."""

    model_config = ConfigDict(extra="ignore")

    q: Text | list[Text] = Field(description="text, or a list of texts")
    api_key: StrictStr | None = Field("", description="where the server asks for one")


class Detect(Ask):
    """Tells which of the languages served a text is in."""


class Translate(Ask):
    """Translates a text, or a list of texts; line ends stay."""

    source: StrictStr = Field(description="code of its language, or auto")
    target: StrictStr = Field(description="code of the language to translate to")
    format: Literal["text", "", None] = Field("text", description="text; html is not translated")
    alternatives: int = Field(0, ge=0, le=MOST_ALTERNATIVES, description="further translations, where there are any")


class Details(Translate):
    """Translates one line of text: scores, tokens, and where each token looks."""

    q: Text = Field(description="one line of text")


def parsed(kind: type[BaseModel], fields: dict[str, Any]) -> Any:
    """Fields as the class that they must fit.

    Raises:
        Refused: they do not; names the first that is wrong.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = str(first["loc"][0])
        if first["type"] == "missing":
            raise Refused(400, f"Invalid request: missing {name} parameter") from None
        meaning = kind.model_fields[name].description
        raise Refused(400, f"Invalid request: {name} ({meaning}): {first['msg']}") from None


def checked(texts: list[str], most: int, tokens: Callable[[list[str]], int]) -> None:
    """Refuse too much text.

    Args:
        texts: of one request.
        most: characters, and tokens.
        tokens: counts those of all texts.

    Raises:
        Refused: it has more characters, lines or tokens than one request may.
    """
    if (count := sum(map(len, texts))) > most:
        raise Refused(413, f"Invalid request: request ({count:,}) exceeds text limit ({most:,} characters)")
    if (count := sum(text.count("\n") + 1 for text in texts)) > MOST_TEXTS:
        raise Refused(413, f"Invalid request: {count:,} lines of text are more than {MOST_TEXTS} in one request")
    if (count := tokens(texts)) > most:
        what = f"{count:,} tokens, as of signs that the model does not know"
        raise Refused(413, f"Invalid request: {what}, exceed the limit ({most:,})")


async def translate(ask: Translate, served: Served, batcher: Batcher) -> dict[str, Any]:
    """What /translate answers.

    Raises:
        Refused: the direction is not served, or too many requests wait.
    """
    several = isinstance(ask.q, list)
    texts: list[str] = ask.q if isinstance(ask.q, list) else [ask.q]
    detected = [served.detect(text, ask.target) if ask.source == AUTO else [] for text in texts]
    sources = [found[0]["language"] if found else ask.source for found in detected]
    keys = [Key(*served.direction(source, ask.target), ask.alternatives) for source in sources]
    answers = [Answer([], [])] * len(texts)
    for key in dict.fromkeys(keys):
        rows = [i for i, other in enumerate(keys) if other == key]
        for i, answer in zip(rows, await _lines(key, [texts[i] for i in rows], batcher), strict=True):
            answers[i] = answer
    best = [answer.found[0].translation if answer.found else "" for answer in answers]
    result: dict[str, Any] = {"translatedText": best if several else best[0]}
    if ask.source == AUTO:
        languages = [found[0] if found else {"confidence": 0.0, "language": ask.source} for found in detected]
        result["detectedLanguage"] = languages if several else languages[0]
    if ask.alternatives:
        more = [[alternative.translation for alternative in answer.found[1:]] for answer in answers]
        result["alternatives"] = more if several else more[0]
    doubts = [served.doubts(text, s, ask.target) for text, s, d in zip(texts, sources, detected, strict=True) if d]
    if notes := [note for notes in [*doubts, *(answer.notes for answer in answers)] for note in notes]:
        result["notes"] = notes
    return result


async def details(ask: Details, served: Served, batcher: Batcher) -> dict[str, Any]:
    """What /details answers: alternatives with scores, tokens, and where each token looks."""
    found = served.detect(ask.q, ask.target) if ask.source == AUTO else []
    direction = served.direction(found[0]["language"] if found else ask.source, ask.target)
    key = Key(*direction, ask.alternatives, detailed=True)
    (answer,) = await batcher.submit(key, [" ".join(ask.q.split())])
    detail: Detail = answer.found
    return detail._asdict() | {
        "language": direction[0],
        "notes": [*(served.doubts(ask.q, direction[0], ask.target) if found else []), *answer.notes],
        "alternatives": [alternative._asdict() for alternative in detail.alternatives],
    }


async def _lines(key: Key, texts: list[str], batcher: Batcher) -> list[Answer]:
    """The answers to texts of several lines each: line ends stay where they are."""
    lines = [text.split("\n") for text in texts]
    answers = iter(await batcher.submit(key, [line for text in lines for line in text]))
    return [_together([next(answers) for _ in text], key.alternatives + 1) for text in lines]


def _together(answers: list[Answer], most: int) -> Answer:
    """The n-th translations of all lines together are the text's n-th; a line that has fewer gives its last."""
    lines: list[list[Alternative]] = [answer.found for answer in answers]
    scored = [line for line in lines if line]
    count = min(most, max(map(len, scored), default=0))
    texts = []
    for n in range(count):
        row = [line[min(n, len(line) - 1)] if line else Alternative("", 0.0) for line in lines]
        score = sum(alternative.score for alternative in row) / len(scored)
        texts.append(Alternative("\n".join(alternative.translation for alternative in row), score))
    return Answer(texts, [note for answer in answers for note in answer.notes])
