"""`python -m fmkeras.serve`: trained runs on the web, for programs and people."""

import argparse
import importlib.util
import ipaddress
import logging
import re
import signal
import socket
from pathlib import Path

from fmkeras import cli, runs
from fmkeras.errors import InputError
from fmkeras.translation.inference.exports import ENGINES

NEEDED = {
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "prometheus_client": "prometheus-client",
    "py3langid": "py3langid",
}
BACKLOG = 2048  # connections that wait to be accepted


def parser() -> argparse.ArgumentParser:
    """The options."""
    top = cli.Parser(
        prog="python -m fmkeras.serve",
        description="Serve translators (as LibreTranslate does) and regressors on the web, with a page for people.",
        epilog="More: docs/deploy.md",
        formatter_class=argparse.HelpFormatter,
    )
    add = top.add_argument
    folders = (
        "run folders of translators and regressors, exports to CTranslate2, bundled (as for fmkeras.translate text)"
    )
    add("--run", nargs="+", action="extend", metavar="DIR", help=folders)
    add("--host", default="127.0.0.1", help="address to listen at (127.0.0.1: this machine only)")
    add("--port", type=port, default=5000, help="port, 0 for any that is free (5000)")
    add(
        "--engine", choices=ENGINES, default="auto", help="what translates (auto: ctranslate2 where there is an export)"
    )
    add(
        "--api-key-file",
        type=Path,
        metavar="FILE",
        help="keys, one a line: who wants a translation or a price must send one",
    )
    add("--no-key", action="store_true", help="let everybody in, although --host is not this machine")
    asking = 'pages from elsewhere that may ask, as https://example.org, or "*" for any (none)'
    add("--allow-origin", type=origin, nargs="+", action="extend", metavar="ORIGIN", default=[], help=asking)
    add("--char-limit", type=cli.positive(most=10**6), default=5000, metavar="N", help="characters a request (5000)")
    add("--max-waiting", type=cli.positive(most=10**5), default=256, metavar="N", help="texts that may wait (256)")
    add("--batch", type=cli.positive(most=1024), default=32, metavar="N", help="texts translated together (32)")
    waiting = "milliseconds that the first text of a batch waits for others (5)"
    add("--wait", type=cli.positive(float, most=1000), default=5.0, metavar="MS", help=waiting)
    return top


def port(text: str) -> int:
    """An argparse type: a TCP port."""
    if not (text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 65535")
    return int(text)


def origin(text: str) -> str:
    """An argparse type: where a page comes from, as browsers say it: in small letters, without the usual port."""
    if text != "*" and not re.fullmatch(r"https?://[^/\s?#@*]+", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is not like https://example.org or http://localhost:8000")
    return re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", text.lower())


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = parser().parse_args(argv)
    if missing := [package for module, package in NEEDED.items() if not importlib.util.find_spec(module)]:
        raise InputError(f"the server needs packages that are not installed: pip install {' '.join(missing)}")
    keys = read_keys(arguments.api_key_file) if arguments.api_key_file else ()
    if not keys and not arguments.no_key and not is_loopback(arguments.host):
        raise InputError(f"--host {arguments.host} lets others in: name an --api-key-file, or say --no-key")
    bound = listen(arguments.host, arguments.port)
    from fmkeras.serving.app import Options, make_app
    from fmkeras.serving.served import Served

    with cli.quiet():
        served = Served([runs.chosen(run) for run in arguments.run or [None]], arguments.engine)
        served.warm_up()
    limits = (arguments.char_limit, arguments.max_waiting, arguments.batch, arguments.wait / 1000)
    options = Options(*limits, keys, origins=tuple(arguments.allow_origin))
    host, number = bound.getsockname()[:2]
    for note in served.notes:
        print(note)
    print(f"http://{f'[{host}]' if ':' in host else host}:{number}/ serves; Ctrl-C stops it", flush=True)
    serve(make_app(served, options), bound)


def serve(app: object, bound: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted by then is answered."""
    import uvicorn

    logging.basicConfig(format="fmkeras: %(message)s")
    signal.signal(signal.SIGTERM, lambda number, frame: None)  # uvicorn raises it again when all is answered
    from fmkeras.serving.protocol import JsonErrors

    quiet = {"log_level": "warning", "access_log": False, "server_header": False}
    config = uvicorn.Config(app, http=JsonErrors, ws="none", backlog=BACKLOG, **quiet)  # type: ignore[arg-type]
    uvicorn.Server(config).run(sockets=[bound])


def listen(host: str, number: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: there is no such address here, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, number))
        bound.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or "no such address"
        raise InputError(
            f"cannot listen at {host}, port {number} ({reason}): choose another --host or --port"
        ) from None
    return bound


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_keys(path: Path) -> tuple[str, ...]:
    """The keys of a file, one a line.

    Raises:
        InputError: it cannot be read, or holds none.
    """
    try:
        keys = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError):
        raise InputError(f"--api-key-file {path} cannot be read: it must be a UTF-8 text, one key a line") from None
    if not keys:
        raise InputError(f"--api-key-file {path} holds no key: write one a line")
    return keys


def script() -> None:
    """The command `fmkeras-serve`."""
    cli.run(main)


if __name__ == "__main__":
    script()
