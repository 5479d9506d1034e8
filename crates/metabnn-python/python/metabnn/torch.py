"""The metaplastic optimizer for networks of one's own in PyTorch.

    from metabnn.torch import MetaplasticAdam

    optimizer = MetaplasticAdam(model.parameters(), metaplastic=[layer.weight for layer in layers], m=1.35)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

try:
    import torch
except ImportError as error:
    raise ImportError(f"MetaplasticAdam needs PyTorch: pip install torch ({error})") from None


class MetaplasticAdam(torch.optim.Optimizer):  # type: ignore[misc, unused-ignore]
    """Adam whose updates that would shrink a hidden weight are multiplied by f_meta = 1 - tanh^2(m |W|).

    With gradient g, moments M and V and step t:

        g <- g + weight_decay W;   M <- beta1 M + (1 - beta1) g;   V <- beta2 V + (1 - beta2) g^2
        U  = lr sqrt(1 - beta2^t) / (1 - beta1^t) M / (sqrt(V) + eps)
        W <- W - U f_meta(m, W)    where sign(W) M > 0: the update would shrink |W|
        W <- W - U                 elsewhere

    (Laborieux et al. 2021, eq. 1 and Methods; eps is added before the bias correction, as in PyTorch when it was made.)
    The parameters are the hidden weights; the model computes with their signs and a straight-through estimator of its
    own, and keeps the hidden weights here.

    params: parameters, or groups of them as dicts, as every optimizer of PyTorch takes them; `m` may differ by group.
    metaplastic: those that are hidden weights; default: all with two dimensions or more, so that scales and shifts of
    batch norm are updated by plain Adam. m: strength >= 0; 0: Adam. lr, betas, eps, weight_decay: as in Adam.

    Raises ValueError for values out of range; a parameter without gradient is left as it is.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.005,
        *,
        m: float = 1.35,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        metaplastic: Iterable[torch.Tensor] | None = None,
    ) -> None:
        self._hidden = None if metaplastic is None else {id(parameter) for parameter in metaplastic}
        super().__init__(params, {"lr": lr, "m": m, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        for group in self.param_groups:
            _check(group)
        known = {id(parameter) for group in self.param_groups for parameter in group["params"]}
        if self._hidden is not None and not self._hidden <= known:
            raise ValueError("metaplastic: some of these are not among the parameters")

    def is_metaplastic(self, parameter: torch.Tensor) -> bool:
        """Whether a parameter is a hidden weight."""
        return parameter.dim() >= 2 if self._hidden is None else id(parameter) in self._hidden

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient; gives what `closure` gives, which is called first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)
        return loss

    def _update(self, weight: torch.Tensor, group: dict[str, Any]) -> None:
        if weight.grad is None or weight.grad.is_sparse:
            raise RuntimeError("MetaplasticAdam takes dense gradients")
        state, (beta1, beta2) = self.state[weight], group["betas"]
        if not state:
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
        state["step"] += 1
        gradient, first, second = weight.grad, state["exp_avg"], state["exp_avg_sq"]
        if group["weight_decay"] != 0:
            gradient = gradient.add(weight, alpha=group["weight_decay"])
        first.mul_(beta1).add_(gradient, alpha=1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        size = group["lr"] * (1 - beta2 ** state["step"]) ** 0.5 / (1 - beta1 ** state["step"])
        update = size * first / second.sqrt().add_(group["eps"])
        if group["m"] != 0 and self.is_metaplastic(weight):
            plasticity = 1 - torch.tanh(group["m"] * weight.abs()) ** 2
            update = torch.where(torch.sign(weight) * first > 0, update * plasticity, update)
        weight.sub_(update)


def _check(group: dict[str, Any]) -> None:
    ranges = {
        "lr": group["lr"] > 0,
        "m": group["m"] >= 0,
        "betas": all(0 <= beta < 1 for beta in group["betas"]) and len(group["betas"]) == 2,
        "eps": group["eps"] > 0,
        "weight_decay": group["weight_decay"] >= 0,
    }
    for name, is_right in ranges.items():
        if not is_right:
            raise ValueError(f"{name} is out of range: {group[name]}")
