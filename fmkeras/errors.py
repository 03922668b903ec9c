"""The one exception for mistakes that a user can put right."""


class InputError(ValueError):
    """Bad input: the message says in one line what is wrong and what to do about it.

    The scripts print it as `fmkeras: error: ...` and exit with status 2; from Python it is an ordinary ValueError.
    """
