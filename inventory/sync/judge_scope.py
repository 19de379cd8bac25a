"""Which connectors a run judges beside those that changed."""

from typing import NamedTuple


class Scope(NamedTuple):
    """The connectors to judge although nothing in their items changed.

    `late`: those whose deadline has passed since they were last judged. `judge_all`: all that the
    run saw, as after a change of the rules. `destinations`: those of each destination of which this
    run began or ended a version, and those that did not follow theirs, as no run saw them since.
    """

    late: bool
    judge_all: bool
    destinations: bool
