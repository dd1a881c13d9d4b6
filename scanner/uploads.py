"""Bodies with a file: read as they come, in constant memory, sniffed, digested and bounded."""

import hashlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import anyio
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from scanner.audio import SNIFF_BYTES, AudioError, sniff
from scanner.bodies import chunks
from scanner.problems import HttpError
from scanner.routing import too_large
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.settings import Settings

FILE: Final = "file"
STEMS: Final = "stems"
"""Further files, named by their file names: the stems of a generated track."""
MAX_STEMS: Final = 64
STEMS_SHARE: Final = 3
_FILES: Final = frozenset({FILE, STEMS, f"{STEMS}[]"})
FLUSH_BYTES: Final = 1 << 20
MAX_PARTS: Final = 1000
_SEPARATORS: Final = re.compile(r"[/\\]")


class Sink(Protocol):
    """Takes a file's bytes."""

    def write(self, chunk: bytes, /) -> object:
        """Take the next bytes."""


@dataclass
class Upload:
    """A file that was received.

    Parameters
    ----------
    name : str or None
        What the client called it, without folders; shown, never used as a path.
    sink : Sink
        Where its bytes went.
    """

    name: str | None
    sink: Sink
    sha256: str
    size: int


@dataclass
class Form:
    """A multipart form; ``fields`` fills while it is read."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    upload: Upload | None = None
    stems: list[Upload] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        """Return a field's only value, or None."""
        given = self.fields.get(name)
        return given[0] if given else None


class Spool:
    """A temporary file: what is received here never reaches the store."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.path = Path(file.name)
        self.size = 0

    def write(self, chunk: bytes, /) -> None:
        """Take the next bytes."""
        self._file.write(chunk)
        self.size += len(chunk)

    def finish(self) -> Path:
        """Return the file's path, all bytes written."""
        self._file.flush()
        return self.path


@contextmanager
def spooled(settings: "Settings") -> Iterator[Spool]:
    """Give a temporary file that is gone afterwards."""
    folder = settings.temporary_folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix="upload-", dir=folder) as file:
        yield Spool(file)


@asynccontextmanager
async def kept_open() -> AsyncIterator[ExitStack]:
    """Give a stack for what a request opens, closed in a thread: giving up a blob may call S3."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(stack.close)


async def receive(
    request: Request,
    form: Form,
    *,
    max_file_bytes: int,
    max_field_bytes: int,
    open_sink: Callable[[Form], Sink],
    may_refuse: Callable[[Form], bool] = lambda _: True,
    with_stems: bool = False,
    check: Callable[[bytes], object] = sniff,
) -> None:
    """Read a multipart form (RFC 7578) into ``form``, its part ``file`` into a sink.

    Parameters
    ----------
    open_sink : callable
        Called when the file begins, with the fields that came before it.
    may_refuse : callable
        Asked when a file turns out to be no audio: False puts the refusal off until the form has
        come to its end, for a field that matters may still follow.
    with_stems : bool
        Whether parts named ``stems`` may be files too: all of them together may have three times the
        bytes of the file.
    check : callable
        Looks at the first bytes and raises if they are not what is taken here; audio, by default.

    Raises
    ------
    HttpError
        ``malformed-multipart``, ``too-large`` or ``bad-fields``.
    HTTPException
        408, if it comes too slowly.
    AudioError
        ``empty-file`` or ``not-audio``, by its first bytes.
    starlette.requests.ClientDisconnect
        If the client went away.
    """
    stem_bytes = STEMS_SHARE * max_file_bytes if with_stems else 0
    boundary = _boundary(request)
    reader = _Reader(boundary, form, max_file_bytes, max_field_bytes, stem_bytes, open_sink, check)
    refused: AudioError | None = None
    _check_length(request, max_file_bytes + max_field_bytes + stem_bytes)
    async for chunk in chunks(request):
        for act in reader.feed(chunk):
            try:
                await act()
            except AudioError as error:
                if may_refuse(form):
                    raise
                refused = refused or error
                reader.discard()
    reader.finish()
    if refused is not None:
        raise refused


def plain_name(name: str | None) -> str | None:
    """Return a client's file name without folders and control characters."""
    if name is None:
        return None
    last = _SEPARATORS.split(name)[-1]
    return "".join(char for char in last if char.isprintable())[:255] or None


class _Reader:
    """Turns the parser's callbacks into steps that may wait: writing is done in a thread."""

    def __init__(
        self,
        boundary: bytes,
        form: Form,
        max_file_bytes: int,
        max_field_bytes: int,
        stem_bytes: int,
        open_sink: Callable[[Form], Sink],
        check: Callable[[bytes], object],
    ) -> None:
        self._check = check
        self._stem_bytes_left = stem_bytes
        self._is_stem = False
        self._may_have_stems = stem_bytes > 0
        self._form = form
        self._max_file_bytes = max_file_bytes
        self._fields_left = max_field_bytes
        self._open_sink = open_sink
        self._steps: list[Callable[[], Any]] = []
        self._headers: dict[bytes, bytes] = {}
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._name: str | None = None
        self._value = bytearray()
        self._file: _IncomingFile | None = None
        self._parts = 0
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> list[Callable[[], Any]]:
        """Return the steps that a chunk leads to."""
        self._steps = []
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _malformed("the parts can't be told apart") from None
        return self._steps

    def finish(self) -> None:
        """Check that the form came to its end."""
        if not self._complete:
            raise _malformed("the closing boundary is missing: the body was cut off")

    def discard(self) -> None:
        """Take no more of the file's bytes."""
        if self._file is not None:
            self._file.discard()

    def _part_begin(self) -> None:
        self._headers = {}
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _malformed(Told("a form has at most %(max_parts)s parts", max_parts=MAX_PARTS))

    def _header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or not options.get(b"name"):
            raise _malformed("each part needs `Content-Disposition: form-data; name=…`")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._value = bytearray()
        name = self._name
        if "\x00" in name:  # PostgreSQL can't keep it, not even in a refusal's record
            raise _bad_field(name, "a name holds no NUL")
        if self._takes_file(name):
            given = options.get(b"filename")
            self._steps.append(
                lambda: self._begin_file(name, given.decode("utf-8", "replace") if given else None)
            )
        elif b"filename" in options:
            raise _bad_field(name, Told("only %(takers)s may be a file", takers=self._takers))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._takes_file(self._name):
            piece = data[start:end]
            self._steps.append(lambda: self._take(piece))
            return
        self._fields_left -= end - start
        if self._fields_left < 0:
            raise HttpError("too-large", "the fields beside the file are too large")
        self._value += data[start:end]

    def _part_end(self) -> None:
        name, value = self._name or "", bytes(self._value)
        if self._takes_file(name):
            self._steps.append(self._end_file)
        else:
            self._steps.append(lambda: self._keep(name, value))

    def _takes_file(self, name: str | None) -> bool:
        return name == FILE or (self._may_have_stems and name in _FILES)

    @property
    def _takers(self) -> str:
        return "`file` and `stems`" if self._may_have_stems else "the field `file`"

    def _end(self) -> None:
        self._complete = True

    async def _begin_file(self, field: str, name: str | None) -> None:
        if field == FILE and (self._form.upload is not None or self._file is not None):
            raise _bad_field(FILE, "send one file")
        if len(self._form.stems) >= MAX_STEMS:
            raise _bad_field(STEMS, Told("send at most %(max_stems)s stems", max_stems=MAX_STEMS))
        self._is_stem = field != FILE
        sink = await run_in_threadpool(self._open_sink, self._form)
        least = min(self._max_file_bytes, self._stem_bytes_left)
        most = least if self._is_stem else self._max_file_bytes
        self._file = _IncomingFile(plain_name(name), sink, most, self._check)

    async def _take(self, piece: bytes) -> None:
        if self._file is not None:
            await self._file.take(piece)

    async def _end_file(self) -> None:
        if self._file is None:
            return
        upload = await self._file.end()
        if self._is_stem:
            self._form.stems.append(upload)
            self._stem_bytes_left -= upload.size
        else:
            self._form.upload = upload
        self._file = None

    async def _keep(self, name: str, value: bytes) -> None:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            raise _bad_field(name, "send text in UTF-8") from None
        if "\x00" in text:
            raise _bad_field(name, "text holds no NUL")
        self._form.fields.setdefault(name.removesuffix("[]"), []).append(text)


class _IncomingFile:
    """One file on its way: counted, digested, its first bytes looked at, written in batches."""

    def __init__(
        self, name: str | None, sink: Sink, max_bytes: int, check: Callable[[bytes], object]
    ) -> None:
        self._check = check
        self._name = name
        self._sink = sink
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self._batch = bytearray()
        self._size = 0
        self._sniffed = False
        self._discarding = False

    async def take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_bytes:
            raise HttpError(
                "too-large",
                Told("a file has at most %(max_bytes)s bytes", max_bytes=self._max_bytes),
            )
        if self._discarding:
            return
        self._batch += piece
        if not self._sniffed and len(self._batch) >= SNIFF_BYTES:
            self._sniff()
        if len(self._batch) >= FLUSH_BYTES:
            await self._flush()

    async def end(self) -> Upload:
        if not self._sniffed and not self._discarding:
            self._sniff()
        await self._flush()
        return Upload(self._name, self._sink, self._digest.hexdigest(), self._size)

    def discard(self) -> None:
        self._discarding = True
        self._batch.clear()

    def _sniff(self) -> None:
        self._check(bytes(self._batch[:SNIFF_BYTES]))
        self._sniffed = True

    async def _flush(self) -> None:
        if self._batch and not self._discarding:
            batch, self._batch = bytes(self._batch), bytearray()
            await run_in_threadpool(self._write, batch)

    def _write(self, batch: bytes) -> None:
        self._digest.update(batch)
        self._sink.write(batch)


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if not boundary or len(boundary) > 200:
        raise _malformed("the Content-Type names no usable boundary")
    return boundary


def _check_length(request: Request, limit: int) -> None:
    if int(request.headers.get("content-length") or 0) > limit:
        raise HttpError("too-large", too_large(limit))


def _malformed(detail: str) -> HttpError:
    return HttpError("malformed-multipart", detail)


def _bad_field(name: str, detail: str) -> HttpError:
    shown = name if name.isprintable() else "?"
    return HttpError(
        "bad-fields", f"{shown[:100]}: {detail}", errors=[{"field": shown[:100], "detail": detail}]
    )
