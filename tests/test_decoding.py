"""Cached decoding against uncached, beams against greedy, batches against single sentences."""

import functools

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st
from keras import ops

from fmkeras import InputError
from fmkeras.translation.corpora.batches import padded
from fmkeras.translation.corpora.tokenizer import END, PAD, START
from fmkeras.translation.inference.beam import largest
from fmkeras.translation.inference.decoding import Search, beam_search, cross_attention
from fmkeras.translation.inference.hypotheses import length_limit, was_cut
from fmkeras.translation.model.attention import MASKED
from fmkeras.translation.model.transformer import Transformer

V = 40


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = Transformer(V, 16, 4, 32, 2)
    # Random weights hardly care what they read. Larger ones give sharper, varied outputs.
    model.set_weights([w * 3 if w.ndim > 1 else w for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def sources():
    rng = np.random.default_rng(0)
    return [[*map(int, rng.integers(4, V, rng.integers(1, 14))), END] for _ in range(24)]


def real(ids):
    return [int(i) for i in ids if i != PAD]


@functools.cache  # each is traced, for seconds
def search(model, beams, penalty):
    return Search(model, beams, penalty)


@functools.cache
def predictor(model):
    """The whole model, as one graph for all shapes, where the backend has such."""

    def predict(source, target):
        return ops.log_softmax(model((source, target)))

    if keras.backend.backend() != "tensorflow":
        return predict
    import tensorflow as tf

    return tf.function(predict, input_signature=[tf.TensorSpec((None, None), "int32")] * 2, autograph=False)


def predicted(model, source, target):
    """(B, S) and (B, T) ids -> (B, T, V) log-probabilities of each next token."""
    return np.array(predictor(model)(np.asarray(source, "int32"), np.asarray(target, "int32")))


def translated(model, sources, beams, penalty=0.0, budget=400):
    found = sorted(search(model, beams, penalty).translate(sources, budget), key=lambda item: item[0])
    return [real(ids) for _, ids, _ in found], np.array([score for *_, score in found])


def greedy_uncached(model, row):
    """The whole decoder again for each token, one sentence at a time: slow and plain."""
    tokens, total = [START], 0.0
    while True:
        logp = predicted(model, [row], [tokens])[0, -1]
        logp[:END] = -np.inf  # no sentence contains padding or a start token
        best = END if len(tokens) == length_limit(len(row)) else int(logp.argmax())
        total += logp[best]
        if best == END:
            return tokens[1:], total
        tokens.append(best)


def naive_beam_search(model, row, beams, penalty, max_length=None):
    """The definition in plain Python, without cache or batch: the oracle. All finished hypotheses, best first."""
    going, done = [(0.0, [START])], []
    while len(done) < beams:
        logp = predicted(model, [row] * len(going), [ids for _, ids in going])[:, -1]
        following = [END] if len(going[0][1]) == length_limit(len(row), max_length) else range(END, V)
        found = [(score + logp[k, v], [*ids, v]) for k, (score, ids) in enumerate(going) for v in following]
        found = sorted(found, key=lambda item: -item[0])[: 2 * beams]
        done += [item for item in found[:beams] if item[1][-1] == END]
        going = [item for item in found if item[1][-1] != END][:beams]
    ranked = sorted(((score / (len(ids) - 1) ** penalty, ids) for score, ids in done), key=lambda item: -item[0])
    return [(ids[1:-1], score) for score, ids in ranked]


def test_one_step_from_the_cache_gives_the_logits_of_the_whole(model):
    rng = np.random.default_rng(1)
    source, target = rng.integers(4, V, (3, 6)), rng.integers(4, V, (3, 5))
    source[1, 4:] = PAD
    expected = ops.convert_to_numpy(model((source, target)))
    memory, bias = model.encode(source)
    # Appended to the cache, or written into slots that are there from the start.
    for slots in (0, 5):
        caches, memory_caches = model.start_caches(memory, slots)
        for position in range(5):
            ids, slot = target[:, position : position + 1], position if slots else None
            seen = np.where(np.arange(slots or position + 1) <= position, 0.0, MASKED)[None, None, None]
            logits, caches = model.step(ids, position, caches, memory_caches, seen, bias, slot)
            np.testing.assert_allclose(ops.convert_to_numpy(logits)[:, 0], expected[:, position], atol=1e-4)


@pytest.mark.parametrize("count", [4, pytest.param(12, marks=pytest.mark.slow)])
def test_one_beam_is_greedy_and_the_cache_changes_nothing(model, sources, count):
    outputs, scores = translated(model, sources, 1)
    assert len({tuple(output) for output in outputs}) > len(sources) // 2  # or the test would show nothing
    for row, output, score in zip(sources[:count], outputs, scores, strict=False):
        expected, total = greedy_uncached(model, row)
        assert output == expected
        assert score == pytest.approx(total, abs=1e-3)


@pytest.mark.parametrize("beams", [1, 4])
def test_a_sentence_is_translated_alike_alone_and_in_a_batch(model, sources, beams):
    together, scores = translated(model, sources, beams)
    alone, scores_alone = translated(model, sources, beams, budget=1)
    assert together == alone
    np.testing.assert_allclose(scores, scores_alone, atol=1e-3)


sentence = st.lists(st.integers(END + 1, V - 1), max_size=20).map(lambda ids: [*ids, END])


@pytest.mark.parametrize("cases", [4, pytest.param(15, marks=pytest.mark.slow)])
def test_the_search_finds_what_its_definition_finds(model, cases):
    """Sentences of very different lengths in one batch, whatever leaves it when."""

    @hypothesis.settings(max_examples=cases)
    @hypothesis.given(
        st.lists(sentence, min_size=1, max_size=5), st.integers(1, 5), st.sampled_from([0.0, 0.6, 1.0, 2.0])
    )
    def holds(rows, beams, penalty):
        found = beam_search(model, padded(rows), beams, penalty, n_best=beams)
        for row, ids, scores in zip(rows, *map(ops.convert_to_numpy, found), strict=True):
            expected = naive_beam_search(model, row, beams, penalty)[:beams]
            assert [real(hypothesis) for hypothesis in ids] == [hypothesis for hypothesis, _ in expected]
            assert scores.tolist() == pytest.approx([score for _, score in expected], abs=1e-3)

    holds()


@hypothesis.given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_largest_by_blocks_are_the_largest(width, k, seed):
    k = min(k, width)
    x = np.random.default_rng(seed).permutation(3 * width).reshape(3, width).astype("float32")
    values, index = map(ops.convert_to_numpy, largest(x, k))
    np.testing.assert_array_equal(values, -np.sort(-x, axis=1)[:, :k])
    np.testing.assert_array_equal(np.take_along_axis(x, index, axis=1), values)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA compiles each shape")
def test_batches_of_all_shapes_share_one_graph(model, sources):
    for budget in (20, 100, 400):
        assert len(list(search(model, 4, 1.0).translate(sources, budget))) == len(sources)
    assert search(model, 4, 1.0).compiled_call.experimental_get_tracing_count() == 1


def test_beams_find_more_probable_translations(model, sources):
    _, greedy = translated(model, sources, 1)
    _, beam = translated(model, sources, 4)
    assert beam.mean() > greedy.mean() + 0.1
    assert (beam >= greedy - 1e-3).mean() > 0.9  # a beam can lose greedy's path, but seldom


def test_the_score_is_the_model_probability_of_the_translation(model, sources):
    outputs, scores = translated(model, sources, 4, penalty=1.0)
    for row, output, score in zip(sources[:8], outputs, scores, strict=False):
        (logp,) = predicted(model, [row], [[START, *output]])
        ids = [*output, END]
        assert score == pytest.approx(logp[range(len(ids)), ids].sum() / len(ids), abs=1e-3)


def test_a_length_penalty_makes_longer_translations(model, sources):
    short, _ = translated(model, sources, 4, penalty=0.0)
    long, _ = translated(model, sources, 4, penalty=5.0)
    assert sum(map(len, long)) > sum(map(len, short))


def test_no_translation_is_longer_than_allowed(model, sources):
    for row, output in zip(sources, translated(model, sources, 4, penalty=5.0)[0], strict=True):
        assert len(output) + 1 <= length_limit(len(row))
        assert START not in output and END not in output


def test_the_n_best_are_the_best_that_the_search_has_found(model, sources):
    limited = Search(model, 4, 0.6, n_best=3, max_length=6)
    found = dict(limited.translate_n_best(sources))
    best = {i: (ids, score) for i, ids, score in limited.translate(sources)}
    assert sorted(found) == sorted(best) == list(range(len(sources)))
    for i in range(8):
        expected = naive_beam_search(model, sources[i], 4, 0.6, max_length=6)[:3]
        assert [real(ids) for ids, _ in found[i]] == [ids for ids, _ in expected]
        assert [score for _, score in found[i]] == pytest.approx([score for _, score in expected], abs=1e-3)
    for i, hypotheses in found.items():
        assert len({tuple(ids) for ids, _ in hypotheses}) == 3  # no hypothesis twice
        assert real(hypotheses[0][0]) == real(best[i][0]) and hypotheses[0][1] == best[i][1]


def test_the_best_does_not_depend_on_how_many_are_kept(model, sources):
    one, many = (dict(s.translate_n_best(sources)) for s in (search(model, 4, 1.0), Search(model, 4, 1.0, n_best=4)))
    for i in range(len(sources)):
        np.testing.assert_array_equal(one[i][0][0], many[i][0][0])
        assert len(one[i]) == 1 and len(many[i]) == 4 and one[i][0][1] == many[i][0][1]


def test_of_the_empty_translation_there_is_but_one(model, sources):
    for _, hypotheses in Search(model, 4, n_best=4, max_length=1).translate_n_best(sources[:2]):
        assert [real(ids) for ids, _ in hypotheses] == [[]] and hypotheses[0][1] > -100


def test_a_translation_that_is_as_long_as_it_may_be_was_cut(model, sources):
    ending = Transformer.from_config(model.get_config())
    ending.set_weights(model.get_weights())
    # Random weights never end a sentence: make end tokens likelier, until some translations are short.
    row = ops.convert_to_numpy(model.embedding.embeddings)[END]
    ending.decoder_norm.beta.assign(2 * row / (row @ row))
    whole = {i: real(ids) for i, ids, _ in Search(ending, 1, max_length=40).translate(sources)}
    cut = 0
    for i, ids, _ in Search(ending, 1, max_length=4).translate(sources):
        assert real(ids) == whole[i][:3]
        assert was_cut(ids, len(sources[i]), max_length=4) == (len(whole[i]) >= 3)
        cut += len(whole[i]) >= 3
    assert 0 < cut < len(sources)  # or the test would show nothing


def test_by_default_the_length_of_the_source_tells_whether_a_translation_was_cut():
    limit = length_limit(5)
    assert was_cut([7] * (limit - 1), 5) and was_cut([*[7] * (limit - 1), PAD], 5)
    assert not was_cut([7] * (limit - 2), 5) and not was_cut([], 5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_best": 5}, "n_best cannot be 5: a search with 4 beams finds 1 to 4"),
        ({"n_best": 0}, "n_best cannot be 0"),
        ({"max_length": 0}, "max_length cannot be 0"),
    ],
)
def test_what_no_search_can_do_is_refused(model, options, message):
    with pytest.raises(InputError, match=message):
        Search(model, 4, **options)


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is TensorFlow's")
def test_an_exported_search_translates_alike(model, sources, tmp_path):
    import tensorflow as tf

    exported = Search(model, 3, n_best=2)
    exported.export(tmp_path, input_signature=[tf.TensorSpec((None, None), "int32")], verbose=False)
    batch = padded(sources[:5])
    served = tf.saved_model.load(tmp_path)
    ids, scores = served.serve(batch)
    expected_ids, expected_scores = exported.compiled_call(batch)
    np.testing.assert_array_equal(ids, expected_ids)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-5)
    assert ids.shape[:2] == scores.shape == (5, 2)


def test_padding_of_the_batch_does_not_matter(model):
    row = np.array([[7, 9, 11, END]])
    run = search(model, 4, 1.0).compiled_call
    ids, score = run(row)
    padded_ids, padded_score = run(np.pad(row, ((0, 0), (0, 5))))
    assert real(ids[0, 0]) == real(padded_ids[0, 0])
    assert float(score[0, 0]) == pytest.approx(float(padded_score[0, 0]), abs=1e-4)


def test_every_sentence_comes_back_once(model, sources):
    assert sorted(int(i) for i, *_ in search(model, 4, 1.0).translate(sources, 60)) == list(range(len(sources)))
    assert list(search(model, 4, 1.0).translate([])) == []


def test_cross_attention_is_a_share_of_the_real_source(model):
    source = np.array([[7, 9, END, PAD], [5, 6, 8, END]])
    target = np.array([[START, 4, 5], [START, 8, 9]])
    weights = cross_attention(model, source, target)
    assert weights.shape == (2, 2, 4, 3, 4)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    assert (weights[0, ..., 3] == 0).all()
