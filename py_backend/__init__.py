"""The accelerator side of mrpo: a gRPC server that gives log-probabilities and gradients of language models.

How:  python -m py_backend --address unix:/path/of.sock      (or host:port)
Not:  no preference loss, no schedule, no experiment. Those live in TypeScript; see proto/mrpo/backend/v1/backend.proto.
"""

import os

# Large pages where the system leaves the choice to programs: fewer page faults in buffers of megabytes. torch reads
# this at its first allocation, and importing transformers makes one.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
# Every row has another length: on a GPU, blocks that cannot grow would leave gaps that no later row fits into.
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
# Products whose bits do not depend on what else runs: cuBLAS refuses torch's deterministic algorithms without it.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

__version__ = "0.1.0"
