"""One timed training run of TRL's DPOTrainer on prepared token ids: the other side of the step benchmark.

Runs in the bench environment, in a fresh process: python step_peer.py CASE.json OUT.json
Only two things of the trainer are replaced, both before the clock starts: tokenisation (the ids are given) and the
scoring of the reference (its log-probs are given). See step_bench.py for the case file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import DPOConfig, DPOTrainer

sys.path.insert(0, str(Path(__file__).resolve().parent))
from step_memory import peak_bytes  # noqa: E402, I001
from step_turns import Turn  # noqa: E402


class PreparedTrainer(DPOTrainer):
    """DPOTrainer that takes its token ids and reference log-probs from the data set.

    With online references it scores them in every step, with the trainer's own scoring forward, and uses the mean.
    """

    online: tuple[torch.nn.Module, ...] = ()

    def _compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any], return_outputs: bool) -> Any:
        if self.online:
            # compute_ref_log_probs scores the policy without its adapter when it is given the policy
            scores = [self.compute_ref_log_probs(reference, inputs) for reference in (self.model, *self.online)]
            for side, name in enumerate(("ref_chosen_logps", "ref_rejected_logps")):
                inputs[name] = torch.stack([score[side] for score in scores]).mean(0)
        return super()._compute_loss(model, inputs, return_outputs)

    def _prepare_dataset(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Dataset:
        return dataset

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> torch.utils.data.Sampler:
        return torch.utils.data.SequentialSampler(self.train_dataset)


class Clock(TrainerCallback):
    """Seconds of each optimizer step by `now`, data collation included. Waiting for the turn takes no CPU time."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.seconds: list[float] = []
        self._now = now
        self._last = 0.0
        self._turn = Turn()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self._last = self._now()

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._turn.wait()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        now = self._now()
        self.seconds.append(now - self._last)
        self._last = now


def train(
    model: torch.nn.Module,
    case: dict[str, Any],
    online: tuple[torch.nn.Module, ...] = (),
    now: Callable[[], float] = time.process_time,
    **options: Any,
) -> dict[str, Any]:
    """Losses, and seconds of each step. model: with its adapter on. options: more of DPOConfig."""
    rows = case["rows"]
    data = {f"{side}_ids": [row[side] for row in rows] for side in ("prompt", "chosen", "rejected")}
    # Online references overwrite these; the trainer wants the columns all the same.
    data |= {f"ref_{side}_logps": [row.get(f"ref_{side}", 0.0) for row in rows] for side in ("chosen", "rejected")}
    vocabulary = {"<pad>": 0, "<eos>": 1}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>")),
        pad_token="<pad>",
        eos_token="<eos>",
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = DPOConfig(
            output_dir=folder,
            per_device_train_batch_size=case["batch"],
            num_train_epochs=1,
            learning_rate=case["learning_rate"],
            lr_scheduler_type="constant",
            beta=case["beta"],
            max_length=None,
            weight_decay=0.0,
            max_grad_norm=1.0,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            bf16=case["dtype"] == "bfloat16",
            gradient_checkpointing=case["checkpointing"],
            precompute_ref_log_probs=True,
            disable_tqdm=True,
            **options,
        )
        clock = Clock(now)
        trainer = PreparedTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_dict(data),
            processing_class=tokenizer,
            callbacks=[clock],
        )
        trainer.online = online
        trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"losses": losses, "seconds": clock.seconds}


def main(case_path: str, out_path: str) -> None:
    case = json.loads(Path(case_path).read_text())
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(case["model"], dtype=case["dtype"])
    model = PeftModel.from_pretrained(model, case["adapter"], is_trainable=True)
    folders = [folder for folder in case["references"] if folder] if case["online"] else []
    online = tuple(AutoModelForCausalLM.from_pretrained(name, dtype=case["dtype"]) for name in folders)
    result = train(model, case, online, use_cpu=True)
    Path(out_path).write_text(json.dumps(result | {"peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
