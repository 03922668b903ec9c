"""`python -m fmkeras.pretrain`: pre-train a Transformer on sentences without translations.

`python -m fmkeras.translate --init runs/pretrain` then makes a translator of it. From Python: `fmkeras.pretrain(...)`.
"""

import sys
import types
from typing import Any

from fmkeras import cli
from fmkeras.translation.training.options import callbacks_given, options_given, pretrain_parser


def main(argv: list[str] | None = None) -> None:
    """The command line: see `--help`."""
    arguments = pretrain_parser().parse_args(argv)
    cli.import_keras(training=True)
    from fmkeras import machines

    with machines.joined(arguments.distributed, arguments.processes, arguments.process, arguments.run):
        from fmkeras.translation.training.pretraining import pretrain

        callbacks = callbacks_given(arguments)
        pretrain(run=arguments.run, resume=arguments.resume, callbacks=callbacks, **options_given(arguments))


class Script(types.ModuleType):
    """This module, which can be called: `fmkeras.pretrain` is the script and, from Python, the function."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """See `fmkeras.translation.training.pretraining.pretrain`."""
        from fmkeras.translation.training.pretraining import pretrain

        return pretrain(*arguments, **options)


sys.modules[__name__].__class__ = Script


def script() -> None:
    """The command `fmkeras-pretrain`."""
    cli.run(main)


if __name__ == "__main__":
    script()
