"""The ledger in Dagster: published and stamped outside once a day, with the state of every stamp."""

# No postponed annotations here: Dagster looks at the type of `context` itself.
from collections import Counter
from typing import Any

import dagster as dg

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.custody.stamps.keep import Kept, anchored
from anchor_pipeline.custody.tiles import publish
from anchor_pipeline.errors import Refused
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.retries import guarded

PUBLISHED = "custody/log"
STAMPS = "stamps"
_DAILY = "17 4 * * *"
_MOST_SHOWN = 50

Metadata = dict[str, Any]


def ledger_asset(blueprint: Blueprint) -> dg.AssetsDefinition:
    """`ledger`: what is new of it as static files, and its last head stamped. A stamp that fails is a failed check."""
    project, key = blueprint.project, blueprint.names.ledger
    check = dg.AssetCheckSpec(STAMPS, asset=key, description="No stamp of a head is of something else, or changed.")

    @dg.asset(
        key=key,
        group_name=blueprint.names.flat("ledger"),
        kinds={"ledger"},
        check_specs=[check],
        description="The signed ledger of all steps, published as C2SP tlog-tiles and stamped outside; the "
        "newest releases get the stamps.",
    )
    @guarded
    # Not `MaterializeResult[None]`: with a check beside it, Dagster takes the bare type only.
    def publish_ledger(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
        custodian = custodian_of(project)
        assert custodian is not None
        store, head = Store.at(project.store_address), custodian.ledger.head()
        if head is None:
            raise Refused(f"ledger {custodian.declared.origin} has not begun; make keys with `anchor keys init`")
        done = publish(custodian.ledger, store, PUBLISHED, head=head)
        stamped = project.custody is not None and project.custody.stamps is not None
        kept, carried = anchored(store, custodian) if stamped else ([], [])
        metadata: Metadata = {
            "entries": head.size,
            "root hash": head.root.hex(),
            "files written": done.written,
            "stamps put beside releases": len(carried),
            "published": dg.MetadataValue.path(store.address_of(PUBLISHED)),
        }
        version = dg.DataVersion(head.root.hex())
        return dg.MaterializeResult(metadata=metadata, data_version=version, check_results=[_result(kept)])

    return publish_ledger


def ledger_schedule(blueprint: Blueprint) -> dg.ScheduleDefinition:
    """Once a day; switched on from the beginning where stamps are declared."""
    custody = blueprint.project.custody
    declared = custody is not None and custody.stamps is not None
    return dg.ScheduleDefinition(
        name=blueprint.names.flat("publish_ledger_daily"),
        target=dg.AssetSelection.assets(blueprint.names.ledger),
        cron_schedule=_DAILY,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if declared else dg.DefaultScheduleStatus.STOPPED,
        description="Publishes the ledger, stamps its last head, upgrades stamps that were pending, and brings "
        "them to the newest releases.",
    )


def _result(kept: list[Kept]) -> dg.AssetCheckResult:
    counts = Counter(one.verdict.status for one in kept)
    rows = [
        dg.TableRecord({"entries": one.size, "kind": one.kind, "status": one.verdict.status, "what": one.verdict.words})
        for one in kept[-_MOST_SHOWN:]
    ]
    told = ", ".join(f"{counts[status]} {status}" for status in ("verified", "pending", "failed"))
    return dg.AssetCheckResult(
        check_name=STAMPS,
        passed=counts["failed"] == 0,
        description=told if kept else "no stamps are declared",
        metadata={
            **{str(status): number for status, number in counts.items()},
            "stamps": dg.MetadataValue.table(rows, schema=_SCHEMA),
        },
    )


_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("entries", "int"),
        dg.TableColumn("kind", "string"),
        dg.TableColumn("status", "string"),
        dg.TableColumn("what", "string"),
    ]
)
