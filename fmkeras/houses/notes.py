"""What is said of a table, a line each."""


class Heard(str):
    """A line that a program must hear, too, as a warning: what is left out, or may be meant otherwise.

    Other lines only tell how something is read.
    """

    __slots__ = ()
