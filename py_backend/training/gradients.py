"""Float32 beside half-precision weights: the weights an optimizer moves, and the sum of a step's gradients.

bfloat16 keeps 8 bits of a number: an update of less than 1/256 of a weight is lost when it is added, and with it most
of full fine-tuning at usual learning rates; small gradients are lost in a sum in the same way. So the optimizer gets a
float32 master of every half-precision weight, the gradients of micro-batches are added up in float32, and the model's
own weight is its master, rounded. Weights in float32 or wider (every adapter's) are their own masters.

float16 loses small gradients besides: below 6e-5 it has fewer digits, below 6e-8 none. There dL/dlogp goes into the
backward pass times a power of two that brings the largest one near `SCALED`, and it is divided out, exactly, where the
gradients are added up. A backward that overflows is repeated with a smaller power, so nothing is remembered between
steps.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence

import torch
from torch import nn

from ..engine.staging import to_device

HALF = (torch.bfloat16, torch.float16)
SCALED = 8.0
"""Largest |dL/dlogp| that a float16 model's backward pass starts from."""
_SHRINK, _TRIES = 2.0**-6, 4


class StepGradients:
    """masters: what an optimizer is to move, in the order of `parameters`; `.grad` of each is the step's sum."""

    def __init__(self, parameters: Sequence[nn.Parameter], computes_in: set[torch.dtype]) -> None:
        """computes_in: dtypes of the model's weights, frozen ones included."""
        self.masters = [_master(parameter) for parameter in parameters]
        self._pairs = list(zip(parameters, self.masters, strict=True))
        self._halves = [(parameter, master) for parameter, master in self._pairs if parameter is not master]
        self._scaled = torch.float16 in computes_in
        if not self._scaled:
            for parameter, master in self._halves:  # in memory for one weight at a time
                parameter.register_post_accumulate_grad_hook(_moved_to(weakref.ref(master)))

    def backward(self, logps: torch.Tensor, gradients: Sequence[float]) -> None:
        """Adds the gradients of one micro-batch: +dL/dlogp, one for each of logps."""
        if not self._scaled:
            torch.autograd.backward([logps], [_like(logps, gradients)])
            return
        power = _power(gradients)
        for left in reversed(range(_TRIES)):
            fresh = torch.autograd.grad(
                [logps],
                [parameter for parameter, _ in self._pairs],
                [_like(logps, [gradient * power for gradient in gradients])],
                retain_graph=left > 0,
                allow_unused=True,
            )
            if left == 0 or _finite(fresh) or not all(map(math.isfinite, gradients)):
                break
            power *= _SHRINK
        for (_, master), gradient in zip(self._pairs, fresh, strict=True):
            if gradient is not None:
                _add(master, gradient.to(master.dtype).div_(power))

    def write_back(self) -> None:
        """Gives the model its masters' values; needs no memory."""
        if self._halves:
            with torch.no_grad():
                parameters, masters = zip(*self._halves, strict=True)
                torch._foreach_copy_(list(parameters), list(masters))

    def clear(self) -> None:
        """Frees the step's sum."""
        for parameter, master in self._pairs:
            parameter.grad = master.grad = None


def _master(parameter: nn.Parameter) -> nn.Parameter:
    return nn.Parameter(parameter.detach().float()) if parameter.dtype in HALF else parameter


def _moved_to(master: weakref.ref[nn.Parameter]) -> Callable[[nn.Parameter], None]:
    """A model outlives its trainer: without one there is no master, and the gradient stays where it is."""

    def move(parameter: nn.Parameter) -> None:
        found = master()
        if found is not None and parameter.grad is not None:
            _add(found, parameter.grad)
            parameter.grad = None

    return move


def _add(master: nn.Parameter, gradient: torch.Tensor) -> None:
    if master.grad is None:
        master.grad = gradient.to(master.dtype)
    else:
        master.grad.add_(gradient)


def _like(logps: torch.Tensor, gradients: Sequence[float]) -> torch.Tensor:
    return to_device([torch.tensor(gradients, dtype=logps.dtype)], logps.device)[0]


def _power(gradients: Sequence[float]) -> float:
    """A power of two; 1 where there is nothing to scale."""
    largest = max(map(abs, gradients), default=0.0)
    usable = math.isfinite(largest) and largest > 0
    return 2.0 ** math.floor(math.log2(SCALED / largest)) if usable else 1.0


def _finite(tensors: Sequence[torch.Tensor | None]) -> bool:
    """Waits for the device: a float16 step does so once a micro-batch."""
    found = [tensor for tensor in tensors if tensor is not None]
    if not found:
        return True
    return bool(torch.stack([largest.float() for largest in torch._foreach_norm(found, ord=math.inf)]).isfinite().all())
