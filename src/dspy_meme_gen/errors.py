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
├── RestartLimitExceeded    actors crashed more often than the supervisor puts up with
├── StoreAway               the store failed a moment ago, and is left alone for a while
├── InjectedFault           chaos was asked for, and made a call of a port fail
├── SchemaUnknown           the database was made by a newer release
└── ModelError              a language or image model gave nothing that can be used
    ├── ModelUnavailable        it cannot be reached, or is out of order
    ├── ModelTimeout            it did not answer within its time
    ├── ModelRateLimited        it has had too many requests; `retry_after_s` says when to come again, if it said so
    ├── ModelRefused            it does not accept the request: the key, the model's name, or what was asked
    └── ModelAnswerInvalid      it answered, but not what was asked for
"""

__all__ = [
    "ActorCrashed",
    "InjectedFault",
    "InvalidRequest",
    "InvalidSettings",
    "MemesPyError",
    "ModelAnswerInvalid",
    "ModelError",
    "ModelRateLimited",
    "ModelRefused",
    "ModelTimeout",
    "ModelUnavailable",
    "Overloaded",
    "RateLimited",
    "RequestConflict",
    "RestartLimitExceeded",
    "SchemaUnknown",
    "ServiceStopped",
    "StageTimeout",
    "StoreAway",
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
    """Settings cannot be used; each of `problems` names the variable and what was expected, and never shows a secret."""

    def __init__(self, *problems: str) -> None:
        assert problems, "invalid settings have at least one problem"
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        return "; ".join(self.problems)


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


class StoreAway(MemesPyError):
    """The store failed a moment ago, and is left alone for a while."""


class InjectedFault(MemesPyError):
    """Chaos was asked for, and made a call of a port fail."""


class SchemaUnknown(MemesPyError):
    """The database has a schema that this release does not know: a newer one made it. Install that release, or use another database."""


class ModelError(MemesPyError):
    """A language or image model gave nothing that can be used. No message of this family shows a key."""


class ModelUnavailable(ModelError):
    """The model cannot be reached, or answers that it is out of order."""


class ModelTimeout(ModelError):
    """The model did not answer within its time."""


class ModelRateLimited(ModelError):
    """The model has had too many requests; `retry_after_s` is how long it wants to be left alone, or None if it did not say."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ModelRefused(ModelError):
    """The model does not accept the request as it is: look at the key, the model's name and the base URL."""


class ModelAnswerInvalid(ModelError):
    """The model answered, but not what it was asked for."""
