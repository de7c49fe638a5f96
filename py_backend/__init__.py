"""The accelerator side of mrpo: a gRPC server that gives log-probabilities and gradients of language models.

How:  python -m py_backend --address unix:/path/of.sock      (or host:port)
Not:  no preference loss, no schedule, no experiment. Those live in TypeScript; see proto/mrpo/backend/v1/backend.proto.
"""

__version__ = "0.1.0"
