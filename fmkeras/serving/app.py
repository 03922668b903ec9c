"""The server's routes, and what stands around each: key, size, time, counters, errors as JSON."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import fmkeras
from fmkeras.errors import InputError
from fmkeras.serving import bodies, page
from fmkeras.serving.batching import LOG, WAIT, Batcher
from fmkeras.serving.failures import Refused, shown
from fmkeras.serving.metrics import Metrics
from fmkeras.serving.served import Served
from fmkeras.serving.translating import Ask, Details, Detect, Translate, checked, details, parsed, translate

BYTES_A_CHARACTER = 12  # "\\ud83d\\ude00": an emoji in JSON, escaped
OVERHEAD = 4096  # bytes of a request beside its text


class Options(NamedTuple):
    """How a server serves.

    Attributes:
        characters: of text in one request at most, and tokens: 5,000 unknown signs are up to 20,000.
        waiting: texts that may wait; what comes then gets 429.
        batch: texts computed together at most.
        wait: seconds that the first text of a batch waits for others.
        keys: one of which each text and each house must come with; none: nobody need.
        seconds: that a body may take to arrive.
        origins: of pages from elsewhere that may ask, "https://example.org"; "*" is any.
    """

    characters: int = 5000
    waiting: int = 256
    batch: int = 32
    wait: float = WAIT
    keys: tuple[str, ...] = ()
    seconds: float = bodies.SECONDS
    origins: tuple[str, ...] = ()


class Guard:
    """Counts every request, and makes JSON of what no route has foreseen; nothing of a text is written anywhere.

    Args:
        app: what it stands around.
        metrics: where it counts.
        paths: that are counted by name; all others together.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: set[str]):
        self.app, self.metrics, self.paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except Exception as error:
            LOG.error("%s while answering", type(error).__name__)  # its message could quote the text
            if not status:
                await JSONResponse({"error": "the server failed"}, 500)(scope, receive, sent)
        path = scope["path"] if scope["path"] in self.paths else "other"
        self.metrics.requests.labels(path, str(status)).inc()
        self.metrics.seconds.labels(path).observe(time.perf_counter() - began)


def make_app(served: Served, options: Options) -> FastAPI:
    """The application: see docs/deploy.md for its routes.

    Args:
        served: the runs.
        options: how.
    """
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = (options.batch, options.waiting, options.wait, metrics.batches.observe)
        app.state.batcher = Batcher(served.translate, *settings)
        app.state.pricing = asyncio.Lock()
        metrics.waiting.set_function(lambda: len(app.state.batcher.jobs))
        yield
        await app.state.batcher.close()

    app = FastAPI(
        title="fmkeras",
        version=fmkeras.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    add_translation(app, served, options)
    add_prices(app, served, options)
    add_pages(app, served, metrics, options)
    if options.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=options.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Retry-After"],
        )
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    app.add_middleware(Guard, metrics=metrics, paths=paths)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(HTTPException, not_there)
    return app


async def refused(request: Request, error: Exception) -> Response:
    """A Refused as JSON."""
    assert isinstance(error, Refused)
    return JSONResponse({"error": error.message}, error.status, error.headers)


async def not_there(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"{error.detail}: /docs says what there is"}, error.status_code, error.headers)


async def fields_of(request: Request, options: Options) -> dict[str, Any]:
    """The fields of a request that may be answered.

    Raises:
        Refused: it cannot be read (400), is too large (413) or too slow (408), or lacks a key (400, 403).
    """
    most = options.characters * BYTES_A_CHARACTER + OVERHEAD
    fields = await bodies.read_fields(request, most, options.seconds)
    if options.keys:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else fields.get("api_key")  # a proxy may ask for Basic
        if not isinstance(given, str) or not given:
            raise Refused(400, "this server asks for a key: send it as the field api_key")
        if not any(hmac.compare_digest(given.encode("utf-8", "replace"), key.encode()) for key in options.keys):
            raise Refused(403, "Invalid API key")
    return fields


def body_of(kind: type[Ask]) -> dict[str, Any]:
    """The description of a route's body in the OpenAPI page."""
    schema = {"schema": kind.model_json_schema()}
    content = dict.fromkeys(("application/json", "application/x-www-form-urlencoded", "multipart/form-data"), schema)
    return {"requestBody": {"required": True, "content": content}}


def add_translation(app: FastAPI, served: Served, options: Options) -> None:
    """LibreTranslate's routes, and /details."""

    def asking(path: str, kind: type[Ask], answer: Callable[[Any, Batcher], Awaitable[Any]]) -> None:
        async def route(request: Request) -> Response:
            ask = parsed(kind, await fields_of(request, options))
            checked(ask.q if isinstance(ask.q, list) else [ask.q], options.characters, served.most_tokens)
            return JSONResponse(await answer(ask, app.state.batcher))

        app.post(path, summary=kind.__doc__, openapi_extra=body_of(kind), name=path)(route)

    async def detected(ask: Detect, batcher: Batcher) -> list[dict[str, Any]]:
        return served.detect(ask.q if isinstance(ask.q, str) else "\n".join(ask.q))

    asking("/translate", Translate, lambda ask, batcher: translate(ask, served, batcher))
    asking("/details", Details, lambda ask, batcher: details(ask, served, batcher))
    asking("/detect", Detect, detected)

    @app.get("/languages", summary="the languages, and to which each can be translated")
    async def languages() -> Response:
        return JSONResponse(served.languages())

    @app.get("/frontend/settings", summary="what a page must know of this server")
    async def settings() -> Response:
        first = next(iter(served.translators), ("", ""))
        return JSONResponse(
            {
                "apiKeys": bool(options.keys),
                "keyRequired": bool(options.keys),
                "charLimit": options.characters,
                "filesTranslation": False,
                "suggestions": False,
                "supportedFilesFormat": [],
                "language": {side: {"code": code} for side, code in zip(("source", "target"), first, strict=True)},
                "prices": list(served.regressors),
            }
        )

    @app.head("/health", include_in_schema=False)
    @app.get("/health", summary="whether it serves")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})


def add_prices(app: FastAPI, served: Served, options: Options) -> None:
    """Forms and prices of the regressors."""

    def regressor(name: str) -> Any:
        if name not in served.regressors:
            known = ", ".join(served.regressors) or "there is none"
            raise Refused(404, f"no regressor {shown(name)} is served: {known}")
        return served.regressors[name]

    @app.get("/prices/{name}", summary="the columns of a regressor")
    async def columns(name: str) -> Response:
        from fmkeras.houses.explaining import form

        found = regressor(name)
        return JSONResponse({"target": found.target, "unit": found.unit, "columns": form(found)})

    @app.post("/prices/{name}", summary="the price of one house, its interval, and what moved it")
    async def price(name: str, request: Request) -> Response:
        from fmkeras.houses.explaining import explain

        found, house = regressor(name), await fields_of(request, options)
        if wrong := [name for name, value in house.items() if not isinstance(value, str | int | float | None)]:
            raise Refused(400, f"{shown(wrong[0])} must be one number or one text")
        try:
            async with app.state.pricing:
                return JSONResponse(await asyncio.to_thread(explain, found, house))
        except InputError as error:
            raise Refused(400, str(error).encode("ascii", "backslashreplace").decode()[:300]) from None


def add_pages(app: FastAPI, served: Served, metrics: Metrics, options: Options) -> None:
    """The page for people, that of the interface, and /metrics."""

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return HTMLResponse(page.TEXT, headers=page.HEADERS)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page.describe(app.openapi()), headers=page.PLAIN_HEADERS)

    @app.get("/metrics", include_in_schema=False)
    async def numbers() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")
