"""The same seed gives the same weights and the same order, everywhere."""

import hashlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from chollet_cnn.book import networks
from chollet_cnn.training import plan, seeding
from chollet_cnn.training.state import State


def test_starting_weights_are_these_bits_on_every_machine_and_backend():
    # Recorded once; a change here means that no recorded run can be repeated any more.
    model = networks.mnist_three_block()
    seeding.set_starting_weights(model, seed=0)
    assert seeding.sha256_of_weights(model) == (
        "06654ecf4fb7b16746fc3e86352822130281a5406055b5d90b3802cdcc1a6f03"
    )


def test_the_order_of_samples_is_this_one_on_every_machine():
    order = np.concatenate(seeding.batches(seed=0, epoch=0, samples=60_000, batch_size=64))
    assert hashlib.sha256(order.astype("<i8").tobytes()).hexdigest() == (
        "844594ce1b12b0dc98357913b0ab003ec945e98a2a4225262f78da4900a7a0e5"
    )


def test_kernels_are_glorot_uniform_and_biases_zero():
    model = networks.mnist_second_edition()
    seeding.set_starting_weights(model, seed=1)
    for variable in model.trainable_variables:
        values = keras.ops.convert_to_numpy(variable.value)
        if variable.name == "bias":
            assert not values.any()
            continue
        window = np.prod(values.shape[:-2])
        limit = np.sqrt(6 / (window * (values.shape[-2] + values.shape[-1])))
        assert np.abs(values).max() <= limit
        # An even distribution over +-limit has this standard deviation and no mean.
        assert values.std() == pytest.approx(limit / np.sqrt(3), rel=0.06)
        assert abs(values.mean()) < 4 * limit / np.sqrt(3 * values.size)


def test_each_kernel_has_numbers_of_its_own():
    first, second = (seeding.glorot_uniform((3, 3, 4, 4), 0, index) for index in (0, 1))
    assert not np.array_equal(first, second)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.3


@pytest.mark.parametrize("changed", [{"seed": 1}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_another_order(changed):
    where = {"seed": 0, "epoch": 0, "samples": 100, "batch_size": 100}
    assert not np.array_equal(seeding.batches(**where)[0], seeding.batches(**(where | changed))[0])


def test_an_epoch_sees_every_sample_once_and_ends_with_a_short_batch():
    batches = seeding.batches(seed=3, epoch=2, samples=1000, batch_size=64)
    assert [len(batch) for batch in batches] == [64] * 15 + [40]
    assert sorted(np.concatenate(batches)) == list(range(1000))


def test_epochs_of_100_steps_run_on_through_the_passes_as_the_book_s_generator_does():
    # 2,000 pictures in batches of 32 are 62 full batches and one of 16.
    images = SimpleNamespace(train=range(2000))
    job = SimpleNamespace(plan=plan.make("cats-vs-dogs-first-edition-augmented"), data=images)
    epochs = [State.batches(SimpleNamespace(job=job), epoch) for epoch in range(63)]
    sizes = [len(batch) for epoch in epochs for batch in epoch]
    assert sizes == ([32] * 62 + [16]) * 100
    seen = np.concatenate([batch for epoch in epochs for batch in epoch])
    assert np.bincount(seen).tolist() == [100] * 2000


def test_random_layers_are_seeded_by_the_run_and_not_alike():
    models = [networks.cats_vs_dogs_second_edition(True, 0.5) for _ in range(2)]
    for model in models:
        seeding.seed_random_layers(model, seed=7)
    states = [
        [tuple(keras.ops.convert_to_numpy(s.value)) for s in seeding.random_states(model)]
        for model in models
    ]
    assert states[0] == states[1]
    assert len(set(states[0])) == len(states[0]) == 4  # flip, rotation, zoom, dropout


def test_what_random_layers_draw_follows_from_the_seed():
    """On PyTorch, Keras takes the draws of an unseeded dropout from elsewhere."""
    model = networks.cats_vs_dogs_first_edition(dropout=0.5, image_size=(76, 76))
    photos = np.random.default_rng(0).integers(0, 256, (8, 76, 76, 3)).astype("float32")

    def drawn(seed):
        seeding.seed_random_layers(model, seed)
        return keras.ops.convert_to_numpy(model(photos, training=True)).tolist()

    assert drawn(7) == drawn(7) != drawn(8)
