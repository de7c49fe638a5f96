"""bitsandbytes' layers, made to compute the same in training and in evaluation and on every processor.

In evaluation mode they compute otherwise: 4-bit layers repack their weights with scales in bfloat16 where the processor
has instructions for that. Then a scored policy would not be the policy that is trained, and one machine's scores not
those of another. 8-bit layers get a product of their own, see `eight_bit_product`.
"""

from __future__ import annotations

from torch import nn

from . import eight_bit_product, four_bit_kernel
from .errors import UnsupportedModel


def compute_as_in_training(model: nn.Module) -> None:
    """Keeps every layer of bitsandbytes in training mode whatever the model is switched to, and its 4-bit weights as
    they were loaded. Repeating it is harmless. Raises UnsupportedModel for weights that are repacked already: their
    scales have lost digits."""
    eight_bit_product.install(model)
    for name, module in model.named_modules():
        if not type(module).__module__.startswith("bitsandbytes"):
            continue
        four_bit_kernel.mend()
        if getattr(getattr(module.weight, "quant_state", None), "packing_format_for_cpu", False):
            raise UnsupportedModel(
                f"{name}: its 4-bit weights were repacked by a forward in evaluation mode; load again"
            )
        module.support_avx512bf16_for_cpu = False
        module.training = True
        module.train = lambda mode=True, module=module: module  # type: ignore[method-assign, misc, assignment]
