"""The page for people, one file, and the headers that keep a browser from loading anything else."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

TEXT = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")


def _hashes(tag: str, text: str = TEXT) -> str:
    """The inline scripts or styles that a page has, as Content-Security-Policy names them."""
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
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
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>fmkeras, for programs</title>
<style>
:root { color-scheme: light dark; }
body { max-width: 50rem; margin: 0 auto; padding: .75rem 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 0; }
p, ul { margin: .25rem 0; }
pre { overflow-x: auto; }
li, code { overflow-wrap: anywhere; }
</style>
</head>
<body>"""
PLAIN_HEADERS = LOCKED | {"Content-Security-Policy": f"{_POLICY}; style-src {_hashes('style', _HEAD)}"}
EXAMPLE = "curl -d 'q=...&source=pt&target=en' http://127.0.0.1:5000/translate"


def describe(openapi: dict[str, Any]) -> str:
    """The OpenAPI description as a plain page, without anything from other hosts."""
    parts = [
        f"<h1>{html.escape(openapi['info']['title'])} {html.escape(openapi['info']['version'])}, for programs</h1>"
    ]
    parts.append(
        '<p><a href="./">The page for people</a>. The same for programs: <a href="openapi.json">openapi.json</a>.'
    )
    parts.append('Send JSON, or a form. An error is {"error": "..."}. What LibreTranslate has is named as there.</p>')
    parts.append(f"<pre>{html.escape(EXAMPLE)}</pre>")
    for path, methods in openapi["paths"].items():
        for method, route in methods.items():
            parts.append(f"<h2>{method.upper()} {html.escape(path)}</h2>")
            parts.append(f"<p>{html.escape(route.get('summary') or '')}</p>")
            content = route.get("requestBody", {}).get("content", {}).get("application/json", {})
            fields = [_field(name, field) for name, field in content.get("schema", {}).get("properties", {}).items()]
            parts.append(f"<ul>{''.join(fields)}</ul>" if fields else "")
    return f"{_HEAD}{''.join(parts)}</body></html>"


def _field(name: str, field: dict[str, Any]) -> str:
    """One field of a request."""
    shown = {key: value for key, value in field.items() if key not in ("title", "description")}
    line = f"<b>{html.escape(name)}</b> {html.escape(field.get('description', ''))}"
    return f"<li>{line} <code>{html.escape(json.dumps(shown))}</code></li>"
