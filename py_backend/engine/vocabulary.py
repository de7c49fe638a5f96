"""Log-probs of target tokens under a linear head, and their gradients, walking the vocabulary tile by tile.

Only [tokens, tile] logits exist at any time. The forward walk keeps a running maximum (online log-sum-exp) and, while a
tile is at hand, can add up its share of the gradient by the hidden states:

    log p(t | h)         = z_t - log sum_v exp z_v          z = scale * (h W^T + bias), squashed by the softcap if any
    d log p(t | h) / d h = scale * (z'_t W_t - sum_v p_v z'_v W_v)        z' = slope of the softcap, 1 without one

Tensors: hidden h_ND, weight W_VD, bias_V, targets_N. Logits and sums are float32, float64 for float64 models.
"""

from __future__ import annotations

import torch

from .architecture import LogitRule
from .float32_stream import has_units

CPU_TILE, CUDA_TILE = 4096, 16384
"""Vocabulary entries at once: on a CPU what stays in cache together with its weights, on CUDA what fills the device."""


def target_logps(
    h_ND: torch.Tensor,
    W_VD: torch.Tensor,
    bias_V: torch.Tensor | None,
    targets_N: torch.Tensor,
    rule: LogitRule,
    want_gradient: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """float64 [N] log-probs in nats; log-sum-exp [N, 1]; [N, D] gradients by h if wanted."""
    wide = _wide(h_ND.dtype)
    tile = CUDA_TILE if h_ND.is_cuda else CPU_TILE
    top_N1 = torch.full((len(h_ND), 1), -torch.inf, dtype=wide, device=h_ND.device)
    sum_N1 = torch.zeros_like(top_N1)
    pull_ND = torch.zeros(h_ND.shape, dtype=wide, device=h_ND.device) if want_gradient else None
    for start in range(0, len(W_VD), tile):
        W_tD = W_VD[start : start + tile]
        z_Nt = _product(h_ND, W_tD)
        slope_Nt = _finish(z_Nt, None if bias_V is None else bias_V[start : start + tile], rule)
        new_top_N1 = torch.maximum(top_N1, z_Nt.amax(1, keepdim=True))
        shrink_N1 = (top_N1 - new_top_N1).exp_()
        z_Nt.sub_(new_top_N1).exp_()
        sum_N1.mul_(shrink_N1).add_(z_Nt.sum(1, keepdim=True))
        top_N1 = new_top_N1
        if want_gradient:
            _add_product(pull_ND.mul_(shrink_N1), z_Nt if slope_Nt is None else z_Nt.mul_(slope_Nt), W_tD)
    W_ND = W_VD.index_select(0, targets_N).to(wide)
    z_N1 = (h_ND.to(wide) * W_ND).sum(1, keepdim=True)
    slope_N1 = _finish(z_N1, None if bias_V is None else bias_V.index_select(0, targets_N)[:, None], rule)
    lse_N1 = top_N1 + sum_N1.log()
    # The logit of the target and the sum come from different products: where the model is certain, rounding alone would
    # give a log-prob above 0.
    logp_N = (z_N1 - top_N1 - sum_N1.log())[:, 0].double().clamp_(max=0.0)
    if not want_gradient:
        return logp_N, lse_N1, None
    push_ND = W_ND if slope_N1 is None else W_ND.mul_(slope_N1)
    return logp_N, lse_N1, push_ND.sub_(pull_ND.div_(sum_N1)).mul_(rule.scale).to(h_ND.dtype)


def all_gradients(
    h_ND: torch.Tensor,
    W_VD: torch.Tensor,
    bias_V: torch.Tensor | None,
    targets_N: torch.Tensor,
    rule: LogitRule,
    lse_N1: torch.Tensor,
    grad_N1: torch.Tensor,
    chunk: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Gradients by h, W and bias for dL/dlogp = grad_N1, recomputing the logits tile by tile, `chunk` tokens at a time.
    What many tokens add to a weight is summed in float32."""
    wide = lse_N1.dtype
    h_grad = torch.zeros(h_ND.shape, dtype=wide, device=h_ND.device)
    W_grad = torch.empty_like(W_VD)
    bias_grad = None if bias_V is None else torch.empty_like(bias_V)
    tile = CUDA_TILE if h_ND.is_cuda else CPU_TILE
    for start in range(0, len(W_VD), tile):
        here = slice(start, start + tile)
        W_tD, bias_t = W_VD[here], None if bias_V is None else bias_V[here]
        W_sum = torch.zeros(W_tD.shape, dtype=wide, device=W_VD.device)
        bias_sum = torch.zeros(len(W_tD), dtype=wide, device=W_VD.device)
        for first in range(0, len(h_ND), chunk):
            rows = slice(first, first + chunk)
            z_nt = _product(h_ND[rows], W_tD)
            slope_nt = _finish(z_nt, bias_t, rule)
            g_nt = z_nt.sub_(lse_N1[rows]).exp_().mul_(-grad_N1[rows])
            at_n1 = targets_N[rows, None] - start
            inside = (at_n1 >= 0) & (at_n1 < len(W_tD))
            g_nt.scatter_add_(1, at_n1.clamp(0, len(W_tD) - 1), torch.where(inside, grad_N1[rows], 0))
            if slope_nt is not None:
                g_nt.mul_(slope_nt)
            g_nt.mul_(rule.scale)
            _add_product(h_grad[rows], g_nt, W_tD)
            _add_product(W_sum, g_nt.t(), h_ND[rows])
            bias_sum.add_(g_nt.sum(0))
        W_grad[here] = W_sum
        if bias_grad is not None:
            bias_grad[here] = bias_sum
    return h_grad.to(h_ND.dtype), W_grad, bias_grad


def _finish(z: torch.Tensor, bias: torch.Tensor | None, rule: LogitRule) -> torch.Tensor | None:
    """Products to logits, in place; returns the slope of the softcap."""
    if bias is not None:
        z.add_(bias)
    if rule.scale != 1.0:
        z.mul_(rule.scale)
    if rule.softcap is None:
        return None
    z.div_(rule.softcap).tanh_()
    slope = 1 - z.square()
    z.mul_(rule.softcap)
    return slope


def _product(h_ND: torch.Tensor, W_tD: torch.Tensor) -> torch.Tensor:
    """h W^T with a wide result also where h and W are half precision."""
    wide = _wide(h_ND.dtype)
    if h_ND.dtype == W_tD.dtype and h_ND.dtype != wide and h_ND.is_cuda:
        return torch.mm(h_ND, W_tD.t(), out_dtype=wide)
    return h_ND.to(wide) @ W_tD.to(wide).t()


def _add_product(total_ND: torch.Tensor, p_Nt: torch.Tensor, W_tD: torch.Tensor) -> None:
    """total += p W, for logits p or their transpose; on CUDA and in bfloat16 units p is rounded to the dtype of W, as
    autograd rounds the gradient of logits."""
    if p_Nt.dtype == W_tD.dtype:
        total_ND.addmm_(p_Nt, W_tD)
    elif p_Nt.is_cuda:
        total_ND.add_(torch.mm(p_Nt.to(W_tD.dtype), W_tD, out_dtype=total_ND.dtype))
    elif W_tD.dtype == torch.bfloat16 and has_units():
        total_ND.add_(p_Nt.to(W_tD.dtype) @ W_tD)
    else:
        total_ND.addmm_(p_Nt, W_tD.to(p_Nt.dtype))


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32
