"""The application: every route over one pipeline."""

from collections.abc import Iterable
from importlib import resources
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

from dspy_meme_gen import __version__
from dspy_meme_gen.api.analytics import analytics_routes
from dspy_meme_gen.api.contract_counts import ContractCounts
from dspy_meme_gen.api.envelope import Draining, Envelope, TooLarge
from dspy_meme_gen.api.memes import meme_routes, problems
from dspy_meme_gen.api.observing import observing_routes
from dspy_meme_gen.api.problems import KINDS, Problem, problem_response
from dspy_meme_gen.api.schemas import ProblemKind
from dspy_meme_gen.api.turns import Turns
from dspy_meme_gen.errors import InvalidRequest, Overloaded, RateLimited, RequestConflict, ServiceStopped
from dspy_meme_gen.extras import require
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.settings import Settings, variable_of

__all__ = ["create_app"]

_STATIC = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}


def create_app(pipeline: Pipeline, settings: Settings, draining: Draining | None = None) -> FastAPI:
    """The application. It neither starts nor stops the pipeline: whoever serves it does, and says in `draining` that it is about to.

    Raises InvalidSettings for an extra that the settings need and that is not installed.
    """
    draining = draining or Draining()
    turns = Turns(settings.http_at_once, settings.http_in_line)
    app = FastAPI(title="MemesPy", version=__version__, summary="A topic in, a captioned meme out.", docs_url=None, redoc_url=None)
    app.add_middleware(Envelope, draining=draining)
    watched = _watch(app, settings.contract_share) if settings.contract_share else None
    routers = (meme_routes(pipeline, turns), analytics_routes(pipeline), observing_routes(pipeline, turns, draining, watched))
    for routes in routers:
        app.include_router(routes)
    _add_pages(app)
    # Newer FastAPI keeps included routers whole: what their paths know is to be found in them, and in older ones as well.
    _add_handlers(app, [*app.routes, *(route for routes in routers for route in routes.routes)])
    return app


def _watch(app: FastAPI, share: float) -> ContractCounts:
    """Hold a share of all answers against the application's own document; what is found is in the counts."""
    require("jsonschema", "monitoring", f"{variable_of('contract_share')} is set")
    from dspy_meme_gen.api.contract_watch import ContractWatch  # noqa: PLC0415 - it needs an extra

    counts = ContractCounts()
    app.add_middleware(ContractWatch, document=app.openapi, share=share, counts=counts)
    return counts


def _add_pages(app: FastAPI) -> None:
    folder = resources.files("dspy_meme_gen.api") / "static"

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse((folder / "page.html").read_text(encoding="utf-8"))

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in _STATIC:
            raise Problem("not-found")
        return Response((folder / name).read_bytes(), media_type=_STATIC[name], headers={"Cache-Control": "no-cache"})

    @app.get("/problems/{name}", tags=["problems"], responses=problems(404, 422))
    async def problem(name: Annotated[str, Path(examples=["invalid"])]) -> ProblemKind:
        """What a type of problem means."""
        if name not in KINDS:
            raise Problem("not-found", "there is no problem of this name")
        kind = KINDS[name]
        return ProblemKind(type=f"/problems/{name}", title=kind.title, status=kind.status, meaning=kind.meaning)


def _methods(routes: Iterable[BaseRoute], http: Request) -> list[str]:
    """What a path knows: all routes of the first template that fits it, for `/memes/async` is no meme that could be looked at."""
    fitting = [route for route in routes if isinstance(route, Route) and route.matches(http.scope)[0] is not Match.NONE]
    return sorted({method for route in fitting if route.path == fitting[0].path for method in (route.methods or ())})


def _add_handlers(app: FastAPI, routes: Iterable[BaseRoute]) -> None:
    """Each error of the service becomes one problem; what is not named here is internal."""

    async def told(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response

    async def unfit(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Where and what, and not what was sent.
        errors = [{"field": ".".join(map(str, each["loc"][1:])) or str(each["loc"][0]), "reason": each["msg"]} for each in error.errors()]
        return problem_response("invalid", members={"errors": errors})

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, InvalidRequest)
        errors = [{"field": name, "reason": reason} for name, reason in error.problems]
        return problem_response("invalid", members={"errors": errors})

    async def full(_: Request, error: Exception) -> Response:
        assert isinstance(error, Overloaded)
        name = "rate-limited" if isinstance(error, RateLimited) else "overloaded"
        return problem_response(name, str(error), retry_after_s=error.retry_after_s)

    async def conflict(_: Request, __: Exception) -> Response:
        return problem_response("conflict")

    async def unavailable(_: Request, __: Exception) -> Response:
        return problem_response("unavailable", retry_after_s=5)

    async def by_status(http: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        # FastAPI makes a 400 of whatever reading a body raises; ours know better.
        if isinstance(error.__cause__, Problem):
            return error.__cause__.response
        if isinstance(error.__cause__, TooLarge):
            return problem_response("too-large")
        names = {400: "malformed", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-media-type"}
        response = problem_response(names.get(error.status_code, "internal"))
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_methods(routes, http))
        return response

    handlers: dict[type[Exception], Any] = {
        Problem: told,
        RequestValidationError: unfit,
        InvalidRequest: invalid,
        Overloaded: full,
        RequestConflict: conflict,
        ServiceStopped: unavailable,
        SQLAlchemyError: unavailable,
        HTTPException: by_status,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
