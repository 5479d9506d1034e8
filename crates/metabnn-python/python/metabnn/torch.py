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

    params: parameters, or groups of them as dicts, as every optimizer of PyTorch takes them; `m` and `metaplastic` may differ
    by group. metaplastic: which are hidden weights: None, all with two dimensions or more, so that scales and shifts of batch
    norm are updated by plain Adam; True or False, all or none of a group; or the parameters themselves, which makes two
    groups of one that has both. m: strength >= 0; 0: Adam. lr, betas, eps, weight_decay: as in Adam.

    The groups alone say what is metaplastic (`param_groups[i]["metaplastic"]`: None, True or False), and state_dict keeps it.
    So copies, files and parameters that are replaced in a group go on as the group says; a group that is added says it
    itself, else it is as `metaplastic` said, and None where that was a list.

    Raises ValueError for values out of range and for the state of groups that do not say what is metaplastic; a parameter
    without gradient is left as it is.
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
        metaplastic: Iterable[torch.Tensor] | bool | None = None,
    ) -> None:
        hidden = None if metaplastic is None or isinstance(metaplastic, bool) else list(metaplastic)
        flag = metaplastic if hidden is None else None
        super().__init__(
            params, {"lr": lr, "m": m, "betas": betas, "eps": eps, "weight_decay": weight_decay, "metaplastic": flag}
        )
        if hidden is not None:
            self.param_groups[:] = _split(self.param_groups, hidden)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group; what it does not say is as in the call that made this optimizer."""
        if isinstance(param_group, dict):
            _check({**self.defaults, **param_group})
        super().add_param_group(param_group)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Of pickle and copy, and of load_state_dict, which puts the groups of a file in the place of those that are here.
        for group in state.get("param_groups", []):
            if "metaplastic" not in group:
                raise ValueError(_UNSAID)
            _check(group)
        super().__setstate__(state)

    def is_metaplastic(self, parameter: torch.Tensor) -> bool:
        """Whether a parameter is a hidden weight. Raises ValueError for one that is in no group."""
        for group in self.param_groups:
            if any(parameter is one for one in group["params"]):
                return _is_hidden(parameter, group)
        raise ValueError("this is not among the parameters")

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
        if _is_hidden(weight, group) and group["m"] != 0:
            plasticity = 1 - torch.tanh(group["m"] * weight.abs()) ** 2
            update = torch.where(torch.sign(weight) * first > 0, update * plasticity, update)
        weight.sub_(update)


#: A group that was put together by hand, or comes from another optimizer.
_UNSAID = 'a group does not say what is metaplastic; it takes "metaplastic": None (two dimensions or more), True or False'


def _is_hidden(parameter: torch.Tensor, group: dict[str, Any]) -> bool:
    if "metaplastic" not in group:
        raise ValueError(_UNSAID)
    flag = group["metaplastic"]
    return parameter.dim() >= 2 if flag is None else bool(flag)


def _split(groups: list[dict[str, Any]], hidden: list[torch.Tensor]) -> list[dict[str, Any]]:
    """The groups, each with those of its parameters that are `hidden` and those that are not in groups of their own."""
    wanted = {id(parameter) for parameter in hidden}
    found: set[int] = set()
    parts: list[dict[str, Any]] = []
    for group in groups:
        if group["metaplastic"] is not None:
            raise ValueError("metaplastic: a group says it as well; give one of them")
        for flag in (True, False):
            places = [at for at, parameter in enumerate(group["params"]) if (id(parameter) in wanted) is flag]
            # Names of parameters go with them, where there are any.
            lists: dict[str, Any] = {key: [group[key][at] for at in places] for key in ("params", "param_names") if key in group}
            if places:
                parts.append({**group, **lists, "metaplastic": flag})
            if flag:
                found.update(map(id, lists["params"]))
    if found != wanted:
        raise ValueError("metaplastic: some of these are not among the parameters")
    return parts


def _check(group: dict[str, Any]) -> None:
    ranges = {
        "lr": group["lr"] > 0,
        "m": group["m"] >= 0,
        "betas": all(0 <= beta < 1 for beta in group["betas"]) and len(group["betas"]) == 2,
        "eps": group["eps"] > 0,
        "weight_decay": group["weight_decay"] >= 0,
        "metaplastic": group["metaplastic"] is None or isinstance(group["metaplastic"], bool),
    }
    for name, is_right in ranges.items():
        if not is_right:
            raise ValueError(f"{name} is out of range: {group[name]}")
