"""Training: the policy's adapter, the step transaction, the optimizer."""
