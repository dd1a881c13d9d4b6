"""Catalogue files, and what a worker makes of them."""

import io
import zipfile
from typing import Any

from sqlmodel import col, select

from scanner import banks, catalogue_imports
from scanner.callers import Caller
from scanner.catalogue import next_epoch
from scanner.catalogue_imports import Asked
from scanner.clock import new_id
from scanner.service import Service
from scanner.tables import CatalogueImport, CatalogueImportRow, Holder, Reference

ERN = """<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43">
<MessageHeader><MessageId>m1</MessageId></MessageHeader>
<PartyList><Party><PartyReference>P1</PartyReference><PartyName><FullName>Ada Author</FullName></PartyName></Party></PartyList>
<ResourceList><SoundRecording><ResourceReference>A1</ResourceReference>
<SoundRecordingEdition><ResourceId><ISRC>USRC17607839</ISRC></ResourceId>
<TechnicalDetails><DeliveryFile><File><URI>songs/one.wav</URI></File></DeliveryFile></TechnicalDetails></SoundRecordingEdition>
<DisplayTitleText>Blue Door</DisplayTitleText><DisplayArtistName>Ada; Author</DisplayArtistName>
<Contributor><ContributorPartyReference>P1</ContributorPartyReference></Contributor>
</SoundRecording></ResourceList>
<ReleaseList><Release><ReleaseReference>R0</ReleaseReference><ResourceGroup><ResourceGroupContentItem>
<ReleaseResourceReference>A1</ReleaseResourceReference></ResourceGroupContentItem></ResourceGroup></Release></ReleaseList>
<DealList><ReleaseDeal><DealReleaseReference>R0</DealReleaseReference><Deal><DealTerms>
<TerritoryCode>DE</TerritoryCode><TerritoryCode>FR</TerritoryCode>
<RightsClaimPolicy><RightsClaimPolicyType>Monetize</RightsClaimPolicyType></RightsClaimPolicy>
</DealTerms></Deal></ReleaseDeal></DealList></ern:NewReleaseMessage>
"""


def zipped(**files: bytes | str) -> bytes:
    """Return a ZIP; two underscores stand for a slash, and one at the end of a stem for a dot."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return content.getvalue()


def asked(service: Service, caller: Caller, holder: Holder, content: bytes, **more: Any) -> str:
    """Send a file; return the import's id."""
    blob = service.store.put_bytes(caller.tenant_id, content)
    form = catalogue_imports.form_of(content[:1024])
    wanted = Asked(holder.id, "catalogue", blob.sha256, form, **more)
    return catalogue_imports.ask(service, caller, wanted).id


def done(service: Service, caller: Caller, holder: Holder, content: bytes, **more: Any) -> Any:
    """Send a file and let a worker take it in; return the import as JSON."""
    import_id = asked(service, caller, holder, content, **more)
    catalogue_imports.run(service, import_id)
    with service.database.reading() as session:
        return catalogue_imports.describe(session, session.get_one(CatalogueImport, import_id))


def rows(service: Service, import_id: str) -> list[CatalogueImportRow]:
    with service.database.reading() as session:
        query = select(CatalogueImportRow).where(CatalogueImportRow.import_id == import_id)
        return list(session.exec(query.order_by(col(CatalogueImportRow.number))))


def many(service: Service, caller: Caller, who: Holder, count: int) -> list[Reference]:
    """Put so many references on record, with an ISRC each; they are in no index."""
    now = service.now()
    with service.database.transaction() as session:
        bank = banks.ensured(session, caller.tenant_id, None, now, caller.actor)
        found = [
            Reference(
                id=new_id(),
                tenant_id=caller.tenant_id,
                bank_id=bank.id,
                holder_id=who.id,
                epoch=next_epoch(session, caller.tenant_id),
                status="active",
                policy="block",
                title=f"Song {number}",
                isrc=isrc(number),
                duration=180,
                fingerprint_sha256="0" * 64,
                created_at=now,
                updated_at=now,
            )
            for number in range(count)
        ]
        session.add_all(found)
    return found


def isrc(number: int) -> str:
    return f"USRC1{7600000 + number}"
