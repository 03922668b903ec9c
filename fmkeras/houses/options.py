"""The command line of the house-price regressor."""

from pathlib import Path

from fmkeras import cli


def parser() -> cli.Parser:
    """The command line: verbs train (the default), evaluate and predict."""
    parser = cli.Parser(
        prog="fmkeras.regress",
        description="A linear house-price model in Keras, held against the least-squares solution.",
        epilog="train is the default: `fmkeras.regress --dataset FILE.csv --target COLUMN` trains on your own table; "
        "its options: `fmkeras.regress train --help`",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="train|evaluate|predict")
    train = verbs.add_parser("train", help="train, compare with least squares, save (the default)")
    add = train.add_argument
    add("--dataset", default="king_county", metavar="D", help="king_county, california or a CSV file")
    add("--target", metavar="COLUMN", help="the column of the CSV to predict")
    add("--epochs", type=cli.positive(int, most=10**6), default=100, metavar="N", help="at most; it stops early")
    add("--seed", type=cli.seed, default=0, metavar="S", help="order of the batches: same seed, same model")
    add("--no-target-scaling", action="store_true", help="make the article's mistake, which leaves R² below 0")
    add("--show", action="store_true", help="open the plots in windows")
    evaluate = verbs.add_parser("evaluate", help="measure a saved model on its test rows, or on a CSV with the target")
    evaluate.add_argument("file", nargs="?", type=Path, metavar="FILE.csv", help="left out: the test rows of the run")
    predict = verbs.add_parser("predict", help="add a column predicted_<target> to a CSV")
    predict.add_argument("file", type=Path, metavar="FILE.csv")
    predict.add_argument("--out", type=Path, metavar="OUT.csv", help="left out: standard output")
    for verb in (train, evaluate, predict):
        verb.add_argument("--run", type=Path, default=Path("runs/regress"), metavar="DIR", help="the run folder")
    return parser
