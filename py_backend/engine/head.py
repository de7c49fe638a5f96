"""From hidden states to sequence log-probs without ever holding more than a chunk of the logits.

Log-softmax in float32 (float64 for float64 models), sums per sequence in float64.

Frozen head (adapters are trained): **unit gradients**. The forward pass also computes d logp / d h of every token and
keeps it (as many numbers as the hidden states, see `vocabulary`); the backward pass only scales it by dL/dlogp of
the token's sequence. This is exact since a token's log-prob enters the loss only through its sequence's sum, and it
needs neither logits nor another product in the backward pass.

Trained head (full fine-tuning, tied embeddings): the same forward pass; the backward pass walks the vocabulary again.
A head that is no plain linear layer (an adapter on it, quantised weights) is recomputed chunk by chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from .architecture import LogitRule
from .vocabulary import all_gradients, target_logps

DEFAULT_CHUNK = 1024
"""Response tokens that go through the head at once."""
_WHOLE_VOCABULARY_CHUNK = 128  # of heads whose logits cannot be tiled over the vocabulary


@dataclass(frozen=True, slots=True)
class Head:
    """Computes log-probs of target tokens.

    module: hidden states [N, D] to raw logits [N, V]. chunk: response tokens at once.
    """

    module: nn.Module
    rule: LogitRule
    chunk: int = DEFAULT_CHUNK

    def sequence_logps(
        self,
        hidden_ND: torch.Tensor,
        targets_N: torch.Tensor,
        sequences_S: torch.Tensor,
        lengths_S: torch.Tensor,
        sequences: int,
    ) -> torch.Tensor:
        """float64 [sequences]: sum of log p(target | hidden) over the tokens of each sequence, in nats. Which sequences
        the tokens belong to: see `Row`."""
        if type(self.module) is not nn.Linear:
            chunk = min(self.chunk, _WHOLE_VOCABULARY_CHUNK)
            logp_N = _recomputed(hidden_ND, targets_N, lambda h: apply_rule(self.module(h), self.rule), chunk)
        else:
            weight, bias = self.module.weight, self.module.bias
            parts = zip(hidden_ND.split(self.chunk), targets_N.split(self.chunk), strict=True)
            if weight.requires_grad:
                logp_N = _TrainedHead.apply(hidden_ND, weight, bias, targets_N, self.rule, self.chunk)
            else:
                logp_N = torch.cat([_UnitGradient.apply(h, weight, bias, some, self.rule) for h, some in parts])
        return summed(logp_N, sequences_S, lengths_S, sequences)


def summed(logp_N: torch.Tensor, sequences_S: torch.Tensor, lengths_S: torch.Tensor, sequences: int) -> torch.Tensor:
    """float64 [sequences]: sums of stretches of logp_N, one after the other, always in the same order; elsewhere 0."""
    sums_S = torch.segment_reduce(logp_N, "sum", lengths=lengths_S, unsafe=True)  # unsafe: lengths are not read back
    zero = torch.zeros(sequences, dtype=torch.float64, device=logp_N.device)
    return zero.index_copy(0, sequences_S, sums_S)


def apply_rule(logits: torch.Tensor, rule: LogitRule) -> torch.Tensor:
    """Logits in float32 or better, after the architecture's scale and softcap."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if rule.scale != 1.0:
        logits = logits * rule.scale
    return logits if rule.softcap is None else rule.softcap * torch.tanh(logits / rule.softcap)


def _recomputed(
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
    """float64 log-probs [N]; keeps one gradient vector a token and scales it in the backward pass."""

    @staticmethod
    def forward(ctx, h_ND, W_VD, bias_V, targets_N, rule):
        logp_N, _, unit_ND = target_logps(h_ND, W_VD, bias_V, targets_N, rule, ctx.needs_input_grad[0])
        if unit_ND is not None:
            ctx.save_for_backward(unit_ND)
        return logp_N

    @staticmethod
    def backward(ctx, grad_N):
        (unit_ND,) = ctx.saved_tensors
        scale_N1 = grad_N.to(torch.promote_types(unit_ND.dtype, torch.float32))[:, None]
        return (unit_ND * scale_N1).to(unit_ND.dtype), None, None, None, None


class _TrainedHead(torch.autograd.Function):
    """float64 log-probs [N]; keeps the hidden states and one number a token."""

    @staticmethod
    def forward(ctx, h_ND, W_VD, bias_V, targets_N, rule, chunk):
        parts = zip(h_ND.split(chunk), targets_N.split(chunk), strict=True)
        found = [target_logps(h, W_VD, bias_V, targets, rule, False)[:2] for h, targets in parts]
        logp_N, lse_N1 = (torch.cat(columns) for columns in zip(*found, strict=True))
        ctx.save_for_backward(h_ND, W_VD, bias_V, targets_N, lse_N1)
        ctx.rule, ctx.chunk = rule, chunk
        return logp_N

    @staticmethod
    def backward(ctx, grad_N):
        h_ND, W_VD, bias_V, targets_N, lse_N1 = ctx.saved_tensors
        grad_N1 = grad_N.to(lse_N1.dtype)[:, None]
        gradients = all_gradients(h_ND, W_VD, bias_V, targets_N, ctx.rule, lse_N1, grad_N1, ctx.chunk)
        return *gradients, None, None, None
