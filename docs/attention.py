"""The pictures of docs/attention.md: what the heads of the bundled translator look at, one picture a head.

    python -m docs.attention

It draws a sentence of its own and prints the tables of that page. Another sentence, another run, another folder for the
pictures: `python -m docs.attention "O comboio está atrasado." --run runs/translate --folder pictures`.
"""

from pathlib import Path

import numpy as np

from fmkeras import cli

SENTENCE = "Os livros dela estão na mesa."
FOLDER = Path(__file__).parent / "attention"
DPI = 80  # small files, still sharp where two pictures stand side by side


def self_attention(model, source: np.ndarray) -> np.ndarray:
    """The weights with which each encoder block's tokens look at each other.

    Args:
        model: a `Transformer`.
        source: (1, S) ids.

    Returns:
        (num_layers, H, S, S), each row summing to 1.
    """
    from keras import ops

    from fmkeras.translation.model.attention import PAD, padding_bias, positions_of

    mask = ops.not_equal(source, PAD)
    bias = padding_bias(mask)
    x, weights = model.embed(source, positions_of(mask)), []
    for block in model.encoder:
        y = block.self_attention_norm(x)
        keys, _ = block.self_attention.keys_and_values(y)
        weights.append(block.self_attention.weights_of(y, keys, bias)[0])
        x = block(x, bias)
    return ops.convert_to_numpy(ops.stack(weights))


def table(heads: np.ndarray, keys: list[str], queries: list[str]) -> list[str]:
    """A Markdown table: for each query and each of the (H, T, S) heads the key that gets most of its weight."""
    lines = ["| who looks |" + "".join(f" head {number} |" for number in range(1, len(heads) + 1))]
    lines.append("|---" * (len(heads) + 1) + "|")
    for row, query in enumerate(queries):
        found = [f"{keys[int(head[row].argmax())]} {head[row].max():.0%}" for head in heads]
        lines.append(f"| {' | '.join([query, *found])} |".replace("▁", "").replace("</s>", "`</s>`"))
    return lines


def draw(weights: np.ndarray, keys: list[str], queries: list[str], title: str, path: Path) -> None:
    """Save one head's (T, S) weights as a picture."""
    from fmkeras import plots

    figure = plots.attention_map(weights, keys, queries, title)
    figure.axes[0].set(xlabel="keys: where it looks", ylabel="queries: who looks")
    figure.savefig(path, dpi=DPI, bbox_inches="tight")


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    parser = cli.Parser(prog="python -m docs.attention", description=__doc__.split("\n\n")[0])
    parser.add_argument("sentence", nargs="?", default=SENTENCE, metavar="SENTENCE", help="of the source language")
    parser.add_argument("--run", default="bundled", metavar="DIR", help="run folder, or bundled")
    parser.add_argument("--folder", type=Path, default=FOLDER, metavar="DIR", help="where the pictures go")
    arguments = parser.parse_args(argv)
    cli.import_keras()
    cli.write_utf8()
    from fmkeras import load_translator

    translator = load_translator(arguments.run, "keras")
    source, target, cross = translator.attention(arguments.sentence)
    (ids,) = translator.tokenizer.encode([arguments.sentence])
    kinds = {
        "cross": ("cross-attention, last decoder block", cross[-1], target),
        "self": ("self-attention, last encoder block", self_attention(translator.model, np.array([ids]))[-1], source),
    }
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for kind, (title, heads, queries) in kinds.items():
        print(title, "", *table(heads, source, queries), "", sep="\n")
        for number, weights in enumerate(heads, start=1):
            draw(weights, source, queries, f"{title}, head {number}", arguments.folder / f"{kind}{number}.png")


if __name__ == "__main__":
    cli.run(main)
