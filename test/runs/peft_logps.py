"""Log-probs of pairs under what runs left, by transformers and PEFT alone: nothing of this project is imported.

How:   python peft_logps.py < jobs.json
       jobs.json: [{"base": FOLDER, "adapter": FOLDER or null, "pairs": [pair...]}]
       pair: {"prompt": [message...], "chosen": [message...], "rejected": [message...]}
Gives: one JSON list, per job [[chosen, rejected], ...]: nats, summed over the response's tokens.
Not:   fast. One response at a time, full logits, no tricks.
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def response_logp(model: torch.nn.Module, tokenizer, prompt: list[dict], response: list[dict]) -> float:
    start = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    whole = tokenizer.apply_chat_template(prompt + response, tokenize=False)
    assert whole.startswith(start)
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ids = torch.tensor([encoded["input_ids"]])
    is_response = [begin >= len(start) for begin, _ in encoded["offset_mapping"]]
    with torch.no_grad():
        logps = torch.log_softmax(model(input_ids=ids).logits[0, :-1].float(), dim=-1)
    token_logps = logps.gather(-1, ids[0, 1:, None])[:, 0].double()
    return token_logps[torch.tensor(is_response[1:])].sum().item()


def job_logps(base: str, adapter: str | None, pairs: list[dict]) -> list[list[float]]:
    tokenizer = AutoTokenizer.from_pretrained(adapter or base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    sides = ("chosen", "rejected")
    return [[response_logp(model, tokenizer, pair["prompt"], pair[side]) for side in sides] for pair in pairs]


if __name__ == "__main__":
    print(json.dumps([job_logps(**job) for job in json.load(sys.stdin)]))
