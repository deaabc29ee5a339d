"""The compiled loops compute what Keras's own ``fit`` and ``evaluate`` compute."""

import dataclasses

import keras
import numpy as np
import pytest

from chollet_cnn.book import networks
from chollet_cnn.data import Split, digits
from chollet_cnn.training import loop, seeding

ONLY_JAX = pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX has two loops")


@pytest.fixture(scope="module")
def data():
    """Of the embedded digits 330 to train on, five batches and a short one, and 237 to test on."""
    whole = digits.load()
    return dataclasses.replace(
        whole,
        train=Split(whole.train.images[:330], whole.train.labels[:330]),
        test=Split(whole.test.images[:237], whole.test.labels[:237]),
    )


def small_network():
    model = networks.mnist_three_block()
    seeding.set_starting_weights(model, 0)
    return model


def trained(data, epochs=1, device="cpu"):
    model = small_network()
    optimizer = keras.optimizers.RMSprop()
    steps = loop.compile_steps(model, optimizer)
    feed = loop.feed_from(data.train.images, data.train.labels, device)
    for epoch in range(epochs):
        batches = seeding.batches(0, epoch, len(data.train), 64)
        score = loop.run_epoch(steps.train, feed, batches)
    return model, steps, score


def test_an_epoch_ends_with_the_weights_that_model_fit_ends_with(data):
    ours, _, score = trained(data)
    theirs = small_network()
    theirs.compile(
        keras.optimizers.RMSprop(), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    order = np.concatenate(seeding.batches(0, 0, len(data.train), 64))
    history = theirs.fit(
        data.train.images[order], data.train.labels[order], batch_size=64, shuffle=False, verbose=0
    ).history
    for mine, book in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        # RMSprop's first steps are signs of gradients: a last bit near zero can turn one.
        assert np.mean(np.abs(mine - book) < 1e-4) > 0.999
    assert score.loss == pytest.approx(history["loss"][0], rel=1e-4)
    assert score.accuracy == pytest.approx(history["accuracy"][0], abs=0.002)


def test_evaluation_gives_the_loss_and_accuracy_that_model_evaluate_gives(data):
    model, steps, _ = trained(data)
    batches = [np.arange(100), np.arange(100, 200), np.arange(200, 237)]
    feed = loop.feed_from(data.test.images, data.test.labels)
    score = loop.run_epoch(steps.evaluate, feed, batches)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    loss, accuracy = model.evaluate(data.test.images, data.test.labels, verbose=0)
    assert score.loss == pytest.approx(loss, rel=1e-5)
    assert score.accuracy == pytest.approx(accuracy, abs=1e-6)


def test_dropout_and_augmentation_are_active_in_training_alone(data):
    dropout = keras.layers.Dropout(0.5, seed=0)
    layers = [keras.layers.Flatten(), dropout, keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Rescaling(1 / 255), *layers])
    steps = loop.compile_steps(model, keras.optimizers.RMSprop())
    feed, batches = loop.feed_from(data.test.images, data.test.labels), [np.arange(64)]

    def state():
        (seed,) = seeding.random_states(model)
        return keras.ops.convert_to_numpy(seed.value).tolist()

    before = state()
    loop.run_epoch(steps.evaluate, feed, batches)
    assert state() == before
    loop.run_epoch(steps.train, feed, batches)
    assert state() != before


def test_one_sigmoid_unit_is_judged_at_one_half():
    scores = np.array([[0.2], [0.7], [0.5], [0.9]], np.float32)
    labels = np.array([0, 1, 1, 0], np.int32)  # right, right, wrong (not above a half), wrong
    assert float(loop._right_answers(labels, scores)) == 2
    expected = -np.log([0.8, 0.7, 0.5, 0.1]).mean()
    assert float(loop._mean_loss(labels, scores)) == pytest.approx(expected, rel=1e-5)


def test_how_an_epoch_is_cut_into_pieces_changes_nothing(data, monkeypatch):
    whole, _, score = trained(data)
    monkeypatch.setattr(loop, "STEPS_IN_ONE_RUN", 2)
    cut, _, score_of_cut = trained(data)
    assert seeding.sha256_of_weights(whole) == seeding.sha256_of_weights(cut)
    assert score == score_of_cut


def test_pieces_hold_batches_of_one_size_and_no_more_bytes_than_allowed():
    batches = [np.arange(8)] * 20 + [np.arange(3)] + [np.arange(8)] * 2
    pieces = loop.cut(
        batches, lambda size: loop._steps_to_transfer(size * loop.BYTES_IN_ONE_RUN // 32)
    )
    assert [piece.shape for piece in pieces] == [(4, 8)] * 5 + [(1, 3), (2, 8)]


def test_pictures_that_a_device_holds_give_the_weights_that_handed_over_ones_give(data):
    handed_over, _, score = trained(data)
    held, _, score_of_held = trained(data, device="gpu")  # holding works on a CPU just as well
    assert seeding.sha256_of_weights(handed_over) == seeding.sha256_of_weights(held)
    assert score == score_of_held


@ONLY_JAX
@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_on_jax_the_compiled_loop_and_the_single_steps_agree(data, device, monkeypatch):
    stepwise, _, score = trained(data)
    monkeypatch.setattr(loop, "_jax_loops_are_fast", lambda platform: True)
    looped, _, score_of_loop = trained(data, device=device)
    assert score.loss == pytest.approx(score_of_loop.loss, rel=1e-3)
    for one, many in zip(stepwise.get_weights(), looped.get_weights(), strict=True):
        assert np.mean(np.abs(one - many) < 1e-3) > 0.99


@ONLY_JAX
def test_on_a_gpu_a_piece_of_another_length_is_not_compiled_again(data, monkeypatch):
    from jax import monitoring

    monkeypatch.setattr(loop, "_jax_loops_are_fast", lambda platform: True)
    model = small_network()
    steps = loop.compile_steps(model, keras.optimizers.RMSprop())
    feed = loop.feed_from(data.train.images, data.train.labels, "gpu")
    batches = list(np.arange(320).reshape(40, 8))
    loop.run_epoch(steps.train, feed, batches)
    compiled = []
    monitoring.register_event_duration_secs_listener(lambda event, *_, **__: compiled.append(event))
    loop.run_epoch(steps.train, feed, batches[:3])
    loop.run_epoch(steps.train, feed, batches[:17])
    monitoring.clear_event_listeners()
    assert [event for event in compiled if "compile" in event] == []
