"""The certificate that signs manifests, from the command line."""

from pathlib import Path

import pytest

from scanner.certificates import CertificateError, make_development_chain
from scanner.clock import utc_now
from tests.program import answer, clearance, lines


def test_a_chain_for_development_is_made_and_never_written_over(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    given = ("watermark", "certificate", folder, "--organisation", "Test Records", "--json")
    (made,) = lines(clearance(tmp_path, *given))
    assert made["for"] == "development"
    assert Path(made["key"]).stat().st_mode & 0o777 == 0o600
    key = Path(made["key"]).read_bytes()
    again = clearance(tmp_path, *given, status=2)
    assert "already" in again.stderr
    assert Path(made["key"]).read_bytes() == key


def test_a_name_that_no_certificate_can_hold_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="1 to 41 bytes"):
        make_development_chain(tmp_path / "certs", utc_now(), "x" * 60)
    assert not list(tmp_path.iterdir())


def test_an_installation_can_sign_from_the_start_and_says_that_nobody_trusts_it(
    tmp_path: Path,
) -> None:
    answer(tmp_path, "init")
    found = {each["part"]: each for each in lines(clearance(tmp_path, "doctor", "--json"))}
    assert found["certificate"]["well"]
    assert "for development only" in found["certificate"]["detail"]
    assert "nobody outside trusts it" in found["certificate"]["detail"]
    (tmp_path / "certificate" / "key.pem").chmod(0o644)
    told = clearance(tmp_path, "doctor", status=3)
    assert "chmod 600" in told.stdout
    for name in ("chain.pem", "key.pem"):
        (tmp_path / "certificate" / name).unlink()
    assert "no manifest can be signed" in clearance(tmp_path, "doctor").stdout
