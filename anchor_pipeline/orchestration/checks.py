"""Asset checks: one `multi_asset_check` per checked asset. What they show are the stored findings of the verdict.

Partitioned checks (`partitions_def` on a spec) are a preview feature of Dagster 1.13: this module is the only
place that uses it, and test_checks.py holds what we rely on.
"""

# No postponed annotations here: Dagster looks at the type of `context` itself.
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator

import dagster as dg

from anchor_pipeline import steps
from anchor_pipeline.corpus.corpus import Corpus
from anchor_pipeline.ingest.data_docs import docs_page
from anchor_pipeline.ingest.expectation_models import Expectation, ExpectationResult, SourceValidation
from anchor_pipeline.ingest.suites import suite
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.orchestration.asked import description
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.context import cycle_of
from anchor_pipeline.orchestration.looks.check_results import (
    ERROR,
    WARN,
    Judge,
    every_check,
    rule_result,
    verdict_result,
)
from anchor_pipeline.orchestration.looks.links import at, link
from anchor_pipeline.orchestration.looks.tables import table
from anchor_pipeline.orchestration.pools import STORE
from anchor_pipeline.orchestration.retries import guarded
from anchor_pipeline.orchestration.standing import standing_verdict
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.registry import rules_of_stage
from anchor_pipeline.steps import Workplace

VERDICT = "verdict"
"""The check that sums up those of the rules."""


def _specs(
    blueprint: Blueprint, asset: dg.AssetKey, wanted: Iterable[tuple[str, str, bool]]
) -> list[dg.AssetCheckSpec]:
    """Specs of (name, description, blocking)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                name, asset=asset, description=text, blocking=blocking, partitions_def=blueprint.partitions
            )
            for name, text, blocking in wanted
        ]


def source_checks(blueprint: Blueprint, name: str) -> dg.AssetChecksDefinition:
    """`readable`, and one check per expectation. None stops the other sources.

    What depends on a file that cannot be read is refused by the verdict; expectations only tell.
    """
    text = (
        "Advisory here, so that other sources still build. Every raw file of the source could be read. "
        "What a file holds that cannot be read is not known: rule conservation refuses the stages that depend on it."
    )
    wanted = [("readable", text, False)]
    wanted += [(one.name, _expected(one), False) for one in suite(blueprint.project, name)]
    specs = _specs(blueprint, blueprint.names.source(name), wanted)

    @dg.multi_asset_check(name=blueprint.names.flat(f"check_source_{name}"), specs=specs)
    @guarded
    def check_source(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        place = blueprint.places(context)
        readable, *expectations = specs
        yield from every_check([readable], lambda: lambda _: _readable_result(readable, place, name))
        yield from every_check(expectations, lambda: _expectation_judge(expectations, place, name))

    return check_source


def _expected(one: Expectation) -> str:
    """What an expectation asks; Great Expectations' own words come with the result."""
    told = "its failure shows as an error" if one.severity == "block" else "its failure shows as a warning"
    arguments = ", ".join(f"{key}: {value}" for key, value in one.arguments.items() if key != "severity")
    becomes = f" Rows that violate it are quarantined as {one.reason}." if one.reason else ""
    asks = "Declared in project.yaml." if one.declared is not None else "Asked of every source of this kind."
    return f"Advisory; {told}. Great Expectations: {one.type} ({arguments}). {asks}{becomes}"


def _readable_result(spec: dg.AssetCheckSpec, place: Workplace, name: str) -> dg.AssetCheckResult:
    snapshot = steps.current_snapshot(place, name)
    broken = [f"{entry.path}: {entry.message}" for entry in snapshot.unreadable]
    more = f" (and {len(broken) - 1} more); repair or remove the file" if len(broken) > 1 else ""
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=not broken,
        severity=ERROR,
        description=f"{broken[0]}{more}" if broken else f"{len(snapshot.files):,} files read",
        metadata={
            "status": "fail" if broken else "pass",
            "files": len(snapshot.files),
            "unreadable": len(broken),
            "rows": snapshot.read,
            **(
                {"files_unreadable": dg.MetadataValue.md("\n".join(f"- {line}" for line in broken[:50]))}
                if broken
                else {}
            ),
        },
    )


def _expectation_judge(specs: list[dg.AssetCheckSpec], place: Workplace, name: str) -> Judge:
    validation = steps.current_validation(place, name)
    results = {result.name: result for result in validation.results}
    by_name = {spec.name: spec for spec in specs}
    return lambda check: _expectation_result(by_name[check], results[check], validation, place)


def _expectation_result(
    spec: dg.AssetCheckSpec, result: ExpectationResult, validation: SourceValidation, place: Workplace
) -> dg.AssetCheckResult:
    page = docs_page(place.store, validation.source, validation.key, result.name)
    shown = [(one.raw_file, one.raw_row, one.doc_id, str(one.values)) for one in result.examples]
    rows = {"file": "string", "row": "int", "document": "string", "values": "string"}
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        # No rows to judge by is no violation, but no pass either.
        passed=result.success,
        severity=ERROR if result.alarming else WARN,
        description=result.summary,
        metadata={
            "status": result.status if result.status in ("pass", "fail") else "insufficient",
            "expected": result.requirement,
            "data_docs": link(place.store, page),
            "rows": result.rows,
            "unexpected": result.unexpected or 0,
            **({"unexpected_rows": table(rows, shown)} if shown else {}),
            **({"not_evaluated": result.error} if result.error else {}),
        },
    )


def corpus_checks(blueprint: Blueprint) -> dg.AssetChecksDefinition:
    """Nothing vanished on the way from raw rows to the corpus."""
    text = (
        "Advisory here; rule conservation of each stage blocks. Every row read is kept, duplicate, quarantined or "
        "later. A row that vanishes without a reason may have been the one that mattered."
    )
    [spec] = specs = _specs(blueprint, blueprint.names.corpus, [("conservation", text, False)])

    @dg.multi_asset_check(name=blueprint.names.flat("check_corpus"), specs=specs)
    @guarded
    def check_corpus(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        def opened() -> Judge:
            corpus = steps.current_corpus(blueprint.places(context), cycle_of(blueprint.project, context))
            return lambda _: _conservation_result(spec, corpus)

        yield from every_check(specs, opened)

    return check_corpus


def _conservation_result(spec: dg.AssetCheckSpec, corpus: Corpus) -> dg.AssetCheckResult:
    lost = {name: counts.balance for name, counts in corpus.sources.items() if counts.balance}
    unread = [name for name, counts in corpus.sources.items() if counts.unreadable]
    said = [f"{name}: {number} rows unaccounted for; build sources/{name} again" for name, number in lost.items()]
    said += [f"{name}: a raw file could not be read, so its rows are not counted" for name in unread]
    more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
    rows = [
        (name, one.read, one.kept, one.duplicate, sum(one.quarantined.values()), one.later, one.balance)
        for name, one in corpus.sources.items()
    ]
    counted = ("read", "kept", "duplicate", "quarantined", "later", "unaccounted")
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=not said,
        severity=ERROR,
        description=f"{said[0]}{more}" if said else f"all rows of {len(rows)} sources are accounted for",
        metadata={
            "status": "fail" if lost else "insufficient" if unread else "pass",
            "sources": table({"source": "string", **dict.fromkeys(counted, "int")}, rows),
            "unaccounted": sum(lost.values()),
            "sources_unread": len(unread),
        },
    )


def selection_checks(blueprint: Blueprint, stage: str) -> dg.AssetChecksDefinition:
    """One check per rule, the findings of the verdict on the selection; and one for the verdict itself."""
    entries = {entry.name: entry for entry in rules_of_stage(blueprint.project, stage)}
    text = (
        "Blocking. The sum of all rules: how many of them were judged, and whether the mix may be released. "
        "It fails when any blocking rule fails or lacks evidence, and when no rule was judged at all."
    )
    wanted = [(VERDICT, text, True)]
    wanted += [(name, description(blueprint.project, stage, one), one.blocking) for name, one in entries.items()]
    specs = {spec.name: spec for spec in _specs(blueprint, blueprint.names.selection(stage), wanted)}

    @dg.multi_asset_check(name=blueprint.names.flat(f"check_selection_{stage}"), specs=list(specs.values()))
    @guarded
    def check_selection(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        def opened() -> Judge:
            place, cycle = blueprint.places(context), cycle_of(blueprint.project, context)
            verdict = standing_verdict(place, stage, cycle)
            report = link(place.store, f"selection/{stage}/{cycle.key}/report.html")
            findings: defaultdict[str, list[Finding]] = defaultdict(list)
            for finding in verdict.findings:
                findings[finding.rule].append(finding)

            def judge(name: str) -> dg.AssetCheckResult:
                if name == VERDICT:
                    return verdict_result(specs[name], verdict, report)
                return rule_result(specs[name], entries[name], findings[name])

            return judge

        yield from every_check(list(specs.values()), opened)

    return check_selection


def mix_checks(blueprint: Blueprint, stage: str) -> dg.AssetChecksDefinition:
    """The released files, read back from the disk, are what the manifest says."""
    text = (
        "Blocking. The release, read back from where it lies: every digest, count and share of the manifest holds. "
        "What was written is not what is there until somebody has looked."
    )
    [spec] = specs = _specs(blueprint, blueprint.names.mix(stage), [("verified", text, True)])

    @dg.multi_asset_check(name=blueprint.names.flat(f"check_mix_{stage}"), specs=specs, pool=STORE)
    @guarded
    def check_mix(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        def opened() -> Judge:
            release = steps.released_mix(blueprint.places(context), stage, cycle_of(blueprint.project, context))
            return lambda _: _verified_result(spec, release.location)

        yield from every_check(specs, opened)

    return check_mix


def _verified_result(spec: dg.AssetCheckSpec, location: str) -> dg.AssetCheckResult:
    findings = verify_mix(location)
    broken = [f"{one.what}: {one.detail}" for one in findings if not one.ok]
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    whole = all(one.ok or one.refused for one in findings)
    restore = "; build another revision" if whole else "; restore the release, or build another revision"
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=not broken,
        severity=ERROR,
        description=f"{broken[0]}{more}{restore}" if broken else f"{len(findings)} statements verified",
        metadata={
            "status": "fail" if broken else "pass",
            "release": at(location),
            "statements": len(findings),
            "not_verified": len(broken),
            "verified": table(
                {"what": "string", "ok": "bool", "detail": "string"},
                [(one.what, one.ok, one.detail) for one in findings],
            ),
        },
    )
