"""Layers of loaded models with fewer passes over memory and fewer tensors kept for the backward pass.

Each file holds one operation as an autograd function in plain torch, and the forward method that puts it into a
module. `install` finds the modules. The numbers are those of the modules replaced, except that float64 stays float64
where a model would drop to float32.
"""

from .dequantised import has_packed_weights
from .install import install, uninstall

__all__ = ["has_packed_weights", "install", "uninstall"]
