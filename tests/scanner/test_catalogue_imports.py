"""Catalogues in bulk: what a file may be, what is wrong with one by line and column, and what comes of it."""

import csv
import io
import struct
import zipfile

import pytest
from sqlmodel import select

from scanner import catalogue_imports, holder_catalogue, reference_lyrics
from scanner.catalogue_archives import MOST_DIRECTORY_BYTES, Archive
from scanner.catalogue_csv import read_csv
from scanner.catalogue_ern import read_ern
from scanner.catalogue_rows import CatalogueFileError
from scanner.declarations import DeclarationError
from scanner.errors import NotFoundError
from scanner.safe_csv import plain, written
from scanner.tables import CatalogueImport, Reference
from scanner.zip_directories import directory_bytes
from tests import casework, cataloguing, claiming
from tests.running import add_tenant
from tests.scanner.api.conftest import sound


def reference(service, reference_id) -> Reference:
    with service.database.reading() as session:
        return session.get_one(Reference, reference_id)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_columns_are_found_by_their_names_whatever_stands_between(separator, mark) -> None:
    lines = [["isrc", "title", "policy", "territories"]]
    lines += [["US-RC1-76-07839", '"Blue, or;\t not"', "block", '"DE fr|ES"']]
    text = "\r\n".join(separator.join(each) for each in lines)
    (row,) = read_csv((mark + text).encode())

    assert (row.line, row.key) == (2, "USRC17607839")
    assert sorted(row.fields["territories"]) == ["DE", "ES", "FR"]


def test_each_error_names_its_line_and_column() -> None:
    raw = b'key,title,policy,isrc\na,"two\nlines",block,\nb,Song,sell,US-X\nc,Song\na,Song,block,\n'
    found = {row.line: {each["column"] for each in row.errors} for row in read_csv(raw)}
    assert found == {2: {"title"}, 4: {"policy", "isrc"}, 5: {"row"}, 6: {"key"}}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"key,title\nk,caf\xe9\n", "line 2: it is not in UTF-8"),
        (b"key,titel\nk,Song\n", "unknown column 'titel'"),
        (b"key,key\nk,k\n", "is there twice"),
        (b"key,title\n", "no rows"),
        (b'key,title\nk,"Song"s\n', "line 2: where its cells end"),
        (b"key\nk\0\n", "NUL"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(raw, told) -> None:
    with pytest.raises(CatalogueFileError, match=told):
        read_csv(raw)


def test_cells_stay_text_in_spreadsheets_and_come_back_as_they_were() -> None:
    cells = ["=1+1", "+49", "-", "@x", "\tx", "'=1", "plain", "'quoted'", ""]
    text = written([cells])
    (back,) = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert not any(each.startswith(("=", "+", "-", "@", "\t")) for each in back)
    assert [plain(each) for each in back] == cells


def test_a_ddex_message_is_read_with_its_claim_policy_and_territories() -> None:
    (row,) = read_ern(cataloguing.ERN.encode())
    assert row.errors == ()
    assert row.fields == {
        "key": "USRC17607839", "title": "Blue Door", "isrc": "USRC17607839", "policy": "monetise",
        "territories": ["DE", "FR"], "contributors": ["Ada, Author", "Ada Author"],
        "file": "songs/one.wav",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><NewReleaseMessage>&e;</NewReleaseMessage>',
        "<Other/>",
        "<NewReleaseMessage/>",
        "<NewReleaseMessage>",
    ],
)
def test_other_xml_and_entities_are_refused(text) -> None:
    with pytest.raises(CatalogueFileError):
        read_ern(text.encode())


def test_an_unknown_ddex_policy_is_told_and_nothing_is_claimed(service, caller) -> None:
    label = claiming.holder(service, caller)
    raw = cataloguing.ERN.replace("Monetize", "Sell").encode()
    view = cataloguing.done(service, caller, label, raw)
    (row,) = cataloguing.rows(service, view["id"])
    assert (row.state, row.errors[0]["column"]) == ("refused", "policy")


def test_a_zip_is_taken_in_once_however_often_it_comes(service, caller) -> None:
    label = claiming.holder(service, caller)
    theirs = claiming.of(caller, label)
    content = cataloguing.zipped(message_xml=cataloguing.ERN, songs__one_wav=sound(91, 8))

    dry = cataloguing.done(service, theirs, label, content, dry_run=True)
    assert (dry["state"], dry["counts"]["added"]) == ("done", 1)
    first = cataloguing.done(service, theirs, label, content)
    assert (first["state"], first["counts"]["added"]) == ("done", 1)
    (row,) = cataloguing.rows(service, first["id"])
    made = reference(service, row.reference_id)
    assert (made.holder_id, made.policy, made.territories) == (label.id, "monetise", ["DE", "FR"])
    assert made.extra["contributors"] == ["Ada, Author", "Ada Author"]

    again = cataloguing.done(service, theirs, label, content)
    assert again["counts"]["known"] == 1
    csv_ = b"isrc,title,file\nUSRC17607839,Blue Window,songs/one.wav\n"
    changed = cataloguing.done(service, theirs, label, csv_, files_of=first["id"])
    assert changed["counts"]["changed"] == 1
    assert reference(service, row.reference_id).title == "Blue Window"
    sung = b'isrc,lyrics\nUSRC17607839,"Blue is the window,\nblue is the day"\n'
    outcomes = [cataloguing.done(service, theirs, label, sung)["counts"] for _ in range(2)]
    assert [each["changed"] for each in outcomes] == [1, 0]
    with service.database.reading() as session:
        known = reference_lyrics.text_of(session, made.id)
        assert known == "Blue is the window,\nblue is the day"
        assert len(session.exec(select(Reference)).all()) == 1


def test_rows_that_are_settled_keep_no_lyrics(service, caller) -> None:
    label = claiming.holder(service, caller)
    raw = b"title,policy,lyrics\nDoor,block,blue is the window\nDoor,sell,blue is the window\n"

    view = cataloguing.done(service, caller, label, raw)

    rows = cataloguing.rows(service, view["id"])
    assert [row.state for row in rows] == ["refused", "refused"]
    assert [row.fields["title"] for row in rows] == ["Door", "Door"]
    assert not any("lyrics" in row.fields for row in rows)


def test_a_file_without_a_name_in_a_zip_is_left_out(tmp_path) -> None:
    path = tmp_path / "nameless.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(zipfile.ZipInfo(""), b"nothing")
        made.writestr("list.csv", b"key,policy,file\n")

    archive = Archive(path)

    assert archive.describing(100) == ("list.csv", b"key,policy,file\n")
    archive.close()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_whose_content_is_damaged_is_told_and_not_tried_for_ever(tmp_path, method) -> None:
    path = tmp_path / "broken.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr(
            "works.csv", "title\n" + "".join(f"Door {n * 7919 % 9973}\n" for n in range(500))
        )
    raw = bytearray(path.read_bytes())
    raw[50:90] = b"\xff" * 40  # behind the name: what was compressed
    path.write_bytes(raw)

    archive = Archive(path)
    with pytest.raises(CatalogueFileError, match="make the ZIP anew"):
        archive.describing(1 << 20)
    archive.close()


@pytest.mark.parametrize("large", [False, True])
def test_a_zip_with_a_huge_directory_is_refused_before_that_is_read(tmp_path, large) -> None:
    path = tmp_path / "huge.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("works.csv", "title\nDoor\n")
        made.comment = b"PK\x05\x06"  # the beginning of no record
    true = directory_bytes(path)
    assert true == 46 + len("works.csv")
    raw = bytearray(path.read_bytes())
    end = len(raw) - 22 - 4
    if large:
        record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
        locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
        raw[end:end] = record + locator
    else:
        raw[end + 12 : end + 16] = struct.pack("<L", MOST_DIRECTORY_BYTES + 1)
    path.write_bytes(raw)

    with pytest.raises(CatalogueFileError, match="holds at most"):
        Archive(path)


def test_recordings_of_a_message_that_repeats_itself_inside_itself_are_told_once() -> None:
    """Lists in lists make no more rows, and no more work, than there are recordings."""
    begin, end = "<ResourceList>", "</ResourceList>"
    depth = 200
    nested = cataloguing.ERN.replace(begin, begin * depth).replace(end, end * depth)
    assert [row.key for row in read_ern(nested.encode())] == [
        row.key for row in read_ern(cataloguing.ERN.encode())
    ]


def test_a_file_that_took_longer_to_read_than_its_lease_is_the_next_workers(
    service, caller
) -> None:
    label = claiming.holder(service, caller)
    import_id = cataloguing.asked(service, caller, label, b"title,policy\nDoor,block\n")
    slow = catalogue_imports._lease(service, import_id)
    casework.at(service, service.now() + catalogue_imports.LEASE)
    other = catalogue_imports._lease(service, import_id)
    assert slow is not None
    assert other is not None

    assert not catalogue_imports._read(service, slow, None)
    assert cataloguing.rows(service, import_id) == []
    assert catalogue_imports._read(service, other, None)
    assert len(cataloguing.rows(service, import_id)) == 1


def test_a_row_is_done_wholly_or_not_at_all_and_the_report_says_why(service, caller) -> None:
    label = claiming.holder(service, caller)
    songs = cataloguing.many(service, caller, label, 300)
    lines = [f"{each.isrc},track,DE" for each in songs]
    lines[4] = f"{songs[4].isrc},sell,DE"
    lines[99] = "USRC19999999,track,DE"
    lines[200] = f"{songs[200].isrc},track,Utopia"
    raw = "\n".join(["isrc,policy,territories", *lines]).encode()

    view = cataloguing.done(service, claiming.of(caller, label), label, raw)

    assert (view["rows"], view["counts"]["changed"], view["counts"]["refused"]) == (300, 297, 3)
    assert reference(service, songs[4].id).policy == "block"
    assert reference(service, songs[200].id).policy == "block"
    assert reference(service, songs[5].id).territories == ["DE"]
    with service.database.reading() as session:
        job = session.get_one(CatalogueImport, view["id"])
        text = catalogue_imports.report(session, job)
    told = [row for row in csv.DictReader(io.StringIO(text[1:])) if row["outcome"] == "refused"]
    assert [(each["line"], each["column"]) for each in told] == [
        ("6", "policy"), ("101", "file"), ("202", "territories"),
    ]  # fmt: skip
    (event,) = casework.events(service, view["id"])
    assert event.data["counts"]["changed"] == 297


def test_an_import_that_a_worker_left_is_gone_on_with_where_it_stopped(
    make_service, database_url
) -> None:
    service = make_service(database_url=database_url)
    caller = add_tenant(service)
    label = claiming.holder(service, caller)
    songs = cataloguing.many(service, caller, label, 3)
    raw = "\n".join(["isrc,policy", *(f"{each.isrc},track" for each in songs)]).encode()
    import_id = cataloguing.asked(service, claiming.of(caller, label), label, raw)
    leased = catalogue_imports._lease(service)
    assert leased is not None

    assert catalogue_imports._lease(service) is None  # the other worker has it
    catalogue_imports._go_on(service, leased, 0)  # and ends in the middle
    casework.at(service, service.now() + catalogue_imports.LEASE)
    assert [row.state for row in cataloguing.rows(service, import_id)] == [
        "changed", "waiting", "waiting",
    ]  # fmt: skip
    assert catalogue_imports.run_due(service) == 2
    assert [len(casework.events(service, each.id)) for each in songs] == [1, 1, 1]


def test_another_holders_recordings_and_imports_read_as_unknown(service, caller) -> None:
    label, other = (claiming.holder(service, caller, name) for name in ("Label", "Other"))
    (song,) = cataloguing.many(service, caller, other, 1)
    raw = f"reference_id,policy\n{song.id},track\n".encode()
    view = cataloguing.done(service, claiming.of(caller, label), label, raw)

    (row,) = cataloguing.rows(service, view["id"])
    assert (row.state, row.errors[0]["column"]) == ("refused", "reference_id")
    with service.database.reading() as session:
        for stranger in (claiming.of(caller, other), add_tenant(service, "two")):
            with pytest.raises(NotFoundError):
                catalogue_imports.find(session, stranger, view["id"])
            assert catalogue_imports.listed(session, stranger, limit=9) == []
        with pytest.raises(NotFoundError):
            holder_catalogue.find(session, claiming.of(caller, label), label.id, song.id)
    with pytest.raises(NotFoundError):
        cataloguing.asked(service, claiming.of(caller, label), other, raw)


def test_files_that_are_no_catalogue_end_with_the_reason(service, caller) -> None:
    label = claiming.holder(service, caller)
    for content, told in (
        (b"PK\x03\x04 broken", "can't be read"),
        (cataloguing.zipped(one_wav=b"RIFF"), "one file that ends in .csv or .xml"),
        (b"<NewReleaseMessage/>", "sound recordings"),
    ):
        view = cataloguing.done(service, caller, label, content)
        assert view["state"] == "failed"
        assert told in view["problem"]
    with pytest.raises(DeclarationError):
        cataloguing.asked(service, caller, label, b"\n \n")
    outside = cataloguing.zipped(list_csv=b"key,policy,file\nk,block,../one.wav\nl,block,no.wav\n")
    view = cataloguing.done(service, caller, label, outside)
    assert [row.errors[0]["column"] for row in cataloguing.rows(service, view["id"])] == [
        "file"
    ] * 2
