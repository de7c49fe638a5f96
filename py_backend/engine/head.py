"""From hidden states to sequence log-probs without ever holding the logits of more than one chunk.

Log-softmax in float32 (float64 for float64 models), sums per sequence in float64.

Frozen head (adapters are trained): **unit gradients**. The forward pass of a chunk also computes
`d logp / d h = W[target] - softmax(z) W` for each of its tokens and keeps it (as many numbers as the hidden states);
the backward pass only scales it by dL/dlogp of the token's sequence. This is exact since a token's log-prob enters the
loss only through its sequence's sum, and it needs neither the logits nor a second product in the backward pass.

Trained head (full fine-tuning, tied embeddings, an adapter on the head): chunks are recomputed in the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from .architecture import LogitRule

DEFAULT_CHUNK = 256
"""Response tokens whose logits exist at once."""


@dataclass(frozen=True, slots=True)
class Head:
    """Computes log-probs of target tokens. Build it with `build_head`.

    unit_gradients: whether the frozen-head path is in use.
    """

    module: nn.Module
    rule: LogitRule
    chunk: int
    unit_gradients: bool

    def sequence_logps(
        self, hidden_ND: torch.Tensor, targets_N: torch.Tensor, sequence_N: torch.Tensor, sequences: int
    ) -> torch.Tensor:
        """float64 [sequences]: sum of log p(target | hidden) over the tokens of each sequence, in nats."""
        if self.unit_gradients:
            weight, bias = self.module.weight, self.module.bias
            return _UnitGradient.apply(hidden_ND, weight, bias, targets_N, sequence_N, sequences, self.rule, self.chunk)
        logp_N = _recomputed_logps(hidden_ND, targets_N, lambda h: apply_rule(self.module(h), self.rule), self.chunk)
        return torch.zeros(sequences, dtype=torch.float64, device=hidden_ND.device).index_add(0, sequence_N, logp_N)


def build_head(module: nn.Module, rule: LogitRule, chunk: int = DEFAULT_CHUNK) -> Head:
    """A plain linear layer whose weights are frozen gets unit gradients; everything else is recomputed."""
    plain = type(module) is nn.Linear
    return Head(module, rule, chunk, plain and not any(p.requires_grad for p in module.parameters()))


def apply_rule(logits: torch.Tensor, rule: LogitRule) -> torch.Tensor:
    """Logits in float32 or better, after the architecture's scale and softcap."""
    logits = logits.to(_wide(logits.dtype))
    if rule.scale != 1.0:
        logits = logits * rule.scale
    return logits if rule.softcap is None else rule.softcap * torch.tanh(logits / rule.softcap)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def _recomputed_logps(
    hidden_ND: torch.Tensor, targets_N: torch.Tensor, logits_of: Callable[[torch.Tensor], torch.Tensor], chunk: int
) -> torch.Tensor:
    def logps(hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = logits_of(hidden)
        return (logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(1)).double()

    parts = []
    for hidden, targets in zip(hidden_ND.split(chunk), targets_N.split(chunk), strict=True):
        parts.append(
            checkpoint(logps, hidden, targets, use_reentrant=False)
            if torch.is_grad_enabled()
            else logps(hidden, targets)
        )
    return torch.cat(parts)


class _UnitGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden_ND, weight_VD, bias_V, targets_N, sequence_N, sequences, rule, chunk):
        want = ctx.needs_input_grad[0]
        logp_N = torch.empty(len(targets_N), dtype=torch.float64, device=hidden_ND.device)
        unit_ND = torch.empty_like(hidden_ND) if want else None
        for start in range(0, len(targets_N), chunk):
            here = slice(start, start + chunk)
            logp_N[here], unit = _chunk(hidden_ND[here], weight_VD, bias_V, targets_N[here], rule, want)
            if want:
                unit_ND[here] = unit
        if want:
            ctx.save_for_backward(unit_ND, sequence_N)
        return torch.zeros(sequences, dtype=torch.float64, device=hidden_ND.device).index_add_(0, sequence_N, logp_N)

    @staticmethod
    def backward(ctx, grad_S):
        unit_ND, sequence_N = ctx.saved_tensors
        scale_N = grad_S.to(_wide(unit_ND.dtype)).index_select(0, sequence_N)
        return (unit_ND * scale_N[:, None]).to(unit_ND.dtype), None, None, None, None, None, None, None


def _chunk(
    hidden_ND: torch.Tensor,
    weight_VD: torch.Tensor,
    bias_V: torch.Tensor | None,
    targets_N: torch.Tensor,
    rule: LogitRule,
    want_unit: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Log-probs [N] (float64) and, if wanted, d logp / d hidden [N, D] of one chunk."""
    logits_NV = wide_product(hidden_ND, weight_VD)
    if bias_V is not None:
        logits_NV += bias_V
    if rule.scale != 1.0:
        logits_NV *= rule.scale
    slope_NV = None  # derivative of the softcap, tanh' = 1 - tanh^2
    if rule.softcap is not None:
        logits_NV.div_(rule.softcap).tanh_()
        slope_NV = 1 - logits_NV.square() if want_unit else None
        logits_NV.mul_(rule.softcap)
    target_N1 = targets_N[:, None]
    top_N1 = logits_NV.amax(1, keepdim=True)
    chosen_N1 = logits_NV.gather(1, target_N1) - top_N1
    weights_NV = logits_NV.sub_(top_N1).exp_()  # softmax times its sum
    sum_N1 = weights_NV.sum(1, keepdim=True)
    logp_N = (chosen_N1 - sum_N1.log())[:, 0].double()
    if not want_unit:
        return logp_N, None
    if slope_NV is None:
        mean_ND = narrow_product(weights_NV, weight_VD) / sum_N1
        unit_ND = weight_VD.index_select(0, targets_N).to(mean_ND.dtype) - mean_ND
    else:
        unit_NV = weights_NV.div_(-sum_N1).scatter_add_(1, target_N1, torch.ones_like(sum_N1)).mul_(slope_NV)
        unit_ND = narrow_product(unit_NV, weight_VD)
    return logp_N, unit_ND if rule.scale == 1.0 else unit_ND * rule.scale


def wide_product(hidden_ND: torch.Tensor, weight_VD: torch.Tensor) -> torch.Tensor:
    """h W^T with a float32 result (float64 for float64), also where h and W are bfloat16."""
    if hidden_ND.dtype in (torch.float32, torch.float64) and hidden_ND.dtype == weight_VD.dtype:
        return hidden_ND @ weight_VD.t()
    if hidden_ND.is_cuda and hidden_ND.dtype == weight_VD.dtype:
        return torch.mm(hidden_ND, weight_VD.t(), out_dtype=torch.float32)
    wide = _wide(hidden_ND.dtype)
    return hidden_ND.to(wide) @ weight_VD.to(wide).t()


def narrow_product(weights_NV: torch.Tensor, weight_VD: torch.Tensor) -> torch.Tensor:
    """p W; p is rounded to the dtype of W where W is narrower, as autograd does with the gradient of logits."""
    return (weights_NV.to(weight_VD.dtype) @ weight_VD).to(weights_NV.dtype)
