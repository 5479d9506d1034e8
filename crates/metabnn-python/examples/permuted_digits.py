"""Three tasks arrive as one stream of chunks, and nobody says where one ends: MetaplasticClassifier.partial_fit.

Each task is the same ten signs with their pixels in another fixed order. The classifier is never told which task an
image belongs to, neither when it learns nor when it is tested. What counts is m |W^h|: after so few steps hidden weights
are small, so that m is large here; a longer training takes a smaller one.

    pip install 'metabnn[sklearn]' && python permuted_digits.py
"""

import numpy as np

import metabnn

TASKS, CHUNK = 3, 500


def stream(count, seed=0):
    """Chunks of `count` images of each task in turn, and the test images of every task."""
    glyphs = metabnn.data.load("glyphs")
    (x, y), (x_test, y_test) = glyphs.train, glyphs.test
    flat, flat_test = x.reshape(len(x), -1) / 255.0, x_test.reshape(len(x_test), -1) / 255.0
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(flat.shape[1]) for _ in range(TASKS)]
    chunks = [
        (flat[at : at + CHUNK][:, order], y[at : at + CHUNK])
        for order in orders
        for _ in range(4)
        for at in range(0, count, CHUNK)
    ]
    return chunks, [(flat_test[:, order], y_test) for order in orders]


def learn(m, chunks, tests):
    """Accuracy on every task after the whole stream."""
    model = metabnn.MetaplasticClassifier(
        hidden=(512, 512),
        m=m,
        # Each image is normalised by itself, with fixed scales: what works best when nothing is known of tasks.
        norm="instance",
        settings={"norm.affine": False, "norm.gamma_scale": [2, 2, 0.5]},
        random_state=0,
    )
    for x, y in chunks:
        model.partial_fit(x, y, classes=range(10))
    return [model.score(x, y) for x, y in tests]


def main(count=6000):
    chunks, tests = stream(count)
    print(f"{len(chunks)} chunks of {CHUNK} images; accuracy on each task after all of them")
    scores = {m: learn(m, chunks, tests) for m in (0.0, 20.0)}
    for m, of_tasks in scores.items():
        words = "  ".join(f"{100 * score:5.1f}" for score in of_tasks)
        print(f"m = {m}:  {words}   average {100 * np.mean(of_tasks):5.1f} %")
    return scores


if __name__ == "__main__":
    main()
