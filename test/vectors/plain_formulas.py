"""The losses as a reader of the papers would write them in PyTorch, float64, for autograd to differentiate.

The only derivative anywhere here is autograd's. Log-probs of a batch are tensors of shape (B, 2), chosen and rejected;
those of K references (K, B, 2). A `batch` is a dict of such tensors: policy, references, tokens (K + 1, B, 2: the
policy's first), bytes (B, 2). Used by make_gradients.py, and to re-evaluate vectors.json in float64.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

Batch = dict[str, Tensor]
Objective = dict[str, Any]
POWERS = {"harmonic": -1.0, "geometric": 0.0, "arithmetic": 1.0, "min": -math.inf, "max": math.inf}
REFERENCE_FREE = "simpo"


def pair_losses(objective: Objective, batch: Batch, past: list[Batch]) -> Tensor:
    """Loss of each pair, shape (B,), as a function of batch["policy"]. `past`: batches the weights learnt from."""
    loss, beta = objective["loss"], objective.get("beta", 0.1)
    unit = loss_unit(objective)
    policy, references = in_unit(batch, unit)
    ratio = policy[:, 0] - policy[:, 1]
    if loss == REFERENCE_FREE:
        return link(objective, beta * ratio - objective.get("gamma", 0.5))
    if loss == "dpo":
        return link(objective, log_ratio_margin(policy, references[0], beta))

    compared_unit = compared(objective, unit)
    weights = weights_of(objective, in_unit(batch, compared_unit)[1], [in_unit(b, compared_unit)[1] for b in past])
    bounded = clip_references(references, objective.get("clip", {"mode": "adaptive", "epsilon_max": 0.1}))
    if loss == "multi-dpo":
        parts = [link(objective, log_ratio_margin(policy, reference, beta)) for reference in bounded]
        return (weights * torch.stack(parts)).sum(0)
    power = 1.0 if loss == "forward-kl" else power_of(objective.get("pooling", "harmonic"))
    virtual = official_pool(bounded, weights) if objective.get("official_code") else pool(bounded, weights, power)
    if loss == "mrpo":
        return link(objective, log_ratio_margin(policy, virtual, beta))
    if loss == "hypo":
        return link(objective, beta * (ratio - (virtual[:, 0] - virtual[:, 1]).clamp(min=0)))
    if loss == "alpha-dpo":
        return link(
            objective, beta * (ratio - objective.get("gamma", 0.5) - alpha_dpo_shift(objective, policy, virtual))
        )
    if loss == "forward-kl":
        rewards = -beta * bounded_exp(virtual - policy)
        return link(objective, rewards[:, 0] - rewards[:, 1])
    raise ValueError(loss)


def loss_unit(objective: Objective) -> str:
    """SimPO and AlphaDPO are per token by definition."""
    unit = objective.get("normalization", "sum")
    return "token" if objective["loss"] in ("simpo", "alpha-dpo") and unit == "sum" else unit


def compared(objective: Objective, unit: str) -> str:
    """What weights compare: as the loss for ARWC, per token for the methods of arXiv 2512.10040."""
    return objective.get("weights_on") or (unit if objective.get("weights", "arwc") == "arwc" else "token")


def in_unit(batch: Batch, unit: str) -> tuple[Tensor, Tensor]:
    """Log-probs of policy and references as sums, per token, or per byte."""
    if unit == "token":
        return batch["policy"] / batch["tokens"][0], batch["references"] / batch["tokens"][1:]
    if unit == "byte":
        return batch["policy"] / batch["bytes"], batch["references"] / batch["bytes"]
    return batch["policy"], batch["references"]


def log_ratio_margin(policy: Tensor, reference: Tensor, beta: float) -> Tensor:
    """Eq. 5 and 7 of arXiv 2405.16388."""
    rewards = beta * (policy - reference)
    return rewards[:, 0] - rewards[:, 1]


def adaptive_epsilon(references: Tensor, epsilon_max: float) -> Tensor:
    """Eq. 9, shape (B, 2)."""
    size = references.sum(0).abs()
    total = size.sum(1, keepdim=True)
    return epsilon_max * torch.where(total == 0, 0.5, size / total)


def clip_references(references: Tensor, clip: Objective) -> Tensor:
    """Eq. 8 with the epsilon of Eq. 9, a fixed one, or none."""
    if clip["mode"] == "off":
        return references
    fixed = clip["mode"] == "fixed"
    epsilon = clip["epsilon"] if fixed else adaptive_epsilon(references, clip["epsilon_max"])
    first = references[:1]
    clipped = torch.minimum(torch.maximum(references, (1 + epsilon) * first), (1 - epsilon) * first)
    return torch.cat([first, clipped[1:]])


def gaps_of(references: Tensor) -> Tensor:
    """|l_k(w) - l_k(l)|, shape (K, B)."""
    return (references[..., 0] - references[..., 1]).abs()


def arwc(references: Tensor) -> Tensor:
    """Eq. 10, shape (K, B)."""
    gaps = gaps_of(references)
    return torch.where(gaps.sum(0) == 0, 1 / len(gaps), gaps / gaps.sum(0))


def official_weights(references: Tensor) -> Tensor:
    """The released code, two references: alpha_2 with 1e-6 in its denominator, alpha_1 = 1 - alpha_2."""
    gaps = gaps_of(references)
    second = gaps[1] / (gaps[0] + gaps[1] + 1e-6)
    return torch.stack([1 - second, second])


def weights_of(objective: Objective, references: Tensor, past: list[Tensor]) -> Tensor:
    """Weights (K, B). `past`: references of earlier steps (latest last), or of the validation pairs."""
    count, size = references.shape[0], references.shape[1]
    weights = objective.get("weights", "arwc")
    if isinstance(weights, list):
        return (torch.tensor(weights, dtype=torch.float64) / sum(weights))[:, None].expand(count, size)
    if weights == "uniform":
        return torch.full((count, size), 1 / count, dtype=torch.float64)
    if weights == "arwc":
        return official_weights(references) if objective.get("official_code") else arwc(references)
    if weights == "swcw":
        return arwc(past[-1])
    if isinstance(weights, dict) and weights["method"] == "swcw":
        return torch.stack([arwc(step) for step in past[-weights["window"] :]]).mean(0)
    if weights == "swcw-one-hot":
        return one_hot(int(gaps_of(past[-1]).mean(1).argmax()), count, size)
    if isinstance(weights, dict) and weights["method"] == "tsw":
        return one_hot(objective["chosen"], count, size)
    scores = gaps_of(past[-1]).sum(1) if weights == "vdw" else (past[-1][..., 0] > past[-1][..., 1]).double().sum(1)
    shares = scores / scores.sum() if scores.sum() > 0 else torch.full_like(scores, 1 / count)
    return shares[:, None].expand(count, size)


def one_hot(chosen: int, count: int, size: int) -> Tensor:
    weights = torch.zeros((count, size), dtype=torch.float64)
    weights[chosen] = 1
    return weights


def power_of(pooling: str | dict[str, float]) -> float:
    return pooling["power"] if isinstance(pooling, dict) else POWERS[pooling]


def pool(logps: Tensor, weights: Tensor, power: float) -> Tensor:
    """log of the weighted power mean of probabilities over references, shape (B, 2); weight 0 drops a reference."""
    share = weights[..., None].expand_as(logps)
    if math.isinf(power):
        unused = torch.full_like(logps, -power)
        kept = torch.where(share > 0, logps, unused)
        return kept.amin(0) if power < 0 else kept.amax(0)
    if power == 0:
        return (share * logps).sum(0)
    return torch.logsumexp(share.log() + power * logps, 0) / power


def official_pool(logps: Tensor, weights: Tensor) -> Tensor:
    """The released code: l_1 + l_2 - log(alpha_2 pi_2 + alpha_1 pi_1)."""
    return logps.sum(0) - torch.logsumexp(weights[..., None].log() + logps, 0)


def alpha_dpo_shift(objective: Objective, policy: Tensor, virtual: Tensor) -> Tensor:
    """a z with z the standardised gap of this batch, a constant for the gradient. No spread: 0."""
    gaps = (policy[:, 0] - virtual[:, 0] - policy[:, 1] + virtual[:, 1]).detach()
    spread = gaps.std(correction=0)
    return objective.get("alpha", 0.2) * ((gaps - gaps.mean()) / spread if spread > 0 else torch.zeros_like(gaps))


def bounded_exp(x: Tensor) -> Tensor:
    """e^x; its tangent at 20 above 20."""
    return torch.where(x <= 20, x.clamp(max=20).exp(), math.exp(20) * (x - 19))


def link(objective: Objective, margin: Tensor) -> Tensor:
    """Loss of a margin."""
    variant, smoothing = objective.get("variant", "sigmoid"), objective.get("label_smoothing", 0.0)
    right, wrong = -logsigmoid(margin), -logsigmoid(-margin)
    if variant == "sigmoid":
        return (1 - smoothing) * right + smoothing * wrong
    if variant == "robust":
        return ((1 - smoothing) * right - smoothing * wrong) / (1 - 2 * smoothing)
    if variant == "ipo":
        beta = objective.get("beta", 0.1)
        return (margin / beta - 1 / (2 * beta)) ** 2
    if variant == "hinge":
        return torch.relu(1 - margin)
    raise ValueError(variant)
