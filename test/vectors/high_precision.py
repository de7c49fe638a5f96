"""The formulas of multi-reference preference optimisation in 50-digit arithmetic (mpmath).

Written from the papers, one function per equation, as plainly as the equations are printed: no stable forms, no
shortcuts. Log-probs are mpf numbers; a pair's log-probs come as (chosen, rejected).
Knows nothing of the TypeScript that it is the yardstick for.
"""

from collections.abc import Sequence

from mpmath import exp, inf, isinf, log, log1p, mp, mpf

mp.dps = 50

Pair = tuple[mpf, mpf]


def softplus(x: mpf) -> mpf:
    """log(1 + e^x)."""
    return log1p(exp(x))


def sigmoid(x: mpf) -> mpf:
    """1 / (1 + e^-x)."""
    return 1 / (1 + exp(-x))


def adaptive_epsilon(references: Sequence[Pair], epsilon_max: mpf) -> Pair:
    """Eq. 9 of arXiv 2405.16388. Both sums 0: half each."""
    chosen = abs(sum(pair[0] for pair in references))
    rejected = abs(sum(pair[1] for pair in references))
    if chosen + rejected == 0:
        return epsilon_max / 2, epsilon_max / 2
    return epsilon_max * chosen / (chosen + rejected), epsilon_max * rejected / (chosen + rejected)


def clip(logp: mpf, first: mpf, epsilon: mpf) -> mpf:
    """Eq. 8 of arXiv 2405.16388."""
    return min(max(logp, (1 + epsilon) * first), (1 - epsilon) * first)


def arwc(references: Sequence[Pair]) -> list[mpf]:
    """Eq. 10 of arXiv 2405.16388. No difference at all: 1/K each."""
    gaps = [abs(chosen - rejected) for chosen, rejected in references]
    total = sum(gaps)
    return [mpf(1) / len(gaps) if total == 0 else gap / total for gap in gaps]


def pool(logps: Sequence[mpf], weights: Sequence[mpf], power: mpf) -> mpf:
    """log of the weighted power mean of probabilities; Prop. 1 of arXiv 2405.16388 is power -1.

    Weights are scaled to the sum 1; a weight of 0 drops its reference.
    """
    used = [(weight, logp) for weight, logp in zip(weights, logps, strict=True) if weight != 0]
    if isinf(power):
        return min(logp for _, logp in used) if power < 0 else max(logp for _, logp in used)
    total = sum(weight for weight, _ in used)
    if power == 0:
        return sum(weight * logp for weight, logp in used) / total
    return log_of_mean([(weight, power * logp) for weight, logp in used]) / power


def log_of_mean(terms: Sequence[tuple[mpf, mpf]]) -> mpf:
    """log of the weighted mean of e^x, with as many digits as it takes to leave some 50 of a result next to 0."""
    for digits in (60, 120, 800):
        with mp.workdps(digits):
            total = sum(weight for weight, _ in terms)
            result = log(sum(weight * exp(x) for weight, x in terms) / total)
            if abs(result) > mpf(10) ** (50 - digits):
                return result
    return result


def official_epsilon(references: Sequence[Pair], epsilon_max: mpf) -> Pair:
    """The released code: mean over the two references, rejected share as one minus the chosen share."""
    chosen = abs((references[0][0] + references[1][0]) / 2)
    rejected = abs((references[0][1] + references[1][1]) / 2)
    share = mpf(1) / 2 if chosen + rejected == 0 else chosen / (chosen + rejected)
    return epsilon_max * share, epsilon_max * (1 - share)


def official_weights(references: Sequence[Pair]) -> list[mpf]:
    """The released code: alpha_2 with 1e-6 (the double) added to the denominator, alpha_1 = 1 - alpha_2."""
    first, second = (abs(chosen - rejected) for chosen, rejected in references)
    alpha = second / (first + second + mpf(1e-6))
    return [1 - alpha, alpha]


def official_pool(logps: Sequence[mpf], weights: Sequence[mpf]) -> mpf:
    """The released code: l_1 + l_2 - log(alpha_2 pi_2 + alpha_1 pi_1)."""
    first, second = logps
    with mp.workdps(800):
        return first + second - log(weights[1] * exp(second) + weights[0] * exp(first))


def link(variant: str, margin: mpf, smoothing: mpf, beta: mpf) -> tuple[mpf, mpf, mpf]:
    """Loss of a margin with its first and second derivative."""
    right, wrong = sigmoid(margin), sigmoid(-margin)
    curvature = right * wrong
    if variant == "sigmoid":
        loss = (1 - smoothing) * softplus(-margin) + smoothing * softplus(margin)
        return loss, -(1 - smoothing) * wrong + smoothing * right, curvature
    if variant == "robust":
        scale = 1 - 2 * smoothing
        loss = ((1 - smoothing) * softplus(-margin) - smoothing * softplus(margin)) / scale
        return loss, (-(1 - smoothing) * wrong - smoothing * right) / scale, curvature
    if variant == "ipo":
        gap = margin / beta - 1 / (2 * beta)
        return gap**2, 2 * gap / beta, 2 / beta**2
    if variant == "hinge":
        return (1 - margin, mpf(-1), mpf(0)) if margin < 1 else (mpf(0), mpf(0), mpf(0))
    raise ValueError(variant)


def bounded_exp(x: mpf) -> Pair:
    """e^x and its slope; the tangent of e^x at 20 above 20."""
    edge = mpf(20)
    return (exp(x), exp(x)) if x <= edge else (exp(edge) * (1 + x - edge), exp(edge))


def margin_of(loss: str, policy: Pair, virtual: Pair, settings: dict[str, mpf]) -> tuple[mpf, mpf, mpf]:
    """Margin m and its derivatives with respect to the policy's two log-probs."""
    beta, gamma = settings["beta"], settings["gamma"]
    gap = policy[0] - policy[1]
    if loss in ("dpo", "mrpo", "multi-dpo"):
        return beta * (policy[0] - virtual[0]) - beta * (policy[1] - virtual[1]), beta, -beta
    if loss == "hypo":
        return beta * (gap - max(mpf(0), virtual[0] - virtual[1])), beta, -beta
    if loss == "simpo":
        return beta * gap - gamma, beta, -beta
    if loss == "alpha-dpo":  # a batch of one pair: z = 0
        return beta * (gap - gamma), beta, -beta
    if loss == "forward-kl":
        chosen, rejected = bounded_exp(virtual[0] - policy[0]), bounded_exp(virtual[1] - policy[1])
        return -beta * chosen[0] + beta * rejected[0], beta * chosen[1], -beta * rejected[1]
    raise ValueError(loss)


POWERS = {"harmonic": mpf(-1), "geometric": mpf(0), "arithmetic": mpf(1), "min": -inf, "max": inf}
