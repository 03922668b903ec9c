"""What is said before TED is fetched."""

import re

import pytest

from fmkeras import devices, workers
from fmkeras.translation.settings import WITH_ADAM, WITH_MUON
from fmkeras.translation.training import estimates, fitting


@pytest.fixture(autouse=True)
def a_processor_with_muon(monkeypatch):
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    monkeypatch.setattr(fitting, "bundled_corpus", lambda gpu: WITH_MUON)


def test_both_choices_and_their_times_are_said(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 2)
    monkeypatch.setattr(estimates, "product_seconds", lambda: 2 * estimates.PRODUCT)  # half as fast
    line = estimates.of_auto()
    hours, minutes = 2 * estimates.TED / 3600, 2 * estimates.PHRASEBOOK / 60
    assert f"TED if it can be had (about {hours:.1f} hours here)" in line
    assert f"else the bundled phrasebook (about {minutes:.1f} minutes here)" in line
    assert "--dataset ted or --dataset phrasebook" in line and "\n" not in line


@pytest.mark.parametrize(("cores", "factor"), [(1, 2), (2, 1), (16, 1)])
def test_one_core_takes_twice_as_long(monkeypatch, cores, factor):
    monkeypatch.setattr(workers, "cores", lambda: cores)
    monkeypatch.setattr(estimates, "product_seconds", lambda: estimates.PRODUCT)
    found = float(re.search(r"phrasebook \(about ([\d.]+) minutes", estimates.of_auto())[1])
    assert found == pytest.approx(factor * estimates.PHRASEBOOK / 60, abs=0.1)


def test_with_adam_it_takes_longer_than_what_was_measured(monkeypatch):
    monkeypatch.setattr(fitting, "bundled_corpus", lambda gpu: WITH_ADAM)  # JAX, Keras below 3.13
    assert "TED if it can be had (about " in estimates.of_auto() and "phrasebook (more than " in estimates.of_auto()


def test_a_product_takes_time():
    assert 0 < estimates.product_seconds(3) < 60


@pytest.mark.parametrize("name", ["epochs", "minutes", "limit", "preset"])
def test_no_time_is_said_where_it_will_be_another(name):
    line = estimates.of_auto({"dataset": "auto", name: 1})
    assert "about" not in line and "--dataset ted or --dataset phrasebook" in line
    assert "about" in estimates.of_auto({"dataset": "auto", "seed": 1})
