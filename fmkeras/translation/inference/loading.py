"""A run folder or an export as a translator, on the engine that is asked for."""

from pathlib import Path

from fmkeras import runs
from fmkeras.translation.inference import exports
from fmkeras.translation.inference.parting import Said
from fmkeras.translation.inference.translator import Translator
from fmkeras.translation.saved import load_run


def load_translator(run: str | Path | None = None, engine: str = "auto", on_choice: Said = None) -> Translator:
    """Load a translator from its run folder, or from an export to CTranslate2.

    Args:
        run: the folder, or "bundled" for the translator that comes with fmkeras. Without one it is runs/translate if
            that exists, else the bundled one.
        engine: what translates: "keras", "ctranslate2", or "auto", which is CTranslate2 where the package is installed
            and the run has an export of its present weights.
        on_choice: called with what there is to say about an automatic choice.

    Raises:
        InputError: the folder is no run of a translator, is damaged, or has not finished its first epoch; or there is
            no such engine for it.
    """
    run = runs.find(run)
    export, note = exports.choose(run, engine)
    if note and on_choice:
        on_choice(note)
    if export is None:
        translator = Translator(*load_run(run, "translate"))
        if (report := run / runs.REPORT).is_file():
            translator.report = runs.read_json(report)
        return translator
    from fmkeras.translation.inference.ctranslate2_engine import CTranslate2Engine

    tokenizer, settings = export.text_side()
    fast = CTranslate2Engine(export.folder, tokenizer, export.positions)
    model = None if export.folder == run else lambda: load_run(run, "translate")[0]
    translator = Translator(model, tokenizer, settings, fast)
    translator.report = export.report
    return translator
