"""Every choice of a training run, in one dataclass that is saved with the run."""

import dataclasses
import difflib
import math
import typing

from fmkeras.errors import InputError

NONE = "none"  # the dataset of those who pre-train on text files only
FEWEST_TOKENS = 10  # of which a long sentence's parts have half at least, more than a character has bytes
LONGEST_SPAN = 1000.0  # tokens under a mask, on average: beyond any use, and small enough to compute with


@dataclasses.dataclass
class Settings:
    """The settings of one training; `PRESETS` has those that go together."""

    task: str = "translate"  # "translate", or "denoise": pre-training (python -m fmkeras.pretrain)

    # data
    dataset: str = "auto"  # "auto", "ted", "phrasebook", or the path of a file or folder of sentence pairs
    source: str = ""  # name of the language translated from; the bundled corpora know theirs
    target: str = ""  # name of the language translated to
    source_column: int = 1  # column of a file of pairs that holds the source: 1 or 2
    columns: str = ""  # of a table, the columns of source and target, by number or name: "2,4"
    encoding: str = ""  # of text files without a byte-order mark; UTF-8 by default
    validation: str = ""  # a file of pairs to validate on, in place of those held out
    test: str = ""  # a file of pairs to test on, likewise
    clean: bool = False  # whether training pairs that look wrong are left out: see `Cleaner`
    cache: str = ""  # folder for what is made of large files; by default beside the run
    style: str = "plain"  # text form of the data: "plain", or "ted" (lower-cased, tokenised)
    held_out: float | None = None  # share of a file's sources held out for validation, and for test; decided once
    data_sha256: str = ""  # digest of the pairs read, in whatever order
    sentences_per_line: int = 1  # sentences that 95 % of the training lines have at most: not cut when translating
    end_marks: str = ""  # with which 95 % of the training sources end, most frequent first: ".?!"; "" if they do not
    capitals: bool = False  # whether 95 % of them begin with a capital letter
    accented: str = ""  # words of theirs that always have accents: see `accents.accented`
    homographs: str = ""  # words that have them or, in another meaning, not: "está"
    longest_source: int = 0  # tokens of a source that 99.9 % of the training sources have at most: longer ones are cut
    limit: int | None = None  # number of training pairs to use, None for all
    max_sentence_tokens: int = 128  # training pairs with a longer side are left out, tokens a side

    # pre-training, and fine-tuning
    text: list = dataclasses.field(default_factory=list)  # files to pre-train on, "LANGUAGE=FILE"
    skip: int = 0  # number of training pairs that pre-training leaves out, from the first on: those to fine-tune on
    mask: float = 0.35  # share of the tokens that masks cover
    span: float = 3.0  # tokens that one mask covers, on average; 1 or more
    delete: float = 0.1  # share of the other tokens that are deleted
    init: str = ""  # run that a translator starts from: a pre-trained one, or another translator

    # tokenizer
    vocab_size: int = 4000  # tokens, shared by both languages; fewer if the text is too small for as many
    bpe_dropout: float = 0.0  # (Provilkov et al. 2020): share of merges skipped at random while training
    tokenizer_sha256: str = ""  # checksum of tokenizer.model, once there is one

    # model
    preset: str = "auto"  # a name in PRESETS, which sets the sizes below
    d_model: int = 128  # model dimension
    num_heads: int = 4  # attention heads, each of dimension d_model / num_heads
    d_ff: int = 512  # inner dimension of the feed-forward layers
    num_layers: int = 2  # encoder blocks, and decoder blocks
    decoder_layers: int = 0  # decoder blocks, if it is another number; 0: num_layers
    dropout: float = 0.1  # rate, on embeddings and after each sub-layer
    attention_dropout: float = 0.0  # rate, on the attention weights
    word_dropout: float = 0.0  # share of the tokens whose embedding is left out while training

    # training
    denoise_epochs: int = 0  # before these: epochs in which both sides are reconstructed from noise, as in pre-training
    epochs: int = 10  # rounds of training, each with a validation
    passes: int = 1  # passes over the training pairs in an epoch; more where there are few of them
    patience: int = 0  # stop after so many validations without a better one; 0 for never
    validate_every: int = 0  # validate after so many steps, too, and keep the best; 0 after each epoch only
    select: str = (
        "loss"  # the epoch whose weights are kept: of the lowest validation "loss", the highest "bleu", the "last"
    )
    minutes: float | None = None  # stop training after so many minutes, None for no limit
    batch_tokens: int = 2048  # tokens of the longer side a batch at most, padding included
    learning_rate: float = 2e-3  # peak of the schedule, reached at the end of the warm-up
    warmup_steps: int = 400  # steps of linear warm-up; then the rate falls as 1/sqrt(step)
    schedule: str = "inverse-sqrt"  # after the warm-up: "inverse-sqrt", or "linear" or "cosine" to 0 at the last step
    optimizer: str = "adam"  # "adam", or "muon" for the matrices (Keras 3.13 or later)
    weight_decay: float = 0.0  # share of a weight that a step takes away, times the learning rate
    consistency: float = 0.0  # weight of the divergence of two passes, see `Objective`; each step takes twice as long
    label_smoothing: float = 0.1  # probability spread evenly over the vocabulary (Szegedy et al. 2016)
    clip_norm: float = 1.0  # gradients longer than this are scaled down to it
    ema_decay: float = 0.999  # decay a step of the running average of the weights, which is what is kept
    precision: str = "auto"  # "float32", "bfloat16" or "float16" (both mixed), or "auto": by the device
    devices: int = 0  # of this machine that share each batch; 0 for all GPUs, or one CPU
    accumulate: int = 1  # parts of each batch that are computed one after the other, where memory is short
    seed: int = 0  # of everything random: weights, order, dropout, BPE-dropout

    # decoding
    beam: int = 4  # hypotheses kept by beam search; 1 is greedy
    length_penalty: float = 1.0  # exponent of the length that a hypothesis' score is divided by

    @classmethod
    def load(cls, values: dict) -> "Settings":
        """Make settings of what config.json holds. Settings that it lacks have those of `EARLIER`, or their defaults.

        Raises:
            InputError: a setting is unknown here, as in a run of another version, or has no possible value.
        """
        values = present_names({name: value for name, value in values.items() if name != MADE_BY})
        if unknown := sorted(set(values) - set(FIELDS)):
            raise InputError(
                f"config.json has unknown settings ({', '.join(unknown)}): was it made by another version?"
            )
        for name, value in values.items():
            if not possible(name, value):
                raise InputError(f"config.json has {name} {value!r}, which cannot be: restore it, or train again")
        return cls(**EARLIER | values)

    @classmethod
    def check(cls, values: dict) -> dict:
        """The settings that somebody names, if there are such and they can have these values.

        Raises:
            InputError: there is no such setting, and perhaps one of a like name; or it cannot have that value.
        """
        for name, value in values.items():
            if name not in FIELDS:
                alike = difflib.get_close_matches(name, FIELDS, 1)
                hint = f"did you mean {alike[0]}?" if alike else f"there are {', '.join(sorted(FIELDS))}"
                raise InputError(f"there is no setting {name!r}: {hint}")
            if not possible(name, value):
                choices = f": choose from {', '.join(map(str, CHOICES[name]))}" if name in CHOICES else ""
                raise InputError(f"{name}={value!r} cannot be{choices}")
        return values

    def asdict(self) -> dict:
        """The settings as a dict for config.json."""
        return dataclasses.asdict(self)

    @property
    def blocks(self) -> str:
        """Numbers of encoder and decoder blocks, as "3+1"."""
        return f"{self.num_layers}+{self.decoder_layers or self.num_layers}"

    def model_sizes(self) -> dict:
        """The arguments of `Transformer` other than the vocabulary."""
        names = ("d_model", "num_heads", "d_ff", "num_layers", "decoder_layers", "dropout", "attention_dropout")
        return {name: getattr(self, name) for name in names}


FIELDS = typing.get_type_hints(Settings)
# As version 0.1 called them, in config.json, as options and as keyword arguments.
EARLIER_NAMES = {"average": "ema_decay", "max_pieces": "max_sentence_tokens", "sampling": "bpe_dropout"}
MADE_BY = "made_by"  # the one entry of config.json that is no setting: versions, device

# What settings may be, beside numbers above zero.
EARLIER = {"held_out": 0.0}  # what runs of version 0.1, which lack it, had: see `held_out.split_at_random`
SHARES = (  # from 0 to below 1
    *("held_out", "dropout", "attention_dropout", "word_dropout", "bpe_dropout", "label_smoothing", "ema_decay"),
    *("weight_decay", "mask", "delete"),
)
LEAST = {
    "seed": 0,
    "length_penalty": 0,
    "warmup_steps": 0,
    "skip": 0,
    "devices": 0,
    "patience": 0,
    "longest_source": 0,
    "decoder_layers": 0,
    "denoise_epochs": 0,
    "consistency": 0,
    "validate_every": 0,
    "span": 1,
    "max_sentence_tokens": FEWEST_TOKENS,
}
MOST = {"seed": 2**32 - 1, "span": LONGEST_SPAN}
CHOICES = {
    "task": ("translate", "denoise"),
    "source_column": (1, 2),
    "style": ("plain", "ted"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
    "preset": ("auto", "document", "tiny", "small", "base"),
    "select": ("loss", "bleu", "last"),
    "schedule": ("inverse-sqrt", "linear", "cosine"),
    "optimizer": ("adam", "muon"),
}


def present_names(values: dict) -> dict:
    """Settings, of which some may have the names of earlier versions, by the names that they have now."""
    return {EARLIER_NAMES.get(name, name): value for name, value in values.items()}


def possible(name: str, value: object) -> bool:
    """Whether the setting `name` may have this value."""
    kind = FIELDS[name]
    if kind is bool:
        return isinstance(value, bool)
    if float in (kind, *typing.get_args(kind)):
        kind |= int
    if not isinstance(value, kind) or isinstance(value, bool):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if name in CHOICES:
        return value in CHOICES[name]
    if not isinstance(value, int | float):
        return True
    if name in SHARES:
        return 0 <= value < 1
    if name in LEAST:
        return LEAST[name] <= value <= MOST.get(name, value)
    return value > 0


# "document": the article's own numbers (d_model 128, 2 heads, one block, 10,000 pairs, 3 epochs, 32 sentences a batch,
# which at about 20 tokens a sentence is 640 tokens). Figures of the others: docs/results.md.
PRESETS: dict[str, dict] = {
    "document": dict(d_model=128, num_heads=2, d_ff=512, num_layers=1, limit=10_000, epochs=3, batch_tokens=640),
    "tiny": dict(
        d_model=128,
        num_heads=4,
        d_ff=512,
        num_layers=2,
        dropout=0.05,
        batch_tokens=1024,
        learning_rate=3e-3,
        ema_decay=0.998,
    ),
    "small": dict(d_model=256, num_heads=4, d_ff=1024, num_layers=3, vocab_size=8000),
    "base": dict(
        d_model=512,
        num_heads=4,
        d_ff=1024,
        num_layers=6,
        vocab_size=8000,
        dropout=0.3,
        epochs=40,
        batch_tokens=4096,
        learning_rate=7e-4,
        warmup_steps=4000,
    ),
}
# What some minutes on the phrasebook are best used with: few passes, so no regularization. docs/results.md has what was
# tried. Muon learns from two passes what Adam learns from three.
WITH_ADAM: dict[str, typing.Any] = dict(
    epochs=3, dropout=0.0, batch_tokens=512, learning_rate=4e-3, warmup_steps=300, schedule="linear"
)
WITH_MUON = WITH_ADAM | dict(epochs=2, batch_tokens=1024, learning_rate=5e-3, warmup_steps=200, optimizer="muon")
# Chosen on 600 and 2,000 pairs of the data that stand in for TED.
SMALL_DATA: dict[str, typing.Any] = dict(vocab_size=1000, batch_tokens=512, dropout=0.3, patience=8, select="bleu")
# Measured on 51,785 of them, by two commands, and on 10,000, with one rate for noise and pairs. BLEU goes on rising
# when the loss of the validation pairs, of another kind, has turned.
MANY_DATA: dict[str, typing.Any] = dict(denoise_epochs=2, epochs=9, dropout=0.2, schedule="linear", select="bleu")
SOME_DATA = MANY_DATA | dict(denoise_epochs=10, epochs=12, batch_tokens=1024)
# What depends on the size of the model or on the data.
VARYING = {"passes", "style"}.union(*PRESETS.values(), WITH_ADAM, WITH_MUON, SMALL_DATA, SOME_DATA, MANY_DATA)
