"""Facets of the standard that an event attaches to a dataset: what it is, where it lies, what it was made from.

https://openlineage.io/docs/spec/facets/dataset-facets. Each is written only where something true is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from openlineage.client.facet_v2 import (
    DatasetFacet,
    column_lineage_dataset,
    data_quality_metrics_dataset,
    dataset_version_dataset,
    documentation_dataset,
    lineage,
    ownership_dataset,
    schema_dataset,
    storage_dataset,
    tags_dataset,
)

from anchor_pipeline.details import Origin
from anchor_pipeline.lineage.naming import dataset_of, without_secrets
from anchor_pipeline.lineage.own_facets import own_dataset_facets
from anchor_pipeline.lineage.producer import PRODUCER
from anchor_pipeline.observer import Artefact

Addresses = Mapping[str, str | None]
"""Of the artefacts that an event names, by name: the address that decides what they are called there."""


class _Metrics(data_quality_metrics_dataset.DataQualityMetricsDatasetFacet):
    # 1-0-1 only adds captureDate, which we do not give; 1-0-0 is the version that the published schemas hold.
    @staticmethod
    def _get_schema() -> str:
        name = "DataQualityMetricsDatasetFacet"
        return f"https://openlineage.io/spec/facets/1-0-0/{name}.json#/$defs/{name}"


def dataset_facets(artefact: Artefact, project: str) -> dict[str, DatasetFacet]:
    """What a dataset is, whoever reads or writes it."""
    details = artefact.details
    facets: dict[str, DatasetFacet] = {}
    if artefact.columns:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields(name=name, type=type, ordinal_position=position)
                for position, (name, type) in enumerate(artefact.columns, start=1)
            ],
            producer=PRODUCER,
        )
    if artefact.digest is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(artefact.digest, producer=PRODUCER)
    if artefact.tokens is not None:
        facets["dataQualityMetrics"] = _metrics(artefact)
    if details.description:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(
            without_secrets(details.description), "text/plain", producer=PRODUCER
        )
    if details.owner:
        owner = ownership_dataset.Owner(details.owner, "STEWARD")
        facets["ownership"] = ownership_dataset.OwnershipDatasetFacet([owner], producer=PRODUCER)
    if details.layer:
        facets["storage"] = storage_dataset.StorageDatasetFacet(details.layer, details.format, producer=PRODUCER)
    if details.tags:
        tags = [
            tags_dataset.TagsDatasetFacetFields(key, value, "ANCHOR_PIPELINE")
            for key, value in sorted(details.tags.items())
        ]
        facets["tags"] = tags_dataset.TagsDatasetFacet(tags, producer=PRODUCER)
    facets.update(own_dataset_facets(details, project))
    return facets


def origin_facets(artefact: Artefact, project: str, addresses: Addresses) -> dict[str, DatasetFacet]:
    """What an output was made from: whole datasets (`lineage`), and columns (`columnLineage`)."""
    details = artefact.details
    facets: dict[str, DatasetFacet] = {}
    if details.made_from is not None:
        inputs: list[lineage.LineageInput] = []
        for origin in details.made_from:
            namespace, name = dataset_of(origin.dataset, addresses.get(origin.dataset), project)
            how = lineage.LineageTransformation(origin.type, origin.subtype, origin.description)
            inputs.append(lineage.LineageDatasetInput(namespace, name, "DATASET", origin.column, [how]))
        facets["lineage"] = lineage.LineageDatasetFacet(inputs=inputs, producer=PRODUCER)
    if details.columns_from or details.chosen_by:
        fields = {
            column: column_lineage_dataset.Fields(_input_fields(origins, project, addresses))
            for column, origins in details.columns_from.items()
        }
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(
            fields, _input_fields(details.chosen_by, project, addresses), producer=PRODUCER
        )
    return facets


def _input_fields(
    origins: Iterable[Origin], project: str, addresses: Addresses
) -> list[column_lineage_dataset.InputField]:
    found = []
    for origin in origins:
        namespace, name = dataset_of(origin.dataset, addresses.get(origin.dataset), project)
        how = column_lineage_dataset.Transformation(origin.type, origin.subtype, origin.description)
        found.append(column_lineage_dataset.InputField(namespace, name, origin.column or "", [how]))
    return found


def _metrics(artefact: Artefact) -> _Metrics:
    # The standard counts rows and bytes, not tokens; but tokens are a column, and this is its sum.
    column = data_quality_metrics_dataset.ColumnMetrics(sum=artefact.tokens)
    return _Metrics(
        columnMetrics={"tokens": column},
        rowCount=artefact.rows,
        bytes=artefact.bytes,
        fileCount=artefact.files,
        producer=PRODUCER,
    )
