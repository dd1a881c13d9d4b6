"""The service as one object: settings, database, store, index, decoder and policy of a process."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

from scanner.clock import utc_now
from scanner.database import Database
from scanner.privacy.person_keys import PersonKeys
from scanner.secrets import SecretBox
from scanner.settings import Settings

if TYPE_CHECKING:
    from policy import Jurisdictions
    from scanner.audio import Decoder
    from scanner.bus.groups import Group
    from scanner.bus.transports import Transport
    from scanner.catalogue import Catalogue
    from scanner.certificates import Signatory
    from scanner.live_players import Players
    from scanner.manifests import Manifests
    from scanner.pack_checks import Results
    from scanner.packs_in_force import Packs
    from scanner.precheck import Slots
    from scanner.prompts import Registers
    from scanner.pseudonyms import Pseudonyms
    from scanner.published_tracks import PublishedTracks
    from scanner.retro_index import RetroIndexes
    from scanner.shards.placement import Shard
    from scanner.shards.sharded_catalogue import ShardedCatalogue
    from scanner.store import BlobStore
    from scanner.url_guard import UrlGuard
    from watermark import Watermarker


class Service:
    """What handlers, routes and commands work with; heavy parts are made when first needed.

    Parameters
    ----------
    settings : Settings
    now : callable, optional
        The clock; tests move it.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.now = now
        self.person_keys = PersonKeys(settings.person_key_folder)
        self.database = Database(settings.database, self.person_keys)
        self._open = ExitStack()
        self._open.callback(self.database.close)

    def close(self) -> None:
        """Stop the decoder, leave the broker, close the database."""
        self._open.close()

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def store(self) -> "BlobStore":
        """Where audio and fingerprints are kept."""
        from scanner.store import BlobStore

        return BlobStore(
            self.settings.store,
            copies=self.settings.temporary_folder,
            **self.settings.store_options,
        )

    @cached_property
    def decoder(self) -> "Decoder":
        """The limited child processes that decode."""
        from scanner.audio import Decoder

        settings = self.settings
        return self._open.enter_context(
            Decoder(settings.decode_limits(), settings.temporary_folder)
        )

    @cached_property
    def manifests(self) -> "Manifests":
        """What reads and signs the manifests of files, beside the decoders."""
        from scanner.certificates import trust_anchors
        from scanner.manifests import Manifests

        settings = self.settings
        return Manifests(
            self.decoder.children, settings.temporary_folder, lambda: trust_anchors(settings)
        )

    @cached_property
    def signatory(self) -> "Signatory":
        """Who signs manifests."""
        from scanner.certificates import signatory

        return signatory(self.settings)

    @cached_property
    def catalogue(self) -> "Catalogue":
        """The reference index of each tenant, kept up with the database."""
        from scanner.catalogue import Catalogue
        from scanner.milvus import milvus_of

        if self.settings.index_shards:
            return self.sharded_catalogue
        return Catalogue(
            self.database, self.store, self.settings.index_folder, milvus_of(self.settings)
        )

    @cached_property
    def sharded_catalogue(self) -> "ShardedCatalogue":
        """The same, where the settings name shards."""
        from scanner.shards.sharded_catalogue import ShardedCatalogue

        sharded = ShardedCatalogue(self.database, self.store, self.settings)
        self._open.callback(sharded.close)
        return sharded

    def shard_catalogue(self, shard: "Shard") -> "Catalogue":
        """Return the index of a shard's own references, in a folder of this number and count."""
        from scanner.catalogue import Catalogue

        folder = self.settings.shard_folder / shard.folder_name
        return Catalogue(self.database, self.store, folder, shard=shard)

    @cached_property
    def watermarker(self) -> "Watermarker":
        """What writes and reads marks."""
        import watermark

        return watermark.engine(self.settings.watermark_engine)

    @cached_property
    def retro_indexes(self) -> "RetroIndexes":
        """What this process compares stored tracks with."""
        from scanner.retro_index import RetroIndexes

        indexes = RetroIndexes(self.database, self.catalogue, self.settings.temporary_folder)
        self._open.callback(indexes.close)
        return indexes

    @cached_property
    def published_tracks(self) -> "PublishedTracks":
        """What anybody may find by its sound."""
        from scanner.published_tracks import PublishedTracks

        return PublishedTracks(self, self.settings.home.resolve() / "published" / "index")

    @cached_property
    def pack_results(self) -> "Results":
        """What packs came to that were tried out."""
        from scanner.pack_checks import Results

        return Results()

    @cached_property
    def packs(self) -> "Packs":
        """The packs of rules, compiled, and which of them decides."""
        from scanner.packs_in_force import Packs

        return Packs()

    @cached_property
    def jurisdictions(self) -> "Jurisdictions":
        """Ages of digital consent by country, with the operator's own rows."""
        from policy import default_jurisdictions, load_jurisdictions

        path = self.settings.jurisdictions
        if path is None:
            return default_jurisdictions()
        return load_jurisdictions(path.read_text(encoding="utf-8"), path.name)

    @cached_property
    def stream_slots(self) -> "Slots":
        """How many streams this process takes in at once."""
        from scanner.precheck import Slots

        return Slots(self.settings.streams, "stream")

    @cached_property
    def url_guard(self) -> "UrlGuard":
        """Decides which addresses this service may connect to."""
        from scanner.url_guard import UrlGuard

        return UrlGuard(
            allowed_hosts=self.settings.allowed_hosts, s3_buckets=self.settings.s3_buckets
        )

    @cached_property
    def precheck_slots(self) -> "Slots":
        """How many prechecks run at once in this process."""
        from scanner.precheck import Slots

        return Slots(self.settings.precheck_slots, "precheck")

    @cached_property
    def public_slots(self) -> "Slots":
        """Slots of visitors without a key, so that they never take those of clients."""
        from scanner.precheck import Slots

        return Slots(self.settings.precheck_slots, "public")

    @cached_property
    def registers(self) -> "Registers":
        """What prompts may not name, by platform."""
        from scanner.prompts import Registers

        return Registers()

    @cached_property
    def pack_slots(self) -> "Slots":
        """How many packs of rules this process tries out at once."""
        from scanner.precheck import Slots

        return Slots(self.settings.pack_slots, "pack")

    @cached_property
    def reference_slots(self) -> "Slots":
        """How many references this process takes in at once."""
        from scanner.precheck import Slots

        return Slots(self.settings.reference_slots, "reference")

    @cached_property
    def secrets(self) -> SecretBox:
        """Encrypts what must be readable again, such as webhook secrets."""
        return SecretBox.of(self.settings)

    @cached_property
    def pseudonyms(self) -> "Pseudonyms":
        """The names under which staff appear."""
        from scanner.pseudonyms import Pseudonyms

        return Pseudonyms(self.settings.home)

    @cached_property
    def players(self) -> "Players":
        """What plays previews, a process each."""
        from scanner.live_players import Players

        players = Players(self.settings.preview_cpu_seconds)
        self._open.callback(players.close)
        return players

    @property
    def groups(self) -> "tuple[Group, ...]":
        """The consumer groups of the pipeline."""
        from scanner.consumer_groups import GROUPS

        return GROUPS

    def warm_up(self, stopping: Event) -> None:
        """Load what the first track would wait for: the decoders' parent, the network.

        Whoever stops meanwhile waits for one of these at most.
        """
        import numpy as np

        import fingerprint
        from scanner.audio_facts import audio_facts

        silence = np.zeros((1, 3 * 11025), np.float32)
        for load in (
            lambda: self.decoder,
            lambda: fingerprint.embed(silence, 11025),
            lambda: audio_facts(silence, 11025),
        ):
            if stopping.is_set():
                return
            load()

    @cached_property
    def transport(self) -> "Transport":
        """The bus: embedded, or Kafka where ``CLEARANCE_KAFKA`` is set."""
        from scanner.bus.transports import open_transport

        return self._open.enter_context(open_transport(self))
