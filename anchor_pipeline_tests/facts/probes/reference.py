"""Interpolated modified Kneser-Ney in plain Python: dictionaries of tuples and fractions, straight from the formula."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from math import log2

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"

Gram = tuple[str, ...]


class Reference:
    """A model of `order` over texts that are lists of strings."""

    def __init__(self, texts: Sequence[Sequence[str]], order: int, min_counts: Sequence[int] = (1,)) -> None:
        self.order = order
        least = [*min_counts] + [min_counts[-1]] * (order - len(min_counts))
        units = Counter(unit for text in texts for unit in text)
        self.vocabulary = {unit for unit, count in units.items() if count >= least[0]}
        self.unknown_types = max(1, len(units) - len(self.vocabulary))
        seen: list[Counter[Gram]] = [Counter() for _ in range(order + 1)]
        for text in texts:
            padded = [BEGIN, *(self.known(unit) for unit in text), END]
            for end in range(1, len(padded)):
                for k in range(1, min(order, end + 1) + 1):
                    seen[k][tuple(padded[end + 1 - k : end + 1])] += 1
        self.levels: list[dict[Gram, Fraction]] = [{}]
        self.discounts: list[list[Fraction]] = [[]]
        self.kept: list[set[Gram]] = [set()]
        for k in range(1, order + 1):
            counts = dict(seen[k])
            if k < order:
                before = defaultdict(set)
                for gram in seen[k + 1]:
                    before[gram[1:]].add(gram[0])
                counts = {g: seen[k][g] if g[0] == BEGIN else len(before[g]) for g in counts}
            self.levels.append({gram: Fraction(count) for gram, count in counts.items()})
            self.kept.append({gram for gram in counts if k == 1 or seen[k][gram] >= least[k - 1]})
            self.discounts.append(discounts(list(counts.values())))

    def known(self, unit: str) -> str:
        return unit if unit in self.vocabulary else UNKNOWN

    @property
    def outcomes(self) -> list[str]:
        return [*sorted(self.vocabulary), UNKNOWN, END]

    def discount(self, gram: Gram) -> Fraction:
        count = self.levels[len(gram)].get(gram, Fraction(0))
        if not count:
            return Fraction(0)
        return count if gram not in self.kept[len(gram)] else self.discounts[len(gram)][min(3, int(count)) - 1]

    def probability(self, unit: str, context: Gram) -> Fraction:
        """Of a unit of `outcomes`; an unknown one is the whole class."""
        if len(context) >= self.order:
            context = context[len(context) - self.order + 1 :]
        followers = [gram for gram in self.levels[len(context) + 1] if gram[:-1] == context]
        lower = self.probability(unit, context[1:]) if context else Fraction(1, len(self.vocabulary) + 2)
        total = sum((self.levels[len(context) + 1][gram] for gram in followers), Fraction(0))
        if not total:
            return lower
        gamma = sum((self.discount(gram) for gram in followers), Fraction(0)) / total
        gram = (*context, unit)
        count = self.levels[len(gram)].get(gram, Fraction(0))
        return (count - self.discount(gram)) / total + gamma * lower

    def bits(self, text: Sequence[str]) -> list[float]:
        """−log2 of every unit of a text, and of its end."""
        found: list[float] = []
        context: Gram = (BEGIN,)
        for unit in [*(self.known(unit) for unit in text), END]:
            cost = -log2(self.probability(unit, context))
            found.append(cost + (log2(self.unknown_types) if unit == UNKNOWN else 0.0))
            context = (*context, unit)
        return found


def discounts(counts: list[int]) -> list[Fraction]:
    """Chen and Goodman 1999, equation 26."""
    n = [sum(count == i for count in counts) for i in range(5)]
    if n[1] and n[2] and n[3]:
        y = Fraction(n[1], n[1] + 2 * n[2])
        found = [i - (i + 1) * y * Fraction(n[i + 1], n[i]) for i in (1, 2, 3)]
        if all(0 < discount <= i for i, discount in enumerate(found, 1)):
            return found
    return [Fraction(1, 2), Fraction(1), Fraction(3, 2)]
