"""Judgement: facts and a pack in, a decision and its reasons out.

Two phases: first matches are exempted, each by itself and by territory; then rules decide on what
is left, and the most restrictive wins, per territory. What is not known never clears: an unknown
fact, a rule that can't be evaluated or a missing detector sends the track to review, a required
detector that failed leaves it indeterminate.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from policy.clauses import Memo, Truth, new_context
from policy.conditions import seen_in
from policy.core_texts import SOURCE, said, say
from policy.decisions import SEVERITY, Automation, Decision, Exemption, Reason, fold
from policy.facts import Facts, Unknown, hash_facts, unknown_paths, values_of, without_unknown
from policy.pack_forms import Outcome, Verdict
from policy.packs import Pack, Rule
from policy.territories import EVERYWHERE, NOWHERE, REST, Area

if TYPE_CHECKING:
    from cel import Context

AUTOMATION: Final[dict[str, Automation]] = {"review": "partly", "indeterminate": "none"}


def decide(pack: Pack, facts: Facts) -> Decision:
    """Decide on a track.

    Parameters
    ----------
    pack : Pack
        The rules in force.
    facts : Facts
        All that is known about the track.

    Returns
    -------
    Decision
        The same for the same pack and facts, always. Nothing is raised: a rule that can't be
        evaluated sends the track to review with that reason.
    """
    return _Judgement(pack, facts).decision()


@dataclass(slots=True)
class _Left:
    """What is left of a match after the exemptions, and where that is in doubt."""

    area: Area
    doubt: Area


class _Judgement:
    def __init__(self, pack: Pack, facts: Facts) -> None:
        self.pack = pack
        self.requested = Area.of(facts.territories)
        self.detectors = facts.detectors
        self.values = values_of(facts)
        self.values["thresholds"] = pack.thresholds
        self.facts_hash = hash_facts(facts)
        self.unknown = unknown_paths(self.values)
        self.context = self.fresh_context(pack.variables)
        self.memo: Memo = {}
        self.reasons: list[Reason] = []
        self.exempted: list[Exemption] = []
        self.restricted: list[tuple[Rule, Area, Any]] = []
        self.trees: list[dict[str, Any]] = []
        self.not_run: dict[str, list[str]] = {}
        self.indeterminate = False
        self.manifest_blocks = False

    def fresh_context(self, variables: Iterable[str]) -> "Context":
        """What CEL sees of the track."""
        context = new_context({})
        for name in variables:
            if name in self.values and not isinstance(self.values[name], Unknown):
                context.add_variable(name, self.for_cel(self.values[name]))
        return context

    def for_cel(self, value: Any) -> Any:
        return without_unknown(value) if self.unknown else value

    def match_for_cel(self, match: dict[str, Any]) -> dict[str, Any]:
        return {
            name: match[name]
            for name in self.pack.match_facts
            if name in match and not isinstance(match[name], Unknown)
        }

    def decision(self) -> Decision:
        self.judge_unknown()
        applying = [rule for rule in self.pack.rules if self.applies(rule)]
        self.judge_detectors(applying)
        exemptions = [rule for rule in applying if rule.phase == "exempt"]
        on_matches = [rule for rule in applying if rule.phase == "decide" and rule.per_match]
        matches = self.values["matches"]
        left_over = []
        of_track = self.context
        if matches:
            self.context = self.fresh_context(self.pack.variables_beside_match)
        for match in matches if isinstance(matches, list) else ():
            self.values["match"] = match
            self.context.add_variable("match", self.match_for_cel(match))
            self.memo = {}
            left = self.exempt(match, exemptions)
            if left.area:
                left_over.append(match)
                for rule in on_matches:
                    self.judge_match(rule, match, left)
        self.values.pop("match", None)
        self.context = of_track  # no match in it: a rule on the track reads none
        self.memo = {}
        self.judge_track(applying, left_over)
        return self.concluded()

    # What is not known

    def judge_unknown(self) -> None:
        if self.unknown:
            named = "; ".join(f"{path}: {why}" for path, why in self.unknown[:5])
            self.add_core(
                "unknown-fact",
                said("unknown-fact", "look", named=named),
                "review",
                {"unknown": [path for path, _ in self.unknown]},
            )

    def judge_detectors(self, applying: Iterable[Rule]) -> None:
        for detector, rules in self.not_run.items():
            self.add_core(
                "detector-not-run",
                said("detector-not-run", "look", named=detector),
                "review",
                {"detector": detector, "rules": rules},
            )
        failed = {name for name, state in self.detectors.items() if state == "failed"}
        if not failed:
            return
        required = failed & {name for rule in applying for name in rule.requires}
        self.indeterminate = bool(required)
        self.add_core(
            "detector-failed",
            said(
                "detector-failed",
                "again" if required else "look",
                named=", ".join(sorted(failed)),
            ),
            "indeterminate" if required else "review",
            {"failed": sorted(failed), "required": sorted(required)},
        )

    def add_core(
        self,
        rule: str,
        texts: dict[str, str],
        outcome: Verdict,
        evidence: dict[str, Any],
    ) -> None:
        text, titles = texts.pop(SOURCE), said(f"{rule}-title")
        title = titles.pop(SOURCE)
        self.reasons.append(
            Reason(
                f"core.{rule}", title, text, (), outcome, self.requested, evidence, texts, titles
            )
        )

    def applies(self, rule: Rule) -> bool:
        """Whether a rule is in play; if it is, its detectors must have run."""
        if rule.applies is not None:
            truth, tree = rule.applies.evaluate(self.values, self.context, self.memo)
            if truth == "false":
                return False
            if truth != "true":
                self.judge_raised(rule, truth, tree, self.area_of(rule, {}), None)
        for detector in rule.requires:
            if self.detectors.get(detector, "not_run") == "not_run":
                self.not_run.setdefault(detector, []).append(rule.id)
        return True

    # Rules

    def area_of(self, rule: Rule, match: dict[str, Any]) -> Area:
        if rule.where is EVERYWHERE:
            return self.requested
        where = Area.of(match.get(rule.where, ())) if isinstance(rule.where, str) else rule.where
        return where & self.requested

    def exempt(self, match: dict[str, Any], exemptions: Iterable[Rule]) -> _Left:
        left = _Left(self.requested, NOWHERE)
        for rule in exemptions:
            area = self.area_of(rule, match) & left.area
            if not area:
                continue
            truth, tree = self.evaluate(rule, match)
            if truth == "true":
                left.area -= area
                texts = rule.told(self.values, area)
                self.exempted.append(
                    Exemption(
                        match["reference_id"],
                        match["title"],
                        rule.id,
                        texts.pop(SOURCE),
                        rule.legal_basis,
                        area,
                        seen_in(tree),
                        texts,
                    )
                )
            elif truth != "false":
                left.doubt |= area
                self.judge_raised(rule, truth, tree, area, match)
        left.doubt &= left.area
        return left

    def judge_match(self, rule: Rule, match: dict[str, Any], left: _Left) -> None:
        area = self.area_of(rule, match) & left.area
        if not area:
            return
        truth, tree = self.evaluate(rule, match)
        if truth == "true" and rule.outcome == "block":
            self.block(rule, match, area, left.doubt, tree)
        elif truth == "true":
            self.fire(rule, rule.outcome, area, tree, match)
        elif truth != "false":
            self.judge_raised(rule, truth, tree, area, match)

    def block(
        self, rule: Rule, match: dict[str, Any], area: Area, doubt: Area, tree: dict[str, Any]
    ) -> None:
        """Block where the match is manifest, review where it is not."""
        truth, manifest = self.pack.manifest.evaluate(self.values, self.context, self.memo)
        self.trees[-1]["manifest"] = manifest
        certain = area - doubt if truth == "true" else NOWHERE
        if match["licensed"] is True:
            certain -= Area.of(match["licence_territories"])
        elif isinstance(match["licensed"], Unknown):
            certain = NOWHERE
        if certain:
            self.manifest_blocks = True
            self.fire(rule, "block", certain, tree, match)
        if area - certain:
            self.fire(rule, "review", area - certain, tree, match, ("not-manifest", "look"))

    def judge_track(self, applying: list[Rule], left_over: list[dict[str, Any]]) -> None:
        """Judge the rules that are about the track as a whole, on the matches left anywhere."""
        if isinstance(self.values["matches"], list):
            self.values["matches"] = left_over
            if "matches" in self.pack.variables:
                self.context.add_variable("matches", self.for_cel(left_over))
        for rule in applying:
            if rule.per_match or not (area := self.area_of(rule, {})):
                continue
            truth, tree = self.evaluate(rule, None)
            if truth == "true" and rule.outcome == "block":
                # only a recording match can be manifest
                self.fire(rule, "review", area, tree, None, ("look",))
            elif truth == "true":
                self.fire(rule, rule.outcome, area, tree, None)
            elif truth != "false":
                self.judge_raised(rule, truth, tree, area, None)

    def evaluate(self, rule: Rule, match: dict[str, Any] | None) -> tuple[Truth, dict[str, Any]]:
        truth, tree = rule.when.evaluate(self.values, self.context, self.memo)
        entry: dict[str, Any] = {"rule": rule.id, "phase": rule.phase, "value": truth}
        if match is not None:
            entry["reference_id"] = match["reference_id"]
        entry["when"] = tree
        self.trees.append(entry)
        return truth, tree

    def fire(
        self,
        rule: Rule,
        outcome: Outcome,
        area: Area,
        tree: dict[str, Any],
        match: dict[str, Any] | None,
        besides: tuple[str, ...] = (),
    ) -> None:
        texts = rule.told(self.values, area)
        for language, text in texts.items():
            more = (say(name, language) for name in besides)
            texts[language] = " ".join(filter(None, (text, *more)))
        text = texts.pop(SOURCE)
        self.reasons.append(
            Reason(
                rule.id,
                rule.title,
                text or rule.title,
                rule.legal_basis,
                outcome,
                area,
                _evidence(tree, match),
                texts,
                rule.titles,
            )
        )
        if outcome == "restrict":
            self.restricted.append((rule, area, match["holder"] if match else None))

    def judge_raised(
        self,
        rule: Rule,
        truth: Truth,
        tree: dict[str, Any],
        area: Area,
        match: dict[str, Any] | None,
    ) -> None:
        """Send to review for a rule that raised. One that is unknown: `judge_unknown` has done so."""
        if truth == "unknown":
            return
        titles = {SOURCE: rule.title} | dict(rule.titles)
        texts = {
            language: f"{say('raised', language, titles.get(language, rule.title))} {look}"
            for language, look in said("look").items()
        }
        self.reasons.append(
            Reason(
                rule.id,
                rule.title,
                texts.pop(SOURCE),
                rule.legal_basis,
                "review",
                area,
                _evidence(tree, match) | {"errors": list(_errors(tree))},
                texts,
                rule.titles,
            )
        )

    # The end

    def concluded(self) -> Decision:
        outcomes = self.outcomes()
        decision = fold(list(outcomes.values()))
        if not self.reasons:
            self.add_core("nothing-found", said("nothing-found"), "clear", {})
        reasons = sorted(self.reasons, key=lambda reason: -SEVERITY[reason.outcome])
        return Decision(
            decision=decision,
            outcomes=outcomes,
            restrictions=self.restrictions(outcomes) if decision == "restrict" else (),
            reasons=tuple(reasons),
            exempted=tuple(self.exempted),
            explanation={"rules": self.trees, "detectors": dict(sorted(self.detectors.items()))},
            manifest=self.manifest_blocks,
            pack=self.pack.id,
            thresholds=dict(self.pack.thresholds),
            facts_hash=self.facts_hash,
            automation=AUTOMATION.get(decision, "fully"),
        )

    def outcomes(self) -> dict[str, str]:
        """Most restrictive outcome in each territory that differs, and in the rest."""
        named = sorted({code for reason in self.reasons for code in reason.area.codes})
        cells = [*named, REST] if self.requested.complement else sorted(self.requested.codes)
        found: dict[str, str] = {}
        for cell in cells:
            asked = [reason.outcome for reason in self.reasons if cell in reason.area]
            worst = max(asked, key=SEVERITY.__getitem__, default="clear")
            found[cell] = "indeterminate" if self.indeterminate else worst
        rest = found.pop(REST, None)
        if rest is None:
            return found
        return {REST: rest} | {cell: worst for cell, worst in found.items() if worst != rest}

    def restrictions(self, outcomes: dict[str, str]) -> tuple[dict[str, Any], ...]:
        """What ``restrict`` means here: gates asked for by rules, and blocks of some territories."""
        asked: dict[tuple[str, int | None], Area] = {}
        earning: dict[str | None, Area] = {}
        for rule, area, holder in self.restricted:
            if rule.restriction is None:  # pragma: no cover  the loader sees to it
                continue
            if rule.restriction.kind == "monetise":
                whose = holder if isinstance(holder, str) else None
                earning[whose] = earning.get(whose, NOWHERE) | area
            key = (rule.restriction.kind, rule.restriction.min_age)
            asked[key] = asked.get(key, NOWHERE) | area
        blocked = self.blocked(outcomes)
        if blocked:
            asked["territory", None] = asked.get(("territory", None), NOWHERE) | blocked
        found: list[dict[str, Any]] = []
        for (kind, min_age), area in asked.items():
            if kind == "monetise":
                found.extend(_monetised(earning, blocked))
                continue
            # where the track can't be had at all, no gate is left to mention
            open_area = area if kind == "territory" else area - blocked
            if not open_area:
                continue
            restriction = _restriction(kind, open_area)
            if min_age is not None:
                restriction["min_age"] = min_age
            found.append(restriction)
        return tuple(found)

    def blocked(self, outcomes: dict[str, str]) -> Area:
        if outcomes.get(REST) == "block":
            return Area(frozenset(outcomes) - {REST}, complement=True)
        return Area(frozenset(cell for cell, worst in outcomes.items() if worst == "block"))


def _restriction(kind: str, area: Area) -> dict[str, Any]:
    return {"kind": kind, "territories": list(area.territories), "except": list(area.excepted)}


def _monetised(earning: Mapping[str | None, Area], blocked: Area) -> Iterator[dict[str, Any]]:
    """Yield who earns where, each holder only where a rule says so; nobody, where none of them does."""
    holders: dict[Area, set[str]] = {}
    theirs = NOWHERE
    for holder, area in earning.items():
        if holder is not None and (open_area := area - blocked):
            holders.setdefault(open_area, set()).add(holder)
            theirs |= area
    if nobodys := earning.get(None, NOWHERE) - blocked - theirs:
        holders[nobodys] = set()
    for area, names in holders.items():
        yield _restriction("monetise", area) | {"holders": sorted(names)}


def _evidence(tree: dict[str, Any], match: dict[str, Any] | None) -> dict[str, Any]:
    evidence: dict[str, Any] = {}
    if match is not None:
        evidence = {key: match[key] for key in ("reference_id", "title", "kind")}
    evidence["seen"] = seen_in(tree)
    return evidence


def _errors(tree: dict[str, Any]) -> Iterable[str]:
    if "error" in tree:
        yield f"{tree['clause']}: {tree['error']}"
    parts = [tree["not"]] if "not" in tree else tree.get("all", tree.get("any", []))
    for part in parts:
        yield from _errors(part)
