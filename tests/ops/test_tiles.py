import jax
import jax.numpy as jnp
import numpy as np

from jaxicon.ops.tiles import tile_count, tiles


def by_hand(x: np.ndarray, tilings: int, bins: int) -> list[tuple]:
    """The tile of every tiling as (tiling, column, row, ...)."""
    shifts = [[(k * (2 * i + 1) % tilings) / tilings for i in range(len(x))] for k in range(tilings)]
    cells = lambda k: [min(int(np.floor(x[i] * bins + shifts[k][i])), bins) for i in range(len(x))]
    return [(k, *cells(k)) for k in range(tilings)]


def test_indices_name_the_tiles_of_shifted_grids(x64, key):
    """The same tile has the same index and different tiles have different ones, from 0 to the count."""
    for dims, tilings, bins in ((2, 8, 8), (3, 4, 2), (1, 1, 3)):
        x = np.concatenate(
            [jax.random.uniform(jax.random.fold_in(key, dims), (500, dims)), np.eye(dims), np.zeros((1, dims))]
        )
        found = np.asarray(jax.vmap(lambda x: tiles(x, tilings, bins))(jnp.asarray(x)))
        names = {}
        for row, indices in zip(x, found, strict=True):
            for name, index in zip(by_hand(row, tilings, bins), indices.tolist(), strict=True):
                assert names.setdefault(name, index) == index
        assert len(set(names.values())) == len(names)
        assert min(names.values()) >= 0
        assert max(names.values()) < tile_count(dims, tilings, bins)
    assert tile_count(2, 8, 8) == 648


def test_near_points_share_tiles_in_proportion_to_how_near_they_are(x64):
    """A step of j / tilings of a tile along an axis leaves all but j tiles; a whole tile leaves none."""
    start = np.array([0.3, 0.5]) + 1e-6
    for axis in (0, 1):
        for j in range(9):
            moved = start + j / 64 * np.eye(2)[axis]
            shared = np.asarray(tiles(jnp.asarray(start), 8, 8)) == np.asarray(tiles(jnp.asarray(moved), 8, 8))
            assert shared.sum() == 8 - j


def test_points_beyond_the_bounds_lie_in_the_tiles_at_the_border():
    np.testing.assert_array_equal(tiles(jnp.array([-3.0, 9.0]), 8, 8), tiles(jnp.array([0.0, 1.0]), 8, 8))
