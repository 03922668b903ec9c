"""A small table like the Ames sales, made up: text, yes/no, dates, money, gaps of all kinds. And what is warned of."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

ZONES = {"RL": 0, "RM": -20_000, "FV": 30_000, "C (all)": -45_000}


def warned(call: Callable, *arguments: Any, **options: Any) -> list[str]:
    """The lines that a call warns its user of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **options)
    return [str(warning.message) for warning in caught if warning.category is UserWarning]


def houses(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Columns as they stand in a file: text, with "" in a gap; the target is `Sale Price`."""
    rng = np.random.default_rng(seed)
    area, year = rng.uniform(60, 300, rows).round(1), rng.integers(1900, 2015, rows)
    zone = rng.choice(list(ZONES), rows, p=[0.6, 0.25, 0.1, 0.05])
    garage, pool = rng.uniform(10, 60, rows).round(), rng.random(rows) < 0.1
    has_garage, month = rng.random(rows) < 0.9, rng.integers(1, 13, rows)
    price = 40_000 + 900 * area + 500 * (year - 1900) + np.array([ZONES[z] for z in zone])
    price = price + np.where(has_garage, 800 * garage, -15_000) + 25_000 * pool + rng.normal(0, 12_000, rows)
    table = pd.DataFrame(
        {
            "Id": [f"H{i:05d}" for i in rng.permutation(rows)],
            "1st Flr SF": [f"{value}" if rng.random() < 0.95 else "NA" for value in area],
            "Zone/Class": zone,
            "Year Built": year.astype(str),
            "Garage ($)": [f"{g:.0f}" if there else "" for g, there in zip(garage, has_garage, strict=True)],
            "Garage Type": np.where(has_garage, rng.choice(["Attchd", "Detchd "], rows), "NA"),
            "Pool": np.where(pool, "Yes", "No"),
            "Sold": [f"{y}-{m:02d}-15" for y, m in zip(2006 + month % 5, month, strict=True)],
            "Land Value": [f"${value:,.0f}" for value in rng.uniform(10_000, 90_000, rows)],
            "Alley": np.where(rng.random(rows) < 0.05, "Pave", ""),
            "Heating": "Gas",
        }
    )
    return table.assign(**{"Sale Price": price.round().astype(int).astype(str)})
