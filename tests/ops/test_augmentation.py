"""Augmentations against SciPy's and NumPy's own ways of moving images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import affine_transform

from jaxicon.ops.augmentation import (
    cutout,
    flip,
    quarter_turn,
    random_affine,
    random_flip,
    random_noise,
    random_quarter_turns,
    random_shift,
    warp,
)

IMAGE = np.random.default_rng(0).uniform(0.1, 1, (7, 8, 2))


def test_warp_is_bilinear_interpolation_between_zeros(x64):
    """SciPy's 'grid-constant' also blends with the zeros outside; its matrix is about the corner, ours the centre."""
    matrix, shift = np.array([[0.9, -0.35], [0.3, 1.1]]), np.array([0.7, -1.3])
    centre = (np.array(IMAGE.shape[:2]) - 1) / 2
    offset = centre + shift - matrix @ centre
    expected = [affine_transform(c, matrix, offset, order=1, mode="grid-constant") for c in IMAGE.transpose(2, 0, 1)]
    ours = warp(jnp.asarray(IMAGE), jnp.asarray(matrix), jnp.asarray(shift))
    np.testing.assert_allclose(ours, np.stack(expected, -1), atol=1e-12)


def test_affine_draws_stay_in_their_ranges(x64, key):
    """A linear ramp shows the matrix: its differences are the matrix' rows."""
    rows, columns = np.meshgrid(np.arange(31.0) - 15, np.arange(31.0) - 15, indexing="ij")
    ramp = jnp.asarray(np.stack([rows, columns], -1))

    def drawn(key):
        image = random_affine(key, ramp, degrees=30, zoom=0.2, shift=2)
        return image[15, 15], image[16, 15] - image[15, 15]

    centre, down = map(np.asarray, jax.jit(jax.vmap(drawn))(jax.random.split(key, 400)))
    angle, scale = np.rad2deg(np.arctan2(down[:, 1], down[:, 0])), np.hypot(*down.T)
    for values, most in ((angle, 30), (np.log(scale), 0.2), (centre[:, 0], 2), (centre[:, 1], 2)):
        assert abs(values).max() <= most + 1e-9
        assert values.min() < -0.9 * most
        assert values.max() > 0.9 * most


def test_shifts_are_all_whole_moves_and_no_other(key):
    images = jax.vmap(lambda key: random_shift(key, jnp.asarray(IMAGE), 1))(jax.random.split(key, 200))
    padded = np.pad(IMAGE, ((1, 1), (1, 1), (0, 0))).astype(np.float32)
    moves = {(i, j): padded[i : i + 7, j : j + 8] for i in range(3) for j in range(3)}
    seen = {move for image in images for move, moved in moves.items() if np.array_equal(image, moved)}
    assert seen == moves.keys()
    assert all(any(np.array_equal(image, moved) for moved in moves.values()) for image in images)


def test_flips_half_of_the_time(key):
    images = np.asarray(jax.vmap(lambda key: random_flip(key, jnp.asarray(IMAGE)))(jax.random.split(key, 400)))
    plain = IMAGE.astype(np.float32)
    flipped = (images == plain[:, ::-1]).all((1, 2, 3))
    assert (flipped | (images == plain).all((1, 2, 3))).all()
    assert 150 < flipped.sum() < 250


def test_noise_has_its_deviation_and_stays_in_range(key):
    grey = jnp.full((50, 50, 1), 0.5)
    noisy = random_noise(key, grey, 0.1)
    assert noisy.std() == pytest.approx(0.1, rel=0.05)
    loud = random_noise(jax.random.key(1), grey, 10.0)
    assert (loud.min(), loud.max()) == (0, 1)


def test_cutout_blots_out_one_square_that_may_stick_out(key):
    images = jax.vmap(lambda key: cutout(key, jnp.asarray(IMAGE), 3))(jax.random.split(key, 300))
    sizes = set()
    for image in np.asarray(images):
        gone = (image == 0).all(-1)
        np.testing.assert_array_equal(image[~gone], IMAGE[~gone].astype(np.float32))
        height, width = gone.any(1).sum(), gone.any(0).sum()
        assert gone.sum() == height * width
        sizes.add((int(height), int(width)))
    assert sizes == {(h, w) for h in (2, 3) for w in (2, 3)}


@pytest.mark.system("reg.data_augmentation")
def test_a_flip_is_numpys_and_undoes_itself():
    image = jnp.asarray(IMAGE)
    np.testing.assert_array_equal(flip(image), np.fliplr(IMAGE).astype(np.float32))
    np.testing.assert_array_equal(flip(flip(image)), image)


@pytest.mark.system("reg.data_augmentation")
def test_a_quarter_turn_is_numpys_and_four_are_none():
    turned = image = jnp.asarray(IMAGE)
    for times in range(1, 5):
        turned = quarter_turn(turned)
        np.testing.assert_array_equal(turned, np.rot90(IMAGE, times).astype(np.float32))
    np.testing.assert_array_equal(turned, image)


@pytest.mark.system("reg.data_augmentation")
def test_a_quarter_turn_is_the_rotation_by_90_degrees(x64):
    """Two ways to the same: a permutation of pixels, and interpolation at rotated places."""
    square = jnp.asarray(IMAGE[:, :7])
    np.testing.assert_allclose(
        quarter_turn(square), warp(square, jnp.array([[0.0, 1], [-1, 0]]), jnp.zeros(2)), atol=1e-12
    )


@pytest.mark.system("reg.data_augmentation")
def test_the_four_turns_are_equally_frequent(key):
    square = IMAGE[:, :7].astype(np.float32)
    images = np.asarray(
        jax.vmap(lambda key: random_quarter_turns(key, jnp.asarray(square)))(jax.random.split(key, 400))
    )
    counts = [sum(np.array_equal(image, np.rot90(square, times)) for image in images) for times in range(4)]
    assert sum(counts) == 400
    assert min(counts) > 70


@pytest.mark.system("reg.data_augmentation")
def test_a_changed_image_keeps_its_place_and_so_its_label(key):
    """Each has the pixels of the image with the same label, and of no other: only their places have changed."""
    images = np.random.default_rng(1).uniform(size=(20, 6, 6, 1)).astype(np.float32)
    for change in (random_flip, random_quarter_turns):
        changed = np.asarray(jax.vmap(change)(jax.random.split(jax.random.clone(key), 20), jnp.asarray(images)))
        same = [[np.array_equal(np.sort(a, None), np.sort(b, None)) for b in images] for a in changed]
        np.testing.assert_array_equal(same, np.eye(20, dtype=bool))
        assert not np.array_equal(changed, images)


@pytest.mark.system("reg.data_augmentation")
def test_a_flip_keeps_a_horizontal_line_and_a_quarter_turn_does_not(key):
    """Flips keep the class `horizontal`, quarter turns do not: which changes are allowed is for the data to say."""
    line = jnp.zeros((5, 5, 1)).at[1].set(1.0)
    horizontal = lambda image: bool((image.sum(1) == 5).any())
    flipped = jax.vmap(lambda key: random_flip(key, line))(jax.random.split(key, 20))
    assert all(horizontal(image) for image in flipped)
    assert not horizontal(quarter_turn(line))
