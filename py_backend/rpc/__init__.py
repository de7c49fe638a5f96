"""The gRPC face of the backend: server, credentials, messages to plain values and back. Generic except for `wire`,
`servicer` and `train_stream`, which know the verbs."""
