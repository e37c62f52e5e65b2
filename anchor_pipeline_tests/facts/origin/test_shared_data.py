"""On real rewrites of human texts: how a detector does in a domain that it has not seen; copies do not leak."""

from __future__ import annotations

import numpy as np
import pytest

from anchor_pipeline.facts.origin.figures import auroc
from anchor_pipeline.facts.origin.fit import fit_linear
from anchor_pipeline_tests.data import shared_data
from bench.origin_data import prepared_of, read_texts, split_domains

UNSEEN = ("Entertainment", "NewsArticle")


@pytest.mark.slow
def test_long_texts_of_domains_that_were_not_trained_on_are_told_apart() -> None:
    folder = shared_data()
    wanted = {"Finance", "LegalDocument", "OnlineContent", "TechnicalWriting", "TravelTourism", *UNSEEN}
    prepared = prepared_of([one for one in read_texts(folder, ("l2r",)) if one.domain in wanted])
    assert prepared.copies >= 200, "the human texts of TravelTourism are those of TechnicalWriting"
    assert not prepared.human[prepared.domains == "TravelTourism"].any()
    unseen = np.isin(prepared.domains, UNSEEN)
    model = fit_linear(prepared.matrix[~unseen], prepared.ours[~unseen])
    scores = model.scores(prepared.matrix[unseen])
    ours = prepared.ours[unseen]
    assert auroc(scores[~ours], scores[ours]) > 0.93


@pytest.mark.slow
def test_domains_that_share_texts_are_on_the_same_side_of_the_split() -> None:
    split = split_domains(prepared_of(read_texts(shared_data(), ("l2r",))))
    assert set(split.tuning) | set(split.reporting) >= {"TravelTourism", "TechnicalWriting"}
    assert ("TravelTourism" in split.tuning) == ("TechnicalWriting" in split.tuning)
    assert len(split.tuning) == 5
