"""The page for people, one file, and the headers that keep a browser from loading anything else."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

TEXT = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")


def _hashes(tag: str) -> str:
    """The inline scripts or styles that the page has, as Content-Security-Policy names them."""
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", TEXT, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in found]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


LOCKED = {
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS = LOCKED | {
    "Content-Security-Policy": f"{_POLICY}; script-src {_hashes('script')}; style-src {_hashes('style')}; "
    "connect-src 'self'; img-src data:"
}
PLAIN_HEADERS = LOCKED | {"Content-Security-Policy": _POLICY}


def describe(openapi: dict[str, Any]) -> str:
    """The OpenAPI description as a plain page, without anything from other hosts."""
    parts = [f"<h1>{html.escape(openapi['info']['title'])} {html.escape(openapi['info']['version'])}</h1>"]
    parts.append('<p>The same for programs: <a href="openapi.json">openapi.json</a>. Errors are {"error": "..."}.</p>')
    for path, methods in openapi["paths"].items():
        for method, route in methods.items():
            parts.append(
                f"<h2>{method.upper()} {html.escape(path)}</h2><p>{html.escape(route.get('summary') or '')}</p>"
            )
            content = route.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, field in content.get("schema", {}).get("properties", {}).items():
                shown = {key: value for key, value in field.items() if key not in ("title", "description")}
                line = f"<b>{html.escape(name)}</b> {html.escape(field.get('description', ''))}"
                parts.append(f"<li>{line} <code>{html.escape(json.dumps(shown))}</code></li>")
    return f'<!doctype html><html lang="en"><title>fmkeras</title><body>{"".join(parts)}</body></html>'
