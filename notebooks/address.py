"""Write the repository's address, once it has one, wherever a reader needs it: `python -m notebooks.address URL`.

The address stands in notebooks/address.txt; while there is no such file, nobody knows it. From it follow the line of
each notebook that says how to open it in Colab, REPOSITORY in its first code cell, and a line of each README. A test
holds all of them to it. Outputs and all other lines of the notebooks stay as they are, byte for byte.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

from fmkeras import cli, runs
from fmkeras.errors import InputError

ROOT = Path(__file__).parents[1]
COLAB = "https://colab.research.google.com"
HOSTED = re.compile(r"(?:https|ssh|file)://[^\s\"'\\{}<>()]+|git@[\w.-]+:[\w./~-]+")
GITHUB = re.compile(r"(?:https://|ssh://git@|git@)github\.com[/:]([\w-]+)/([\w.-]+?)(?:\.git)?/?")
BADGE = re.compile(r"\[!\[Open in Colab\].*|To open this in Colab: .*|在 Colab 中打开：.*")
SETTING = re.compile(r'REPOSITORY = ".*?"')
NAMES = ("foundations", "translate", "pretrain", "regress")  # in the order in which to read them
READMES = ("README.md", "README.zh-CN.md")
MADE = "`pip wheel --no-deps .` makes one in a clone"
MADE_ZH = "在克隆下来的项目文件夹里运行 `pip wheel --no-deps .` 即可生成"
README_LINE = re.compile(r"^(?:In Colab: |在 Colab 中：).*$", re.MULTILINE)


def main(argv: list[str] | None = None) -> None:
    parser = cli.Parser(prog="python -m notebooks.address", description=__doc__.splitlines()[0])
    parser.add_argument("url", help="https://github.com/OWNER/NAME, or any address that `git clone` takes")
    write(ROOT, checked(parser.parse_args(argv).url))


def checked(url: str) -> str:
    """The address in the form that everyone can clone: on GitHub https://github.com/OWNER/NAME.

    Raises:
        InputError: it is no address of a repository.
    """
    if github := GITHUB.fullmatch(url):
        return "https://github.com/{}/{}".format(*github.groups())
    if not HOSTED.fullmatch(url) or "//github.com" in url or "@github.com" in url:
        raise InputError(f"{url!r} is no address of a repository: give one like https://github.com/OWNER/NAME")
    return url.rstrip("/")


def write(root: Path, address: str) -> None:
    """Write `address` into notebooks/address.txt, all notebooks and both READMEs of the clone at `root`."""
    texts = {path: with_address(path, address) for path in [*(root / name for name in READMES), *notebooks(root)]}
    for path, text in {root / "notebooks" / "address.txt": f"{address}\n", **texts}.items():
        with runs.whole_file(path) as temporary:
            temporary.write_bytes(text.encode())


def notebooks(root: Path) -> list[Path]:
    """The notebooks of the clone at `root`, those in English before those in Chinese."""
    folder = root / "notebooks"
    paths = [folder / language / f"{name}.ipynb" for language in ("", "zh") for name in NAMES]
    return [path for path in paths if path.exists()]


def known(root: Path) -> str:
    """The address as notebooks/address.txt has it, or "" while nobody knows it."""
    path = root / "notebooks" / "address.txt"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def with_address(path: Path, address: str) -> str:
    """The text of a notebook or of a README, with `address`, or for "" with what to do without one.

    Raises:
        InputError: a line that the address belongs into is not there.
    """
    text = path.read_bytes().decode()
    if path.suffix == ".ipynb":
        text, badges = edit_source(text, BADGE, lambda line: badge(address, path))
        text, places = edit_source(text, SETTING, lambda line: SETTING.sub(f'REPOSITORY = "{address}"', line, count=1))
        places = min(badges, places)
    else:
        text, places = README_LINE.subn(lambda _: readme_line(address, path), text)
    if not places:
        raise InputError(f"{path}: the line that names the repository is gone; take the file from git again")
    return text


def edit_source(text: str, wanted: re.Pattern, edit: Callable[[str], str]) -> tuple[str, int]:
    """Edit the lines of a notebook's cells that begin with `wanted`, and count them; `text` is its JSON.

    In a notebook each source line is a JSON string on a line of its own. The JSON around it is not touched.
    """
    count = 0

    def replace(found: re.Match) -> str:
        nonlocal count
        line = json.loads(found[2])
        if not wanted.match(line):
            return found[0]
        count += 1
        new = edit(line.rstrip("\n")) + "\n" * line.endswith("\n")
        return found[1] + json.dumps(new, ensure_ascii=False) + found[3]

    return re.sub(r'^(\s*)("(?:[^"\\]|\\.)*")(,?)$', replace, text, flags=re.MULTILINE), count


def badge(address: str, path: Path) -> str:
    """The line of a notebook that says how to open it in Colab, which opens notebooks from GitHub only."""
    chinese = path.parent.name == "zh"
    if link := colab(address, f"zh/{path.name}" if chinese else path.name):
        return f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link})"
    if chinese:
        copy = "" if address else f"，再把 fmkeras 的 wheel 文件拖进 Colab 的文件面板（{MADE_ZH}）"
        return f"在 Colab 中打开：到 [colab.research.google.com]({COLAB}) 上传本笔记本{copy}。"
    copy = "" if address else f", and drop a wheel of fmkeras into Colab's file panel ({MADE})"
    return f"To open this in Colab: upload it at [colab.research.google.com]({COLAB}){copy}."


def readme_line(address: str, path: Path) -> str:
    """The line on Colab and on the package alone of the README at `path`."""
    if path.name != READMES[0]:
        return chinese_line(address)
    install = f'; the package alone: `pip install "git+{pip_form(address)}"`' if address else ""
    if colab(address, ""):
        links = [f"[{name}]({colab(address, name + '.ipynb')})" for name in NAMES]
        return f"In Colab: {', '.join(links)}{install}."
    rest = " and run it" if address else f", drop a wheel of fmkeras into Colab's file panel ({MADE}), and run the notebook"
    return f"In Colab: upload a notebook at [colab.research.google.com]({COLAB}){rest}{install}."


def chinese_line(address: str) -> str:
    """The same for the README in Chinese, with the notebooks in Chinese."""
    install = f'；只安装软件包：`pip install "git+{pip_form(address)}"`' if address else ""
    if colab(address, ""):
        links = [f"[{name}]({colab(address, f'zh/{name}.ipynb')})" for name in NAMES]
        return f"在 Colab 中：{'、'.join(links)}{install}。"
    copy = "" if address else f"，把 fmkeras 的 wheel 文件拖进 Colab 的文件面板（{MADE_ZH}）"
    return f"在 Colab 中：到 [colab.research.google.com]({COLAB}) 上传一个笔记本{copy}，然后运行{install}。"


def colab(address: str, name: str) -> str:
    """The address at which Colab opens a notebook, or "" if it cannot."""
    github = GITHUB.fullmatch(address)
    return f"{COLAB}/github/{github[1]}/{github[2]}/blob/main/notebooks/{name}" if github else ""


def pip_form(address: str) -> str:
    """The address as pip wants it after `git+`: ssh://git@host/path for git@host:path."""
    return re.sub(r"^git@([^:]+):", r"ssh://git@\1/", address)


if __name__ == "__main__":
    cli.run(main)
