"""How novel new human text of a domain would be against a release: a band, calibrated on the release itself.

From the M tokens of human documents that the release has of the domain, half-samples of n <= M/2 tokens are drawn
without replacement, and asked how many of their different 5-grams stand nowhere else in the release: that is the
novelty that these documents would have had, were they new. With S the variance of the rate over half-samples, a new
bucket of n tokens deviates from their mean by

    C = S / (1 - n/M) * (1 + n/M)

(finite-population factor: Cochran, Sampling Techniques, 3rd ed. 1977, eq. 2.8; and the error of the mean itself), and
the band is the mean ± t * √C, t the 1 - a/2 quantile of Student's t with documents - 1 degrees of freedom. a is the
false-alarm rate, 1 %. The sketch's own error is part of S: other documents have other 5-grams in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.corpus.kernel import kernel
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.novelty import per_million
from anchor_pipeline.facts.releases import release_facts, spilling

FALSE_ALARMS = 0.01
HALF_SAMPLES = 400
LEAST_DOCUMENTS = 40
"""Human documents in the release; with fewer the spread itself would be a guess."""
LEAST_TOKENS = 2_000
MOST_DOCUMENTS = 20_000
"""So many are drawn from, the first by their ids' hash; memory is bounded by them."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class NoveltyBand:
    """Between which novel 5-grams per million tokens new human text of a domain lies, in buckets of `tokens`."""

    tokens: int
    documents: int
    """Human documents that it was calibrated on."""
    low: float
    high: float
    centre: float


@dataclass(frozen=True)
class Human:
    """Human documents of one domain of a release, and how often their 5-grams occur in all of the release."""

    grams: Ints
    """5-grams of the sketches, numbered: document i has grams[starts[i]:starts[i + 1]]."""
    starts: Ints
    tokens: Ints
    occurs: Ints
    """By number: in how many documents of the release."""


def human_documents(store: Store, release: Released, domain: str) -> Human:
    """The human documents of a domain in a release."""
    paths = [str(path) for path in release_facts(store, release)]
    with store.temporary() as work:
        work.mkdir(parents=True)
        with spilling(work) as database:
            database.execute(
                f"""CREATE TABLE human AS
                SELECT row_number() OVER (ORDER BY sha256(doc_id)) - 1 AS document, tokens, sketch
                FROM read_parquet($paths)
                WHERE domain = $domain AND authorship IN ('human', 'human_edited') AND shingles > 0 AND epoch = 0
                QUALIFY document < {MOST_DOCUMENTS}""",
                {"paths": paths, "domain": domain},
            )
            database.execute("CREATE TABLE mine AS SELECT document, unnest(sketch) AS gram FROM human")
            database.execute(
                """CREATE TABLE occurs AS
                SELECT gram, count(*) AS times, row_number() OVER (ORDER BY gram) - 1 AS number
                FROM (SELECT unnest(sketch) AS gram FROM read_parquet($paths) WHERE epoch = 0)
                SEMI JOIN mine USING (gram) GROUP BY gram""",
                {"paths": paths},
            )
            tokens = database.sql("SELECT tokens FROM human ORDER BY document").fetchnumpy()["tokens"]
            pairs = database.sql("SELECT document, number FROM mine JOIN occurs USING (gram) ORDER BY ALL").fetchnumpy()
            occurs = database.sql("SELECT times FROM occurs ORDER BY number").fetchnumpy()["times"]
    starts = np.searchsorted(pairs["document"], np.arange(len(tokens) + 1))
    return Human(*(np.ascontiguousarray(part, np.int64) for part in (pairs["number"], starts, tokens, occurs)))


def novelty_band(human: Human, tokens: int, seed: int) -> NoveltyBand | None:
    """The band for buckets of `tokens` tokens, or of as many as can be had; None with too little human text."""
    total = int(human.tokens.sum())
    size = min(tokens, total // 2)
    if len(human.tokens) < LEAST_DOCUMENTS or size < LEAST_TOKENS:
        return None
    from scipy.stats import t

    chance = np.random.default_rng(seed)
    orders = np.argsort(chance.random((HALF_SAMPLES, len(human.tokens))), axis=1)
    rates = np.empty(HALF_SAMPLES)
    drawn = np.empty(HALF_SAMPLES)
    seen = np.zeros(len(human.occurs), np.int64)
    for at, order in enumerate(orders):
        novel, used = _half_sample(human.grams, human.starts, human.tokens, human.occurs, order, size, seen)
        rates[at], drawn[at] = per_million(novel, used)[0], used
    share = min(0.5, float(drawn.mean()) / total)
    spread = float(rates.std(ddof=1)) * ((1 + share) / (1 - share)) ** 0.5
    reach = float(t.ppf(1 - FALSE_ALARMS / 2, len(human.tokens) - 1)) * spread
    centre = float(rates.mean())
    return NoveltyBand(size, len(human.tokens), max(0.0, centre - reach), centre + reach, centre)


@kernel
def _half_sample(
    grams: Ints, starts: Ints, tokens: Ints, occurs: Ints, order: Ints, size: int, seen: Ints
) -> tuple[int, int]:
    """(5-grams of the sample that are nowhere else in the release, its tokens); leaves `seen` as it was, all 0."""
    used = taken = novel = 0
    while used < size and taken < len(order):
        document = order[taken]
        used += tokens[document]
        taken += 1
        for at in range(starts[document], starts[document + 1]):
            gram = grams[at]
            seen[gram] += 1
            novel += seen[gram] == occurs[gram]
    for document in order[:taken]:
        for at in range(starts[document], starts[document + 1]):
            seen[grams[at]] = 0
    return novel, used
