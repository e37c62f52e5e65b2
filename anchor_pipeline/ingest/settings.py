"""What a declaration asks of the ingest of one source, and nothing else: its digest says when to read again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from anchor_pipeline.corpus.licences import canonical_licence
from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.readers.base import RowFilter, Wanted
from anchor_pipeline.project.models import Project
from anchor_pipeline.project.source import FieldSpec

FORMAT_VERSION = 1
"""Raised whenever the code makes other shards of the same files."""

_DEFAULT_COLUMN = {"text": "text", "image": "payload", "audio": "payload"}
_FIELDS = ("id", "text", "payload", "collected_at", "authorship", "licence", "generator", "parents", "stratum")
_MAY_LACK = ("generator", "parents", "stratum")
_HAVE_PATHS = ("text", "images", "audio")
_LISTS_NO_CONSTANT = ("id", "text", "payload", "parents")


@dataclass(frozen=True)
class Settings:
    """The parts of the declaration that decide what the shards of a source hold."""

    source: str
    kind: str
    modality: str
    reader: str
    where: str | None
    max_bytes: int
    tokens: str
    """Identity of the token counter."""
    fields: Mapping[str, FieldSpec]
    """Fields that are mapped, defaults included."""
    domain: str | None
    domain_column: str | None
    allowed: Mapping[str, tuple[str, ...] | None]
    """Canonical licences per domain; None: every SPDX expression. Its keys are the declared domains."""
    needs_consent: bool
    """Whether all rows lack the consent that rule 16 asks for."""
    generator: str | None
    families: Mapping[str, str]
    """Family of each declared generator, by name and by identity."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all of it, hexadecimal."""
        values = {name: value for name, value in asdict(self).items() if name != "fields"}
        values["fields"] = {name: spec.model_dump() for name, spec in self.fields.items()}
        return canonical_digest({"version": FORMAT_VERSION, **values})

    def column(self, field: str) -> str | None:
        """The column that a document field comes from, if it comes from one."""
        return self.fields[field].column if field in self.fields else None

    def wanted(self, where: RowFilter | None = None) -> Wanted:
        """What to ask of the reader."""
        columns = dict.fromkeys(spec.column for spec in self.fields.values() if spec.column is not None)
        if self.domain_column is not None:
            columns[self.domain_column] = None
        needed = {spec.column for name, spec in self.fields.items() if name not in _MAY_LACK} | {self.domain_column}
        return Wanted(
            columns=tuple(columns),
            text=self.column("text"),
            optional=frozenset(column for column in columns if column not in needed),
            whole_row=self.modality == "table" and self.column("text") is None,
            max_bytes=self.max_bytes,
            where=where,
        )


def settings_of(project: Project, name: str, reader: str) -> Settings:
    """The settings of source `name`, read by `reader`.

    Raises UsageError for fields that cannot be what they are declared as.
    """
    source = project.sources[name]
    fields: dict[str, FieldSpec] = {}
    for field in _FIELDS:
        spec = getattr(source.fields, field)
        if spec is not None:
            fields[field] = spec
            if spec.constant is not None and field in _LISTS_NO_CONSTANT:
                raise UsageError(
                    f"source {name}: `fields.{field}: {spec.constant}` would be the same for every document; "
                    f"if it is a column, write {{column: {spec.constant}}}"
                )
    content = "text" if source.modality in ("text", "table") else "payload"
    if source.modality in _DEFAULT_COLUMN:
        fields.setdefault(content, FieldSpec(column=_DEFAULT_COLUMN[source.modality]))
    if reader in _HAVE_PATHS:
        fields.setdefault("id", FieldSpec(column="path"))
    for field in {"text", "payload"} - {content}:
        fields.pop(field, None)
    domains = [source.domain.name] if source.domain.name is not None else sorted(project.domains)
    consent = source.consent
    lacks = source.kind == "enterprise" and (consent is None or not consent.basis.strip() or not consent.scrubbed)
    return Settings(
        source=name,
        kind=source.kind,
        modality=source.modality,
        reader=reader,
        where=source.where,
        max_bytes=source.max_bytes,
        tokens=tokenizer_identity(project.tokens, project.root) if source.modality == "text" else "",
        fields=fields,
        domain=source.domain.name,
        domain_column=source.domain.column,
        allowed={domain: _allowed(project, domain) for domain in domains},
        needs_consent=lacks and all(_binds(project, "consent", domain) for domain in domains),
        generator=source.generator.identity if source.generator is not None else None,
        families=_families(project, name),
    )


def tokenizer_identity(tokens: str, root: Path) -> str:
    """What decides token counts: `words-1`, or the SHA-256 of the tokenizer file. UsageError if it is missing."""
    if tokens == "words":
        return "words-1"
    try:
        return hashlib.sha256((root / tokens).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(
            f"`tokens: {tokens}`: {root / tokens} cannot be read ({error.strerror}); "
            "write `words`, or the path of a tokenizer.json"
        ) from None


def _scopes(project: Project, domain: str) -> Iterable[str | None]:
    """Where a rule may be set otherwise for a domain: everywhere, and in each stage that uses it."""
    return [None, *(stage for stage, spec in project.stages.items() if domain in spec.domains)]


def _binds(project: Project, rule: str, domain: str) -> bool:
    """Whether a rule blocks wherever the domain is used, so that its rows can be set aside for good."""
    settings = [project.setting(rule, stage=stage, domain=domain) for stage in _scopes(project, domain)]
    return all(not setting.off and setting.severity == "block" for setting in settings)


def _allowed(project: Project, domain: str) -> tuple[str, ...] | None:
    """The licences that some stage using the domain admits; None if one of them admits any."""
    if not _binds(project, "licence", domain):
        return None
    allowed: set[str] = set()
    for stage in _scopes(project, domain):
        allow = getattr(project.setting("licence", stage=stage, domain=domain), "allow", None)
        if allow is None:
            return None
        allowed.update(canonical_licence(expression) or expression for expression in allow)
    return tuple(sorted(allowed))


def _families(project: Project, name: str) -> dict[str, str]:
    """Families of the generators a source may name: its own, or all that are declared if rows name theirs."""
    own = project.sources[name].generator
    column = project.sources[name].fields.generator is not None
    generators = [source.generator for source in project.sources.values() if source.generator] if column else []
    families: dict[str, str] = {}
    for generator in [*generators, *([own] if own else [])]:
        for key in (generator.name, generator.identity):
            families[key] = generator.family or generator.name
    return dict(sorted(families.items()))
