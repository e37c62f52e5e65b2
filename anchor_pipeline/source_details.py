"""What the declaration, the manifest and the verdict say of datasets, in the words of `details`."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

from anchor_pipeline.corpus.corpus import Corpus
from anchor_pipeline.details import GeneratorDetails, ShareDetails, SourceTerms, VerdictDetails
from anchor_pipeline.mix.manifest import Manifest
from anchor_pipeline.project import Project
from anchor_pipeline.project.addresses import is_url
from anchor_pipeline.project.source import Source
from anchor_pipeline.rules.verdict import Verdict

_CONTENT = {"text": "text", "image": "payload", "audio": "payload", "table": "text"}
_COLUMN_OF = {"id": "doc_id"}
_FIELDS = ("id", "collected_at", "authorship", "licence", "generator", "parents", "stratum")


def terms_of(source: Source) -> SourceTerms:
    """The terms that a source declares."""
    licence, terms, consent = source.fields.licence, source.terms, source.consent
    return SourceTerms(
        kind=source.kind,
        licence=licence.constant if licence else None,
        licence_column=licence.column if licence else None,
        expires=terms.expires.isoformat() if terms and terms.expires else None,
        uses=terms.uses if terms else None,
        consent_basis=consent.basis if consent else None,
        scrubbed=consent.scrubbed if consent else None,
        risk=source.risk,
        # Only a steward of an anchor signs off; of other sources it would say nothing.
        signed_off=source.signed_off if source.kind == "anchor" else None,
    )


def generator_of(source: Source) -> GeneratorDetails | None:
    """The generator that a source declares."""
    if source.generator is None:
        return None
    declared = source.generator
    return GeneratorDetails(
        declared.name,
        declared.version,
        declared.family,
        declared.seed,
        declared.temperature,
        declared.decoding,
        declared.prompt_template,
        fitted_on=f"sources/{source.generate.fit}" if source.generate else None,
    )


def tags_of(source: Source) -> dict[str, str]:
    """How a source is declared, in single words."""
    tags = {"kind": source.kind, "domain": source.domain.name, "modality": source.modality, "risk": source.risk}
    return {key: value for key, value in tags.items() if value is not None}


def columns_of_raw(source: Source) -> dict[str, tuple[str, str]]:
    """By document column: the raw column it is made from, as declared, and how."""
    found = {}
    for name in _FIELDS:
        spec = getattr(source.fields, name)
        if spec is not None and spec.column is not None:
            found[_COLUMN_OF.get(name, name)] = (spec.column, "TRANSFORMATION")
    if source.domain.column is not None:
        found["domain"] = (source.domain.column, "TRANSFORMATION")
    content = _CONTENT[source.modality]
    declared = getattr(source.fields, content)
    # A row of a table is written as a whole: no single column is its content.
    column = declared.column if declared is not None else None if source.modality == "table" else content
    if column is not None:
        found[content] = (column, "IDENTITY")
        found |= dict.fromkeys(("tokens", "bytes", "digest"), (column, "TRANSFORMATION"))
    return found


def address_of_raw(uri: str | None, path: str) -> str | None:
    """The address of the raw file `path` of a source at `uri`; None where it has no address of its own."""
    if uri is None or not is_url(uri) or "::" in uri:
        return None
    # A question mark is a sign of globs, but in an address of the web the beginning of a query.
    base = uri.partition("?")[0] if uri.startswith(("http:", "https:")) else uri
    place = min((base.index(sign) for sign in "*?[" if sign in base), default=None)
    if place is not None:
        folder = base[:place].rpartition("/")[0]
    elif base.endswith("/" + path):
        folder = base[: -len(path) - 1]
    else:
        folder = base.rstrip("/")
    return f"{folder}/{path}"


def corpus_shares(corpus: Corpus, project: Project) -> tuple[ShareDetails, ...]:
    """How much of each modality a source has in the corpus; in the unit of the column `tokens`."""
    modality = {name: project.sources[name].modality for name in corpus.sources}
    totals: Counter[str] = Counter()
    for name, counts in corpus.sources.items():
        totals[modality[name]] += counts.kept_tokens
    return tuple(
        ShareDetails(modality[name], "source", name, counts.kept_tokens, counts.kept, _share(counts.kept_tokens, total))
        for name, counts in sorted(corpus.sources.items())
        if (total := totals[modality[name]])
    )


def _share(part: int, whole: int) -> str:
    millionths = round(Fraction(part, whole) * 1_000_000)
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def mix_shares(manifest: Manifest) -> tuple[ShareDetails, ...]:
    """The shares that a manifest states."""
    return tuple(
        ShareDetails(modality, dimension, value, one.tokens, one.documents, str(one.share))
        for modality, dimensions in sorted(manifest.shares.items())
        for dimension, values in sorted(dimensions.items())
        for value, one in sorted(values.items())
    )


def verdict_details(verdict: Verdict) -> VerdictDetails:
    """A verdict, counted."""
    statuses = Counter(finding.status for finding in verdict.findings)
    return VerdictDetails(
        status=verdict.status,
        digest=verdict.digest,
        policy=verdict.digests.policy,
        selection=verdict.digests.selection,
        corpus=verdict.digests.corpus,
        facts=verdict.digests.facts,
        previous_release=verdict.digests.previous_release,
        passed=statuses["pass"],
        failed=statuses["fail"],
        insufficient=statuses["insufficient"],
        refusing=tuple(sorted({finding.rule for finding in verdict.findings if finding.refuses})),
        off=tuple(sorted({entry.rule for entry in verdict.rules.off if entry.where == "everywhere"})),
        not_available=tuple(sorted(verdict.rules.not_available)),
    )
