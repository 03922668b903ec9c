"""The runs that a server has loaded: directions of translation, and regressors."""

import contextlib
import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.serving.failures import Refused, shortened, shown
from fmkeras.translation.corpora.languages import code_of, name_of
from fmkeras.translation.inference import exports
from fmkeras.translation.inference.hypotheses import Alternative, Detail
from fmkeras.translation.inference.loading import load_translator
from fmkeras.translation.inference.translator import Translator

if TYPE_CHECKING:  # a server without regressors needs no TensorFlow
    from fmkeras.houses.regressor import Regressor


SURE, STRANGE = 0.5, 0.02  # a text is in another language if that is at least so probable, and its own at most


class Key(NamedTuple):
    """What texts of one batch have in common."""

    source: str
    target: str
    alternatives: int  # beside the best translation
    detailed: bool = False  # whether tokens and attention are wanted, too


class Answer(NamedTuple):
    """What is answered to a text of one line."""

    found: Any  # its alternatives, or if they are asked for its details
    notes: list[str]  # what is to be said of it, with its beginning


class Served:
    """What is served.

    Args:
        folders: run folders of translators and regressors, and exports to CTranslate2.
        engine: as in `load_translator`.

    Raises:
        InputError: one cannot be loaded, or two translate in the same direction or have the same name.
    """

    def __init__(self, folders: Sequence[str | Path], engine: str = "auto"):
        self.translators: dict[tuple[str, str], Translator] = {}
        self.regressors: dict[str, Regressor] = {}
        self.notes: list[str] = []
        for folder in map(Path, folders):
            if not _is_export(folder) and runs.read_config(folder).get("task") == "regress":
                self._add_regressor(folder)
            else:
                self._add_translator(folder, engine)
        self._languages = sorted({code for direction in self.translators for code in direction})
        self.detector = Detector(self._languages)

    def _add_translator(self, folder: Path, engine: str) -> None:
        if exports.choose(folder, engine)[0] is None:
            cli.import_keras()
        translator = load_translator(folder, engine, self.notes.append)
        settings = translator.settings
        direction = (code_of(settings.source) or settings.source, code_of(settings.target) or settings.target)
        if direction in self.translators:
            raise InputError(f"two runs translate {' to '.join(direction)}: name one of them")
        self.translators[direction] = translator
        self.notes.append(f"{' → '.join(direction)}: {folder}, {translator.engine.name}")

    def _add_regressor(self, folder: Path) -> None:
        cli.import_keras()
        from fmkeras.houses.regressor import load_regressor

        name = folder.resolve().name
        if name in self.regressors:
            raise InputError(f"two runs are named {name}: rename one of them")
        self.regressors[name] = load_regressor(folder)
        self.notes.append(f"{self.regressors[name].target}: {folder}")

    def languages(self) -> list[dict[str, Any]]:
        """What LibreTranslate's /languages answers."""
        targets = {code: sorted(t for s, t in self.translators if s == code) for code in self._languages}
        return [{"code": code, "name": name_of(code), "targets": targets[code]} for code in self._languages]

    def direction(self, source: str, target: str) -> tuple[str, str]:
        """The direction that a caller names by codes or names.

        Raises:
            Refused: it is not served.
        """
        direction = (code_of(source) or source, code_of(target) or target)
        if direction not in self.translators:
            known = ", ".join(" to ".join(pair) for pair in sorted(self.translators)) or "nothing"
            raise Refused(400, f"{shown(source)} to {shown(target)} is not served: choose from {known}")
        return direction

    def detect(self, text: str, target: str = "") -> list[dict[str, Any]]:
        """The languages of a text among those served, the likeliest first, with a confidence of 0 to 100.

        Args:
            text: the text.
            target: of all languages only those that can be translated to this one.
        """
        sources = {s for s, t in self.translators if t == (code_of(target) or target)} if target else self._languages
        return [found for found in self.detector.detect(text) if found["language"] in sources]

    def doubts(self, text: str, language: str, target: str) -> list[str]:
        """A note if a text is in another language than the one that was detected among those served."""
        if not (other := self.detector.other(text, language)):
            return []
        what = f"looks like {name_of(other)}, which is not translated to {name_of(code_of(target) or target)} here"
        return [f"{what}: {shortened(text)}"]

    def translate(self, key: Key, texts: list[str]) -> list[Answer]:
        """Translate texts, each of which is one line."""
        translator, notes = self.translators[key.source, key.target], {text: dict[str, None]() for text in texts}

        def note(doubt: str, text: str) -> None:  # of a text that is there twice it is said twice
            notes[text][f"{doubt}: {shortened(text)}"] = None

        translate = translator.translate_in_detail if key.detailed else translator.translate_n_best
        found: Iterable[Detail | list[Alternative]] = translate(texts, key.alternatives + 1, note)
        return [Answer(one, list(notes[text])) for one, text in zip(found, texts, strict=True)]

    def most_tokens(self, texts: list[str]) -> int:
        """The tokens of some texts, in the vocabulary that cuts them into the most."""
        counts = [sum(len(ids) - 1 for ids in t.tokenizer.encode(texts)) for t in self.translators.values()]
        return max(counts, default=0)

    def warm_up(self) -> None:
        """Ask each run something, so that the first client need not wait for what is made once."""
        for source, target in self.translators:
            self.translate(Key(source, target, 0), ["a"])
        for regressor in self.regressors.values():
            from fmkeras.houses.explaining import explain, form

            with contextlib.suppress(InputError):  # a date has no usual value, and may have to be given
                explain(regressor, {field["column"]: field["usual"] for field in form(regressor)})


class Detector:
    """Tells which of some languages a text is in.

    Args:
        codes: of the languages; those that py3langid does not know are never found.
    """

    def __init__(self, codes: Sequence[str]):
        from py3langid import langid

        self.identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
        self.of_all = copy.copy(self.identifier)  # of every language that it knows, with the same tables
        self.known = sorted(set(codes) & set(self.identifier.labels))
        self.unknown = sorted(set(codes) - set(self.known))
        if self.known:
            self.identifier.set_languages(self.known)

    def detect(self, text: str) -> list[dict[str, Any]]:
        """Languages and confidences, the likeliest first."""
        ranked = self.identifier.rank(text) if self.known else []
        found = [{"confidence": round(100 * float(share), 1), "language": code} for code, share in ranked]
        return found + [{"confidence": 0.0, "language": code} for code in self.unknown]

    def other(self, text: str, language: str) -> str:
        """The language, of all, that a text is in rather than in this one; "" if it is none, or that is not sure."""
        ranked = self.of_all.rank(text)
        likeliest, share = ranked[0]
        return likeliest if share >= SURE and dict(ranked).get(language, 1.0) <= STRANGE else ""


def _is_export(folder: Path) -> bool:
    return (folder / exports.DESCRIPTION).is_file()
