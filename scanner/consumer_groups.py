"""The consumer groups: which events each of them takes, and what handles them.

The stages of one track are in `scanner/pipeline.py`; what else follows from events, with its noun.
"""

from typing import Final

from scanner import (
    claim_escalations,
    claim_licences,
    claim_references,
    claims,
    edits,
    events,
    flood,
    matter_events,
    notice_layers,
    notice_tracks,
    people_events,
    pipeline,
    presumed_uses,
    reconsideration,
    reference_events,
    rehearsals,
    rescans,
    retro,
    rights_events,
    standing_events,
    stay_down,
    stream_events,
    strikes,
    takes,
)
from scanner.bus.groups import Group

NOTIFIED: Final[tuple[type[events.EventData], ...]] = (
    *matter_events.MATTER_EVENTS.values(),
    events.TrackDecided,
    events.TrackReleased,
    events.TrackConditioned,
    events.TrackQuarantined,
    events.TrackBlocked,
    events.TrackHeld,
    events.TrackIndeterminate,
    events.TrackWithdrawn,
    events.TrackRetroMatched,
    events.CaseOpened,
    events.CaseClosed,
    events.TrackSuperseded,
    events.TrackRuled,
    events.TrackUnpublished,
    matter_events.LetterWritten,
    people_events.ConsentRequested,
    people_events.ConsentGranted,
    people_events.ConsentWithdrawn,
    people_events.ConsentExpired,
    people_events.GenerationRefused,
    people_events.GenerationWaiting,
    people_events.GenerationQueued,
    people_events.GenerationWithdrawn,
    people_events.GenerationMade,
    people_events.GenerationFailed,
    standing_events.SanctionInForce,
    standing_events.SanctionLifted,
    standing_events.SanctionExpired,
    stream_events.StreamMatched,
    stream_events.StreamPlayOver,
    stream_events.StreamLost,
    stream_events.StreamEnded,
)
"""What webhooks may be told of."""

GROUPS: Final = (
    Group(
        name="analyse",
        topics=(events.TRACKS,),
        handlers={
            events.TrackSubmitted.type: pipeline.analyse,
            events.TrackRescanned.type: pipeline.analyse,
        },
        gave_up=pipeline.give_up,
        replays={
            events.TrackSubmitted.type: pipeline.replay,
            events.TrackRescanned.type: pipeline.replay,
        },
    ),
    Group(
        name="decide",
        topics=(events.TRACKS,),
        handlers={events.TrackAnalysed.type: pipeline.decide},
        gave_up=pipeline.give_up,
        replays={events.TrackAnalysed.type: pipeline.replay},
    ),
    Group(
        name="release",
        topics=(events.TRACKS,),
        handlers={
            events.TrackDecided.type: pipeline.release,
            events.TrackRuled.type: pipeline.release,
        },
        gave_up=pipeline.give_up,
        replays={
            events.TrackDecided.type: pipeline.replay,
            events.TrackRuled.type: pipeline.replay,
        },
    ),
    Group(
        name=flood.GROUP,
        topics=(events.TRACKS,),
        handlers={events.TrackAnalysed.type: flood.watch},
    ),
    Group(
        name=rehearsals.GROUP,
        topics=(events.TRACKS,),
        handlers={events.TrackDecided.type: rehearsals.watch},
    ),
    Group(
        name=retro.GROUP,
        topics=(events.TRACKS, events.REFERENCES),
        handlers={
            events.TrackAnalysed.type: retro.catch_up,
            events.TrackReleased.type: rescans.ask_again,
            events.TrackConditioned.type: rescans.ask_again,
            reference_events.ReferenceAdded.type: retro.begin,
            reference_events.ReferenceReinstated.type: retro.begin,
            reference_events.ReferenceWoken.type: retro.begin,
            reference_events.ReferenceChanged.type: retro.begin,
            reference_events.BankChanged.type: retro.begin,
            reference_events.RetroStarted.type: retro.advance,
            reference_events.RetroAdvanced.type: retro.advance,
        },
        gave_up=retro.give_up,
        replays={
            reference_events.RetroStarted.type: retro.replay,
            reference_events.RetroAdvanced.type: retro.replay,
        },
    ),
    Group(
        name=reconsideration.GROUP,
        topics=(events.ACCOUNTS,),
        handlers={
            kind.type: reconsideration.reconsider
            for kind in (
                people_events.AgeAssured,
                people_events.AgePurged,
                people_events.ConsentGranted,
                people_events.ConsentWithdrawn,
                people_events.ConsentExpired,
                people_events.ControlsChanged,
            )
        },
    ),
    Group(
        name=notice_tracks.GROUP,
        topics=(events.TRACKS,),
        handlers={
            events.TrackAnalysed.type: stay_down.watch,
            events.TrackRetroMatched.type: stay_down.watch,
            **{kind.type: notice_layers.settle for kind in notice_layers.SETTLED},
        },
    ),
    Group(
        name=claims.GROUP,
        topics=(events.TRACKS, events.REFERENCES, events.CASES),
        handlers={
            events.TrackDecided.type: claims.on_decided,
            events.TrackRuled.type: claims.on_decided,
            events.TrackSuperseded.type: claims.on_decided,
            events.TrackWithdrawn.type: claims.on_withdrawn,
            events.TrackReleased.type: edits.on_out,
            events.TrackConditioned.type: edits.on_out,
            events.TrackBlocked.type: edits.on_out,
            rights_events.HolderVerified.type: claims.on_verified,
            rights_events.LicenceGranted.type: claim_licences.on_granted,
            reference_events.ReferenceRemoved.type: claim_references.on_retired,
            reference_events.ReferencePartExcluded.type: claim_references.on_excluded,
            **{
                matter_events.MATTER_EVENTS["notice", state].type: claim_escalations.on_notice_over
                for state in claim_escalations.OVER
            },
            **{
                matter_events.MATTER_EVENTS[each].type: claim_escalations.settle
                for each in claim_escalations.SETTLING
            },
        },
    ),
    Group(
        name=presumed_uses.GROUP,
        topics=(events.TRACKS,),
        handlers={
            events.TrackReleased.type: presumed_uses.follow,
            events.TrackConditioned.type: presumed_uses.follow,
            events.TrackQuarantined.type: presumed_uses.follow,
            events.TrackBlocked.type: presumed_uses.follow,
            events.TrackWithdrawn.type: presumed_uses.on_withdrawn,
        },
    ),
    Group(
        name=strikes.GROUP,
        topics=(events.CASES,),
        handlers={
            matter_events.MATTER_EVENTS["notice", "actioned"].type: strikes.give,
            matter_events.MATTER_EVENTS["notice", "retracted"].type: strikes.reverse_retracted,
            matter_events.MATTER_EVENTS["counter_notice", "restored"].type: (
                strikes.reverse_restored
            ),
        },
    ),
    Group(
        name=takes.GROUP,
        topics=(events.GENERATIONS,),
        handlers={people_events.GenerationQueued.type: takes.make},
        gave_up=takes.give_up,
    ),
    Group(
        name="notify",
        topics=(
            events.TRACKS,
            events.CASES,
            events.ACCOUNTS,
            events.GENERATIONS,
            events.STREAMS,
        ),
        handlers={kind.type: pipeline.notify for kind in NOTIFIED},
    ),
)
