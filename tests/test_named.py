"""What somebody names is done, or is said to be impossible: options, keywords, and data from Python."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import fmkeras
from fmkeras import InputError
from fmkeras.houses import files
from fmkeras.houses.table import from_frame, load
from fmkeras.translation.corpora import corpus as corpora
from fmkeras.translation.corpora import own
from fmkeras.translation.settings import PRESETS, WITH_ADAM, WITH_MUON, Settings
from fmkeras.translation.training import fitting, learner, options, pretrained

PAIRS = [(f"frase número {i}", f"sentence number {i}") for i in range(60)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dataset": "pairs.tsv"}, "dataset=: the data are the first argument"),
        ({"text": ["pt=a.txt"]}, "text=: that is for pre-training"),
        ({"mask": 0.5}, "mask=: that is for pre-training"),
        ({"held_out": 0.0}, "--held-out 0: choose a share above 0 and below 0.5, or name files"),
        ({"held_out": 0.5}, "--held-out 0.5: choose a share above 0"),
    ],
)
def test_keywords_that_mean_nothing_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        fmkeras.train_translator(PAIRS, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"init": "nowhere"}, "init=: pre-training has no such choice"),
        ({"passes": 3}, "passes=: pre-training has no such choice"),
        ({"select": "bleu"}, "has no translations to score"),
    ],
)
def test_what_pre_training_cannot_do_is_refused(settings, said):
    with pytest.raises(InputError, match=said):
        fmkeras.pretrain("phrasebook", **settings)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"test": "mine.tsv"}, "--test mine.tsv: it is for files, and phrasebook is none"),
        ({"validation": "mine.tsv"}, "--validation mine.tsv: it is for files"),
        ({"held_out": 0.2}, "--held-out 0.2: it is for files"),
        ({"encoding": "cp1252"}, "--encoding cp1252: it is for files"),
        ({"source": "fr"}, "--source fr: phrasebook is pt → en"),
        ({"target": "de"}, "--target de: phrasebook is pt → en"),
    ],
)
def test_options_for_files_are_refused_where_there_is_none(chosen, said):
    corpus = corpora.Corpus("phrasebook", PAIRS, PAIRS, PAIRS, "pt", "en")
    with pytest.raises(InputError, match=said):
        corpora.settle(Settings(), corpus, chosen)
    corpora.settle(Settings(), corpus, {"source": "Portuguese", "target": "English"})


def test_lists_have_their_own_parts():
    corpus = corpora.of(PAIRS, Settings())
    corpora.settle(Settings(), corpus, {"held_out": 0.1, "source": "fr"})
    for chosen in ({"test": "mine.tsv"}, {"source_column": 2}):
        with pytest.raises(InputError, match="is for files"):
            corpora.settle(Settings(), corpus, chosen)


def test_a_corpus_is_what_it_holds_whatever_its_name(tmp_path):
    corpus = corpora.Corpus("phrasebook", PAIRS[:40], PAIRS[40:50], PAIRS[50:], "pt", "en", digest="of another")
    found = corpora.of(corpus, Settings(dataset="phrasebook", limit=30))
    assert found.train == PAIRS[:30] and found.test == PAIRS[50:] and found.digest not in ("", "of another")
    shorter = dataclasses.replace(corpus, train=PAIRS[:39])
    assert corpora.of(shorter, Settings()).digest != found.digest == corpora.of(corpus, Settings()).digest


def test_the_test_pairs_of_a_folder_are_never_trained_on(tmp_path):
    folder = tmp_path / "split"
    folder.mkdir()
    for name, pairs in {"train": PAIRS[:40], "validation": PAIRS[40:50], "test": PAIRS[50:]}.items():
        (folder / f"{name}.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs))
    (tmp_path / "mine.tsv").write_text("um\tone\ndois\ttwo\n")
    settings = Settings(dataset=str(folder), source="pt", target="en", test=str(tmp_path / "mine.tsv"))
    found = corpora.load(settings)
    assert len(found.train) == 40 and found.test == [("um", "one"), ("dois", "two")]
    assert sum("test: the 10 pairs of the folder are left out" in note for note in found.notes) == 1


def test_what_hashes_held_out_is_trained_on_where_a_test_is_given(tmp_path):
    (tmp_path / "pairs.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in PAIRS))
    (tmp_path / "mine.tsv").write_text("um\tone\n")
    settings = Settings(dataset=str(tmp_path / "pairs.tsv"), test=str(tmp_path / "mine.tsv"))
    found = corpora.load(settings)
    assert len(found.train) + len(found.validation) == len(PAIRS) and own.UNSPLIT not in found.notes


def test_the_phrasebooks_recipe_heeds_what_is_named():
    plain = fitting.bundled_corpus(False)
    assert plain in (WITH_MUON, WITH_ADAM)
    assert fitting.bundled_corpus(False, "adam") == WITH_ADAM and fitting.bundled_corpus(True, "muon") == WITH_MUON


def test_naming_the_size_that_the_phrasebook_has_anyway_changes_nothing():
    named, chosen = Settings(dataset="phrasebook", preset="tiny", **PRESETS["tiny"]), {"preset": "tiny"}
    assert options.decide(named, chosen, 50_000) == options.decide(Settings(dataset="phrasebook"), {}, 50_000)
    longer = options.decide(dataclasses.replace(named, epochs=7), chosen | {"epochs": 7}, 50_000)
    assert longer.epochs == 7 and longer.batch_tokens == fitting.bundled_corpus(False)["batch_tokens"]


def test_a_warm_up_fits_the_steps():
    assert fitting.warm_up(Settings(warmup_steps=400), 200, {}).warmup_steps == 50
    assert fitting.warm_up(Settings(warmup_steps=400), 200, {"warmup_steps": 400}).warmup_steps == 400
    assert fitting.warm_up(Settings(warmup_steps=400), 1600, {}).warmup_steps == 400


@pytest.mark.parametrize(("steps", "every", "lag"), [(1000, 0, 10), (40, 0, 1), (1000, 5, 1)])
def test_the_average_lags_behind_only_where_validations_are_far_apart(steps, every, lag):
    settings = Settings(d_model=8, d_ff=8, num_heads=2, num_layers=1, precision="float32", epochs=2)
    settings.validate_every = every
    assert learner.Learner(settings, 300, steps).average.every == lag


def test_a_pre_trained_run_knows_its_own_test_set_only():
    run = pretrained.Pretrained.__new__(pretrained.Pretrained)
    run.__dict__["settings"] = Settings(task="denoise", dataset="pairs.tsv")
    assert not run.warning(Settings(dataset="pairs.tsv", init="runs/pretrain"))
    assert "may have learnt" in run.warning(Settings(dataset="pairs.tsv", init="runs/pretrain", test="mine.tsv"))


# Houses.

AREA = np.arange(1000, 1120)


@pytest.fixture(scope="module")
def german(tmp_path_factory):
    """A regressor of a table with decimal commas."""
    path = tmp_path_factory.mktemp("german") / "german.csv"
    path.write_text("area;price\n" + "".join(f"{area},50;{3 * area}\n" for area in AREA))
    return fmkeras.train_regressor(path, "price", run=path.with_name("run"), epochs=3)


def test_a_path_and_a_frame_of_text_are_read_with_the_runs_decimal_mark(german, tmp_path):
    (tmp_path / "new.csv").write_text("area;note\n1.100;x\n1.190;y\n")
    expected = german.predict(pd.DataFrame({"area": [1100.0, 1190.0]}))
    np.testing.assert_array_equal(german.predict(tmp_path / "new.csv"), expected)
    np.testing.assert_array_equal(german.predict(pd.DataFrame({"area": ["1.100", "1190,0"]})), expected)
    np.testing.assert_array_equal(german.predict({"area": 1100.0}), expected[:1])


def kinds(frame: pd.DataFrame, **asked) -> dict[str, str]:
    return {column.name: column.kind for column in from_frame(frame, "price", **asked).columns}


def test_codes_are_no_quantities():
    frame = pd.DataFrame({"area": AREA, "price": 3.0 * AREA + AREA % 7})
    zips = [f"0210{i % 7}" for i in range(len(AREA))]
    assert kinds(frame.assign(zip=zips)) == {"area": "number", "zip": "category"}
    assert kinds(frame.assign(zip=zips), numeric=["zip"])["zip"] == "number"
    codes = pd.Categorical([i % 5 for i in range(len(AREA))])
    assert kinds(frame.assign(code=codes))["code"] == "category"
    assert kinds(frame.assign(code=codes), numeric=["code"])["code"] == "number"
    assert kinds(frame.assign(rooms=[str(i % 5) for i in range(len(AREA))]))["rooms"] == "number"


def test_days_in_eight_digits_are_dates():
    days = [f"2014{1 + i % 12:02}{1 + i % 28:02}" for i in range(len(AREA))]
    frame = pd.DataFrame({"sold": days, "price": 3.0 * AREA})
    assert set(kinds(frame.assign(sold=frame["sold"].astype(int)))) == {"sold (month)"}  # one year says nothing
    assert set(kinds(frame)) == {"sold (month)"}
    assert kinds(frame.assign(sold=[str(20149900 + i) for i in range(len(AREA))])) == {"sold": "number"}


def test_tables_with_tabs_are_doubted_too(tmp_path):
    path = tmp_path / "houses.tsv"
    path.write_text("area\tprice\n" + "".join(f"{i}\t{500 + i}.183\n" for i in range(60)))
    assert any("no cell tells the decimal mark: 500.183" in note for note in load(path, "price").notes)


def test_other_sheets_of_a_workbook_are_named(tmp_path):
    pytest.importorskip("openpyxl")
    path, frame = tmp_path / "houses.xlsx", pd.DataFrame({"area": AREA, "price": 3.0 * AREA + AREA % 7})
    with pd.ExcelWriter(path) as workbook:
        for sheet in ("2023", "2024"):
            frame.to_excel(workbook, sheet_name=sheet, index=False)
    assert "of its sheets '2023' is read, and not '2024'" in load(path, "price").notes
    with pytest.raises(InputError, match=r"no column 'cost' \(of its sheets '2023' is read"):
        load(path, "cost")
    frame.to_excel(path, index=False)
    assert files.read(path).notes == ()
