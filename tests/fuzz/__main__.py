"""Feeds readers with what was made of their corpus. ``python -m tests.fuzz [NAME …] [--seconds 30]``.

Atheris is looked for on the path; ``make fuzz`` puts it there. Inputs that reach new code are kept in
``.bench/fuzz/NAME``, one that breaks a reader in ``.bench/fuzz/NAME.broken``: with its mend that goes into
``tests/fuzz/corpus/NAME``.
"""

import argparse
import os
import re
import sys
from pathlib import Path

import atheris

INSTRUMENTED = [
    *("fingerprint.sub_fingerprints", "fingerprint.embedding.embedding", "fingerprint.waveform"),
    *("fingerprint.constellation.constellation", "fingerprint.composition.tones"),
    *("generator.given_melody", "generator.kept_takes", "generator.lyrics", "generator.prompts"),
    *("generator.request", "mido", "policy.marked_yaml", "policy.pack_forms", "policy.packs"),
    *("policy.prompts", "scanner.audio.decoding", "scanner.audio.flac", "scanner.audio.ogg"),
    *("scanner.audio.samples", "scanner.audio.sniff", "scanner.audio.sylt"),
    *("scanner.audit_proofs", "scanner.bus.intake", "scanner.byte_ranges", "scanner.cursors"),
    *("scanner.catalogue_archives", "scanner.catalogue_csv", "scanner.catalogue_ern"),
    *("scanner.catalogue_rows", "scanner.ddex", "scanner.signed_lines", "scanner.strict_json"),
    *("python_multipart", "scanner.uploads", "watermark.provenance.reading"),
    *("scanner.url_guard", "scanner.words", "scanner.zip_directories", "watermark.keys"),
]
"""The readers; all that they load would take minutes."""

with atheris.instrument_imports(include=INSTRUMENTED):
    from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).with_name("corpus")
KEPT = Path(".bench/fuzz")


def fuzz(name: str, seconds: int) -> None:
    """Feed one reader; this process ends with it."""
    kept = KEPT / name
    kept.mkdir(parents=True, exist_ok=True)

    def feed(data: bytes) -> None:
        try:
            TARGETS[name](data)
        except BaseException:
            (KEPT / f"{name}.broken").write_bytes(data)
            raise

    atheris.Setup(
        [
            *(
                sys.argv[0],
                f"-max_total_time={seconds}",
                f"-max_len={TARGETS[name].longest}",
                "-timeout=20",
            ),
            *("-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={KEPT}/{name}-"),
            *(str(kept), str(CORPUS / name)),
        ],
        feed,
    )
    atheris.Fuzz()


def main() -> None:
    """Feed the readers that are named, or all, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    broken = [name for name in asked.names or TARGETS if not _holds(name, asked.seconds)]
    raise SystemExit(bool(broken))


def _holds(name: str, seconds: int) -> bool:
    """Feed one reader in a fork, which needs not load everything again; tell whether nothing broke."""
    KEPT.mkdir(parents=True, exist_ok=True)
    log = KEPT / f"{name}.log"
    if (child := os.fork()) == 0:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        fuzz(name, seconds)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    said = log.read_text(errors="replace")
    ran = re.search(r"number_of_executed_units: *(\d+)", said)
    print(f"{name}: {ran[1] if ran else '?'} inputs{', BROKEN' if status else ''}", flush=True)
    if status:
        print(said[-2500:], flush=True)
    return status == 0


if __name__ == "__main__":
    main()
