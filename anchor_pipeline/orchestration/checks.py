"""Asset checks: one `multi_asset_check` per checked asset. What they show are the stored findings of the verdict.

Partitioned checks (`partitions_def` on a spec) are a preview feature of Dagster 1.13: this module is the only
place that uses it, and test_checks.py holds what we rely on.
"""

# No postponed annotations here: Dagster looks at the type of `context` itself.
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg

from anchor_pipeline import steps
from anchor_pipeline.ingest.expectation_models import ExpectationResult
from anchor_pipeline.ingest.suites import suite
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.context import cycle_of
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.registry import RuleEntry, rules_of_stage


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
    key = blueprint.names.source(name)
    expectations = suite(blueprint.project, name)
    wanted = [("readable", "Every raw file of the source could be read.", False)]
    wanted += [(one.name, f"Great Expectations: {one.type}", False) for one in expectations]

    @dg.multi_asset_check(name=blueprint.names.flat(f"check_source_{name}"), specs=_specs(blueprint, key, wanted))
    def check_source(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        place = blueprint.places(context)
        snapshot = steps.current_snapshot(place, name)
        broken = [f"{entry.path}: {entry.message}" for entry in snapshot.unreadable]
        yield dg.AssetCheckResult(
            check_name="readable",
            asset_key=key,
            passed=not broken,
            description="; ".join(broken) or f"{len(snapshot.files)} files read",
            metadata={"files": len(snapshot.files), "unreadable": len(broken), "rows": snapshot.read},
        )
        yield from (_expectation_result(key, result) for result in steps.current_expectations(place, name))

    return check_source


def _expectation_result(key: dg.AssetKey, result: ExpectationResult) -> dg.AssetCheckResult:
    blocking = result.severity == "block" and result.status != "empty"
    return dg.AssetCheckResult(
        check_name=result.name,
        asset_key=key,
        # No rows to judge by is no violation, but no pass either.
        passed=result.success,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=result.error or result.observed,
        metadata={
            "status": result.status,
            "rows": result.rows,
            "unexpected": result.unexpected or 0,
            "examples": ", ".join(example.doc_id for example in result.examples) or "none",
        },
    )


def corpus_checks(blueprint: Blueprint) -> dg.AssetChecksDefinition:
    """Nothing vanished on the way from raw rows to the corpus."""
    text = "Every row read is kept, duplicate, quarantined or later; none vanished."

    @dg.multi_asset_check(
        name=blueprint.names.flat("check_corpus"),
        specs=_specs(blueprint, blueprint.names.corpus, [("conservation", text, False)]),
    )
    def check_corpus(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        corpus = steps.current_corpus(blueprint.places(context), cycle_of(blueprint.project, context))
        lost = {name: counts.balance for name, counts in corpus.sources.items() if counts.balance}
        unread = [name for name, counts in corpus.sources.items() if counts.unreadable]
        said = [f"{name}: {number} rows unaccounted for" for name, number in lost.items()]
        said += [f"{name}: a raw file could not be read, so its rows are not counted" for name in unread]
        yield dg.AssetCheckResult(
            check_name="conservation",
            asset_key=blueprint.names.corpus,
            passed=not said,
            description="; ".join(said) or f"all rows of {len(corpus.sources)} sources are accounted for",
        )

    return check_corpus


def selection_checks(blueprint: Blueprint, stage: str) -> dg.AssetChecksDefinition:
    """One check per rule: the findings of the verdict on the selection."""
    key = blueprint.names.selection(stage)
    entries = rules_of_stage(blueprint.project, stage)
    wanted = [(entry.name, f"{entry.title}. {entry.why}", entry.blocking) for entry in entries]

    @dg.multi_asset_check(name=blueprint.names.flat(f"check_selection_{stage}"), specs=_specs(blueprint, key, wanted))
    def check_selection(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        verdict = steps.current_verdict(blueprint.places(context), stage, cycle_of(blueprint.project, context))
        for entry in entries:
            yield _rule_result(key, entry, [one for one in verdict.findings if one.rule == entry.name])

    return check_selection


def _rule_result(key: dg.AssetKey, entry: RuleEntry, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    """The findings of one rule as one result; a rule without findings never passes."""
    refusing = [one for one in findings if one.refuses]
    open_ones = [one for one in findings if one.status != "pass"]
    passed = bool(findings) and not open_ones
    said = [one.message for one in (refusing or open_ones)] or [one.message for one in findings[:1]]
    worst = next(iter(refusing or open_ones or findings), None)
    numbers = {name: getattr(worst, name, None) for name in ("observed", "required", "shortfall")}
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "status": dg.MetadataValue.text(worst.status if worst else "insufficient"),
        **{name: dg.MetadataValue.float(float(value)) for name, value in numbers.items() if value is not None},
        "findings": _table(findings),
    }
    error = bool(refusing) or (not findings and entry.blocking)
    return dg.AssetCheckResult(
        check_name=entry.name,
        asset_key=key,
        passed=passed,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description="; ".join(said) or "the rule yielded no finding",
        metadata=metadata,
    )


def _table(findings: Sequence[Finding]) -> dg.TableMetadataValue:
    """Findings as a table, one row per domain and modality."""

    def shown(value: float | None) -> str:
        return "" if value is None else f"{value:.6g}"

    records = [
        dg.TableRecord(
            {
                "domain": one.domain or "(stage)",
                "modality": one.modality or "",
                "status": one.status,
                "observed": shown(one.observed),
                "required": f"{one.comparator} {shown(one.required)}".strip(),
                "shortfall": shown(one.shortfall),
                "message": one.message,
            }
        )
        for one in findings
    ]
    columns = ("domain", "modality", "status", "observed", "required", "shortfall", "message")
    schema = dg.TableSchema(columns=[dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def mix_checks(blueprint: Blueprint, stage: str) -> dg.AssetChecksDefinition:
    """The released files, read back from the disk, are what the manifest says."""
    key = blueprint.names.mix(stage)
    text = "The release, read back: every digest, count and share of the manifest holds."

    @dg.multi_asset_check(
        name=blueprint.names.flat(f"check_mix_{stage}"), specs=_specs(blueprint, key, [("verified", text, True)])
    )
    def check_mix(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        path = steps.released_mix(blueprint.places(context), stage, cycle_of(blueprint.project, context)).path
        findings = verify_mix(path)
        broken = [f"{one.what}: {one.detail}" for one in findings if not one.ok]
        yield dg.AssetCheckResult(
            check_name="verified",
            asset_key=key,
            passed=not broken,
            description="; ".join(broken) or f"{len(findings)} statements verified",
            metadata={"release": dg.MetadataValue.path(str(path)), "statements": len(findings)},
        )

    return check_mix
