"""Train the paper's dialogue module: T5 or PPTOD, both tasks at once, by maximum likelihood (paper §4.1, §5.1).

In: a checkpoint to start from, and the train.jsonl and validation.jsonl of a dataset (or simulated dialogues). Out: a folder
that ``load_dialogue`` reads, with the weights that were best on validation, README.md (model card), train.jsonl (log),
settings.json and checkpoint.pt, from which a killed run resumes.

    i2edit train dialogue --model t5-small --data DATASET --out runs/t5-small

On several GPUs or machines, through Hugging Face accelerate (the machines share the folder of the run):

    accelerate launch --num_processes 4 -m i2edit.train.t5 --model t5-base --data DATASET --out runs/t5-base

Every batch is the same whatever the number of processes and of examples at once: it is drawn by the seed, split among the
processes, and its loss is the mean over all its target ids. A resumed run goes on as if it had not been interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from i2edit.data.simulate import BENCHMARK, simulate
from i2edit.dialogue.history import Conversation, Heard
from i2edit.dialogue.prompts import clean
from i2edit.dialogue.seq2seq import pad
from i2edit.dialogue.t5 import WINDOW, T5Dialogue, TextCodec, resolve, size_of
from i2edit.dialogue.tracking import gold_conversations, hear_all, read_checked, steps
from i2edit.errors import DataError, I2EditError, MessageError, OutputError
from i2edit.ontology import EditState
from i2edit.records import Dialogue, Outcome, Turn
from i2edit.train.dialogue import commit_hash, save_checkpoint


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights, beside the data. ``epochs`` is the length of the run; the paper does not say
    its own. ``fold``: share of the examples whose history is folded to the newest exchange and a note, so that
    conversations longer than the window are understood."""

    optimizer: str = "adam"
    lr: float = 5.0e-5  # constant
    batch: int = 64  # examples of both tasks an update, over all processes
    epochs: int = 10
    clip: float = 1.0  # norm of the gradient
    window: int = WINDOW
    fold: float = 0.1
    seed: int = 0


PRESETS: dict[str, Settings] = {
    "paper": Settings(),  # §5.1: Adam, 5e-5, 64
    "pptod": Settings(optimizer="adafactor", lr=1e-3, batch=128, epochs=60),  # PPTOD's own fine-tuning
}
SIMULATED = {"train": 10_000, "validation": 1000}  # dialogues, without a dataset
SAVE_EVERY = 200  # updates between checkpoints
FREE = ("epochs",)  # settings that a resumed run may change


@dataclass(frozen=True)
class Example:
    """One turn for one task ("state" or "response"); ``conv`` is the conversation that its input shows."""

    task: str
    conv: Conversation
    turn: Turn


def examples(dialogues: Sequence[Dialogue]) -> list[Example]:
    """An example per user turn and task: the state after it, and the reply where there is one. Dialogues with a message
    that a model does not take (``prompts.clean``) give none."""
    found = []
    for dialogue in dialogues:
        turns = [turn for turn in dialogue.turns if turn.user is not None]
        if not all(_readable(turn.user or "") for turn in turns):
            continue
        for turn, conv in zip(turns, gold_conversations(dialogue), strict=True):
            found.append(Example("state", conv, turn))
            if turn.system:
                after = conv.hear(turn.user or "", Heard(EditState(turn.belief), steps(conv, turn)))
                found.append(Example("response", after, turn))
    return found


def _readable(text: str) -> bool:
    try:
        clean(text)
    except MessageError:
        return False
    return True


def encode(codec: TextCodec, example: Example, window: int = WINDOW) -> tuple[list[int], list[int]]:
    """(input ids, target ids with their end)."""
    turn = example.turn
    if example.task == "state":
        return codec.state_input(example.conv, turn.user or "", window), codec.state_target(turn.belief)
    outcome = Outcome.from_json(turn.outcome or {})
    return codec.response_input(example.conv, outcome, window), codec.response_target(turn.system or "")


def order(count: int, batch: int, seed: int, epoch: int) -> list[list[int]]:
    """The batches of an epoch: every index once, shuffled, both tasks mixed."""
    shuffled = random.Random(f"{seed}|{epoch}").sample(range(count), count)
    return [shuffled[begin : begin + batch] for begin in range(0, count, batch)]


@dataclass(frozen=True)
class Rows:
    """A part of a batch as tensors: inputs [B, L], mask [B, L], decoder inputs [B, T], labels [B, T] (-100: none)."""

    inputs: torch.Tensor
    mask: torch.Tensor
    given: torch.Tensor
    labels: torch.Tensor

    @classmethod
    def of(cls, codec: TextCodec, part: Sequence[tuple[str, list[int], list[int]]], device: Any) -> Rows:
        """From (task, input ids, target ids)."""
        inputs, labels = pad([row for _, row, _ in part], codec.pad), pad([target for *_, target in part], fill=-100)
        mask = pad([[1] * len(row) for _, row, _ in part], fill=0)
        starts = torch.tensor([[codec.starts[task]] for task, *_ in part])
        given = torch.cat([starts, labels[:, :-1]], 1)
        given = given.masked_fill(given == -100, codec.pad)
        return cls(*(tensor.to(device) for tensor in (inputs, mask, given, labels)))


def loss_sum(network: Any, rows: Rows) -> torch.Tensor:
    """Teacher forcing: the sum of -log p over the target ids of these rows, a scalar in float32."""
    logits = network(input_ids=rows.inputs, attention_mask=rows.mask, decoder_input_ids=rows.given).logits.float()
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), rows.labels.flatten(), ignore_index=-100, reduction="sum"
    )


def share(
    codec: TextCodec, settings: Settings, batch: Sequence[Example], rng: random.Random, rank: int, world: int
) -> tuple[list[tuple[str, list[int], list[int]]], int]:
    """The part of a batch that a process computes, longest first, and the number of target ids in the whole batch."""
    rows = []
    for example in batch:
        folded = rng.random() < settings.fold
        inputs, target = encode(codec, example, 1 if folded else settings.window)
        rows.append((example.task, inputs, target))
    return sorted(rows[rank::world], key=lambda row: -len(row[1])), sum(len(target) for *_, target in rows)


def new_optimizer(network: Any, settings: Settings) -> Any:
    """Adam with torch's defaults, or Adafactor as PPTOD uses it."""
    if settings.optimizer == "adafactor":
        from transformers import Adafactor

        return Adafactor(network.parameters(), lr=settings.lr, relative_step=False, scale_parameter=False)
    return torch.optim.Adam(network.parameters(), lr=settings.lr)


class Run:
    """A training run in a folder. Made by ``train``; its methods are the steps of the loop."""

    def __init__(self, out: Path, start: Path, settings: Settings, accelerator: Any, micro: int) -> None:
        self.out, self.settings, self.accelerator, self.micro = out, settings, accelerator, micro
        self.rank, self.world = accelerator.process_index, accelerator.num_processes
        self.step = 0
        self.best: tuple[float, float] | None = None  # (joint accuracy, -loss) on validation
        self.losses: list[float] = []
        self.began = time.time()
        state = self._checkpoint()
        torch.manual_seed(settings.seed)
        self.model = T5Dialogue.from_folder(start, "cpu")  # accelerate knows where it goes
        self.model.window = settings.window
        self.codec = self.model.codec
        optimizer = new_optimizer(self.model.network, settings)
        if state is not None:
            self.step, self.best = state["step"], tuple(state["best"]) if state["best"] else None
            self.model.network.load_state_dict(state["network"])
        self.network, self.optimizer = accelerator.prepare(self.model.network, optimizer)
        if state is not None:
            self.optimizer.load_state_dict(state["optimizer"])
        if accelerator.is_main_process:
            self._open_log()

    def _checkpoint(self) -> dict[str, Any] | None:
        """What an interrupted run has left. Raises OutputError when it was another kind of run or had other settings."""
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)
        if "best" not in state:
            raise OutputError(f"The run in {self.out} trains another kind of model. Choose another folder.")
        for name, wanted in asdict(self.settings).items():
            if name not in FREE and state["settings"].get(name) != wanted:
                was = state["settings"].get(name)
                raise OutputError(f"The run in {self.out} was begun with {name} = {was}, not {wanted}.")
        return dict(state)

    def _open_log(self) -> None:
        """The settings beside the results, and the log without what came after the checkpoint."""
        (self.out / "settings.json").write_text(json.dumps(asdict(self.settings), indent=1) + "\n")
        path = self.out / "train.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        kept = []
        for line in lines:
            with contextlib.suppress(ValueError):  # a line cut short by a kill
                if json.loads(line)["step"] <= self.step:
                    kept.append(line)
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def log(self, **values: Any) -> None:
        """A line of train.jsonl."""
        if self.accelerator.is_main_process:
            line = json.dumps({"step": self.step, **values, "seconds": round(time.time() - self.began, 1)})
            with (self.out / "train.jsonl").open("a", encoding="utf-8") as log:
                log.write(line + "\n")

    def update(self, batch: Sequence[Example]) -> None:
        """One step of the optimizer on a batch, a part at a time."""
        settings = self.settings
        # Dropout depends on the step and the process alone, so that a resumed run draws the same.
        torch.manual_seed(settings.seed * 1_000_003 + self.step * self.world + self.rank)
        rng = random.Random(f"{settings.seed}|fold|{self.step}")
        rows, count = share(self.codec, settings, batch, rng, self.rank, self.world)
        # A process that has nothing to do in a last short batch still takes part, with weight zero.
        weight = 1.0 if rows else 0.0
        rows = rows or share(self.codec, settings, batch[:1], random.Random(0), 0, 1)[0]
        parts = [rows[begin : begin + self.micro] for begin in range(0, len(rows), self.micro)]
        total = torch.zeros((), device=self.accelerator.device)
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.network):
                loss = weight * loss_sum(self.network, Rows.of(self.codec, part, self.accelerator.device))
                # Processes average their gradients; ours are shares of one mean.
                self.accelerator.backward(loss * self.world / count)
            total += loss.detach()
        self.accelerator.clip_grad_norm_(self.network.parameters(), settings.clip)
        self.optimizer.step()
        self.step += 1
        self.losses.append(float(self.accelerator.reduce(total, "sum")) / count)

    @torch.inference_mode()
    def validate(self, data: Sequence[Example]) -> dict[str, float]:
        """Loss per target id of both tasks, and joint accuracy with the true history."""
        self.network.eval()
        mine = data[self.rank :: self.world]
        sums = torch.zeros(4, dtype=torch.float64)
        for begin in range(0, len(mine), self.micro):
            part = mine[begin : begin + self.micro]
            rows = [(example.task, *encode(self.codec, example, self.settings.window)) for example in part]
            loss = loss_sum(self.model.network, Rows.of(self.codec, rows, self.accelerator.device))
            heard = hear_all(self.model, [(e.conv, e.turn.user or "") for e in part if e.task == "state"])
            wanted = [e.turn.belief for e in part if e.task == "state"]
            right = sum(isinstance(h, Heard) and h.state.belief == b for (_, h), b in zip(heard, wanted, strict=True))
            sums += torch.tensor([float(loss), sum(len(target) for *_, target in rows), right, len(wanted)])
        sums = self.accelerator.reduce(sums.float().to(self.accelerator.device), "sum").cpu()
        return {
            "loss": round(float(sums[0] / sums[1]), 5),
            "joint_accuracy": round(float(sums[2] / sums[3]), 5),
            "turns": int(sums[3]),
        }

    def keep_if_best(self, found: dict[str, float]) -> None:
        """Put the weights into the folder when none tracked better so far (equally well: with a smaller loss)."""
        score = (found["joint_accuracy"], -found["loss"])
        if self.best is not None and score <= self.best:
            return
        self.best = score
        if self.accelerator.is_main_process:
            part = self.out / ".best.part"
            shutil.rmtree(part, ignore_errors=True)
            self.model.save(part)
            for path in part.iterdir():
                os.replace(path, self.out / path.name)
            part.rmdir()

    def save(self) -> None:
        """A checkpoint, whole or not at all."""
        if self.accelerator.is_main_process:
            save_checkpoint(self.out / "checkpoint.pt", {
                "network": self.model.network.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
                "best": list(self.best) if self.best else None, "settings": asdict(self.settings),
            })  # fmt: skip
        self.accelerator.wait_for_everyone()


def train(
    out: Path,
    start: str,
    settings: Settings,
    data: dict[str, Sequence[Dialogue]],
    micro: int = 16,
    bf16: bool = False,
    validation_turns: int = 1000,
) -> dict[str, float] | None:
    """Train (or resume) in ``out`` from a checkpoint (``dialogue.t5.resolve``); returns the best validation figures, from
    the log, in the main process. ``micro``: examples at once in a process. Raises I2EditError."""
    accelerator = _accelerator(bf16)
    with accelerator.local_main_process_first():
        folder = resolve(start)
    if (out / "model.safetensors").exists() and not (out / "train.jsonl").exists():
        raise OutputError(f"{out} holds a model that no run there has trained. Choose another folder.")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}.") from error
    training = examples(data["train"])
    validation = _turns(examples(data["validation"]), validation_turns, settings.seed)
    if not training or not validation:
        raise DataError("The data hold no user turn to learn from, or none to validate on.")
    run = Run(out, folder, settings, accelerator, micro)
    for batch, closes in _rest(len(training), settings, run.step):
        run.update([training[index] for index in batch])
        if closes or run.step % 50 == 0:
            run.log(loss=round(sum(run.losses) / len(run.losses), 4), updates=len(run.losses))
            run.losses = []
        if closes:
            found = run.validate(validation)
            run.log(validation=found)
            run.keep_if_best(found)
        if closes or run.step % SAVE_EVERY == 0:
            run.save()
    accelerator.wait_for_everyone()
    if not accelerator.is_main_process:
        return None
    best = _best(out)
    (out / "README.md").write_text(card(run, start, best, bf16), encoding="utf-8")
    return best


def _accelerator(bf16: bool) -> Any:
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise I2EditError("Training T5 needs accelerate. Please install it: pip install 'i2edit[train]'.") from error
    return Accelerator(mixed_precision="bf16" if bf16 else None)


def _turns(data: list[Example], turns: int, seed: int) -> list[Example]:
    """The examples of both tasks of at most ``turns`` user turns, drawn by the seed."""
    states = [index for index, example in enumerate(data) if example.task == "state"]
    drawn = sorted(random.Random(f"{seed}|validation").sample(states, min(turns, len(states))))
    # A reply comes right after the state of its turn.
    replies = [index + 1 for index in drawn if index + 1 < len(data) and data[index + 1].task == "response"]
    return [data[index] for index in (*drawn, *replies)]


def _rest(count: int, settings: Settings, done: int) -> Iterator[tuple[list[int], bool]]:
    """The batches that are still to come, each with whether it closes an epoch."""
    step = 0
    for epoch in range(settings.epochs):
        batches = order(count, settings.batch, settings.seed, epoch)
        for number, batch in enumerate(batches, 1):
            step += 1
            if step > done:
                yield batch, number == len(batches)


def _best(out: Path) -> dict[str, float]:
    """The best line of validation in the log."""
    lines = [json.loads(line) for line in (out / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    found = [{**line["validation"], "step": line["step"]} for line in lines if "validation" in line]
    return max(found, key=lambda one: (one["joint_accuracy"], -one["loss"]))


def read_data(folder: Path | None, seed: int, dialogues: int = SIMULATED["train"]) -> dict[str, Sequence[Dialogue]]:
    """The two splits of a dataset folder, or as many simulated ``dialogues`` and a tenth of that. Raises DataError."""
    if folder is not None:
        return {split: read_checked(folder / f"{split}.jsonl") for split in SIMULATED}
    return {
        "train": list(simulate(dialogues, seed, "train", BENCHMARK)),
        "validation": list(simulate(max(1, dialogues // 10), seed, "validation", BENCHMARK)),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="i2edit train dialogue",
        description="Train the paper's dialogue module: T5 or PPTOD (`--model compact`: the shipped kind instead).",
    )
    parser.add_argument("--model", required=True, help="t5-small, t5-base, t5-large, a folder, or a hub id")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the run; an interrupted run there is resumed"
    )
    parser.add_argument("--data", type=Path, help="a dataset's folder (default: dialogues are simulated)")
    parser.add_argument("--dialogues", type=int, default=SIMULATED["train"], help="how many are simulated")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="paper")
    for one in fields(Settings):
        if one.name != "optimizer":
            kind = float if one.type == "float" else int
            parser.add_argument(f"--{one.name}", type=kind, help="instead of the preset's")
    parser.add_argument("--micro", type=int, default=16, help="examples at once in a process (memory)")
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16, on a CPU too")
    parser.add_argument("--validation-turns", type=int, default=1000, help="user turns to validate on after each epoch")
    args = parser.parse_args(argv)
    chosen = {one.name: value for one in fields(Settings) if (value := getattr(args, one.name, None)) is not None}
    settings = replace(PRESETS[args.preset], **chosen)
    for name in ("batch", "epochs", "micro", "window", "dialogues"):
        value = getattr(args, name) if name in ("micro", "dialogues") else getattr(settings, name)
        if value < 1:
            raise I2EditError(f"--{name} must be at least 1, not {value}.")
    if not 0 < settings.lr < 1 or not 0 <= settings.fold <= 1:
        raise I2EditError("--lr must lie between 0 and 1, and so must --fold.")
    resolve(args.model)  # what is not there is said before the data are made
    data = read_data(args.data, settings.seed, args.dialogues)
    best = train(args.out, args.model, settings, data, args.micro, args.bf16, args.validation_turns)
    if best is not None:
        print(f"{args.out}: joint accuracy {best['joint_accuracy']:.4f} on {best['turns']} turns of validation.")


def card(run: Run, start: str, best: dict[str, float], bf16: bool) -> str:
    """The model card."""
    size = size_of(run.model.network.config)
    parameters = sum(p.numel() for p in run.model.network.parameters()) / 1e6
    kind = "PPTOD" if run.codec.pptod else "T5"
    settings = ", ".join(f"{name} {value}" for name, value in asdict(run.settings).items())
    return f"""# A dialogue model of i2edit: {kind}{f" {size}" if size else ""}

One sequence-to-sequence network ({parameters:.1f} M parameters) for both tasks of the I²Edit paper: it reads a dialogue about a
face and writes the belief, or the reply.

- **Origin:** the weights of `{start}`, whose licence goes on to hold.
- **Training:** `i2edit train dialogue`, commit {commit_hash()}, {run.step} updates ({settings}), {run.world} process(es){", bfloat16" if bf16 else ""}.
- **Validation:** joint accuracy {best["joint_accuracy"]:.4f}, loss {best["loss"]:.4f} a target id, on {int(best["turns"])} user turns with the true
  history; these weights are those of update {int(best["step"])}, the best of the run.

**Limits:** English only; the 23 attributes of the ontology; degrees ("a bit") are not kept.
"""


if __name__ == "__main__":
    try:
        main()
    except I2EditError as error:
        raise SystemExit(f"i2edit: {error}") from None
