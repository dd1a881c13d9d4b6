"""A stranger's pack is tried out within limits, and what was read of packs is kept for its use."""

import pytest

import policy
from scanner import pack_checks, packs_in_force, policies
from scanner.errors import BusyError, PackRefusedError, TransientError
from scanner.tables import PolicyPack
from tests.rollouts import pack_text
from tests.running import add_tenant


def test_a_pack_that_passes_has_no_findings(service) -> None:
    assert pack_checks.examine(service, pack_text()) == []


def test_a_pack_whose_cases_take_too_long_is_refused_with_what_to_do(make_service) -> None:
    service = make_service(pack_seconds=0.2)
    caller = add_tenant(service)
    pack = policies.add(service, caller, slow_text())

    with pytest.raises(PackRefusedError, match=r"more than 0\.2 s.*fewer"):
        policies.propose(service, caller, pack)

    with service.database.reading() as session:
        assert session.get_one(PolicyPack, pack.id).state == "draft"


def slow_text() -> str:
    case = "  - name: a track of {i} s\n    facts: {{duration: {i}}}\n    expect: {{decision: clear}}\n"
    return pack_text(100_000) + "".join(case.format(i=i) for i in range(10_000))


def test_one_text_is_tried_out_once_and_a_refusal_for_time_is_believed_by_readers_alone(
    make_service, monkeypatch
) -> None:
    service = make_service(pack_seconds=0.2)
    refused, (found,) = pack_checks.look(service, slow_text())
    service.settings = service.settings.model_copy(update={"pack_seconds": 60.0})
    cases = pack_checks.run_cases(service, pack_text())["cases"]

    monkeypatch.setattr(pack_checks.sys, "executable", "/bin/nothing")
    assert cases
    assert pack_checks.run_cases(service, pack_text())["cases"] == cases
    assert pack_checks.examine(service, pack_text()) == []
    assert refused
    assert pack_checks.known(service, slow_text()) == (True, [found])
    with pytest.raises(TransientError):
        pack_checks.look(service, slow_text())
    monkeypatch.setattr(pack_checks, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(TransientError):
        pack_checks.known(service, slow_text())


def test_as_many_packs_are_tried_out_at_once_as_there_are_slots(make_service) -> None:
    service = make_service(pack_slots=1)
    with service.pack_slots, pytest.raises(BusyError, match="pack slots"):
        pack_checks.examine(service, pack_text())
    assert pack_checks.examine(service, pack_text()) == []


def test_a_pack_that_breaks_its_process_is_refused(service, monkeypatch) -> None:
    monkeypatch.setattr(pack_checks.sys, "executable", "/bin/false")
    with pytest.raises(PackRefusedError, match="break off"):
        pack_checks.examine(service, pack_text())
    monkeypatch.setattr(pack_checks.sys, "executable", "/bin/nothing")
    with pytest.raises(TransientError, match="can be started"):
        pack_checks.examine(service, pack_text())


def test_one_content_is_compiled_once_for_all_platforms_and_the_least_used_goes_first(
    service, monkeypatch
) -> None:
    monkeypatch.setattr(packs_in_force, "KEPT", 2)
    first, second = (add_tenant(service, name) for name in ("first", "second"))
    same = [policies.add(service, each, pack_text(7)) for each in (first, second)]
    others = [policies.add(service, first, pack_text(seconds)) for seconds in (8, 9)]

    def compiled(row: PolicyPack) -> policy.Pack:
        with service.database.reading() as session:
            return service.packs.compiled(session, row.id)

    kept = compiled(same[0])
    assert compiled(same[1]) is kept
    older = compiled(others[0])
    assert compiled(same[0]) is kept  # used after the other
    compiled(others[1])
    assert compiled(same[0]) is kept
    assert compiled(others[0]) is not older
