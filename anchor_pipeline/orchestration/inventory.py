"""The inventory of first-party data in Dagster: taken anew when the corpus of a cycle is."""

# No postponed annotations here: Dagster looks at the type of `context` itself.
from typing import Any

import dagster as dg

from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.disclosure.json_file import as_json
from anchor_pipeline.orchestration.automation.conditions import downstream_condition
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.context import cycle_of
from anchor_pipeline.orchestration.looks.tables import rounded, table
from anchor_pipeline.orchestration.pools import CPU
from anchor_pipeline.orchestration.retries import guarded
from anchor_pipeline.report.inventory import Inventory, inventory
from anchor_pipeline.report.inventory_text import lines
from anchor_pipeline.rules.wording import in_units

Metadata = dict[str, Any]

_SOURCES = {
    "source": "string", "kind": "string", "documents": "int", "amount": "float", "fresh %": "float",
    "risk": "string", "consent": "string", "licence days left": "int", "in mixes": "int", "worth": "float",
}  # fmt: skip
_NEXT = {
    "action": "string", "source": "string", "domain": "string", "what": "string", "amount": "float", "gain": "float",
    "stages": "string",
}  # fmt: skip


def inventory_asset(blueprint: Blueprint) -> dg.AssetsDefinition:
    """`inventory`: what there is of first-party data, what it is worth, and what to clean, license or collect next."""

    @dg.asset(
        key=blueprint.names.inventory,
        partitions_def=blueprint.partitions,
        deps=[blueprint.names.corpus],
        pool=CPU,
        group_name=blueprint.names.flat("inventory"),
        kinds={"scipy", "json"},
        automation_condition=downstream_condition(),
        description="Anchor, enterprise and licensed sources: volume, freshness, risk, consent, licences, use in mixes,"
        " the value of one more token, and what to clean, license or collect next.",
    )
    @guarded
    def take_inventory(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        place, cycle = blueprint.places(context), cycle_of(blueprint.project, context)
        found = inventory(place.project, cycle, place.store)
        folder, plain = f"inventory/{cycle.key}", found.to_json()
        place.store.write(f"{folder}/inventory.json", as_json(plain))
        place.store.write(f"{folder}/inventory.txt", ("\n".join(lines(found)) + "\n").encode("utf-8", "replace"))
        metadata: Metadata = {
            "sources": _sources(found),
            "next": _next(found),
            "written to": dg.MetadataValue.path(place.store.address_of(folder)),
        }
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(canonical_digest(plain)))

    return take_inventory


def _sources(found: Inventory) -> dg.TableMetadataValue:
    rows = [
        (
            entry.source,
            entry.kind,
            entry.documents,
            in_units(entry.tokens, entry.modality),
            None if entry.fresh is None else rounded(100 * entry.fresh),
            entry.risk,
            entry.consent,
            entry.days_left,
            len(entry.uses),
            rounded(max((worth.price for worth in entry.worth), default=0.0)),
        )
        for entry in found.entries
    ]
    return table(_SOURCES, rows)


def _next(found: Inventory) -> dg.TableMetadataValue:
    modalities = {entry.source: entry.modality for entry in found.entries}
    rows = []
    for one in found.advice:
        modality = modalities.get(one.source or "", "text")
        amount, gain = in_units(one.tokens, modality), in_units(one.gain, modality)
        rows.append((one.action, one.source, one.domain, one.what, amount, gain, ", ".join(one.stages)))
    return table(_NEXT, rows)
