"""The optimizer for PyTorch, step by step against what the authors' algorithm computed. Runs where torch is installed."""

import copy
import io
import pickle

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


def pair(metaplastic):
    """A model of a weight and a bias with its optimizer, after a step; and what makes another step of it."""
    torch.manual_seed(1)
    model = torch.nn.Linear(4, 3)
    chosen = [model.weight] if metaplastic == "weight" else metaplastic
    return model, train(model, MetaplasticAdam(model.parameters(), m=5.0, metaplastic=chosen))


def train(model, optimizer):
    torch.manual_seed(2)
    for _ in range(3):
        optimizer.zero_grad()
        (model(torch.randn(8, 4)) ** 2).mean().backward()
        optimizer.step()
    return optimizer


def state_dict(model, optimizer):
    file = io.BytesIO()
    torch.save((model.state_dict(), optimizer.state_dict()), file)
    file.seek(0)
    weights, state = torch.load(file)
    other = torch.nn.Linear(4, 3)
    other.load_state_dict(weights)
    # Made with other groups' flags: the file says what is metaplastic.
    flags = [{"params": group, "metaplastic": False} for group in parts(other, optimizer)]
    again = MetaplasticAdam(flags)
    again.load_state_dict(state)
    return other, again


def parts(model, optimizer):
    names = [["weight", "bias"]] if len(optimizer.param_groups) == 1 else [["weight"], ["bias"]]
    return [[getattr(model, name) for name in group] for group in names]


WAYS = {
    "deepcopy": lambda *both: copy.deepcopy(both),
    "pickle": lambda *both: pickle.loads(pickle.dumps(both)),
    "state_dict": state_dict,
}


@pytest.mark.parametrize("metaplastic", [None, True, False, "weight"])
@pytest.mark.parametrize("way", WAYS)
def test_copies_and_files_go_on_with_the_same_steps(way, metaplastic):
    model, optimizer = pair(metaplastic)
    other, again = WAYS[way](model, optimizer)
    assert [group["metaplastic"] for group in again.param_groups] == [
        group["metaplastic"] for group in optimizer.param_groups
    ]
    train(model, optimizer)
    train(other, again)
    assert torch.equal(model.weight, other.weight) and torch.equal(model.bias, other.bias)


@pytest.mark.parametrize("metaplastic", [None, True, "weight"])
def test_parameters_that_are_replaced_in_a_group_are_as_the_group_says(metaplastic):
    _, optimizer = pair(metaplastic)
    new, plain = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    plain.load_state_dict(new.state_dict())
    optimizer.param_groups[0]["params"] = list(new.parameters())
    assert optimizer.is_metaplastic(new.weight) and optimizer.is_metaplastic(new.bias) is (metaplastic is not None)
    train(new, optimizer)
    train(plain, MetaplasticAdam(plain.parameters(), m=0.0))
    assert not torch.equal(new.weight, plain.weight), "plain Adam"


def test_groups_that_are_added_say_what_is_metaplastic_or_are_as_the_first_call_said():
    model, optimizer = pair(False)
    matrix, hidden, vector = (torch.ones(size, requires_grad=True) for size in ((2, 2), (2, 2), (2,)))
    optimizer.add_param_group({"params": [matrix]})
    optimizer.add_param_group({"params": [hidden], "metaplastic": True})
    optimizer.add_param_group({"params": [vector], "metaplastic": None})
    assert [optimizer.is_metaplastic(one) for one in (model.weight, matrix, hidden, vector)] == [False, False, True, False]
    with pytest.raises(ValueError):
        optimizer.add_param_group({"params": [torch.ones(2, 2)], "metaplastic": "yes"})
    assert len(optimizer.param_groups) == 4


def test_groups_without_a_flag_are_refused():
    model, optimizer = pair(None)
    state = optimizer.state_dict()
    del state["param_groups"][0]["metaplastic"]
    with pytest.raises(ValueError, match="metaplastic"):
        optimizer.load_state_dict(state)
    train(model, optimizer)
    del optimizer.param_groups[0]["metaplastic"]
    with pytest.raises(ValueError, match="metaplastic"):
        train(model, optimizer)


@pytest.mark.parametrize(
    "wrong", [{"lr": 0}, {"m": -1}, {"betas": (1, 0.9)}, {"eps": 0}, {"weight_decay": -1}, {"metaplastic": [torch.ones(1)]}]
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError):
        MetaplasticAdam([torch.ones(2, requires_grad=True)], **wrong)
