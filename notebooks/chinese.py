"""Give the notebooks in Chinese the code and outputs of those in English: `python -m notebooks.chinese`.

notebooks/zh/ holds the same notebooks with Chinese text. Only its text is written there; each of its cells of text has
the id of the English cell that it says in Chinese. A test holds both to the same code.
"""

import copy
from pathlib import Path

import nbformat

from fmkeras import cli, runs
from fmkeras.errors import InputError

FOLDER = Path(__file__).parent


def main() -> None:
    for chinese in sorted((FOLDER / "zh").glob("*.ipynb")):
        english = FOLDER / chinese.name
        notebook = in_chinese(nbformat.read(english, as_version=4), nbformat.read(chinese, as_version=4))
        with runs.whole_file(chinese) as temporary:
            nbformat.write(notebook, temporary)


def in_chinese(english: nbformat.NotebookNode, chinese: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The English notebook with the text of the Chinese one.

    Raises:
        InputError: a cell of text is in one of them only.
    """
    texts = {cell.id: cell.source for cell in chinese.cells if cell.cell_type == "markdown"}
    notebook = copy.deepcopy(english)
    cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    if alone := {cell.id for cell in cells} ^ set(texts):
        raise InputError(f"text in one language only, in the cells {', '.join(sorted(alone))}: write it in the other")
    for cell in cells:
        cell.source = texts[cell.id]
    return notebook


if __name__ == "__main__":
    cli.run(main)
