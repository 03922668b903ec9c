"""TMX and XLIFF, the files of translators' programs, read with lxml: unit by unit, and without their entities."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fmkeras.errors import InputError
from fmkeras.translation.corpora.formats.columns import Table, found
from fmkeras.translation.corpora.formats.reading import Found, Reading
from fmkeras.translation.corpora.formats.source import FAILURES, Source

SAMPLE = 1000  # units by which the languages are told
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
CODES = ("bpt", "ept", "ph", "it", "ut", "bx", "ex", "x", "sc", "ec", "cp", "mrk-comment")  # markup, and no text
ALONE = ("ph", "x", "ut")  # of these, what stands for something of its own; the others begin or end a style
UNTRANSLATED = ("needs-translation", "initial")  # states of a target in XLIFF 1, and of a segment in XLIFF 2

Unit = dict[str, str]  # language -> text


def read_tmx(source: Source, reading: Reading) -> Found:
    """The pairs of a translation memory: a tu holds a tuv for each language.

    Raises:
        InputError: it is no XML, defines entities, or holds no two languages.
    """
    counts = Counter[str]()
    units = _units(source, ("tu",), lambda element: _tmx_unit(element, counts))
    return dataclasses.replace(_found(source, "TMX", units, reading), counts=counts)


def read_xliff(source: Source, reading: Reading) -> Found:
    """The pairs of an XLIFF file of version 1 (trans-unit) or 2 (segment). Units that are not translated are blank.

    Raises:
        InputError: it is no XML, defines entities, or does not name its languages.
    """
    counts = Counter[str]()
    units = _units(source, ("trans-unit", "segment"), lambda element: _xliff_unit(element, counts))
    return dataclasses.replace(_found(source, "XLIFF", units, reading), counts=counts)


def _units(source: Source, names: tuple[str, ...], texts: Any) -> Iterator[tuple[str, Unit]]:
    from lxml import etree

    try:
        with source.open() as file:
            events = etree.iterparse(
                file, tag=[f"{{*}}{name}" for name in names], resolve_entities=False, no_network=True, load_dtd=False
            )
            for number, (_, element) in enumerate(events, 1):
                if number == 1:
                    _refuse_entities(source, element)
                yield f"{source.name}, unit {number}", texts(element)
                element.clear()
                while element.getprevious() is not None:  # what was read stays in memory else
                    del element.getparent()[0]
    except FAILURES as error:
        raise InputError(f"{source.name} cannot be read ({error}): is it whole?") from None
    except etree.XMLSyntaxError as error:
        raise InputError(f"{source.name} is no whole XML file ({error})") from None


def _refuse_entities(source: Source, element: Any) -> None:
    """A file that defines entities can grow to any size, or read other files; a translation memory has none."""
    dtd = element.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):
        raise InputError(f"{source.name} defines entities, which no translation memory needs: remove its DOCTYPE")


def _tmx_unit(element: Any, counts: Counter[str]) -> Unit:
    """The texts of a unit: of several in one language the first that is not empty."""
    texts: Unit = {}
    for variant in element.iterfind("{*}tuv"):
        segment = variant.find("{*}seg")
        language = variant.get(LANG) or variant.get("lang") or ""
        if segment is not None and language:
            text = _text(segment)
            counts["further texts of a unit in the same language, left out"] += bool(text and texts.get(language))
            texts[language] = texts.get(language) or text
    return texts


def _xliff_unit(element: Any, counts: Counter[str]) -> Unit:
    """The texts of a unit; its target is blank if it is marked as no translation yet, or as not to be translated."""
    source, target = element.find("{*}source"), element.find("{*}target")
    names: dict[str, str] = {}
    for parent in element.iterancestors():
        names = {side: parent.get(a) or parent.get(b) or names.get(side, "") for side, a, b in _LANGUAGES}
        if all(names.values()):
            break
    if names.get("source") == names.get("target"):  # plain to simple English, say
        names = {}
    texts = [_text(side) if side is not None else "" for side in (source, target)]
    state = element.get("state") or (target.get("state") if target is not None else "") or ""
    around = (element, *itertools.islice(element.iterancestors(), 1))  # XLIFF 2 says it of a segment's unit
    fixed = state == "new" or any(one.get("translate") == "no" for one in around)
    if texts[1] and (state in UNTRANSLATED or (fixed and texts[0] == texts[1])):
        counts["marked as not translated, blank"] += 1
        texts[1] = ""
    counts["marked as to be reviewed, kept"] += bool(texts[1]) and state.startswith("needs-review")
    return dict(zip((names.get("source") or "source", names.get("target") or "target"), texts, strict=True))


_LANGUAGES = (("source", "source-language", "srcLang"), ("target", "target-language", "trgLang"))


def _text(element: Any) -> str:
    """The text of a segment, without its markup's codes."""
    return " ".join(_spaced(element).split())


def _spaced(element: Any) -> str:
    """The same as it stands there. What stands alone, as a line break does, parts the words that it is between."""
    from lxml import etree

    text = element.text or ""
    for child in element:
        name, tail = etree.QName(child).localname if isinstance(child.tag, str) else "comment", child.tail or ""
        if isinstance(child.tag, str) and name not in CODES:
            text += _spaced(child)
        text += " " * (name in ALONE and text[-1:].isalnum() and tail[:1].isalnum()) + tail
    return text


def _names(units: Sequence[Unit], reading: Reading) -> dict[str, str]:
    """What each language code of a file is called: "EN-us" as "en-US", and both "en-US" and "en-GB" are "en".

    Programs and years write different codes into one memory. Regional forms are languages of their own where a unit
    holds two of them, or where one is asked for.
    """
    spelled = dict[str, str]()  # "en-us" -> "en-US", as it stands in the file first
    groups = dict[str, set[str]]()  # "en" -> {"en-us", "en-gb"}
    asked, apart = {_plain(name) for name in reading.asked}, set[str]()
    for unit in units:
        codes = {_plain(code): code for code in unit}
        spelled = codes | spelled
        for code in codes:
            groups.setdefault(_language(code), set()).add(code)
        apart |= {language for language, many in Counter(map(_language, codes)).items() if many > 1}
    names = dict(spelled)
    for language, codes_of in groups.items():
        if len(codes_of) == 1:
            names.setdefault(language, spelled[next(iter(codes_of))])
        elif language not in apart and not asked & codes_of - {language}:
            names |= dict.fromkeys([language, *codes_of], language)
    return names


def _named(unit: Unit, names: dict[str, str]) -> Unit:
    """A unit with its languages as they are called: see `_names`; a code that comes late counts as its language."""
    called: Unit = {}
    for code, text in unit.items():
        called.setdefault(names.get(_plain(code)) or names.get(_language(_plain(code))) or code, text)
    return called


def _plain(code: str) -> str:
    return code.strip().lower().replace("_", "-")


def _language(code: str) -> str:
    return code.split("-")[0]


def _found(source: Source, form: str, units: Iterator[tuple[str, Unit]], reading: Reading) -> Found:
    first = list(itertools.islice(units, SAMPLE))
    names = _names([unit for _, unit in first], reading)
    first = [(place, _named(unit, names)) for place, unit in first]
    units = ((place, _named(unit, names)) for place, unit in units)
    languages = tuple(dict.fromkeys(name for _, unit in first for name in unit))
    if len(languages) < 2:
        raise InputError(f"{source.name} holds no two languages ({', '.join(languages) or 'no units'})")
    rows = ((place, [unit.get(name, "") for name in languages]) for place, unit in itertools.chain(first, units))
    sample = [[unit.get(name, "") for name in languages] for _, unit in first]
    return found(Table(source.name, form, languages, sample, rows, declared=True), reading)
