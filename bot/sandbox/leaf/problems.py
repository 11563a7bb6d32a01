"""Errors as Leaf answers them: problem+json in the shape that JHipster gives it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

_TYPES = "https://www.jhipster.tech/problem/"


class Problem(Exception):
    """Ends a request with `application/problem+json`; `members` are added to the body."""

    def __init__(
        self, status: int, detail: str | None = None, *, kind: str = "problem-with-message", **members: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.type = _TYPES + kind
        self.members = members

    def response(self, path: str) -> JSONResponse:
        body: dict[str, Any] = {
            "type": self.type,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "path": path,
            "message": f"error.http.{self.status}",
        }
        if self.detail:
            body["detail"] = self.detail
        return JSONResponse(body | self.members, self.status, media_type="application/problem+json")


def missing_fields(about: str, names: Sequence[str]) -> Problem:
    """400 with one entry in `fieldErrors` for each missing field."""
    return Problem(
        400,
        kind="constraint-violation",
        title="Method argument not valid",
        message="error.validation",
        fieldErrors=[{"objectName": about, "field": name, "message": "must not be blank"} for name in names],
    )


def refused(title: str, error_key: str) -> Problem:
    """400 with the error key that tells a program why."""
    return Problem(400, title=title, message=title, errorKey=error_key)
