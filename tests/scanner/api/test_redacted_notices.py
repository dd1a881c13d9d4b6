"""Notices go to Lumen without anybody's name or address."""

import json

from scanner import matters
from scanner.clock import new_id
from scanner.tables import Notice, NoticeTrack

# what `NoticesController` of Lumen permits, of a notice and of what is in it
PERMITTED = {
    "type", "title", "subject", "body", "date_sent", "date_received", "source", "tag_list",
    "jurisdiction_list", "regulation_list", "language", "action_taken", "request_type",
    "works_attributes", "entity_notice_roles_attributes",
}  # fmt: skip


def noticed(api, platform, **columns) -> str:
    values = {
        "form": "dmca",
        "elements": {
            "signature": "Ana Ruiz-Soto",
            "work": "The song Blue by Ana Ruiz-Soto; ask ana@label.example or +34 600 123 456",
            "email": "ana@label.example",
        },
        "notifier_name": "Ana Ruiz-Soto",
        "notifier_email": "ana@label.example",
    } | columns
    row = matters.new(Notice, platform.tenant.id, api.service.now(), **values)
    row.state = "actioned"
    track = NoticeTrack(
        notice_id=row.id,
        track_id=new_id(),
        tenant_id=row.tenant_id,
        origin="named",
        state="actioned",
        created_at=api.service.now(),
    )
    with api.service.database.transaction() as session:
        session.add_all([row, track])
    return row.id


def test_a_notice_is_exported_in_lumens_fields_without_its_sender(api) -> None:
    platform = api.platform()

    notice = platform.http.get(f"/v1/notices/{noticed(api, platform)}/redacted").json()["notice"]

    assert set(notice) <= PERMITTED
    assert (notice["type"], notice["action_taken"]) == ("DMCA", "Yes")
    text = json.dumps(notice)
    assert "song Blue" in text
    for personal in ("Ana", "Ruiz", "Soto", "label.example", "600"):
        assert personal not in text
    roles = {each["name"] for each in notice["entity_notice_roles_attributes"]}
    assert roles == {"recipient", "submitter", "sender"}
    (work,) = notice["works_attributes"]
    assert len(work["infringing_urls_attributes"]) == 1


def test_it_takes_the_scope_of_auditors_and_the_own_tenant(api) -> None:
    platform, other = api.platform("one"), api.platform("two")
    path = f"/v1/notices/{noticed(api, platform)}/redacted"

    assert api.scoped(platform, "notices:read").get(path).status_code == 403
    assert other.http.get(path).status_code == 404


def test_a_threat_to_life_is_not_exported(api) -> None:
    platform = api.platform()
    notice = noticed(api, platform, form="threat", elements={"reason": "He says he will."})

    assert platform.http.get(f"/v1/notices/{notice}/redacted").status_code == 404
