"""The optimizer for PyTorch, step by step against what the authors' algorithm computed. Runs where torch is installed."""

import io

import numpy as np
import pytest

from conftest import ROOT

torch = pytest.importorskip("torch", reason="torch is not installed: MetaplasticAdam is not compared with the fixtures")

from metabnn.torch import MetaplasticAdam  # noqa: E402

LAYERS, STEPS = (1, 2, 3), 25


class Sign(torch.autograd.Function):
    """sign(x) with the straight-through estimator: the gradient passes where |x| <= 1 (activations) or always (weights)."""

    @staticmethod
    def forward(context, x, gated):
        context.save_for_backward(x)
        context.gated = gated
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        return (gradient * (x.abs() <= 1) if context.gated else gradient), None


def forward(parameters, x, binarized):
    """linear -> batch norm -> activation, three times, the last without activation."""
    for layer in LAYERS:
        weight, gamma, beta = parameters[layer]
        x = x @ (Sign.apply(weight, False) if binarized else weight).T
        x = (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5) * gamma + beta
        if layer != LAYERS[-1]:
            x = Sign.apply(x, True) if binarized else torch.relu(x)
    return x


@pytest.mark.parametrize("name", ["bnn", "bnn_wide", "dnn", "dnn_wide"])
def test_step_by_step_against_the_golden_vectors(name):
    golden = np.load(ROOT / "fixtures" / f"{name}.npz")
    read = lambda key: torch.tensor(golden[key], requires_grad=True)  # noqa: E731
    parameters = {at: [read(f"init_fc{at}_w"), read(f"init_bn{at}_w"), read(f"init_bn{at}_b")] for at in LAYERS}
    flat = [one for three in parameters.values() for one in three]
    optimizer = MetaplasticAdam(flat, lr=0.005, m=1.35, weight_decay=1e-4)
    compared = 0
    for step in range(1, STEPS + 1):
        x, y = torch.tensor(golden["X"][step - 1]), torch.tensor(golden["Y"][step - 1])
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(forward(parameters, x, name.startswith("bnn")), y)
        loss.backward()
        optimizer.step()
        # Rounding moves losses by up to 2e-6 and weights by up to 7e-7; a wrong rule moves them by a share of lr = 5e-3.
        assert abs(loss.item() - golden["loss"][step - 1]) < 1e-5, step
        for at in LAYERS:
            for part, value in zip(("fc{}_w", "bn{}_w", "bn{}_b"), parameters[at]):
                key = f"step{step}_" + part.format(at)
                if key in golden:
                    assert np.abs(value.detach().numpy() - golden[key]).max() < 1e-5, key
                    first = optimizer.state[value]["exp_avg"].numpy()
                    assert np.abs(first - golden[key + "_m"]).max() < 1e-5, key
                    compared += 1
    assert compared == 3 * 9


def test_m_0_is_adam_and_groups_have_strengths_of_their_own():
    torch.manual_seed(0)
    start = torch.randn(6, 5)
    ends = []
    for make in (
        lambda p: MetaplasticAdam([p], m=0.0),
        lambda p: MetaplasticAdam([{"params": [p], "m": 0.0}], m=3.0),
        lambda p: MetaplasticAdam([p], m=3.0, metaplastic=[]),
        lambda p: MetaplasticAdam([p], m=3.0),
        lambda p: torch.optim.Adam([p], lr=0.005, eps=1e-30),
    ):
        weight = start.clone().requires_grad_()
        optimizer = make(weight)
        for _ in range(5):
            optimizer.zero_grad()
            optimizer.step(lambda: (weight**2).sum().backward())
        ends.append(weight.detach())
    assert torch.equal(ends[0], ends[1]) and torch.equal(ends[0], ends[2])
    assert (ends[3].abs() > ends[0].abs()).all(), "metaplasticity holds back what shrinks"
    assert torch.allclose(ends[0], ends[4], atol=1e-6)


def test_its_state_goes_into_a_file_and_back():
    weight = torch.ones(3, 3, requires_grad=True)
    optimizer = MetaplasticAdam([weight])
    (weight * 2).sum().backward()
    optimizer.step()
    copy = weight.detach().clone().requires_grad_()
    other = MetaplasticAdam([copy])
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file))
    copy.grad = weight.grad.clone()
    optimizer.step()
    other.step()
    assert torch.equal(weight, copy)


@pytest.mark.parametrize(
    "wrong", [{"lr": 0}, {"m": -1}, {"betas": (1, 0.9)}, {"eps": 0}, {"weight_decay": -1}, {"metaplastic": [torch.ones(1)]}]
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError):
        MetaplasticAdam([torch.ones(2, requires_grad=True)], **wrong)
