"""The errors of MemesPy: one root, one meaning a class.

MemesPyError
├── InvalidRequest          the caller's request cannot be accepted as it is
├── InvalidSettings         the environment or the arguments do not make a configuration
├── Overloaded              too much waits already; the error says when to come back
│   └── RateLimited         this user has sent too much
├── RequestConflict         a request_id was used again with another payload
├── ServiceStopped          the pipeline takes no more requests
├── ActorCrashed            an actor died twice on the same piece of work
├── StageTimeout            a port took longer than its stage allows
└── RestartLimitExceeded    actors crashed more often than the supervisor puts up with
"""

__all__ = [
    "ActorCrashed",
    "InvalidRequest",
    "InvalidSettings",
    "MemesPyError",
    "Overloaded",
    "RateLimited",
    "RequestConflict",
    "RestartLimitExceeded",
    "ServiceStopped",
    "StageTimeout",
]


class MemesPyError(Exception):
    """The root of every error that MemesPy raises on purpose."""


class InvalidRequest(MemesPyError):
    """A request breaks at least one rule; `problems` lists every (field, reason), `field` and `reason` are the first of them."""

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        assert problems, "an invalid request has at least one problem"
        self.problems = problems
        self.field, self.reason = problems[0]
        super().__init__("; ".join(f"{field} {reason}" for field, reason in problems))

    def __reduce__(self) -> tuple[type["InvalidRequest"], tuple[tuple[tuple[str, str], ...]]]:
        """An exception is pickled by its args, which here are the message; name the problems instead."""
        return (type(self), (self.problems,))


class InvalidSettings(MemesPyError):
    """A setting has a value that cannot be used; the message names the variable, the value and what was expected."""


class Overloaded(MemesPyError):
    """The request was not taken, for too much waits already; `retry_after_s` says in how many seconds to try again."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message, retry_after_s)
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        """The message alone."""
        return str(self.args[0])


class RateLimited(Overloaded):
    """The request was not taken, for its user has sent more than the bucket allows."""


class RequestConflict(MemesPyError):
    """A request_id that is already known came with another payload; use a new request_id for a new request."""


class ServiceStopped(MemesPyError):
    """The pipeline is stopping, stopped or broken and takes no more requests."""


class ActorCrashed(MemesPyError):
    """An actor crashed on a piece of work, and its next incarnation crashed on the same piece again."""


class StageTimeout(MemesPyError):
    """A port did not answer within the time its stage allows."""


class RestartLimitExceeded(MemesPyError):
    """The supervisor gave up: more restarts were needed than its sliding window allows."""
