"""One shape for every error that HTTP answers: RFC 9457 `application/problem+json`."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.gateway_link import NotConfirmed
from gateway.domain.errors import BocaminaError, ConfigError, OperationFailed, Refused, StoreFailed

_log = logging.getLogger(__name__)

STATUS: Mapping[type[BocaminaError], int] = {
    NotConfirmed: 504, Refused: 409, OperationFailed: 503, StoreFailed: 503, ConfigError: 422,
}  # fmt: skip
"""What a domain error means in HTTP; every other one is ours to mend: 500, logged."""


class Problem(Exception):
    """An answer that is not the one asked for.

    status: HTTP status. detail: one sentence for a person. kind: identifier that the page translates, sent as
    `urn:bocamina:{kind}`. extra: further members of the document. headers: of the response.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = headers
        self.extra = extra


def problem_response(problem: Problem) -> JSONResponse:
    """The response of a problem."""
    document = {
        "type": f"urn:bocamina:{problem.kind}" if problem.kind else "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **problem.extra,
    }
    return JSONResponse(document, problem.status, problem.headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    @app.exception_handler(Problem)
    def _problem(_: Request, error: Problem) -> JSONResponse:
        return problem_response(error)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        if error.status_code == HTTPStatus.NOT_FOUND:
            detail = f"there is nothing at {request.url.path}"
        elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.url.path} does not answer {request.method}"
        return problem_response(Problem(error.status_code, detail, headers=error.headers))

    @app.exception_handler(RequestValidationError)
    def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"field": _field(item["loc"]), "detail": item["msg"]} for item in error.errors()]
        sentence = "; ".join(f"{item['field']}: {item['detail']}" for item in errors)
        return problem_response(Problem(422, sentence, kind="invalid", errors=errors))

    @app.exception_handler(BocaminaError)
    def _domain(_: Request, error: BocaminaError) -> JSONResponse:
        for kind, status in STATUS.items():
            if isinstance(error, kind):
                return problem_response(Problem(status, str(error)))
        _log.error("unexpected %s: %s", type(error).__name__, error)
        return problem_response(Problem(500, "the web process failed on this request; its log says why"))

    @app.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> JSONResponse:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem_response(Problem(500, "the web process failed on this request; its log says why"))


def _field(place: tuple[int | str, ...]) -> str:
    """`("query", "start")` → `start`; `("body", "minutes")` → `minutes`; the body itself → `body`."""
    names = [str(part) for part in place if part not in {"query", "path", "body", "header"}]
    return ".".join(names) or str(place[0] if place else "request")
