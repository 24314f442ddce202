"""RFC 6962: the vectors that Certificate Transparency implementations share; small trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indelible.seal import merkle

LEAVES = [
    bytes.fromhex(one)
    for one in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(one)
    for one in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSION = [
    (
        *(0, 8),
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (
        *(5, 8),
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
]
CONSISTENCY = [
    (1, 1),
    (
        *(2, 8),
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (
        *(6, 8),
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (
        *(2, 5),
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
]
HASHES = [merkle.leaf_hash(one) for one in LEAVES]
MANY = [merkle.leaf_hash(b"%d" % n) for n in range(131)]


@pytest.mark.requirement("seal.rfc6962")
@pytest.mark.parametrize("size", range(9))
def test_published_roots(size):
    assert merkle.root(HASHES[:size]) == ROOTS[size]
    frontier = merkle.Frontier()
    for one in HASHES[:size]:
        frontier.add(one)
    assert frontier.root() == ROOTS[size]
    assert frontier.size == size


@pytest.mark.requirement("seal.rfc6962")
@pytest.mark.parametrize("vector", INCLUSION)
def test_published_inclusion_proofs(vector):
    index, size, *path = vector
    proof = [bytes.fromhex(one) for one in path]
    assert merkle.inclusion_proof(index, HASHES[:size]) == proof
    assert merkle.verify_inclusion(
        HASHES[index], index, size=size, proof=proof, expected=ROOTS[size]
    )


@pytest.mark.requirement("seal.rfc6962")
@pytest.mark.parametrize("vector", CONSISTENCY)
def test_published_consistency_proofs(vector):
    old, new, *path = vector
    proof = [bytes.fromhex(one) for one in path]
    assert merkle.consistency_proof(old, HASHES[:new]) == proof
    assert merkle.verify_consistency(
        old, new, proof=proof, old_root=ROOTS[old], new_root=ROOTS[new]
    )


def test_every_inclusion_proof_of_every_small_tree():
    for size in range(1, 131):
        leaves = MANY[:size]
        root = merkle.root(leaves)
        for index in {0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
            proof = merkle.inclusion_proof(index, leaves)
            given_ = {"size": size, "proof": proof, "expected": root}
            assert merkle.verify_inclusion(leaves[index], index, **given_)
            assert not merkle.verify_inclusion(MANY[130], index, **given_)
            assert not merkle.verify_inclusion(leaves[index], size, **given_)
            longer = {**given_, "proof": [*proof, root]}
            assert not merkle.verify_inclusion(leaves[index], index, **longer)
            if proof:
                assert not merkle.verify_inclusion(
                    leaves[index], index, **{**given_, "proof": proof[:-1]}
                )
                other = index ^ 1 if index ^ 1 < size else index - 1
                assert not merkle.verify_inclusion(leaves[index], other, **given_)


def test_every_consistency_proof_of_every_small_pair():
    roots = [merkle.root(MANY[:size]) for size in range(66)]
    for new in range(1, 66):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(old, MANY[:new])
            right = {"proof": proof, "old_root": roots[old], "new_root": roots[new]}
            assert merkle.verify_consistency(old, new, **right)
            assert not merkle.verify_consistency(old, new, **{**right, "new_root": roots[0]})
            assert not merkle.verify_consistency(old, new, **{**right, "old_root": roots[0]})
            assert not merkle.verify_consistency(old, new, **{**right, "proof": [*proof, roots[1]]})
            if proof:
                assert not merkle.verify_consistency(old, new, **{**right, "proof": proof[1:]})


def test_proofs_of_what_is_not_there_are_refused():
    for index in (-1, 8):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_proof(index, HASHES)
    for old in (0, 9):
        with pytest.raises(ValueError, match="no tree"):
            merkle.consistency_proof(old, HASHES)
    assert not merkle.verify_consistency(9, 8, proof=[], old_root=b"", new_root=b"")
    assert not merkle.verify_consistency(3, 8, proof=[], old_root=b"", new_root=b"")
    assert merkle.verify_consistency(0, 8, proof=[], old_root=ROOTS[0], new_root=ROOTS[8])


@given(st.integers(0, 130))
def test_a_frontier_is_its_hashes(size):
    frontier = merkle.Frontier()
    for one in MANY[:size]:
        frontier.add(one)
    again = merkle.Frontier.of(size, frontier.hashes)
    assert again is not None
    assert again.root() == frontier.root() == merkle.root(MANY[:size])
    grown = again.copy()
    grown.add(MANY[130])
    assert again.root() == frontier.root()
    assert merkle.Frontier.of(size, [*frontier.hashes, ROOTS[0]]) is None
    assert merkle.Frontier.of(1, [b"short"]) is None
