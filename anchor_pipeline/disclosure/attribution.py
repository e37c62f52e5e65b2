"""Licences and attribution, source by source: an SPDX 2.3 document, and the notice that goes with copies.

SPDX 2.3 (ISO/IEC 5962 is its 2.2.1): https://spdx.github.io/spdx-spec/v2.3/. A source is a package, and what its
licences ask to be said is in `attributionTexts` (7.29). What nobody declared is NOASSERTION, and never made up.
"""

from __future__ import annotations

from typing import Any

from anchor_pipeline.corpus.licences import canonical_licence
from anchor_pipeline.disclosure.licences import UNKNOWN, all_of, attribution_of, identifiers, licence_url
from anchor_pipeline.disclosure.markdown import cell, heading, link, table, visible
from anchor_pipeline.disclosure.origins import Told
from anchor_pipeline.disclosure.record import SourceRecord

SPDX = "disclosure/licences.spdx.json"
NOTICE = "disclosure/ATTRIBUTION.md"

_RELEASE = "SPDXRef-Release"


def spdx(told: Told, written_by: str) -> dict[str, Any]:
    """The SPDX document of a release; `written_by` is the tool and its version."""
    record = told.record
    selection = record.verdict.digests.selection
    own = [name for total in record.totals for name in identifiers(total.licence) if name.startswith("LicenseRef-")]
    packages = [_release(told), *(_package(told, source) for source in record.drawn)]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{record.project}-{record.stage}-{record.cycle}",
        "documentNamespace": f"https://anchor-pipeline.dev/spdx/{record.project}/{record.stage}/{selection}",
        # A release has no clock: it is dated by the end of its cycle.
        "creationInfo": {
            "created": record.as_of.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: {written_by.replace(' ', '-')}"],
            "comment": "Dated by the end of the cycle.",
        },
        "packages": packages,
        "hasExtractedLicensingInfos": [_of_ones_own(name) for name in sorted(set(own))],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": _RELEASE},
            *(
                {"spdxElementId": _RELEASE, "relationshipType": "CONTAINS", "relatedSpdxElement": _id(source)}
                for source in record.drawn
            ),
        ],
    }


def notice(told: Told) -> str:
    """The same for people: who is to be named, with the terms of every source."""
    rows = [
        (told.title(source), expression, sum(one.documents for one in source.totals if one.licence == expression),
         attribution_of(expression))
        for source in told.record.drawn
        for expression in source.licences
    ]  # fmt: skip
    names = sorted({name for source in told.record.drawn for one in source.licences for name in identifiers(one)})
    texts = [f"- {cell(text)}" for source in told.record.drawn for text in attribution_texts(told, source)]
    addresses = [f"- {link(name, url) if (url := licence_url(name)) else _not_listed(name)}" for name in names]
    return "\n".join(
        [
            heading(1, f"Licences and attribution: {told.dataset_title()}"),
            "",
            "Every document has the licence that its row states in the column `licence`. Whether a licence asks for",
            "attribution is said only where it is known for sure; read the licence. This is no legal advice.",
            "",
            table(("Source", "Licence", "Documents", "Attribution"), rows),
            heading(2, "Attribution texts"),
            "",
            "Of every source, with what is declared of it. What is unknown is said to be so.",
            "",
            *texts,
            "",
            heading(2, "Texts of the licences"),
            "",
            *addresses,
            "",
        ]
    )


def attribution_texts(told: Told, source: SourceRecord) -> list[str]:
    """For each licence of a source: title, owner, place, licence, and what was done to the documents."""
    said = told.sources[source.name]
    owner = visible(said.owner) if said.owner else "owner not stated"
    place = said.url or source.url
    done = "each row is written as JSON" if source.modality == "table" else "their content is unaltered"
    return [
        f"{visible(told.title(source))}, {owner}{f', {place}' if place else ''}. Licence: {expression}"
        f"{''.join(f', {url}' for name in identifiers(expression) if (url := licence_url(name)))}. Documents were "
        f"selected; {done}."
        for expression in source.licences
    ]


def _release(told: Told) -> dict[str, Any]:
    record = told.record
    declared = canonical_licence(told.project.licence or "")
    found = all_of(total.licence for total in record.totals)
    whole = f"Terms of the whole, as declared: {visible(told.project.licence)}. " if told.project.licence else ""
    return {
        "SPDXID": _RELEASE,
        "name": visible(told.dataset_title()),
        "versionInfo": visible(told.project.version or record.cycle),
        "downloadLocation": told.project.homepage or UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": declared or UNKNOWN,
        "licenseComments": f"{whole}The documents are under {found}, each under the licence that its row states.",
        "copyrightText": UNKNOWN,
        "supplier": f"Organization: {visible(told.project.provider.name)}" if told.project.provider else UNKNOWN,
    }


def _package(told: Told, source: SourceRecord) -> dict[str, Any]:
    said = told.sources[source.name]
    package: dict[str, Any] = {
        "SPDXID": _id(source),
        "name": visible(told.title(source)),
        "downloadLocation": said.url or source.url or UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": all_of(source.licences),
        "copyrightText": UNKNOWN,
        "supplier": f"Organization: {visible(said.owner)}" if said.owner else UNKNOWN,
        "attributionTexts": attribution_texts(told, source),
    }
    if source.steward is not None:
        package["comment"] = f"Steward: {visible(source.steward)}"
    return package


def _of_ones_own(name: str) -> dict[str, Any]:
    """SPDX asks for the text of licences that are not on its list; the declaration does not hold it."""
    return {"licenseId": name, "extractedText": "The text is not part of the declaration; ask the steward."}


def _not_listed(name: str) -> str:
    return f"{cell(name)}: not on the SPDX list; its text is not part of the declaration, ask the steward"


def _id(source: SourceRecord) -> str:
    """Letters, digits, dot and dash alone (SPDX 2.3, 7.2); two names never become one."""
    return "SPDXRef-Source-" + source.name.replace("_", "-u-")
