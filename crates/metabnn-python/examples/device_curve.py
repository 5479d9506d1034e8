"""One's own device: plasticity as it was measured, in a whole network.

A synapse of a nanodevice has a hidden value, such as a conductance, and pulses that raise or lower it. How far a pulse
moves it depends on where it is. That is all a device researcher needs to bring: hidden values, and how much of an update
is left there, up and down. Here the numbers are made up; put yours in their place.

    pip install metabnn && python device_curve.py
"""

import numpy as np

import metabnn


def measured():
    """Hidden values in units of hidden weight, at uneven distances, and plasticity up and down, with some noise."""
    draw = np.random.default_rng(0)
    hidden = np.sort(draw.uniform(-1.5, 1.5, 60))
    # The device saturates: what is far from zero is hard to bring back.
    back = 0.02 + 0.98 / (1 + (6 * np.abs(hidden)) ** 2)
    up, down = np.where(hidden < 0, back, 1.0), np.where(hidden > 0, back, 1.0)
    noise = 1 + 0.05 * draw.normal(size=(2, len(hidden)))
    return hidden, up * noise[0], down * noise[1]


def learn(rule, stream):
    """Accuracy on each task after all of them."""
    network = metabnn.Network(stream.shape, stream.classes, hidden=(512, 256), settings={"norm.statistics": "batch"})
    trainer = metabnn.Trainer(network, rule=rule, epochs=7)
    for experience in stream:
        trainer.train(experience)
    return trainer.evaluate(stream)


def main():
    stream = metabnn.tasks.permuted(metabnn.data.load("glyphs"), 4)
    curve = metabnn.Curve(*measured())
    print(curve)
    # A function does as well: it is sampled once.
    formula = metabnn.Curve.of(lambda w: 0.02 + 0.98 / (1 + (6 * np.abs(w)) ** 2), reach=1.5)
    rules = {
        "plain": {"name": "metaplastic", "m": 0},
        "the device as measured": curve,
        "the device as a formula": formula,
        "the paper's rule, m = 5": {"name": "metaplastic", "m": 5},
    }
    scores = {}
    for name, rule in rules.items():
        scores[name] = learn(rule, stream)
        words = "  ".join(f"{100 * score:5.1f}" for score in scores[name])
        print(f"{name:24}  {words}   average {100 * scores[name].mean():5.1f} %")
    return scores


if __name__ == "__main__":
    main()
