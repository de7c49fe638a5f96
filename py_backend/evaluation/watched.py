"""A loaded model as the harness knows models, watched: it tells how far it is, may be stopped between batches, and
refuses to cut a prompt. The harness itself cuts what is too long from the left, with a warning that nobody sees: then
the examples are gone, or the question, and the score is of something else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..engine.turning_positions import turning_positions
from ..faults import Fault
from ..models.context import context_length
from ..models.load import Loaded
from ..progress import Progress, Report

DEFAULT_LENGTH = 2048
"""Tokens, for a model that states no limit."""


def watched_model(loaded: Loaded, batch_size: int, report: Report, check: Callable[[], None]) -> Any:
    """A HFLM on the model in memory, with its adapter as it stands."""
    from lm_eval.models.huggingface import HFLM
    from lm_eval.models.utils import normalize_gen_kwargs

    turning = turning_positions(loaded.base)

    class WatchedModel(HFLM):
        """Its methods' names are the harness's."""

        task = ""
        _asked: Sequence[Any] | None = None
        _done, _total = 0, 0

        def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
            self._asked = requests
            try:
                return super().loglikelihood(requests, disable_tqdm=True)
            finally:
                self._asked = None

        def _loglikelihood_tokens(
            self, requests: Any, disable_tqdm: bool = False, override_bs: int | None = None
        ) -> Any:
            lengths = [len(context) + len(continuation) - 1 for _, context, continuation in requests]
            for place, length in enumerate(lengths):
                self._fits(place, length)
            self._begin(len(requests))
            with self._apart_if_longer(lengths):
                return super()._loglikelihood_tokens(requests, disable_tqdm=True, override_bs=override_bs)

        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> Any:
            self._asked = requests
            lengths = []
            for place, request in enumerate(requests):
                context, settings = request.args
                room = normalize_gen_kwargs(settings, self.max_gen_toks)["max_gen_toks"]
                lengths.append(len(self.tok_encode(context)) + room)
                self._fits(place, lengths[-1], f" with {room} for the answer")
            self._begin(len(requests))
            with self._apart_if_longer(lengths):
                return super().generate_until(requests, disable_tqdm=True)

        @contextmanager
        def _apart_if_longer(self, lengths: Sequence[int]) -> Iterator[None]:
            """One request at a time where the longest of a batch would decide how positions of all are read."""
            kept = self.batch_size_per_gpu
            if turning and max(lengths, default=0) > turning.limit:
                self.batch_size_per_gpu = 1
            try:
                yield
            finally:
                self.batch_size_per_gpu = kept

        def _model_call(self, inps: Any, *args: Any, **kwargs: Any) -> Any:
            self._before_call()
            try:
                return super()._model_call(inps, *args, **kwargs)
            finally:
                self._advance(len(inps))

        def _model_generate(self, context: Any, *args: Any, **kwargs: Any) -> Any:
            self._before_call()
            try:
                return super()._model_generate(context, *args, **kwargs)
            finally:
                self._advance(len(context))

        def _before_call(self) -> None:
            check()
            if turning:
                turning.reset()

        def _begin(self, total: int) -> None:
            self._done, self._total = 0, total
            self._advance(0)

        def _advance(self, count: int) -> None:
            self._done = min(self._total, self._done + count)
            report(Progress(f"evaluate {self.task}", self._done, self._total, "requests"))

        def _fits(self, place: int, length: int, of_what: str = "") -> None:
            if length <= self.max_length:
                return
            which = "" if self._asked is None else f", document {self._asked[place].doc_id}"
            raise Fault(
                "ROW_INVALID",
                f"task {self.task}{which}: its prompt has {length} tokens{of_what}, the model reads {self.max_length}",
                "Ask for fewer examples (num_fewshot); a prompt that is cut would be another task.",
            )

    length = context_length(loaded.base.config) or DEFAULT_LENGTH
    # The harness sets padding on the tokenizer that it is given.
    tokenizer = copy.deepcopy(loaded.tokenizer)
    return WatchedModel(pretrained=loaded.model, tokenizer=tokenizer, batch_size=batch_size, max_length=length)
