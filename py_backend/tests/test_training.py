"""Step transactions on the running backend: what is applied is exactly what was named, once, and always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import torch

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, Training, logps_of, pair, reason

LORA = pb.LoraSpec(r=4, alpha=8, target_modules=["q_proj", "v_proj"])
ROWS = [
    pair("What is two plus two?", "Two plus two is four.", "Five."),
    pair("Write about the sea.", "The sea is wide and deep.", "No."),
    pair("Hello", "A good answer is short.", "A bad answer is long and rude."),
]
UPHILL = [-0.1, 0.1]  # +dL/dlogp of one pair: chosen up, rejected down
CONFLICT = pb.ERROR_REASON_STEP_CONFLICT
Folder = Callable[[str], Path]


class Setup:
    """A loaded model with rows, and one training stream at a time."""

    def __init__(self, client: Client, folder: Path, rows: list[pb.PairText] = ROWS, **spec: Any) -> None:
        self.client = client
        self.model = client.load(folder, **spec).model_handle
        self.row_set, self.facts = client.register(self.model, rows)
        self.stream: Training | None = None
        self.trainer = ""

    def train(self, **options: Any) -> Training:
        self.leave()
        self.trainer = self.client.trainer(self.model, **{"lora": LORA, "seed": 1, **options}).trainer_handle
        self.stream = Training(self.client, self.trainer, self.row_set)
        return self.stream

    def leave(self) -> None:
        if self.stream is not None:
            self.stream.close()
            self.client.CloseTrainer(pb.CloseTrainerRequest(trainer_handle=self.trainer))
            self.stream = None

    def scores(self, **options: Any) -> dict[int, tuple[float, float]]:
        return self.client.score(self.row_set, **options)


@pytest.fixture(scope="module")
def llama(client: Client, model_folder: Folder) -> Iterator[Setup]:
    setup = Setup(client, model_folder("llama"))
    yield setup
    setup.leave()


def step(stream: Training, number: int, rows: list[int] | None = None, seed: int = 0) -> pb.TrainResponse.StepDone:
    """A whole step with one micro-batch; every frame must succeed."""
    rows = rows or [0, 1, 2]
    assert stream.forward(number, 0, rows, seed).WhichOneof("frame") == "forward"
    assert stream.backward(number, 0, UPHILL * len(rows)).WhichOneof("frame") == "backward"
    answer = stream.commit(number, [0])
    assert answer.WhichOneof("frame") == "commit"
    return answer.commit


# ------------------------------------------------------------------------------------------------- what a step does


def test_an_untrained_policy_is_its_start_bit_for_bit(llama: Setup) -> None:
    before = llama.scores(adapter_off=True)
    stream = llama.train()
    assert logps_of(stream.forward(1, 0, [0, 1, 2])) == [before[row] for row in (0, 1, 2)]
    assert llama.scores() == llama.scores(adapter_off=True) == before


def test_steps_move_the_policy_and_never_its_start(llama: Setup) -> None:
    stream = llama.train()
    before = llama.scores()
    for number in (1, 2, 3):
        done = step(stream, number)
        assert done.step == number and done.grad_norm > 0 and not done.skipped and done.peak_memory_bytes > 0
    after = llama.scores()
    for row in before:
        assert after[row][0] - after[row][1] > before[row][0] - before[row][1]
    assert llama.scores(adapter_off=True) == before


def test_gradients_of_micro_batches_add_up_to_the_whole_batch(llama: Setup) -> None:
    step(llama.train(), 1)
    whole = llama.scores()
    stream = llama.train()
    for micro, rows in enumerate(([0], [1, 2])):
        stream.forward(1, micro, rows)
        stream.backward(1, micro, UPHILL * len(rows))
    assert stream.commit(1, [1, 0]).WhichOneof("frame") == "commit"
    for row, values in llama.scores().items():
        assert values == pytest.approx(whole[row], abs=1e-4)


def test_forwards_may_run_ahead_of_their_backwards(llama: Setup) -> None:
    stream = llama.train()
    stream.forward(1, 0, [0])
    stream.forward(1, 1, [1])
    assert llama.scores(rows=[2])  # scoring between them leaves their graphs alone
    stream.backward(1, 1, UPHILL)
    stream.backward(1, 0, UPHILL)
    stream.commit(1, [0, 1])
    ahead = llama.scores()
    stream = llama.train()
    for micro in (1, 0):
        stream.forward(1, micro, [micro])
        stream.backward(1, micro, UPHILL)
    stream.commit(1, [0, 1])
    assert llama.scores() == ahead


def test_frames_sent_ahead_give_what_frames_one_by_one_give(llama: Setup) -> None:
    frame = pb.TrainRequest
    stream = llama.train()
    answers = stream.send_all(
        *(
            frames
            for step in (1, 2)
            for frames in (
                {"forward": frame.Forward(step=step, micro_batch=0, rows=[0], seed=step)},
                {
                    "backward": frame.Backward(
                        step=step, micro_batch=0, chosen_gradients=UPHILL[0::2], rejected_gradients=UPHILL[1::2]
                    )
                },
                {"commit": frame.Commit(step=step, micro_batches=[0], learning_rate=0.01)},
            )
        )
    )
    assert [answer.WhichOneof("frame") for answer in answers] == ["forward", "backward", "commit"] * 2
    ahead = llama.scores()
    stream = llama.train()
    for step in (1, 2):
        stream.forward(step, 0, [0], seed=step)
        stream.backward(step, 0, UPHILL)
        stream.commit(step, [0], rate=0.01, clip=0.0)
    assert llama.scores() == ahead


def test_what_is_queued_behind_a_refused_frame_applies_nothing(llama: Setup) -> None:
    frame = pb.TrainRequest
    stream = llama.train()
    before = llama.scores()
    answers = stream.send_all(
        {"forward": frame.Forward(step=1, micro_batch=0, rows=[0])},
        {"backward": frame.Backward(step=1, micro_batch=0, chosen_gradients=[1.0])},
        {"commit": frame.Commit(step=1, micro_batches=[0], learning_rate=0.01)},
        {"forward": frame.Forward(step=2, micro_batch=0, rows=[0])},
    )
    assert [answer.WhichOneof("frame") for answer in answers] == ["forward", "error", "error", "error"]
    assert {answer.error.reason for answer in answers[1:]} == {pb.ERROR_REASON_STEP_CONFLICT}
    assert llama.scores() == before


def test_more_frames_than_are_kept_waiting_are_all_answered(llama: Setup) -> None:
    aborts = [{"abort": pb.TrainRequest.Abort(step=1)}] * 100
    answers = llama.train().send_all(*aborts)
    assert [answer.WhichOneof("frame") for answer in answers] == ["abort"] * 100


def test_the_sign_of_the_gradient_is_that_of_the_loss(llama: Setup) -> None:
    stream = llama.train()
    before = llama.scores()
    stream.forward(1, 0, [0])
    stream.backward(1, 0, [0.1, -0.1])  # the loss grows with the chosen log-prob
    stream.commit(1, [0])
    after = llama.scores()
    assert after[0][0] - after[0][1] < before[0][0] - before[0][1]


def test_clipping_limits_the_update_and_reports_the_norm_before(llama: Setup) -> None:
    norms = []
    for clip in (0.0, 1e-3):
        stream = llama.train()
        stream.forward(1, 0, [0])
        stream.backward(1, 0, UPHILL)
        norms.append(stream.commit(1, [0], clip=clip).commit.grad_norm)
    assert norms[0] == norms[1] > 1e-3


def test_a_gradient_that_is_not_finite_skips_the_step(llama: Setup) -> None:
    stream = llama.train()
    before = llama.scores()
    stream.forward(1, 0, [0])
    stream.backward(1, 0, [float("nan"), 0.1])
    done = stream.commit(1, [0]).commit
    assert done.skipped and done.grad_norm != done.grad_norm
    assert llama.scores() == before
    assert not step(stream, 2).skipped  # the next step is a clean one


# --------------------------------------------------------------------------------------- frames that do not fit


def refused(answer: pb.TrainResponse) -> str:
    assert answer.WhichOneof("frame") == "error" and answer.error.reason == CONFLICT
    return answer.error.message


def disturbances() -> list[tuple[str, Callable[[Training], list[pb.TrainResponse]]]]:
    """Frames sent between a step's backward and its commit; each must be refused."""
    return [
        ("forward twice", lambda s: [s.forward(1, 0, [0, 1, 2])]),
        ("backward twice", lambda s: [s.backward(1, 0, UPHILL * 3)]),
        ("backward of a lost forward", lambda s: [s.backward(1, 7, UPHILL)]),
        ("commit of nothing", lambda s: [s.commit(1, [])]),
        ("commit of another set", lambda s: [s.commit(1, [1]), s.commit(1, [0, 1]), s.commit(1, [0, 0])]),
        ("frames of another step", lambda s: [s.forward(2, 1, [0]), s.backward(0, 0, UPHILL * 3), s.commit(2, [0])]),
        ("forward of no rows", lambda s: [s.forward(1, 1, [])]),
    ]


@pytest.mark.parametrize(("name", "disturb"), disturbances(), ids=[name for name, _ in disturbances()])
def test_a_frame_that_does_not_fit_is_refused_and_changes_nothing(
    llama: Setup, name: str, disturb: Callable[[Training], list[pb.TrainResponse]]
) -> None:
    step(llama.train(), 1)
    undisturbed = llama.scores()
    stream = llama.train()
    stream.forward(1, 0, [0, 1, 2])
    stream.backward(1, 0, UPHILL * 3)
    for answer in disturb(stream):
        assert "nothing was applied" in refused(answer)
    stream.commit(1, [0])
    assert llama.scores() == undisturbed


def test_a_commit_waits_for_every_gradient(llama: Setup) -> None:
    stream = llama.train()
    stream.forward(1, 0, [0])
    stream.forward(1, 1, [1])
    stream.backward(1, 0, UPHILL)
    assert "wait for gradients" in refused(stream.commit(1, [0]))
    assert "wait for gradients" in refused(stream.commit(1, [0, 1]))
    stream.backward(1, 1, UPHILL)
    assert stream.commit(1, [0, 1]).WhichOneof("frame") == "commit"


def test_a_commit_is_applied_once(llama: Setup) -> None:
    stream = llama.train()
    step(stream, 1)
    after = llama.scores()
    refused(stream.commit(1, [0]))
    assert llama.scores() == after


def test_a_wrong_number_of_gradients_leaves_the_forward_open(llama: Setup) -> None:
    stream = llama.train()
    stream.forward(1, 0, [0, 1])
    assert "expected 4" in refused(stream.backward(1, 0, UPHILL))
    assert stream.backward(1, 0, UPHILL * 2).WhichOneof("frame") == "backward"
    assert stream.commit(1, [0]).WhichOneof("frame") == "commit"


def test_an_aborted_step_leaves_no_trace(llama: Setup) -> None:
    step(llama.train(), 1)
    undisturbed = llama.scores()
    stream = llama.train()
    stream.forward(1, 0, [0])
    stream.backward(1, 0, [5.0, 5.0])
    stream.forward(1, 1, [1])
    assert stream.abort(1).abort.step == 1
    assert stream.abort(9).WhichOneof("frame") == "abort"  # not open: nothing to drop
    step(stream, 1)
    assert llama.scores() == undisturbed


def test_rows_that_cannot_be_used_are_refused_by_their_reason(llama: Setup) -> None:
    answer = llama.train().forward(1, 0, [99])
    assert answer.error.reason == pb.ERROR_REASON_ROW_INVALID and "row 99" in answer.error.message


def test_a_stream_must_open_a_trainer_first(client: Client) -> None:
    frame = pb.TrainRequest(sequence=5, commit=pb.TrainRequest.Commit(step=1))
    (answer,) = client.Train(iter([frame]))
    assert answer.sequence == 5
    refused(answer)
    unknown = pb.TrainRequest(sequence=1, open=pb.TrainRequest.Open(trainer_handle="nobody", row_set="none"))
    (answer,) = client.Train(iter([unknown]))
    assert answer.error.reason == pb.ERROR_REASON_UNKNOWN_HANDLE


def test_a_new_stream_takes_over_and_drops_what_was_open(llama: Setup) -> None:
    stream = llama.train()
    step(stream, 1)
    stream.forward(2, 0, [0])
    stream.backward(2, 0, [9.0, 9.0])
    newer = Training(llama.client, llama.trainer, llama.row_set)
    assert newer.opened.opened.committed_step == 1
    assert "another client" in stream.commit(2, [0]).error.message
    step(newer, 2)
    newer.close()
    taken_over = llama.scores()
    straight = llama.train()
    step(straight, 1)
    step(straight, 2)
    assert llama.scores() == taken_over


def test_one_trainer_per_model(llama: Setup) -> None:
    llama.train()
    with pytest.raises(grpc.RpcError) as caught:
        llama.client.trainer(llama.model, lora=LORA)
    assert reason(caught.value) == "UNSUPPORTED"


# ------------------------------------------------------------------------------------------------ the same twice


def adapter_bytes(setup: Setup, folder: Path) -> bytes:
    setup.client.export(setup.model, folder)
    return (folder / "adapter_model.safetensors").read_bytes()


def run(setup: Setup, folder: Path, **options: Any) -> bytes:
    stream = setup.train(lora=pb.LoraSpec(r=4, alpha=8, dropout=0.2, target_modules=["q_proj", "v_proj"]), **options)
    for number in (1, 2, 3):
        step(stream, number, seed=number)
    return adapter_bytes(setup, folder)


def test_the_same_seed_gives_the_same_adapter_byte_for_byte(
    client: Client, llama: Setup, model_folder: Folder, tmp_path: Path
) -> None:
    """Whatever happened before in the process: here another model, another trainer, a generation."""
    first = run(llama, tmp_path / "first")
    other = Setup(client, model_folder("qwen2"))
    step(other.train(seed=3), 1)
    prompt = pb.GenerateRequest.Prompt(messages=[pb.Message(role="user", content="x")])
    list(
        client.Generate(pb.GenerateRequest(model_handle=other.model, prompts=[prompt], max_new_tokens=4, temperature=1))
    )
    other.leave()
    second = run(llama, tmp_path / "second")
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert run(llama, tmp_path / "third", seed=2) != first


def test_dropout_is_that_of_the_seed_in_forward_and_backward(llama: Setup) -> None:
    """A micro-batch's masks come from its seed: the same seed repeats it, another changes it, scoring has none."""
    lora = pb.LoraSpec(r=4, alpha=8, dropout=0.5, target_modules=["q_proj", "v_proj"])
    stream = llama.train(lora=lora)
    step(stream, 1, seed=1)  # an untrained adapter adds 0, dropout or not
    logps = {}
    for micro, seed in enumerate((7, 7, 8)):
        logps[micro] = logps_of(stream.forward(2, micro, [0, 1, 2], seed))
    assert logps[0] == logps[1] != logps[2]
    clean = [llama.scores()[row] for row in (0, 1, 2)]
    assert clean != logps[0]
    assert clean == [llama.scores()[row] for row in (0, 1, 2)]


@pytest.mark.parametrize("checkpointing", ["selective", "full"])
def test_recomputed_activations_have_the_masks_of_their_forward(llama: Setup, checkpointing: str) -> None:
    lora = pb.LoraSpec(r=4, alpha=8, dropout=0.5, target_modules=["q_proj", "v_proj"])
    norms = []
    for mode in ("off", checkpointing):
        llama.leave()
        request = pb.CreateTrainerRequest(
            model_handle=llama.model, lora=lora, seed=1, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8
        )
        request.checkpointing = mode
        created = llama.client.CreateTrainer(request)
        assert created.checkpointing == mode
        llama.trainer = created.trainer_handle
        llama.stream = Training(llama.client, llama.trainer, llama.row_set)
        step(llama.stream, 1, seed=1)
        llama.stream.forward(2, 0, [0], 5)
        llama.scores(rows=[1])  # a look at the model in between must not move the masks
        llama.stream.backward(2, 0, UPHILL)
        norms.append(llama.stream.commit(2, [0]).commit.grad_norm)
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


# ------------------------------------------------------------------------------------------------ kinds of training


def test_full_fine_tuning_trains_all_weights_and_has_no_start_to_return_to(
    client: Client, model_folder: Folder
) -> None:
    setup = Setup(client, model_folder("qwen2"))
    before = setup.scores()
    stream = setup.train(lora=None)
    for row, values in setup.scores(adapter_off=True).items():  # a trained head is computed in another order
        assert values == pytest.approx(before[row], abs=1e-5)
    step(stream, 1)
    assert setup.scores()[0][0] > before[0][0] + 1e-3
    with pytest.raises(grpc.RpcError) as caught:
        setup.scores(adapter_off=True)
    assert reason(caught.value) == "UNSUPPORTED"
    setup.leave()


def test_the_8_bit_optimizer_trains(llama: Setup) -> None:
    stream = llama.train(optimizer="paged_adamw_8bit")
    before = llama.scores()
    step(stream, 1)
    after = llama.scores()
    assert after[0][0] - after[0][1] > before[0][0] - before[0][1]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"lora": pb.LoraSpec(r=4, alpha=8, target_modules=["q_proj", "v_prj"])}, "TARGET_MODULES_UNMATCHED"),
        ({"lora": pb.LoraSpec(r=4, alpha=8, target_modules=["proj"])}, "TARGET_MODULES_UNMATCHED"),
        ({"lora": pb.LoraSpec(r=4, alpha=8, target_modules=["model"])}, "TARGET_MODULES_UNMATCHED"),
        ({"lora": pb.LoraSpec(r=4, alpha=0, target_modules=["q_proj"])}, "UNSUPPORTED"),
        ({"lora": pb.LoraSpec(r=0, alpha=8, target_modules=["q_proj"])}, "UNSUPPORTED"),
        ({"optimizer": "sgd"}, "UNSUPPORTED"),
    ],
)
def test_a_trainer_that_would_not_train_as_asked_is_refused(llama: Setup, options: dict[str, Any], wanted: str) -> None:
    llama.leave()
    before = llama.scores()
    with pytest.raises(grpc.RpcError) as caught:
        llama.train(**options)
    assert reason(caught.value) == wanted
    assert llama.scores() == before
    step(llama.train(), 1)  # the model can still be trained


def test_the_nearest_module_is_named(llama: Setup) -> None:
    llama.leave()
    with pytest.raises(grpc.RpcError) as caught:
        llama.train(lora=pb.LoraSpec(r=4, alpha=8, target_modules=["v_prj"]))
    assert "v_prj" in caught.value.details() and "v_proj" in caught.value.details()


def test_default_target_modules_are_pefts(client: Client, model_folder: Folder) -> None:
    setup = Setup(client, model_folder("mistral"))
    created = client.trainer(setup.model, lora=pb.LoraSpec(r=2, alpha=4))
    assert {name.rpartition(".")[2] for name in created.trained_modules} == {"q_proj", "v_proj"}
    assert created.trainable_parameters > 0 and created.micro_batch_tokens > 0
    assert created.saturating_tokens == 1  # a CPU works pair by pair


def test_torch_runs_on_one_thread_here() -> None:
    """Byte-identical reruns are promised for one thread only."""
    assert torch.get_num_threads() == 1
