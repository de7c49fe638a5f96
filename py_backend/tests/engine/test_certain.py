"""A model that is certain of a token: its log-prob is 0 and never above, whatever the rounding of two products."""

from __future__ import annotations

import torch

from ...engine.architecture import LogitRule
from ...engine.vocabulary import target_logps


def test_a_certain_token_has_no_log_prob_above_zero() -> None:
    random = torch.Generator().manual_seed(0)
    h_ND = torch.randn(256, 768, generator=random)
    W_VD = torch.randn(97, 768, generator=random)
    rule = LogitRule()
    targets_N = (h_ND @ W_VD.t()).argmax(1)
    sure_ND = 40 * h_ND  # logits some hundred nats apart
    logp_N, lse_N1, _ = target_logps(sure_ND, W_VD, None, targets_N, rule, want_gradient=False)
    exact_N = (sure_ND.double() @ W_VD.double().t()).log_softmax(1).gather(1, targets_N[:, None])[:, 0]
    unbounded_N = (sure_ND * W_VD[targets_N]).sum(1) - lse_N1[:, 0]
    assert (unbounded_N > 0).any()  # else this test shows nothing
    assert (logp_N <= 0).all()
    assert (logp_N - exact_N).abs().max() < 1e-2  # float32 at logits of a thousand
