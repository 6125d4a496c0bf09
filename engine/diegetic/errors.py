"""What can go wrong, in one small hierarchy. The message is one sentence: subject, rule, what was given, way out.

Knows nothing of how an error is shown; `exit_code` is what the command line ends with.
"""


class DiegeticError(Exception):
    """Something the user can be told in one sentence."""

    exit_code = 1


class InputError(DiegeticError, ValueError):
    """What was given breaks a rule; nothing was written or changed."""

    exit_code = 2


class Failure(DiegeticError):  # noqa: N818
    """What was asked is fine, but could not be done: a full disk, a missing file of the model, a damaged take."""

    exit_code = 1


class Cancelled(DiegeticError):  # noqa: N818
    """The work was stopped on request; what was finished is kept."""

    exit_code = 130
