"""The tree is that of RFC 6962: by its recursive definition, and by the vectors of the reference implementation."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.custody.merkle import (
    EMPTY,
    Frontier,
    Subtree,
    consistency_proof,
    full_subtrees,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root_at,
    root_from_inclusion,
    root_of,
)

# cpp/merkletree/merkletree_test.cc of google/certificate-transparency.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SECOND, SECOND_PAIR, SECOND_HALF = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
FIFTH, FOURTH_PAIR = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
)
# (leaf, size, path); leaves are counted from 0 here, from 1 there.
PATHS: list[tuple[int, int, list[str]]] = [
    (0, 1, []),
    (0, 8, [SECOND, SECOND_PAIR, SECOND_HALF]),
    (5, 8, [FIFTH, FOURTH_PAIR, ROOTS[4]]),
    (2, 3, [ROOTS[2]]),
    (1, 5, [ROOTS[1], SECOND_PAIR, FIFTH]),
]
PROOFS: list[tuple[int, int, list[str]]] = [
    (1, 1, []),
    (1, 8, [SECOND, SECOND_PAIR, SECOND_HALF]),
    (6, 8, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", FOURTH_PAIR, ROOTS[4]]),
    (2, 5, [SECOND_PAIR, FIFTH]),
]
LEAVES = [leaf_hash(bytes.fromhex(one)) for one in INPUTS]
TREES = st.lists(st.binary(max_size=3), min_size=1, max_size=70).map(lambda inputs: [leaf_hash(one) for one in inputs])


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + mth(leaves[:half]) + mth(leaves[half:])).digest()


def subtree_of(leaves: list[bytes]) -> Subtree:
    def subtree(level: int, index: int) -> bytes:
        width = 1 << level
        assert (index + 1) * width <= len(leaves), "only full subtrees may be asked for"
        return mth(leaves[index * width : (index + 1) * width])

    return subtree


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]
    assert root_at(size, subtree_of(LEAVES)).hex() == ROOTS[size]


@pytest.mark.parametrize(("leaf", "size", "path"), PATHS)
def test_published_inclusion_proofs(leaf: int, size: int, path: list[str]) -> None:
    steps = [bytes.fromhex(one) for one in path]
    assert inclusion_proof(leaf, size, subtree_of(LEAVES)) == steps
    found = root_from_inclusion(leaf, size, LEAVES[leaf], steps)
    assert found is not None
    assert found.hex() == ROOTS[size]


@pytest.mark.parametrize(("old", "size", "proof"), PROOFS)
def test_published_consistency_proofs(old: int, size: int, proof: list[str]) -> None:
    steps = [bytes.fromhex(one) for one in proof]
    assert consistency_proof(old, size, subtree_of(LEAVES)) == steps
    assert is_consistent(old, bytes.fromhex(ROOTS[old]), size, bytes.fromhex(ROOTS[size]), steps)


def test_leaves_and_nodes_are_hashed_apart() -> None:
    assert leaf_hash(b"") == hashlib.sha256(b"\0").digest()
    assert node_hash(b"a", b"b") == hashlib.sha256(b"\1ab").digest()
    assert root_of([]) == EMPTY == hashlib.sha256(b"").digest()


@given(TREES)
def test_roots_follow_the_definition(leaves: list[bytes]) -> None:
    tree, nodes = Frontier(), {}
    for index, leaf in enumerate(leaves):
        for level, at, made in tree.append(leaf):
            nodes[level, at] = made
        assert tree.root() == mth(leaves[: index + 1])
    again = Frontier(len(leaves), [nodes[one] for one in full_subtrees(len(leaves))])
    assert again.root() == mth(leaves)
    assert again.append(b"x" * 32) == tree.append(b"x" * 32)
    assert all(found == subtree_of(leaves)(*place) for place, found in nodes.items())


@given(TREES, st.data())
def test_a_leaf_is_proved_at_its_place_and_nowhere_else(leaves: list[bytes], data: st.DataObject) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion_proof(index, size, subtree_of(leaves)), mth(leaves)
    assert root_from_inclusion(index, size, leaves[index], path) == root
    assert root_from_inclusion(index, size, b"x" * 32, path) != root
    assert root_from_inclusion(index, size, leaves[index], [*path, b"x" * 32]) != root
    assert not path or root_from_inclusion(index, size, leaves[index], path[:-1]) != root
    assert root_from_inclusion(size, size, leaves[index], path) is None
    assert root_from_inclusion(-1, size, leaves[index], path) is None
    for place in range(len(path)):
        changed = [*path[:place], b"x" * 32, *path[place + 1 :]]
        assert root_from_inclusion(index, size, leaves[index], changed) != root


@given(TREES, st.data())
def test_growth_is_proved_and_a_fork_is_not(leaves: list[bytes], data: st.DataObject) -> None:
    size = len(leaves)
    old = data.draw(st.integers(0, size))
    proof, before, after = consistency_proof(old, size, subtree_of(leaves)), mth(leaves[:old]), mth(leaves)
    assert is_consistent(old, before, size, after, proof)
    assert not is_consistent(old, before, size, after, [*proof, b"x" * 32])
    assert not is_consistent(old, b"x" * 32, size, after, proof)
    assert old == 0 or not is_consistent(old, before, size, b"x" * 32, proof)
    assert not is_consistent(size + 1, before, size, after, proof)
    assert not proof or not is_consistent(old, before, size, after, proof[:-1])
    assert not proof or not is_consistent(old, before, size, after, [])
    for place in range(len(proof)):
        assert not is_consistent(old, before, size, after, [*proof[:place], b"x" * 32, *proof[place + 1 :]])


@given(TREES, TREES, TREES)
def test_leaves_added_together_are_as_if_added_one_by_one(
    first: list[bytes], then: list[bytes], last: list[bytes]
) -> None:
    one, many = Frontier(), Frontier()
    for leaves in (first, then, last):
        many.extend(leaves)
        for leaf in leaves:
            one.append(leaf)
        assert (many.size, many.root()) == (one.size, one.root())
    assert many.append(b"x" * 32) == one.append(b"x" * 32)


def test_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="no leaf 8 in a tree of 8"):
        inclusion_proof(8, 8, subtree_of(LEAVES))
    with pytest.raises(ValueError, match="never had 9"):
        consistency_proof(9, 8, subtree_of(LEAVES))
    with pytest.raises(ValueError, match="2 full subtrees, not 1"):
        Frontier(6, [b"x"])
