"""Every table and column of the database is in the registry, and nothing else is."""

import pytest

from scanner.privacy import registry


def test_the_registry_is_complete_and_has_nothing_superfluous() -> None:
    found = registry.gaps()

    assert not found, "\n\n".join(found)


def test_a_table_that_is_not_in_the_registry_is_told_with_what_to_write() -> None:
    tables = dict(registry.registry())
    del tables["account"]

    (gap,) = registry.gaps(tables)

    assert "scanner/privacy/data/tenants.yaml" in gap
    assert "account:\n" in gap
    assert "external_id" in gap


def test_a_table_or_column_that_is_gone_is_told() -> None:
    known = dict(registry.models())
    del known["account"]
    tables = dict(registry.registry())
    track = tables["track"]
    columns = track.columns | {"none": (*track.of_kind("none"), "colour")}
    tables["track"] = track.model_copy(update={"columns": columns})

    found = registry.gaps(tables, known)

    assert found == [
        "take account out of the registry: there is no such table",
        "scanner/privacy/data/tracks.yaml, track: there is no column colour",
    ]


def test_a_column_without_a_kind_or_with_two_is_told() -> None:
    tables = dict(registry.registry())
    account = tables["account"]
    tables["account"] = account.model_copy(
        update={"columns": {"personal": ("id",), "none": ("id", "tenant_id", "created_at")}}
    )

    found = "\n".join(registry.gaps(tables))

    assert "add external_id to one of columns.personal" in found
    assert "id is named twice" in found


@pytest.mark.parametrize(
    "retention",
    [{}, {"until": "x", "keep": "P1D"}, {"keep": "P1D", "start": "x"}, {"keep": "1 day"}],
)
def test_a_retention_that_says_nothing_or_two_things_is_refused(retention: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"until|keep|duration"):
        registry.Retention.model_validate(retention)


def test_every_table_with_a_track_or_an_account_says_what_an_erasure_does() -> None:
    for name, model in registry.models().items():
        columns = {column.name for column in model.__table__.columns}
        if columns & {"track_id", "account_id"}:
            assert registry.registry()[name].tie is not None, name


def test_every_digest_of_stored_bytes_is_counted_as_a_holder() -> None:
    not_bytes = {
        "provenance.file_sha256",  # of the file as it went out; released_file holds its bytes
        "provenance.prompt_sha256",
        "preview.sha256",  # of sound that nobody keeps
        "consent.text_sha256",
        "consent.receipt_sha256",
        "blob_release.sha256",
        "reference.audio_sha256",  # of audio that is fingerprinted and not kept
    }
    for name, model in registry.models().items():
        digests = {c.name for c in model.__table__.columns if c.name.endswith("sha256")}
        held = set(registry.registry()[name].blobs)
        assert {f"{name}.{each}" for each in digests - held} <= not_bytes
