"""``watermark``: keys, marks written into files and read from them."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import licensees, watermark_keys
from scanner.cli.batches import audio_files, error_of, in_order, with_progress
from scanner.cli.session import (
    DEFAULT_TENANT,
    NO,
    USAGE,
    Json,
    TenantName,
    answering,
    caller_for,
    complain,
    opened,
    say,
    shown,
    table,
    tell,
)
from scanner.sentences import clock

if TYPE_CHECKING:
    from scanner.audio import Decoder
    from scanner.service import Service
    from scanner.watermark_keys import KeyRing
    from watermark import Key, Watermarker

app = typer.Typer(help="Marks in sound, and the keys to them.", no_args_is_help=True)
app.add_typer(watermark_keys.app, name="keys")
app.add_typer(licensees.app, name="licensee")

KeyFile = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="Key file, readable by its owner only.")
]


@app.command()
@answering
def keygen(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Key file to make.")],
    as_json: Json = False,
) -> None:
    """Make a key file that only its owner may read; audiowmark reads it too."""
    from scanner import watermark_keys as keys

    key = keys.new_key(path.stem)
    keys.write_key_file(path, key)
    view = {"path": shown(path), "digest": keys.digest_of(key)}
    tell(view, as_json, f"{view['path']}  {view['digest']}")


@app.command()
@answering
def embed(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An audio file.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="File to write: .wav, .flac, .mp3 or .m4a.")
    ],
    payload: Annotated[
        str,
        typer.Option(
            "--payload",
            metavar="HEX",
            help="24 hexadecimal digits, an id whose check is computed; or 32, taken as they are.",
        ),
    ],
    key: KeyFile,
    as_json: Json = False,
) -> None:
    """Mark a file and read the mark back from what was written; exit 1 if that can't be done."""
    import watermark
    from scanner.audio import AudioError, Decoder, encoding
    from scanner.mark_reading import ID_DIGITS
    from scanner.settings import Settings
    from scanner.watermark_keys import read_key_file

    settings = Settings()
    try:
        secret = read_key_file(key)
        digits = payload.lower()
        mark = (
            watermark.signed_payload(digits, secret)
            if len(digits) == ID_DIGITS
            else watermark.Payload(digits)
        )
        form = encoding.form_of(target)
        engine = watermark.engine(settings.watermark_engine)
        with Decoder(settings.decode_limits()) as decoder:
            decoded = decoder.decode(source)
            marked = engine.embed(decoded.samples, decoded.sample_rate, mark, secret)
            encoding.encode(marked, decoded.sample_rate, target, form)
            view = _view(target, decoder, engine, _ring_of([secret]))
    except (AudioError, watermark.WatermarkError) as error:
        complain(f"{shown(source)}: {error}")
        raise typer.Exit(USAGE) from error
    read = [each for each in view["watermarks"] if each["payload"] == mark.digits]
    if as_json:
        say(view | {"payload": mark.digits, "read_back": bool(read)})
    else:
        print(f"{shown(target)}  {mark.digits}  {'read back' if read else 'CANNOT BE READ BACK'}")
    raise typer.Exit(0 if read else NO)


@app.command()
@answering
def detect(
    paths: Annotated[list[Path], typer.Argument(metavar="IN...", help="Audio files.")],
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="Key file, again for more; none: the live keys of this installation.",
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Go into folders.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=64, help="Files at once.")] = 1,
    tenant: TenantName = DEFAULT_TENANT,
    as_json: Json = False,
) -> None:
    """Read marks; with the installation's keys, name the take. Exit 1 if a file has none."""
    files = audio_files(paths, recursive=recursive)
    status, rows = 0, []
    with contextlib.ExitStack() as stack:
        look = _with_files(stack, key) if key else _with_installation(stack, tenant)
        results = in_order(look, files, jobs)
        for view in with_progress(results, len(files), "Searching", as_json=as_json):
            status = max(status, _status(view))
            if as_json:
                say(view)
            else:
                rows += _rows(view)
    if not as_json:
        table(["File", "Verdict", "Payload", "Where", "False alarm", "Take"], rows)
    raise typer.Exit(status)


def _with_files(stack: contextlib.ExitStack, paths: list[Path]) -> Any:
    """How to look with keys from files: nothing but the files is needed."""
    import watermark
    from scanner.audio import Decoder
    from scanner.settings import Settings
    from scanner.watermark_keys import read_key_file

    settings = Settings()
    ring = _ring_of([read_key_file(path) for path in paths])
    decoder = stack.enter_context(Decoder(settings.decode_limits()))
    engine = watermark.engine(settings.watermark_engine)
    return lambda path: _view(path, decoder, engine, ring)


def _with_installation(stack: contextlib.ExitStack, tenant: str) -> Any:
    """How to look with the live keys: what the registry knows of a mark is said too."""
    from scanner import watermark_keys as keys

    service = stack.enter_context(opened())
    tenant_id = caller_for(service, tenant).tenant_id
    ring = keys.ring(service, tenant_id)
    if not ring.keys:
        raise keys.WatermarkKeyError(
            "there is no live key: make one with `clearance watermark keys rotate`, or give --key"
        )
    return lambda path: _view(path, service.decoder, service.watermarker, ring, service, tenant_id)


def _ring_of(keys: "list[Key]") -> "KeyRing":
    from scanner.watermark_keys import KeyRing

    # Whoever has the file may have marked with another program: payloads need not prove themselves.
    return KeyRing(tuple(keys), None, {key.name: key.name for key in keys})


def _view(
    path: Path,
    decoder: "Decoder",
    engine: "Watermarker",
    ring: "KeyRing",
    service: "Service | None" = None,
    tenant_id: str | None = None,
) -> dict[str, Any]:
    """Return what is read in one file, or the contract's error object."""
    import watermark
    from scanner import mark_reading
    from scanner.audio import AudioError

    try:
        decoded = decoder.decode(path)
        marks = mark_reading.read(engine, ring, decoded.samples, decoded.sample_rate)
    except AudioError as error:
        return error_of(path, error.problem, error.detail)
    except watermark.TooShortError as error:
        return error_of(path, "too-short", str(error))
    except watermark.UnusableAudioError as error:
        return error_of(path, "unreadable-audio", str(error))
    if service is None:
        described = [each.to_json() for each in marks]
    else:
        with service.database.reading() as session:
            described = mark_reading.described(session, tenant_id, marks)
    return {
        "path": shown(path),
        "duration": decoded.duration,
        "found": any(each.found for each in marks),
        "watermarks": described,
    }


def _status(view: dict[str, Any]) -> int:
    if "error" in view:
        return USAGE
    return 0 if view["found"] else NO


def _rows(view: dict[str, Any]) -> list[list[str]]:
    if "error" in view:
        return [[view["path"], "", "", view["error"]["detail"], "", ""]]
    if not view["watermarks"]:
        return [[view["path"], "none found", "", "which proves nothing", "", ""]]
    return [
        [
            view["path"],
            mark["verdict"],
            mark["payload"],
            f"{clock(mark['start'])}–{clock(mark['end'])}",
            f"{mark['false_alarm']:.1g}",
            mark.get("take_id") or "",
        ]
        for mark in view["watermarks"]
    ]
