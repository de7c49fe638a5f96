"""Mends bitsandbytes' dequantisation on a CPU where a row of the matrix is no whole number of blocks.

Blocks run over the whole matrix, row after row. The CPU kernel of bitsandbytes 0.50.2 counts them anew in every row on
processors with AVX-512, so that with 96 columns and blocks of 64 the second row takes the scale of the third block.
Written as one long row the same kernel is right; who calls it (a layer, a merge by PEFT) does not matter here.

An odd number of weights goes through Python, which bitsandbytes wants compiled: seconds for one small matrix, and a
compiler of C++. It runs as it is written.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache

import torch


@cache
def mend() -> None:
    """Once a process; after it bitsandbytes is imported."""
    import bitsandbytes  # noqa: F401 - brings the kernel

    kernel = torch.library.get_kernel("bitsandbytes::dequantize_4bit", "CPU")

    def dequantize(
        keys: torch.DispatchKeySet,
        packed: torch.Tensor,
        scales: torch.Tensor,
        blocksize: int,
        quant_type: str,
        shape: Sequence[int],
        dtype: torch.dtype,
    ) -> torch.Tensor:
        whole = shape[-1] % blocksize == 0
        rows = list(shape) if whole else [1, math.prod(shape)]
        with nullcontext() if rows[-1] % 2 == 0 else torch.compiler.set_stance("force_eager"):
            return kernel.call_boxed(keys, packed, scales, blocksize, quant_type, rows, dtype).view(list(shape))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a kernel is replaced is the purpose
        _library.impl("dequantize_4bit", dequantize, "CPU", with_keyset=True, allow_override=True)


_library = torch.library.Library("bitsandbytes", "IMPL")
"""Keeps the kernel in force as long as it lives."""
