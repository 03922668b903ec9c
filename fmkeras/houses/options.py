"""The command line of the house-price regressor."""

from pathlib import Path

from fmkeras import cli

PROGRAM = "python -m fmkeras.regress"


def parser() -> cli.Parser:
    """The command line: subcommands train (the default), evaluate and predict."""
    parser = cli.Parser(
        prog=PROGRAM,
        description="A linear house-price model in Keras, held against the least-squares solution.",
        epilog=f"Without a subcommand it trains: {PROGRAM} --dataset FILE.csv --target COLUMN, on your own table. "
        f"Each subcommand has its own options: {PROGRAM} train --help",
    )
    subcommands = parser.add_subparsers(dest="subcommand", required=True, metavar="{train,evaluate,predict}")
    train = subcommands.add_parser("train", help="train, compare with least squares, save (the default)")
    add = train.add_argument
    add(
        "--dataset", default="king_county", metavar="D", help="king_county, california, or a CSV, Excel or Parquet file"
    )
    add("--target", metavar="COLUMN", help="the column of the file to predict")
    for option, what in (("drop", "leave out"), ("categorical", "take as text"), ("numeric", "take as numbers")):
        columns = f"columns to {what}; also with commas between"
        add(f"--{option}", nargs="+", action="extend", default=[], metavar="COLUMN", help=columns)
    add(
        "--epochs",
        type=cli.positive(int, most=10**6),
        default=100,
        metavar="N",
        help="at most; it stops early where nothing is gained",
    )
    add("--seed", type=cli.seed, default=0, metavar="S", help="order in which the rows are seen: same seed, same model")
    add("--ridge", action="store_true", help="penalise large weights, as strongly as cross-validation says")
    add("--log-target", action="store_true", help="learn the logarithm of the target: no price below 0")
    refit = train.add_mutually_exclusive_group()
    refit.add_argument(
        "--refit", action="store_true", default=None, help="train once more, with the validation rows (if rows are few)"
    )
    refit.add_argument("--no-refit", dest="refit", action="store_false", help="never do that")
    add("--folds", type=cli.positive(int, most=1000), default=0, metavar="K", help="also cross-validate in K parts")
    add("--no-target-scaling", action="store_true", help="make the article's mistake, which leaves R² below 0")
    add("--tensorboard", action="store_true", help="write TensorBoard's logs to the run folder")
    add("--show", action="store_true", help="open the plots in windows")
    evaluate = subcommands.add_parser(
        "evaluate", help="measure a saved model on its test rows, or on a table with the target"
    )
    evaluate.add_argument(
        "file", nargs="?", type=Path, metavar="FILE.csv", help="a table with the target (the run's own test rows)"
    )
    predict = subcommands.add_parser("predict", help="add a column predicted_<target> to a table")
    predict.add_argument("file", type=Path, metavar="FILE.csv", help="a table with the columns that were trained on")
    predict.add_argument("--out", type=Path, metavar="OUT.csv", help="where to write it (standard output)")
    predict.add_argument(
        "--interval",
        type=int,
        choices=range(50, 100),
        metavar="PERCENT",
        help="also the low and high end of an interval that holds PERCENT of the prices",
    )
    predict.add_argument("--strict", action="store_true", help="exit with status 2 if a row cannot be read")
    for command in (train, evaluate, predict):
        command.add_argument("--run", type=Path, default=Path("runs/regress"), metavar="DIR", help="the run folder")
        command.add_argument("--no-header", action="store_true", help="the file names no columns: they are c1, c2, ...")
    return parser
