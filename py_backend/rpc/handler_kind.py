"""Which of the four shapes a method's handler has."""

from __future__ import annotations

import grpc


def kind_of(handler: grpc.RpcMethodHandler) -> str:
    """unary_unary, unary_stream, stream_unary or stream_stream: the attribute that holds its function, and the first
    part of the name of grpc's maker of such handlers."""
    return f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
