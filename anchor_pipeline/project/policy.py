"""The settings of the 23 rules (24 names: rule 18 has two): what a project may declare, and the defaults.

The rules themselves live in `anchor_pipeline.rules`, one file each; here is only what can be asked of them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, TypeVar

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import BeforeValidator, Field

from anchor_pipeline.project.base import Model, Number, Share, Size, Span

Severity = Literal["block", "warn"]
Risk = Literal["low", "medium", "high"]
Setting = TypeVar("Setting", bound="RuleSetting")


def _off(value: object) -> object:
    # The shorthand `anchor_share: off` reaches this as the word, or as a YAML 1.1 false from elsewhere.
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("off", "false", "no", "true"):
        return True
    raise ValueError("write `off` to switch the rule off, or a mapping of its settings")


def _spdx(value: object) -> str:
    try:
        return str(canonicalize_license_expression(str(value)))
    except InvalidLicenseExpression:
        raise ValueError(f"{value!r} is no SPDX licence; write its identifier, such as Apache-2.0") from None


class RuleSetting(Model):
    """Settings every rule has."""

    shorthand = "off"
    off: Annotated[bool, BeforeValidator(_off)] = False
    """`off` alone, in place of the settings, switches the rule off; the verdict then says so."""
    severity: Severity = "block"
    """`block`: nothing is released unless the rule passes. `warn`: the finding is only reported."""


class AnchorShare(RuleSetting):
    """Rule 1: fresh samples of reality in every stage, domain and modality."""

    min: Share = Fraction(15, 100)
    """Least share of tokens from anchor sources. Default 15 %; volatile domains 20 %, slow ones 10 %."""


class AnchorFreshness(RuleSetting):
    """Rule 2: anchors must be of our time, by the documents' own dates."""

    min: Share = Fraction(1, 3)
    """Least share of the anchor tokens that were collected within the fresh window before `as_of`."""
    window: Span | None = None
    """The fresh window; without it the domain's `fresh_window` holds."""


class AnchorModality(RuleSetting):
    """Rule 3: every modality of a mix has anchors; a text anchor cannot hide drift in images."""


class AnchorPurity(RuleSetting):
    """Rule 4: anchors are human, signed off by a steward, and not from the model being trained."""

    trained_model: str | None = None
    """Name or family of the model that this mix will train; its own output is never an anchor."""


class SyntheticShare(RuleSetting):
    """Rule 5: a cap on text that machines wrote, whichever folder it came from."""

    max: Share = Fraction(30, 100)
    """Largest share of tokens with synthetic authorship. Pre-training is often declared up to 50 %."""
    unknown_counts: bool = True
    """Whether documents of unknown authorship count as synthetic."""


class GeneratorDiversity(RuleSetting):
    """Rule 6: synthetic text must not all come from one generator."""

    max_family_share: Share = Fraction(1, 2)
    """Largest share of one generator family among the synthetic tokens."""
    min_effective: Annotated[Number, Field(ge=1)] = Fraction(1)
    """Least effective number of generators: exp of the Shannon entropy of their token shares."""


class SelfFeeding(RuleSetting):
    """Rule 7: no text whose ancestry passes twice through one generator."""

    max_depth: Annotated[int, Field(ge=0)] = 1
    """Largest number of generations between a synthetic document and human text."""


class Calibrated(RuleSetting):
    """A rule that rests on a calibration or a model: it only warns until the project has one."""

    severity: Severity = "warn"
    """Declared `block` makes the rule block, and refuse as long as it cannot be judged; declared `warn`, it only
    warns. Not declared, it warns until it has something to judge by, and blocks from then on."""


class EntropyBand(Calibrated):
    """Rule 8: cross-entropy under frozen probes within the calibrated band. Blocks once there is a band."""


class NoveltyBand(Calibrated):
    """Rule 9: novel n-grams against the previous release within the calibrated band. Blocks once there is a band."""


class DiversityBand(Calibrated):
    """Rule 10: unigram entropy and distinct n-grams within the calibrated band. Blocks once there is a band."""


class ModelOrigin(Calibrated):
    """Rule 11: how much text of our own model hides in the human batches. Blocks once a detector knows the domain."""

    max: Share = Fraction(1, 10)
    """Contamination of a 200-document bucket at which the alarm sounds."""


class NearDuplicates(RuleSetting):
    """Rule 12: the same content does not enter a mix twice beyond the declared repetition."""

    max: Share = Fraction(0)
    """Largest share of a mix's tokens that repeats another document of the mix."""
    similarity: Annotated[Share, Field(ge=Fraction(6, 10))] = Fraction(8, 10)
    """Jaccard similarity of word 5-grams from which two texts count as near-duplicates; at least 0.6. What the
    corpus leaves out is decided by the setting of the whole project; `off` there: exact copies only."""


class EvalContamination(RuleSetting):
    """Rule 13: evaluation sets stay out of training."""

    sets: tuple[str, ...] = ()
    """Evaluation sets, as URIs: files of JSON lines, Parquet, CSV or text, or globs; relative to project.yaml."""
    ngram: Annotated[int, Field(ge=8, le=50)] = 13
    """So many words in a row that a document shares with an evaluation set make it contaminated."""


class Provenance(RuleSetting):
    """Rule 14: every document says where it came from."""


class Licence(RuleSetting):
    """Rule 15: every document is licensed for training, today."""

    allow: tuple[Annotated[str, BeforeValidator(_spdx)], ...] | None = None
    """SPDX licence identifiers that may enter; without it, any valid SPDX expression."""


class ConsentRule(RuleSetting):
    """Rule 16: first-party data has a consent basis, is scrubbed, and within the stage's risk limit."""

    max_risk: Risk = "high"
    """Highest risk class that may enter."""


class Fidelity(Calibrated):
    """Rule 17: synthetic data resembles anchors as real data resembles real data."""


class CopyCheck(Calibrated):
    """Rule 18: synthetic records are not copies of the people behind them."""


class Membership(Calibrated):
    """Rule 18: a membership attack on synthetic data does not succeed."""

    max_auc: Share = Fraction(6, 10)
    """Largest lower bound of the attack's area under the ROC curve."""


class PerceptualNovelty(Calibrated):
    """Rule 19: synthetic images, sounds and table rows keep a distance from the originals.

    Blocks where the project declares one.
    """

    min_pdq: Annotated[int, Field(ge=1, le=128)] = 32
    """Images: least number of differing bits, of the 256 of PDQ; 31 and fewer are a match (ThreatExchange)."""
    min_phash: Annotated[int, Field(ge=1, le=32)] = 5
    """Images with too few features for PDQ: least number of differing bits, of the 64 of pHash."""
    min_audio: Annotated[Share, Field(lt=Fraction(1, 2))] = Fraction(35, 100)
    """Sounds: least bit error rate of three seconds (Haitsma, Kalker 2002); shorter sounds need less."""
    min_table: Annotated[Share, Field(le=Fraction(1, 2))] = Fraction(1, 1000)
    """Series in tables: least value of 1 - correlation, of 32 values in a row."""


class AnchorDrift(Calibrated):
    """Rule 20: a reference model does not get worse on anchors while it gets better on synthetic text.

    Blocks once there are an earlier release and held-out text enough.
    """

    tokens: Size = 500_000
    """The reference models are trained on at most so much text of each mix, and score at most so much."""
    min_tokens: Size = 20_000
    """Less text to train on, or less than a tenth of it to score, is no evidence."""
    tolerance: Number = Fraction(1, 50)
    """Bits per word by which a loss may change."""


class Representation(Calibrated):
    """Rule 21: declared groups keep their share in synthetic data."""


class Conservation(RuleSetting):
    """Rule 22: read = selected + unselected + duplicate + quarantined + later, for every source."""


class SamplingPlanRule(RuleSetting):
    """Rule 23: each anchor source meets the cadence, minimum and strata that its steward declared."""


class Rules(Model):
    """Settings by rule; what is left out keeps the wider setting."""

    anchor_share: AnchorShare | None = None
    anchor_freshness: AnchorFreshness | None = None
    anchor_modality: AnchorModality | None = None
    anchor_purity: AnchorPurity | None = None
    synthetic_share: SyntheticShare | None = None
    generator_diversity: GeneratorDiversity | None = None
    self_feeding: SelfFeeding | None = None
    entropy_band: EntropyBand | None = None
    novelty_band: NoveltyBand | None = None
    diversity_band: DiversityBand | None = None
    model_origin: ModelOrigin | None = None
    near_duplicates: NearDuplicates | None = None
    eval_contamination: EvalContamination | None = None
    provenance: Provenance | None = None
    licence: Licence | None = None
    consent: ConsentRule | None = None
    fidelity: Fidelity | None = None
    copy_check: CopyCheck | None = None
    membership: Membership | None = None
    perceptual_novelty: PerceptualNovelty | None = None
    anchor_drift: AnchorDrift | None = None
    representation: Representation | None = None
    conservation: Conservation | None = None
    sampling_plan: SamplingPlanRule | None = None


RULES: dict[str, RuleSetting] = {
    "anchor_share": AnchorShare(),
    "anchor_freshness": AnchorFreshness(),
    "anchor_modality": AnchorModality(),
    "anchor_purity": AnchorPurity(),
    "synthetic_share": SyntheticShare(),
    "generator_diversity": GeneratorDiversity(),
    "self_feeding": SelfFeeding(),
    "entropy_band": EntropyBand(),
    "novelty_band": NoveltyBand(),
    "diversity_band": DiversityBand(),
    "model_origin": ModelOrigin(),
    "near_duplicates": NearDuplicates(),
    "eval_contamination": EvalContamination(),
    "provenance": Provenance(),
    "licence": Licence(),
    "consent": ConsentRule(),
    "fidelity": Fidelity(),
    "copy_check": CopyCheck(),
    "membership": Membership(),
    "perceptual_novelty": PerceptualNovelty(),
    "anchor_drift": AnchorDrift(),
    "representation": Representation(),
    "conservation": Conservation(),
    "sampling_plan": SamplingPlanRule(),
}
"""Every rule's name and its default settings, in the order of their numbers."""


def merge(wide: Setting, narrow: RuleSetting | None) -> Setting:
    """`wide` with whatever `narrow` sets itself; a narrower mapping switches an `off` rule on again."""
    if narrow is None:
        return wide
    changes = {name: getattr(narrow, name) for name in narrow.model_fields_set}
    changes.setdefault("off", False)
    return wide.model_copy(update=changes)
