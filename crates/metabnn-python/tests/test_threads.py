"""One network, many threads: calls wait for each other, or one of them says that the network is learning."""

import copy
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import metabnn

BUSY = "learning just now"


def images(count, seed=0):
    draw = np.random.default_rng(seed)
    return draw.integers(0, 256, (count, 8, 8), dtype=np.uint8), np.arange(count) % 4


X, Y = images(64)
#: Of a training that goes on for a while.
EPOCHS = 500


def trained(hidden=(16,)):
    network = metabnn.Network((8, 8), 4, hidden=hidden, seed=1)
    trainer = metabnn.Trainer(network, epochs=1, batch=16)
    trainer.train(X, Y)
    return trainer


def at_once(*calls, times=60):
    """Calls in a thread each, again and again; what they raised."""
    raised = []
    start = threading.Barrier(len(calls))

    def work(call):
        start.wait()
        for _ in range(times):
            try:
                call()
            except Exception as error:
                raised.append(error)

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a call hangs"
    return raised


def reads(network):
    """What reads a network, and always gives the same."""
    expected, accuracy = network.logits(X), network.evaluate(X, Y)
    data = network.to_bytes()

    def same(call, value):
        def check():
            assert (np.asarray(call()) == np.asarray(value)).all()
        return check

    return [same(lambda: network.logits(X), expected), same(lambda: network.evaluate(X, Y), accuracy),
            same(lambda: network.logits(X, 0), network.logits(X, 0)), lambda: network.hidden_weights, lambda: repr(network),
            lambda: network.experiences, lambda: network.norm_states(0), lambda: network.settings,
            same(lambda: len(network.to_bytes()), len(data)), lambda: copy.deepcopy(network)]


def test_nothing_learns_and_nothing_collides():
    # Fault I8: "is learning just now" though nothing learned, where new threads were taken.
    network = trained().network
    before = metabnn.threads()
    counts = iter([1, 2, 3] * 10_000)
    try:
        raised = at_once(*reads(network), lambda: metabnn.set_threads(next(counts)), times=15)
    finally:
        metabnn.set_threads(before)
    assert not raised


def test_trainers_are_made_while_others_read():
    # Fault I8: "Already borrowed".
    network = trained().network
    raised = at_once(*reads(network)[:3], lambda: metabnn.Trainer(network, m=2.0), lambda: metabnn.Trainer(network))
    assert not raised


def test_a_training_waits_for_those_who_read():
    trainer = trained()
    steps = trainer.network.steps
    network = trainer.network
    raised = at_once(lambda: network.logits(X), lambda: network.evaluate(X, Y), lambda: trainer.train_part(X[:16], Y[:16]))
    assert all(isinstance(error, RuntimeError) and BUSY in str(error) for error in raised)
    assert network.steps == steps + 60, "every part was learned"


def test_two_trainings_are_one_or_a_clear_error():
    trainer = trained()
    alone = copy.deepcopy(trainer)
    raised = at_once(*[lambda: trainer.train_part(X, Y)] * 3, times=20)
    assert all(isinstance(error, RuntimeError) and BUSY in str(error) for error in raised)
    for _ in range(60 - len(raised)):
        alone.train_part(X, Y)
    assert (alone.network.logits(X) == trainer.network.logits(X)).all(), "each training was whole"


def test_epochs_with_a_callback_are_one_training():
    trainer = trained()
    inner = []

    def callback(_):
        for call in (lambda: trainer.train(X, Y), lambda: metabnn.Trainer(trainer.network).train(X, Y)):
            with pytest.raises(RuntimeError, match=BUSY):
                call()
        inner.append(trainer.network.logits(X))

    trainer.train(X, Y, epochs=2, callback=callback)
    assert len(inner) == 2 and [one.trainings for one in trainer.network.experiences] == [(1, 2)]
    raised = at_once(*[lambda: trainer.train(X, Y, epochs=2, callback=lambda _: time.sleep(0.001))] * 2, times=5)
    assert all(BUSY in str(error) for error in raised)
    (learned,) = trainer.network.experiences
    assert len(learned.trainings) == 2 + 10 - len(raised)


def test_what_is_asked_of_a_network_that_learns():
    trainer = trained((64,))
    network = trainer.network
    worker = threading.Thread(target=trainer.train, args=(X, Y), kwargs={"epochs": EPOCHS})
    refused = 0
    worker.start()
    try:
        before = network.steps
        while worker.is_alive() and network.steps == before:
            time.sleep(0.0001)
        assert "steps" in repr(network) and network.classes == 4, "what it is can be told"
        for call in (lambda: network.logits(X), lambda: network.evaluate(X, Y), lambda: network.hidden_weights,
                     lambda: network.to_bytes(), lambda: copy.deepcopy(network), lambda: network.experiences,
                     lambda: network.norm_states(), lambda: network.settings, lambda: trainer.train_part(X, Y)):
            try:
                call()
                assert network.steps >= before + 4 * EPOCHS, "it learns, and was read"
            except RuntimeError as error:
                assert BUSY in str(error)
                refused += 1
    finally:
        worker.join(120)
    assert not worker.is_alive() and refused > 0 and len(network.logits(X)) == 64


def test_a_signal_that_asks_the_learning_network_gets_an_error():
    trainer = trained()
    heard = []

    def handler(*_):
        with pytest.raises(RuntimeError, match=BUSY):
            trainer.network.logits(X)
        heard.append(True)
        raise LookupError

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(LookupError):
            trainer.train(X, Y, epochs=1_000_000)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard and len(trainer.network.logits(X)) == 64


def test_estimators_in_threads():
    pytest.importorskip("sklearn")
    x = X.reshape(64, -1) / 255
    model = metabnn.MetaplasticClassifier(hidden=(8,), epochs=1, random_state=0).fit(x, Y)
    expected = model.decision_function(x)
    with ThreadPoolExecutor(4) as pool:
        assert all((one == expected).all() for one in pool.map(model.decision_function, [x] * 20))
    # Each fit is whole, whichever comes last.
    assert not at_once(*[lambda: model.fit(x, Y)] * 3, times=5)
    assert (model.decision_function(x) == expected).all() and model.network_.steps == 1
    raised = at_once(*[lambda: model.partial_fit(x, Y)] * 3, lambda: model.predict(x), times=10)
    assert all(isinstance(error, RuntimeError) and BUSY in str(error) for error in raised)
