"""Build the API reference, a page a module, from the docstrings: `python -m docs.reference [FOLDER]`.

What pdoc warns of ends it: a type that cannot be read, a module that cannot be imported.
"""

import pkgutil
import warnings
from pathlib import Path

import fmkeras
from fmkeras import cli


def modules() -> list[str]:
    """The package and all its modules; of the folders of data, none."""
    found = (module.name for module in pkgutil.walk_packages(fmkeras.__path__, "fmkeras."))
    return ["fmkeras", *sorted(name for name in found if not name.startswith("fmkeras.data"))]


def build(folder: Path) -> None:
    """Write the pages into a folder."""
    import pdoc

    warnings.filterwarnings("error", module="pdoc")
    for harmless in (
        "The module specification .* adds",  # a module of a package, which comes with the package already
        r"Error parsing type annotation .*\.__init__\.",  # of a NamedTuple, looked up where it was not written
    ):
        warnings.filterwarnings("ignore", harmless, module="pdoc")
    for name in fmkeras.__all__:  # some are imported when they are first asked for: pdoc does not ask
        setattr(fmkeras, name, getattr(fmkeras, name))
    pdoc.render.configure(docformat="google", footer_text=f"fmkeras {fmkeras.__version__}")
    pdoc.pdoc(*modules(), output_directory=folder)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = cli.Parser(prog="python -m docs.reference", description="Build the API reference.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/api"), help="where to")
    arguments = parser.parse_args(argv)
    with cli.quiet():
        import keras  # noqa: F401
    build(arguments.folder)
    print(f"{arguments.folder / 'fmkeras.html'}: {len(modules())} modules")


if __name__ == "__main__":
    cli.run(main)
