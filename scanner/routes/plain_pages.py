"""How public pages look that need no login and no script: one style, named in their policy."""

import base64
import hashlib
from pathlib import Path
from typing import Final

PAGES: Final = Path(__file__).parent.parent / "pages"
STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;color:#111;background:#fff;margin:0}"
    "main{max-width:44rem;margin:0 auto;padding:1.5rem}"
    "label{display:block}"
    "button{font:inherit;padding:.4rem 1.2rem}"
    "section{border:2px solid #111;padding:0 1rem 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;border-bottom:1px solid #767676;padding:.3rem .5rem .3rem 0}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#111}section{border-color:#eee}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
