"""A request's body as fields: JSON or a form, of limited size, within limited time."""

import asyncio
import json
from email.parser import HeaderParser
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from fmkeras.serving.failures import Refused

SECONDS = 10.0  # that a body may take to arrive
DRAINED = 1 << 25  # bytes of a body too large that are still read, so that its sender gets to read why
MOST_FIELDS = 100
FORMS = "a form (application/x-www-form-urlencoded or multipart/form-data)"


async def read_fields(request: Request, most: int, seconds: float = SECONDS) -> dict[str, Any]:
    """The fields of a JSON object or of a form.

    Args:
        request: a POST.
        most: bytes.
        seconds: within which it must have arrived.

    Raises:
        Refused: it is too large (413), too slow (408), or none of both (400).
    """
    try:
        body = await asyncio.wait_for(_read(request, most), seconds)
    except asyncio.TimeoutError:  # in Python 3.10 it is not yet TimeoutError
        raise Refused(408, f"the request did not arrive within {seconds:g} s", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise Refused(400, "the request broke off") from None
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(400, f"the request is not UTF-8 (byte {error.start + 1})") from None
    header = request.headers.get("content-type", "")
    kind = header.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded" and not text.lstrip().startswith("{"):  # as curl calls JSON, too
        return _form(text)
    if kind == "multipart/form-data":
        return _multipart(header, text)
    if kind not in ("application/json", "application/x-www-form-urlencoded", ""):
        raise Refused(400, f"send JSON (application/json) or {FORMS}")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "the request is not JSON") from None
    if not isinstance(fields, dict):
        raise Refused(400, 'the request must be a JSON object: {"q": ...}')
    return fields


async def _read(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            parts.append(chunk)
        elif size > DRAINED:
            break
    if size > most:
        raise Refused(413, f"the request is larger than {most:,} bytes", {"Connection": "close"})
    return b"".join(parts)


def _form(text: str) -> dict[str, Any]:
    try:
        fields = parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused(400, "the form cannot be read: send UTF-8, percent-encoded, with few fields") from None
    return _once(fields)


def _multipart(header: str, text: str) -> dict[str, Any]:
    """A form as browsers' FormData sends it: parts between boundaries, each with headers as a mail has them."""
    read = HeaderParser().parsestr
    boundary = read(f"Content-Type: {header}").get_boundary() or ""
    fields: dict[str, list[str]] = {}
    for part in f"\r\n{text}".split(f"\r\n--{boundary}")[1:-1][:MOST_FIELDS]:
        head, _, value = part.removeprefix("\r\n").partition("\r\n\r\n")
        name = read(head).get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise Refused(400, "the form cannot be read: each part needs a name")
        fields.setdefault(name, []).append(value)
    return _once(fields)


def _once(fields: dict[str, list[str]]) -> dict[str, Any]:
    """One value where a form names a field once, else a list."""
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}
