"""One test per entry of docs/errata.md: the line as printed fails as stated there, and the correction does not.

`test_e..` are those of ecosystem.md, `test_a..` those of architecture.md. What is run here of the articles is the
one line that an entry is about, in the smallest surroundings in which it would work if it were right.
"""

import ast
import importlib.metadata
import re
import types
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import ops
from keras.layers import Dense, Embedding, MultiHeadAttention
from matplotlib.backend_bases import FigureManagerBase
from packaging.specifiers import SpecifierSet
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from fmkeras import foundations as f
from fmkeras import regress, runs
from fmkeras.translation.corpora import batches, ted
from fmkeras.translation.corpora.tokenizer import END, MASK, PAD, START, Tokenizer, language_token
from fmkeras.translation.inference import decoding
from fmkeras.translation.model import attention, blocks, objective, schedules, transformer
from fmkeras.translation.settings import Settings
from fmkeras.translation.training.denoising import Denoising

ROOT = Path(__file__).parent.parent
ERRATA = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "docs" / "errata.zh-CN.md").read_text(encoding="utf-8")
ARTICLES = ROOT.parent / "shared" / "documents"
VOCABULARY = 50
NO_BIAS = np.zeros((1, 1, 1, 1), "float32")  # a mask that hides nothing


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def info():
    """What `tfds.load(..., with_info=True)` tells of ted_hrlr_translate, without downloading it."""
    try:
        import tensorflow_datasets as tfds

        return types.SimpleNamespace(features=tfds.features.Translation(languages=("pt", "en")))
    except Exception as error:  # a damaged installation fails in many ways, at import or at first use
        pytest.skip(f"tensorflow_datasets does not work here: {error!r}")


def printed_translator() -> keras.Model:
    """The model of ecosystem.md §5.2 with its three crashes taken out: ids for strings, one vocabulary, one value."""
    inputs = keras.Input((None,), dtype="int32")
    inputs_encode = Embedding(VOCABULARY, 128)(inputs)
    inputs_decode = Embedding(VOCABULARY, 128)(inputs)
    _encoded = MultiHeadAttention(num_heads=2, key_dim=128)(inputs_encode, inputs_encode)
    decoded = MultiHeadAttention(num_heads=2, key_dim=128)(inputs_decode, inputs_decode)
    model = keras.Model(inputs, Dense(VOCABULARY, activation="softmax")(decoded))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    return model


def our_translator() -> transformer.Transformer:
    return transformer.Transformer(VOCABULARY, d_model=32, num_heads=2, d_ff=64, num_layers=1, dropout=0.0)


def ids(rng, *shape: int) -> np.ndarray:
    """Random ids of real tokens, none of them a mark."""
    return rng.integers(4, VOCABULARY, shape).astype("int32")


def largest_difference(a, b) -> float:
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))))


# --- The page itself ---


def entries(page: str = ERRATA) -> dict[str, list[str]]:
    """By number, "E1": what is quoted with its section, then what happens, why, and where it is right here."""
    found = {}
    for part in re.split(r"^#### ", page, flags=re.MULTILINE)[1:]:
        number, quoted, rest = re.split(r"\n#", part)[0].split("\n\n", 2)
        lines = re.findall(r"^\* \*\*[^*]+\*\*(?:: |：)(.+(?:\n  .+)*)$", rest, re.MULTILINE)
        found[number] = [quoted, *(" ".join(line.split()) for line in lines)]
    return found


def code_in(text: str) -> list[str]:
    return [code for _, code in re.findall(r"(`+)(.+?)\1", text)]


def definitions(path: Path) -> set[str]:
    """Functions, classes, methods and module-level names of a Python file, dotted: {"Attention", "Attention.call"}."""
    found = set()

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.Assign):
                found.update(prefix + target.id for target in node.targets if isinstance(target, ast.Name))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found.add(prefix + node.target.id)

    visit(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


@pytest.mark.parametrize("page", [ERRATA, CHINESE], ids=["English", "Chinese"])
def test_every_link_of_the_errata_leads_somewhere(page):
    links = re.findall(r"\[`([^`\]]+)`\]\(\.\./([^)#]+)\)", page)
    assert len(links) == page.count("](../"), "a link is not of the form [`name`](../path)"
    for name, path in links:
        assert (ROOT / path).exists(), path
        if path.endswith(".py"):
            assert name in definitions(ROOT / path), f"{path} does not define {name}"
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors


def test_the_errata_in_chinese_have_the_same_entries_links_and_code():
    assert list(entries(CHINESE)) == list(entries())
    for (number, english), chinese in zip(entries().items(), entries(CHINESE).values(), strict=True):
        (quoted, today, why, here), (quoted_there, today_there, why_there, here_there) = english, chinese
        assert quoted_there.startswith(f"{quoted.partition(':')[0].replace(', ', '、')}："), number
        assert len(code_in(quoted_there)) == len(code_in(quoted)), number
        assert sorted(code_in(today_there)) == sorted(code_in(today)), number
        assert sorted(code_in(why_there)) == sorted(code_in(why)), number
        assert here_there == here, number  # the links
    for mark in ("\n#", "\n- ", "\n* ", "](#"):
        assert CHINESE.count(mark) == ERRATA.count(mark), f"not the same number of {mark!r}"


def test_every_entry_has_its_test_and_every_test_its_entry():
    numbers = [(number[0], int(number[1:])) for number in entries()]
    for article in "EA":
        counted = [number for letter, number in numbers if letter == article]
        assert counted == list(range(1, len(counted) + 1))
    named = [f"test_{letter.lower()}{number:02}_" for letter, number in numbers]
    here = sorted(name[:9] for name in definitions(Path(__file__)) if re.match(r"test_[ea]\d\d_", name))
    assert here == sorted(named)


@pytest.mark.skipif(not ARTICLES.is_dir(), reason="the articles are not on this machine")
@pytest.mark.parametrize("page", [ERRATA, CHINESE], ids=["English", "Chinese"])
def test_every_quoted_line_is_in_its_article(page):
    texts = {
        letter: " ".join((ARTICLES / name).read_text(encoding="utf-8").split())
        for letter, name in (("E", "ecosystem.md"), ("A", "architecture.md"))
    }
    for number, (quoted, *_) in entries(page).items():
        fragments = code_in(quoted) + re.findall(r'["“](.+?)["”]', re.sub(r"`+.+?`+", "", quoted))
        assert fragments, f"{number} quotes nothing"
        for fragment in fragments:
            assert " ".join(fragment.split()) in texts[number[0]], f"{number}: {fragment}"


# --- ecosystem.md §3 and §4: attention and the Transformer, in words and formulas ---


def random_attention(rng, width: int) -> f.AttentionWeights:
    return f.AttentionWeights(*(f.Layer(rng.normal(0, width**-0.5, (width, width)), np.zeros(width)) for _ in range(4)))


def test_e01_heads_are_narrower_and_not_wider(rng):
    weights, x = random_attention(rng, 128), rng.normal(size=(5, 128))
    for num_heads in (1, 2, 8):
        layer = attention.Attention(128, num_heads)
        layer.build()
        assert layer.split_heads(layer.query(x[None].astype("float32"))).shape == (1, num_heads, 5, 128 // num_heads)
        assert f.multi_head_attention(x, x, weights, num_heads)[0].shape == x.shape


def test_e02_queries_and_keys_need_the_same_width(rng):
    value = rng.normal(size=(3, 6))
    with pytest.raises(ValueError, match="matmul"):
        f.scaled_dot_product_attention(rng.normal(size=(3, 4)), rng.normal(size=(3, 5)), value)  # d_q = 4, d_k = 5
    output, _ = f.scaled_dot_product_attention(rng.normal(size=(3, 5)), rng.normal(size=(3, 5)), value)
    assert output.shape == (3, 6)  # while d_v is free


def test_e03_there_may_be_another_number_of_queries_than_keys(rng):
    query, key = rng.normal(size=(2, 5)), rng.normal(size=(7, 5))
    output, weights = f.scaled_dot_product_attention(query, key, rng.normal(size=(7, 6)))
    assert output.shape == (2, 6) and weights.shape == (2, 7)
    with pytest.raises(ValueError, match="matmul"):
        f.scaled_dot_product_attention(query, key, rng.normal(size=(2, 6)))  # keys and values come in pairs


def test_e04_softmax_is_over_the_keys_of_each_query(rng):
    scores = rng.normal(size=(3, 4))
    of_the_matrix = np.exp(scores) / np.exp(scores).sum()
    assert of_the_matrix.sum(axis=-1).max() < 0.7  # the literal reading: three queries share a total of 1
    np.testing.assert_allclose(f.softmax(scores).sum(axis=-1), 1)


def test_e05_the_scale_keeps_the_variance_of_scores_at_1(rng):
    query, key = rng.normal(size=(1000, 1, 512)), rng.normal(size=(1000, 10, 512))
    scores = query @ key.swapaxes(-1, -2)  # (1000, 1, 10)

    def slope(scores) -> float:
        return float(np.median(np.linalg.norm(f.softmax_derivative(scores), axis=(-2, -1))))

    assert scores.var() == pytest.approx(512, rel=0.1)
    assert (scores / 512**0.5).var() == pytest.approx(1, rel=0.1)
    assert f.softmax(scores).max(axis=-1).mean() > 0.93  # saturated: nearly all weight on one key
    assert slope(scores / 512**0.5) > 500 * slope(scores)


def test_e06_without_projections_each_token_attends_to_itself(rng):
    x = rng.normal(size=(3, 512))
    output, weights = f.scaled_dot_product_attention(x, x, x)
    np.testing.assert_allclose(weights, np.eye(3), atol=1e-6)
    assert largest_difference(output, x) < 1e-6  # the example returns its input
    _, weights = f.multi_head_attention(x, x, random_attention(rng, 512), 1)
    assert weights.max() < 0.95 and largest_difference(weights[0], weights[0].T) > 0.05


def test_e07_a_weight_belongs_to_a_pair_and_not_to_an_element(rng):
    x = rng.normal(size=(3, 8))
    _, (weights,) = f.multi_head_attention(x, x, random_attention(rng, 8), 1)
    assert weights.shape == (3, 3)
    assert np.ptp(weights, axis=0).min() > 0.05  # each element weighs differently for different queries


def test_e08_without_normalization_activations_grow_from_block_to_block(rng):
    plain = normed = rng.normal(size=(8, 64))
    one = (np.ones(64), np.zeros(64))
    for seed in range(12):
        attention, network = random_attention(rng, 64), f.initialize([64, 256, 64], seed=seed)
        plain = plain + f.multi_head_attention(plain, plain, attention, 4)[0]  # as printed
        plain = plain + f.forward(network, plain)[0]
        normed = f.encoder_block(normed, None, f.EncoderBlockWeights(attention, one, network, one), 4)
    assert np.sqrt(np.mean(plain**2)) > 5_000
    assert np.sqrt(np.mean(normed**2)) < 10


def test_e09_the_feed_forward_layer_reads_the_attention_layers_result(rng):
    x, network, one = rng.normal(size=(5, 16)), f.initialize([16, 32, 16]), (np.ones(16), np.zeros(16))

    def printed(attention):
        _transformer = f.multi_head_attention(x, x, attention, 2)[0] + x
        return f.forward(network, x)[0] + x  # Feedforward(X) = MLP(X) + X, of the same X

    def ours(attention):
        return f.encoder_block(x, None, f.EncoderBlockWeights(attention, one, network, one), 2)

    first, second = random_attention(rng, 16), random_attention(rng, 16)
    assert largest_difference(printed(first), printed(second)) == 0  # attention has no part in what comes out
    assert largest_difference(ours(first), ours(second)) > 0.1


# --- ecosystem.md §5: the translator ---


def requirements_of(*packages: str) -> set[str]:
    """The packages that pip installs for these, one level deep."""
    lines = [line for name in packages for line in importlib.metadata.requires(name) or [] if "extra ==" not in line]
    return {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in lines} | set(packages)


def our_requirements() -> set[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {match[0].lower() for line in lines if (match := re.match(r"[\w-]+", line))}


def test_e10_the_installed_packages_are_not_those_that_are_imported():
    assert "tensorflow-datasets" not in requirements_of("tensorflow", "numpy", "pandas")
    assert "tensorflow-datasets" in our_requirements()


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """What TFDS knows of the data set without downloading any of it."""
    try:
        import tensorflow_datasets as tfds

        return tfds.builder("ted_hrlr_translate/pt_to_en", data_dir=tmp_path_factory.mktemp("tfds"))
    except Exception as error:
        pytest.skip(f"tensorflow_datasets does not work here: {error!r}")


def test_e11_the_labels_are_human_translations(builder):
    assert builder.info.supervised_keys == ("pt", "en")  # as_supervised=True: input and label, two languages
    text = {"en": ["one two three four five six seven eight"]}  # ours needs no translation: the text is its own label
    tokenizer = Tokenizer.train(text["en"], 300, [MASK, language_token("en")])
    pairs = Denoising.of(text, tokenizer, Settings(mask=0.5)).batches(0)
    assert MASK in tokenizer.special_tokens and tokenizer.special_tokens[MASK] in pairs.source[0]
    assert tokenizer.decode(pairs.target) == text["en"]


def test_e12_tfds_knows_one_host_and_we_know_another(builder, tmp_path):
    (printed,) = builder.url_infos.items()
    assert printed[0] == ted.HOSTS[0] and len(ted.HOSTS) > 1
    assert printed[1].checksum == ted.SHA256  # whoever has the file, it must be the one that TFDS expects
    (tmp_path / "other.tar.gz").write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        ted.download((tmp_path / "other.tar.gz").as_uri(), tmp_path / ted.ARCHIVE, ted.SHA256)
    assert not (tmp_path / ted.ARCHIVE).exists()


def test_e13_a_buffer_of_100_hardly_shuffles(rng):
    order = list(tf.data.Dataset.range(10_000).shuffle(100, seed=1).as_numpy_iterator())
    assert max(order[:32]) < 132  # the first batch is taken from the first 132 sentences, in every epoch
    assert np.mean(np.abs(order - np.arange(10_000))) < 200  # a sentence moves by about 100 places
    moved = np.mean(np.abs(rng.permutation(10_000) - np.arange(10_000)))
    assert moved > 3_000  # in a true shuffle by 3,333
    sentences = [[5] * 7 + [END]] * 10_000
    first = batches.Batches(sentences, sentences, budget=256, seed=1).indices(0)[0]
    assert np.ptp(first) > 5_000
    unlike = [[5] * n + [END] for n in range(1, 40)]  # batches of like length, and still in random order
    epochs = [[rows.tolist() for rows in batches.Batches(unlike, unlike, budget=80).indices(epoch)] for epoch in (0, 1)]
    assert epochs[0] != epochs[1] and sorted(epochs[0]) == sorted(epochs[1])


def test_e14_sentences_of_unequal_length_make_no_batch():
    sentences = [[5, END], [5, 6, END]]
    dataset = tf.data.Dataset.from_generator(lambda: sentences, output_signature=tf.TensorSpec((None,), tf.int32))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Cannot batch tensors with different shapes"):
        list(dataset.batch(32))
    ((source, _), _, weights) = next(batches.Batches(sentences, sentences).epoch(None))
    assert source.tolist() == [[5, END, PAD], [5, 6, END]]
    assert weights.tolist() == [[1, 1, 0], [1, 1, 1]]


@pytest.fixture(scope="module")
def copier() -> tuple[keras.Model, np.ndarray, dict]:
    """The printed translator, random words that it was trained on as the article does, and the history of that."""
    keras.utils.set_random_seed(1)
    target = ids(np.random.default_rng(7), 256, 6)
    printed = printed_translator()
    # The only input that has the length of the labels is the labels themselves.
    return printed, target, printed.fit(target, target, epochs=20, batch_size=32, verbose=0).history


def test_e15_nothing_is_held_out(copier, quick_translator):
    *_, history = copier
    assert set(history) == {"loss"}
    ours = pd.read_csv(quick_translator / runs.HISTORY)
    assert {"val_loss", "val_nll", "val_perplexity", "val_token_accuracy"} <= set(ours)


def test_e16_strings_cannot_be_embedded():
    sentence = "bom dia"
    with pytest.raises(Exception, match=r"(?i)cast string") as raised:
        Embedding(input_dim=VOCABULARY, output_dim=128)(tf.constant([[sentence]]))
    assert isinstance(raised.value, tf.errors.UnimplementedError)
    tokenizer = Tokenizer.train([sentence, "good morning"], vocab_size=300)
    encoded = np.array(tokenizer.encode([sentence]))
    assert Embedding(len(tokenizer), 128)(encoded).shape == (*encoded.shape, 128)
    assert tokenizer.decode(encoded) == [sentence]


def test_e17_there_is_no_feature_called_translation(info):
    with pytest.raises(KeyError, match="translation"):
        info.features["translation"]["en"]
    assert set(info.features) == {"en", "pt"}


def test_e18_a_text_has_no_classes(info):
    with pytest.raises(AttributeError, match="num_classes"):
        info.features["en"].num_classes  # noqa: B018
    assert len(Tokenizer.train(["bom dia", "good morning"], vocab_size=300)) > 256  # bytes and tokens: a number


def test_e19_each_language_gets_the_vocabulary_of_the_other():
    portuguese = tf.keras.layers.StringLookup(vocabulary=["eu", "tu", "ele", "nós", "vós", "eles"])
    english = tf.keras.layers.StringLookup(vocabulary=["i", "you", "he"])
    printed = Embedding(input_dim=english.vocabulary_size(), output_dim=128)
    with tf.device("cpu"), pytest.raises(tf.errors.InvalidArgumentError, match="not in"):
        printed(portuguese(tf.constant([["eles"]])))
    assert our_translator().embedding.input_dim == VOCABULARY  # one table, for the one vocabulary of both languages


def test_e20_the_target_is_never_an_input(rng):
    source, target = ids(rng, 8, 7), ids(rng, 8, 5)
    printed = printed_translator()
    assert len(printed.inputs) == 1
    with pytest.raises(ValueError, match="shape"):
        printed.fit(source, target, verbose=0)  # 7 predictions for 5 words
    assert our_translator()((source, target)).shape == (8, 5, VOCABULARY)


def test_e21_without_a_shift_the_answer_is_in_the_question(copier):
    printed, target, _ = copier
    copied = np.argmax(printed.predict(target, verbose=0), axis=-1) == target
    assert copied.mean() > 0.99  # of random words, which nobody can predict
    ((_, shifted), labels, _) = next(batches.Batches([[5, END]], [[7, 8, 9, END]]).epoch(None))
    assert shifted.tolist() == [[START, 7, 8, 9]] and labels.tolist() == [[7, 8, 9, END]]


def test_e22_attention_returns_one_tensor():
    x = keras.Input((None, 128))
    with pytest.raises(Exception, match=r"(?i)iterat"):
        _encoded, _ = MultiHeadAttention(num_heads=2, key_dim=128)(x, x)
    pair = tf.random.normal((2, 5, 128))
    first, second = MultiHeadAttention(num_heads=2, key_dim=64)(pair, pair)  # two sentences: no error, and nonsense
    assert first.shape == second.shape == (5, 128)
    output, weights = MultiHeadAttention(num_heads=2, key_dim=64)(pair, pair, return_attention_scores=True)
    assert output.shape == (2, 5, 128) and weights.shape == (2, 2, 5, 5)
    layer = attention.Attention(128, 2)
    assert layer(pair, pair, NO_BIAS).shape == (2, 5, 128)


def test_e23_key_dim_is_the_width_of_each_head():
    printed = MultiHeadAttention(num_heads=2, key_dim=128)
    printed.build((None, None, 128), (None, None, 128))
    ours = attention.Attention(128, 2)
    ours.build()
    assert printed.count_params() == 131_968
    assert ours.count_params() == 66_048


def test_e24_the_encoder_is_no_part_of_the_model(rng):
    kinds = [type(layer).__name__ for layer in printed_translator().layers]
    assert kinds == ["InputLayer", "Embedding", "MultiHeadAttention", "Dense"]  # one of two embeddings, one of two
    target, model = ids(rng, 1, 5), our_translator()
    assert largest_difference(model((ids(rng, 1, 7), target)), model((ids(rng, 1, 7), target))) > 1e-3


def test_e25_without_positions_the_order_of_words_is_lost(rng):
    source, target, order = ids(rng, 1, 6), ids(rng, 1, 5), [3, 1, 5, 0, 2, 4]
    printed, model = printed_translator(), our_translator()
    assert largest_difference(ops.take(printed(source), order, axis=1), printed(source[:, order])) < 1e-6
    assert largest_difference(model((source, target)), model((source[:, order], target))) > 1e-3


def test_e26_padding_is_attended_to(rng):
    source, target = ids(rng, 1, 4), ids(rng, 1, 5)
    padded = np.pad(source, ((0, 0), (0, 3)))
    printed, model = printed_translator(), our_translator()
    assert largest_difference(printed(padded)[:, :4], printed(source)) > 1e-5
    assert largest_difference(model((padded, target)), model((source, target))) < 1e-5


def test_e27_a_word_sees_the_words_after_it(rng):
    source, before = ids(rng, 1, 4), ids(rng, 1, 6)
    after = before.copy()
    after[0, -1] = 4 + (after[0, -1] - 3) % (VOCABULARY - 4)  # another last word
    printed, model = printed_translator(), our_translator()
    assert largest_difference(printed(before)[:, 0], printed(after)[:, 0]) > 1e-6
    assert largest_difference(model((source, before))[:, :-1], model((source, after))[:, :-1]) < 1e-6


def test_e28_the_block_of_section_4_2_is_not_in_the_code(rng):
    kinds = {type(layer).__name__ for layer in printed_translator().layers}
    assert not kinds & {"Add", "LayerNormalization"}
    block, x = blocks.EncoderBlock(16, 2, 32), ops.convert_to_tensor(rng.normal(size=(1, 5, 16)).astype("float32"))
    block.build()
    assert isinstance(block.feed_forward, blocks.FeedForward)
    assert isinstance(block.self_attention_norm, keras.layers.LayerNormalization)
    for weight in block.weights:
        weight.assign(ops.zeros_like(weight))
    assert largest_difference(block(x, NO_BIAS), x) == 0  # the residual: sub-layers that do nothing change nothing


def test_e29_padding_counts_as_words():
    # Two words of which nothing is known, and six of padding, which is always told right.
    labels = np.array([[5, END, PAD, PAD, PAD, PAD, PAD, PAD]])
    logits = np.where(labels[..., None] == PAD, 100.0 * (np.arange(VOCABULARY) == PAD), 0.0)
    printed = keras.Sequential([keras.Input((8, VOCABULARY)), keras.layers.Activation("softmax")])
    printed.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    assert printed.evaluate(logits, labels, verbose=0) == pytest.approx(np.log(VOCABULARY) / 4, rel=1e-3)

    ours = objective.Objective(our_translator(), smoothing=0.0)
    ours.compile(jit_compile=False)
    loss = ours.compute_loss(None, labels, ops.cast(logits, "float32"), (labels != PAD).astype("float32"))
    assert float(loss) == pytest.approx(np.log(VOCABULARY), rel=1e-3)


def test_e30_a_constant_rate_for_939_steps():
    assert 3 * -(-10_000 // 32) == 939
    printed = keras.optimizers.get("adam")
    printed.build([keras.Variable(np.zeros(2))])
    for step in (0, 400, 939):
        printed.iterations.assign(step)
        assert float(printed.learning_rate) == pytest.approx(1e-3)
    rates = [float(schedules.InverseSquareRoot(peak=2e-3, warmup_steps=400)(step)) for step in (0, 399, 1599)]
    assert rates == pytest.approx([2e-3 / 400, 2e-3, 1e-3])  # up, and down again


def test_e31_keras_3_saves_only_with_an_extension(tmp_path):
    printed = printed_translator()
    with pytest.raises(ValueError, match="extension"):
        printed.save(tmp_path / "ted_hrlr_translate_model")
    model, question = our_translator(), (np.array([[5, END]]), np.array([[START, 6]]))
    runs.save_model(model, tmp_path / "model.keras")
    assert largest_difference(runs.load_model(tmp_path / "model.keras")(question), model(question)) == 0


# --- ecosystem.md §5.4: running it ---


def test_e32_there_is_nothing_to_load(tmp_path):
    with pytest.raises(ValueError, match=r"(?i)file"):
        tf.keras.models.load_model(tmp_path / "ted_hrlr_translate_model")
    with pytest.raises(runs.InputError, match="missing"):  # ours says it in one line
        runs.load_model(tmp_path / "model.keras")


def test_e33_no_test_data_is_ever_loaded():
    with pytest.raises(NameError, match="test_dataset"):
        exec("loaded_model.evaluate(test_dataset)", {"loaded_model": printed_translator()})


def test_e34_a_model_without_metrics_evaluates_to_one_number(rng):
    source = ids(rng, 4, 5)
    with pytest.raises(TypeError, match="unpack"):
        _test_loss, _test_accuracy = printed_translator().evaluate(source, source, verbose=0)


def test_e35_probabilities_are_no_translation():
    tokenizer = Tokenizer.train(["bom dia", "good morning"], vocab_size=300)
    encoded = tokenizer.encode(["bom dia"])
    printed = printed_translator().predict(np.array([[5, 6, END]]), verbose=0)
    assert printed.shape == (1, 3, VOCABULARY) and np.issubdtype(printed.dtype, np.floating)
    model = transformer.Transformer(len(tokenizer), d_model=32, num_heads=2, d_ff=64, num_layers=1)
    ((_, tokens, _),) = decoding.Search(model, beams=2).translate(encoded)
    (text,) = tokenizer.decode([tokens])
    assert isinstance(text, str)


# --- architecture.md §2 and §3: data sets, forward and backward passes, losses ---


def test_a01_a_test_set_that_chooses_the_model_flatters_it(rng):
    labels, fresh = rng.integers(0, 2, 100), rng.integers(0, 2, 10_000)
    models = [np.random.default_rng((1, seed)) for seed in range(1000)]  # they toss coins
    scores = [np.mean(model.integers(0, 2, 100) == labels) for model in models]
    best = models[int(np.argmax(scores))]
    assert max(scores) > 0.62
    assert np.mean(best.integers(0, 2, 10_000) == fresh) == pytest.approx(0.5, abs=0.02)


def test_a02_the_pseudo_code_is_not_python():
    for line in ("for each layer in network:\n    pass", "for each neuron in layer:\n    pass"):
        with pytest.raises(SyntaxError):
            compile(line, "architecture.md", "exec")
    with pytest.raises(NameError, match="end"):
        exec("for layer in [1]:\n    pass\nend", {})


def test_a03_every_layer_reads_the_network_s_input(rng):
    x = rng.normal(size=4)
    network = [f.Layer(rng.normal(size=(4, 4)), rng.normal(size=4), "tanh") for _ in range(3)]

    def printed(network):
        for layer in network:
            z = (layer.kernel @ x) + layer.bias
            a = np.tanh(z)
        return a

    other = [f.Layer(rng.normal(size=(4, 4)), rng.normal(size=4), "tanh"), *network[1:]]  # another first layer
    np.testing.assert_array_equal(printed(network), printed(other))
    assert largest_difference(f.forward(network, x)[0], f.forward(other, x)[0]) > 0.01


def test_a04_one_weight_for_all_neurons(rng):
    x, w, b = rng.normal(size=4), rng.normal(size=4), 0.1
    neurons = [(w * x) + b for _ in range(3)]  # nothing in the loop's body depends on the neuron
    np.testing.assert_array_equal(neurons[0], neurons[2])
    assert neurons[0].shape == (4,)  # and `*` gives four numbers where a neuron has one
    output, _ = f.forward([f.Layer(rng.normal(size=(4, 3)), np.zeros(3))], x)
    assert output.shape == (3,) and len(set(output)) == 3


def two_layers(rng, hidden: str = "sigmoid"):
    """A network of equal widths, in which the printed backward pass at least runs, and one batch for it."""
    network = [f.Layer(rng.normal(size=(3, 3)), rng.normal(size=3), hidden) for _ in range(2)]
    return network, rng.normal(size=(8, 3)), rng.uniform(size=(8, 3))


def half_squared_error_gradients(network, x, target):
    """The right kernel gradients of sum |output - target|^2 / 2 / N: the loss whose gradient starts as printed."""
    output, cache = f.forward(network, x)
    gradients, _ = f.backward(network, cache, (output - target) / len(x))
    return output, cache, [kernel for kernel, _ in gradients]


def relative_error(actual, expected) -> float:
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def test_a05_hidden_layers_have_no_target(rng):
    network, x, target = two_layers(rng)
    output, cache, (first, last) = half_squared_error_gradients(network, x, target)
    derivative = f.ACTIVATIONS["sigmoid"][1]
    (_, z1), (h, z2) = cache
    assert relative_error(h.T @ ((output - target) * derivative(z2)) / len(x), last) < 1e-12  # right at the last layer,
    assert relative_error(x.T @ ((output - target) * derivative(z1)) / len(x), first) > 0.5  # and at no other


def test_a06_the_derivative_belongs_at_z(rng):
    z = 2.0
    a, derivative = f.sigmoid(z), f.ACTIVATIONS["sigmoid"][1]
    measured = (f.sigmoid(z + 1e-6) - f.sigmoid(z - 1e-6)) / 2e-6
    assert derivative(z) == pytest.approx(measured, rel=1e-6) == pytest.approx(0.105, abs=1e-3)
    assert derivative(a) == pytest.approx(0.207, abs=1e-3)  # printed: twice as much
    relu = f.ACTIVATIONS["relu"][1]
    assert relu(f.relu(z)) == relu(z)  # with ReLU the slip does not show


def test_a07_each_layer_s_gradient_needs_its_own_input(rng):
    x, target = rng.normal(size=(8, 5)), rng.uniform(size=(8, 3))
    network = f.initialize([5, 7, 3])
    output, cache = f.forward(network, x)
    delta = (output - target) * f.ACTIVATIONS["linear"][1](cache[-1][1])
    with pytest.raises(ValueError, match="broadcast"):
        (delta * x) / len(x)
    gradients, _ = f.backward(network, cache, delta / len(x))
    assert [kernel.shape for kernel, _ in gradients] == [layer.kernel.shape for layer in network]


def test_a08_weights_must_not_change_during_the_pass(rng):
    network, x, target = two_layers(rng)
    output, cache, (first, last) = half_squared_error_gradients(network, x, target)
    early = [network[0], network[1]._replace(kernel=network[1].kernel - 5.0 * last)]  # `w -= ...` inside the loop
    gradients, _ = f.backward(early, cache, (output - target) / len(x))
    assert relative_error(gradients[0][0], first) > 0.05
    np.testing.assert_allclose(gradients[1][0], last)


def test_a09_biases_are_never_updated(rng):
    x = rng.normal(size=(64, 2))
    x -= x.mean(axis=0)
    target = np.full((64, 1), 3.0)

    def fit(update_bias: bool) -> float:
        (layer,) = f.initialize([2, 1])
        for _ in range(200):
            prediction, cache = f.forward([layer], x)
            loss, gradient = f.mean_squared_error(prediction, target)
            [(kernel, bias)], _ = f.backward([layer], cache, gradient)
            updated = f.sgd_step(layer[:2], [kernel, bias if update_bias else 0 * bias], 0.1)
            layer = f.Layer(*updated)
        return loss

    assert fit(update_bias=False) == pytest.approx(9.0)  # 3 squared: nothing is learned
    assert fit(update_bias=True) < 1e-6


def test_a10_the_printed_error_is_the_gradient_of_no_printed_loss(rng):
    output, target = rng.uniform(0.1, 0.9, 5), np.array([0, 1, 0, 1, 1.0])
    _, gradient = f.mean_squared_error(output, target)
    np.testing.assert_allclose(gradient, 2 * (output - target) / 5)  # twice what is printed
    z, y = np.array([4.6]), np.array([0.0])  # cross-entropy, confident and wrong: p = 0.99
    p = f.sigmoid(z)
    printed = (p - y) * f.ACTIVATIONS["sigmoid"][1](z)
    _, right = f.binary_cross_entropy_from_logits(z, y)  # p - y: the derivative cancels
    assert right == pytest.approx(0.99, abs=1e-3)
    assert printed == pytest.approx(0.0098, abs=1e-3)


def printed_cross_entropy(y, p) -> float:
    return float(-np.mean(y * np.log(p)))


def test_a11_half_of_binary_cross_entropy_is_missing():
    y = np.array([0.0, 0.0, 1.0, 1.0])
    always_yes = np.full(4, 1 - 1e-12)
    assert printed_cross_entropy(np.zeros(1), np.array([0.99])) == 0  # certain, and wrong: no loss
    assert f.binary_cross_entropy([0.99], [0])[0] == pytest.approx(4.605, abs=1e-3)
    assert printed_cross_entropy(y, always_yes) < 1e-11  # its minimum, whatever the data
    assert f.binary_cross_entropy(always_yes, y)[0] > 10
    assert f.binary_cross_entropy([0.2, 0.1, 0.7, 0.9], y)[0] < 0.3


def test_a12_log_of_zero_is_no_number():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(printed_cross_entropy(np.array([0.0]), np.array([0.0])))  # a perfect prediction
    assert f.binary_cross_entropy([0.0], [0])[0] == 0
    assert f.binary_cross_entropy_from_logits(np.array([-1e4]), np.array([0]))[0] == 0


# --- architecture.md §4: activations, weight updates, losses ---


def test_a13_the_formulas_overflow_as_they_stand():
    with pytest.warns(RuntimeWarning, match="overflow"):
        1 / (1 + np.exp(np.float64(1000)))
    with pytest.warns(RuntimeWarning):
        x = np.float64(1000)
        assert np.isnan((np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f.sigmoid(np.array(-1000.0)) == 0
        assert f.ACTIVATIONS["tanh"][0](1000.0) == 1


def test_a14_stochastic_means_a_random_batch(rng):
    x, y = rng.normal(size=(256, 3)), rng.normal(size=(256, 1))
    network = f.initialize([3, 1])

    def gradient(rows) -> np.ndarray:
        prediction, cache = f.forward(network, x[rows])
        return f.backward(network, cache, f.mean_squared_error(prediction, y[rows])[1])[0][0][0]

    full = gradient(slice(None))  # the printed one, of J(w): gradient descent
    parts = [gradient(rows) for rows in np.split(rng.permutation(256), 16)]
    np.testing.assert_allclose(np.mean(parts, axis=0), full)  # right on average, at a sixteenth of the cost,
    assert min(relative_error(part, full) for part in parts) > 0.05  # and never the same


def descend(step, steps: int) -> np.ndarray:
    """The loss (w1^2 + 100 w2^2) / 2 from (1, 1) at each step; `step` maps (w, gradient, state) to (w, state)."""
    curvature = np.array([1.0, 100.0])
    w, state, losses = np.ones(2), np.zeros(2), []
    with np.errstate(all="ignore"):
        for _ in range(steps):
            w, state = step(w, curvature * w, state)
            losses.append(np.sum(curvature * w**2) / 2)
    return np.array(losses)


def steps_to(losses: np.ndarray, goal: float = 1e-6) -> int:
    """The number of steps to a loss below `goal`."""
    assert losses[-1] < goal
    return 1 + int(np.argmax(losses < goal))


def test_a15_momentum_as_printed_climbs():
    rate, beta = 0.01, 0.9
    printed = descend(lambda w, g, last: (w - rate * g + beta * last, g), 100)
    assert printed[19] > 1e40  # up, ninety times the rate
    half_corrected = descend(lambda w, g, last: (w - rate * g - beta * last, g), 100)
    assert half_corrected[19] > 1e40  # with the sign put right alone: still the wrong size
    plain = descend(lambda w, g, _: (f.sgd_step([w], [g], rate)[0], _), 1000)

    def corrected(w, g, v):
        (w,), (v,) = f.momentum_step([w], [g], [v], rate, beta)
        return w, v

    assert steps_to(plain) == 653
    assert steps_to(descend(corrected, 1000)) == 138
    # It converges only for beta < rate, where momentum does nothing but harm.
    timid = descend(lambda w, g, last: (w - rate * g + 0.005 * last, g), 2000)
    assert steps_to(timid) > 2 * steps_to(plain)


def test_a16_until_converged_needs_a_measure_of_it(rng):
    x = rng.normal(size=(100, 2))
    y = (x.sum(axis=1) + rng.normal(0, 0.5, 100) > 0).astype(int)
    assert f.train_binary_classifier(x, y).converged
    stopped = f.train_binary_classifier(x, y, steps=3)
    assert not stopped.converged and len(stopped.losses) == 3
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])  # XOR: accuracy needs a hidden layer
    assert f.train_binary_classifier(x, y).accuracy <= 0.75
    assert f.train_binary_classifier(x, y, hidden=(8,), seed=1).accuracy == 1


# --- architecture.md §5: the regressor ---


@pytest.fixture(scope="module")
def king_county() -> tuple[np.ndarray, np.ndarray]:
    """The bundled house sales: features (21613, 16) and prices in dollars (21613,)."""
    table = regress.load_data()
    return table.features.to_numpy(), table.target.to_numpy()


@pytest.fixture(scope="module")
def ours(king_county):
    """Our regressor on King County: the data as split and scaled, and the model as saved."""
    data = regress.preprocess_data(*king_county)
    model = regress.build_model((16,))
    regress.train_model(model, data, epochs=100, seed=0)
    return data, model, regress.with_scaling(model, data)


def printed_model(features: int) -> keras.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=(features,))])
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def printed_preprocessing(x, y):
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    scaler = StandardScaler()
    return scaler.fit_transform(x_train), scaler.transform(x_test), y_train, y_test


def r_squared(prediction, target) -> float:
    return 1 - float(np.mean((prediction - target) ** 2) / np.var(target))


def with_ones(x: np.ndarray) -> np.ndarray:
    return np.c_[x, np.ones(len(x))]


def least_squares(x, y) -> np.ndarray:
    """Weights (D + 1,), the bias last."""
    return np.linalg.lstsq(with_ones(x), y, rcond=None)[0]


def test_a17_the_installed_packages_are_not_those_that_are_imported():
    assert "scikit-learn" not in requirements_of("tensorflow", "keras", "numpy", "matplotlib")
    assert "scikit-learn" in our_requirements()
    assert "3.8" not in SpecifierSet(importlib.metadata.metadata("tensorflow")["Requires-Python"])


def test_a18_only_the_split_is_seeded(king_county):
    first, second = (printed_model(16).get_weights()[0] for _ in range(2))
    assert largest_difference(first, second) > 0
    data = regress.preprocess_data(*king_county)
    trained = []
    for _ in range(2):
        model = regress.build_model((16,))
        regress.train_model(model, data, epochs=2, seed=3)
        trained.append(model.get_weights()[0])
    np.testing.assert_array_equal(*trained)


def test_a19_validation_rows_are_in_the_statistics(king_county, ours):
    x_train, *_ = train_test_split(*king_county, test_size=0.2, random_state=42)
    fitted_on = x_train[: int(len(x_train) * 0.8)]  # what `validation_split=0.2` leaves to train on
    printed = StandardScaler().fit(x_train)
    assert np.max(np.abs(printed.scale_ / fitted_on.std(axis=0) - 1)) > 0.02
    data, *_ = ours
    np.testing.assert_allclose(data.feature_scaler.mean_, fitted_on.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(data.feature_scaler.scale_, fitted_on.std(axis=0), rtol=1e-9)


def test_a20_the_scaler_is_thrown_away(king_county, ours, tmp_path):
    x, y = king_county
    printed = printed_preprocessing(x, y)
    assert len(printed) == 4  # no scaler among them
    scaled_train, _, y_train, y_test = printed
    _, x_test = train_test_split(x, test_size=0.2, random_state=42)
    raw = with_ones(x_test) @ least_squares(scaled_train, y_train)  # the best that training could find, on raw features
    assert raw.mean() > 1e8 and r_squared(raw, y_test) < -100_000
    *_, model = ours
    runs.save_model(model, tmp_path / "model.keras")
    loaded = runs.load_model(tmp_path / "model.keras")
    assert r_squared(loaded.predict(x_test, batch_size=4096, verbose=0)[:, 0], y_test) > 0.69


def test_a21_input_shape_belongs_in_an_input():
    with pytest.warns(UserWarning, match="input_shape"):
        tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=(3,))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras.Sequential([keras.Input((3,)), Dense(1)])


def test_a22_a_constant_rate_never_settles(ours):
    data, trained, _ = ours
    best = least_squares(data.X_train, data.y_train)
    printed = printed_model(16)
    printed.set_weights([best[:-1, None], best[-1:]])  # it starts where it ought to end
    printed.fit(data.X_train, data.y_train, epochs=1, batch_size=32, verbose=0)

    def excess(model) -> float:
        """The loss on the training rows above the least that there is, in proportion to it."""
        kernel, bias = model.get_weights()
        loss, least = (
            np.mean((with_ones(data.X_train) @ weights - data.y_train) ** 2)
            for weights in (np.append(kernel[:, 0], bias), best)
        )
        return loss / least - 1

    assert excess(printed) > 5e-4
    assert excess(trained) < 2e-4


def test_a23_an_unscaled_target_is_never_reached(king_county, ours):
    x_train, x_test, y_train, y_test = printed_preprocessing(*king_county)
    np.testing.assert_array_equal(y_train, train_test_split(king_county[1], test_size=0.2, random_state=42)[0])
    printed = printed_model(16)
    printed.fit(x_train, y_train, epochs=2, batch_size=32, validation_split=0.2, verbose=0)
    prediction = printed.predict(x_test, batch_size=4096, verbose=0)[:, 0]
    assert abs(prediction.mean()) < 5 and y_test.mean() > 500_000  # dollars; 50 times as many epochs make it 46
    assert r_squared(prediction, y_test) < -1.9
    data, _, model = ours
    assert np.mean(data.y_train) == pytest.approx(0, abs=1e-9) and np.std(data.y_train) == pytest.approx(1)
    assert regress.evaluate_model(model, data.X_test, data.y_test)["r2"] == pytest.approx(0.6957, abs=1e-3)


def test_a24_square_dollars_say_nothing(ours):
    data, _, model = ours
    model.compile(optimizer="adam", loss="mean_squared_error")
    printed = model.evaluate(data.X_test, data.y_test, batch_size=4096, verbose=0)
    assert printed > 4e10  # for a mean error of 130,000 dollars
    scores = regress.evaluate_model(model, data.X_test, data.y_test)
    assert scores["rmse"] == pytest.approx(printed**0.5, rel=1e-4) == pytest.approx(214_000, rel=0.01)
    assert scores["mae"] == pytest.approx(129_000, rel=0.01)
    assert 0 < scores["r2"] < 1


def test_a25_load_data_does_not_exist(king_county):
    with pytest.raises(NameError, match="load_data"):
        exec("X, y = load_data()", {})
    x, y = king_county
    assert x.shape == (21_613, 16) and y.shape == (21_613,)


def test_a26_plt_show_shows_nothing_or_blocks(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")  # what matplotlib falls back to where there is no screen
    figure, axes = plt.subplots()
    axes.plot([2.0, 1.0], label="Training loss")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some platforms warn
        plt.show()
    assert not list(tmp_path.iterdir())  # nothing shown, nothing kept

    waiting = []

    class Window(
        FigureManagerBase
    ):  # stands for a window of Tk, Qt, ...: its main loop returns when the user closes it
        def show(self):
            pass

        @classmethod
        def start_main_loop(cls):
            waiting.append(True)

    with plt.rc_context({"interactive": False}):
        Window.pyplot_show()
    plt.close("all")
    assert waiting  # the script stands still until then

    runs.save_figure(figure, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_a27_standardizing_does_not_make_least_squares_generalize(king_county):
    x, y = king_county
    scaled_train, scaled_test, y_train, _ = printed_preprocessing(x, y)
    raw_train, raw_test = train_test_split(x, test_size=0.2, random_state=42)

    def predict(train, test):
        return with_ones(test) @ least_squares(train, y_train)

    np.testing.assert_allclose(predict(raw_train, raw_test), predict(scaled_train, scaled_test), rtol=1e-9)
    # What it does: the error's curvature becomes alike in all directions, so that gradient descent gets anywhere.
    assert np.linalg.cond(with_ones(raw_train)) > 5e7
    assert np.linalg.cond(with_ones(scaled_train)) < 10


# --- What looks wrong and is not ---


def test_softmax_before_cross_entropy_clips_nothing():
    printed = keras.Sequential([keras.Input((4,)), keras.layers.Activation("softmax")])
    printed.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    assert printed.evaluate(np.array([[40.0, 0, 0, 0]]), np.array([1]), verbose=0) == pytest.approx(40)
