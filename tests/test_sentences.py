"""One array of ids is as good as a list of lists, and much smaller."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmkeras.translation.corpora.sentences import Sentences

rows = st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=6), max_size=8)


@given(rows)
def test_holds_what_lists_hold(rows):
    sentences = Sentences.of(rows)
    assert [row.tolist() for row in sentences] == rows
    assert [sentences[i].tolist() for i in range(len(rows))] == rows
    assert len(sentences) == len(rows) and sentences.lengths.tolist() == [len(row) for row in rows]
    assert sentences.ids.dtype == "int32" and sentences.ids.nbytes == 4 * sum(map(len, rows))


@given(rows, st.data())
def test_where_keeps_some(rows, data):
    keep = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    kept = Sentences.of(rows).where(np.array(keep, bool))
    assert [row.tolist() for row in kept] == [row for row, k in zip(rows, keep, strict=True) if k]


@given(rows, rows)
def test_equal_if_the_lists_are(some, others):
    assert (Sentences.of(some) == Sentences.of(others)) == (some == others)
    assert Sentences.of(some) == Sentences.of(Sentences.of(some))


def test_sentences_of_the_same_ids_cut_elsewhere_are_others():
    assert Sentences.of([[1, 2], [3]]) != Sentences.of([[1], [2, 3]])
    assert Sentences.of([[1, 2]]) != [[1, 2]], "a list is something else"


def test_index():
    sentences = Sentences.of([[1], [2, 3]])
    assert sentences[-1].tolist() == sentences[np.int64(1)].tolist() == [2, 3]
    with pytest.raises(IndexError):
        sentences[2]
