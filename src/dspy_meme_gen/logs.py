"""Logs for machines: one JSON object a line, with the correlation id of the exchange that it belongs to."""

import contextvars
import json
import logging
import sys
import time

__all__ = ["JsonLines", "correlation", "log_to_stderr"]

correlation: contextvars.ContextVar[str] = contextvars.ContextVar("correlation", default="")


class JsonLines(logging.Formatter):
    """Time (UTC), level, logger, message, correlation id, further fields, and the traceback of an error. Never more than one line."""

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, object] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if correlation.get():
            line["correlation"] = correlation.get()
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


def log_to_stderr(level: str) -> None:
    """All logs of this process go to standard error as JSON lines, from `level` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
