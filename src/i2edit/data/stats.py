"""What a dataset is like: the paper's Table 2 beside ours, how often what is asked for, and the paper's Figures 3 and 4.

In: a folder with train.jsonl, validation.jsonl, test.jsonl (those that are there). Out: a plain dict (``statistics``), its
text (``table2_text``), and figure3 and figure4 as PNG and SVG (``draw``; needs matplotlib, in the extra "data").

    stats = statistics(Path("data"))
    stats["all"]["mentioned_per_dialogue"], stats["test"]["dialogues"]

A turn is a user turn; buttons are counted apart. A value is *mentioned* in a dialogue when it comes into the belief or goes,
when an act suggests it, or when a user or system text names it (``dialogue.check.mentions``); *requested* in a turn when it
comes into the belief; *edited* when it is in the final belief, which is the dialogue's *combination*.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i2edit.data.phrases import SPLITS
from i2edit.dialogue.check import mentions
from i2edit.errors import DataError, I2EditError, OutputError
from i2edit.ontology import SLOT_OF, SLOTS, VALUES, Belief
from i2edit.records import ACTS, Dialogue, Turn, read_dialogues

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RARE = 4  # a combination that occurs fewer times than this is rare

# Table 2 of the paper, and the claims of its section 3.2: our key → (its words, its number)
PAPER: dict[str, tuple[str, float]] = {
    "dialogues": ("Total # dialogues", 12000),
    "utterances": ("Total # utterances", 96269),
    "turns_per_dialogue": ("Avg # turns per dialogue", 4.0),
    "utterances_per_dialogue": ("Avg # utterances per dialogue", 8.0),
    "words_per_user_turn": ("Avg # words per user turns", 11.5),
    "words_per_system_turn": ("Avg # words per system turns", 9.1),
    "mentioned_per_dialogue": ("Avg # attributes mentioned per dialogue", 5.5),
    "edited_per_dialogue": ("Avg # attributes edited per dialogue", 4.0),
}


# Counting ------------------------------------------------------------------------------------------------------------
@dataclass
class Tally:
    """Counts over dialogues."""

    dialogues: int = 0
    turns: int = 0
    buttons: int = 0
    user_words: int = 0
    replies: int = 0
    system_words: int = 0
    mentioned: Counter[str] = field(default_factory=Counter)  # value → dialogues
    requested: Counter[str] = field(default_factory=Counter)  # value → user turns
    edited: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    combinations: Counter[Belief] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)  # lower-cased texts of turns that request something
    shares: tuple[list[float], list[float]] = field(
        default_factory=lambda: ([], [])
    )  # distinct 1- and 2-grams of dialogues
    grams: tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]] = field(
        default_factory=lambda: (Counter(), Counter())
    )

    def add(self, dialogue: Dialogue) -> None:
        """Count a dialogue."""
        self.dialogues += 1
        named: set[str] = set()
        replies: list[list[str]] = []
        before = Belief()
        for turn in dialogue.turns:
            new = set(turn.belief) - set(before)
            named |= set(turn.belief) ^ set(before)
            if turn.user is None:
                self.buttons += 1
            else:
                self.turns += 1
                self.user_words += len(turn.user.split())
                self.requested.update(new)
                if new:
                    self.requests[turn.user.lower()] += 1
                named |= mentions(turn.user)
            if turn.system is not None:
                self.replies += 1
                self.system_words += len(turn.system.split())
                replies.append(words(turn.system))
                named |= mentions(turn.system)
            if turn.act is not None:
                self.acts[turn.act.type] += 1
                named |= {turn.act.value} if turn.act.value is not None else set()
            before = turn.belief
        self.mentioned.update(named)
        self.edited += len(before)
        self.combinations[before] += 1
        for n in (1, 2):
            found = Counter(gram for reply in replies for gram in ngrams(reply, n))
            self.grams[n - 1].update(found)
            if found:
                self.shares[n - 1].append(len(found) / found.total())

    def merge(self, other: Tally) -> None:
        """Add another tally to this one."""
        for name in ("dialogues", "turns", "buttons", "user_words", "replies", "system_words", "edited"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("mentioned", "requested", "acts", "combinations", "requests"):
            getattr(self, name).update(getattr(other, name))
        for n in (0, 1):
            self.shares[n].extend(other.shares[n])
            self.grams[n].update(other.grams[n])

    def to_json(self) -> dict[str, Any]:
        """The statistics, as plain numbers."""
        frequency = Counter(self.combinations.values())
        rare = sum(count for times, count in frequency.items() if times < RARE)
        return {
            "dialogues": self.dialogues,
            "turns": self.turns,
            "buttons": self.buttons,
            "utterances": self.turns + self.replies,
            "turns_per_dialogue": _ratio(self.turns, self.dialogues),
            "utterances_per_dialogue": _ratio(self.turns + self.replies, self.dialogues),
            "words_per_user_turn": _ratio(self.user_words, self.turns),
            "words_per_system_turn": _ratio(self.system_words, self.replies),
            "mentioned_per_dialogue": _ratio(self.mentioned.total(), self.dialogues),
            "edited_per_dialogue": _ratio(self.edited, self.dialogues),
            "distinct_1_dialogue": _ratio(sum(self.shares[0]), len(self.shares[0])),
            "distinct_2_dialogue": _ratio(sum(self.shares[1]), len(self.shares[1])),
            "distinct_1_corpus": _ratio(len(self.grams[0]), self.grams[0].total()),
            "distinct_2_corpus": _ratio(len(self.grams[1]), self.grams[1].total()),
            "mentioned": {value: self.mentioned[value] for value in VALUES},
            "requested": {value: self.requested[value] for value in VALUES},
            "acts": {act: self.acts[act] for act in ACTS},
            "combinations": len(self.combinations),
            "nothing_edited": self.combinations[Belief()],
            "combination_frequency": dict(sorted(frequency.items())),  # times → how many combinations occur so often
            "rare_combinations": _ratio(rare, len(self.combinations)),
            "requesting_turns": self.requests.total(),
            "distinct_requests": _ratio(len(self.requests), self.requests.total()),
        }


def words(text: str) -> list[str]:
    """The lower-cased words of a text."""
    return re.findall(r"[\w'’-]*\w[\w'’-]*", text.lower())


def ngrams(sentence: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Runs of n words."""
    return [tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1)]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def read_split(folder: Path) -> Iterator[tuple[str, Dialogue]]:
    """(split, dialogue) of every split that the folder has. Raises DataError if it has none."""
    found = [split for split in SPLITS if (folder / f"{split}.jsonl").is_file()]
    if not found:
        raise DataError(f"There is no train.jsonl, validation.jsonl or test.jsonl in {folder}.")
    for split in found:
        for dialogue in read_dialogues(folder / f"{split}.jsonl"):
            yield split, dialogue


def statistics(folder: Path) -> dict[str, dict[str, Any]]:
    """The statistics of each split, and of "all" together (see ``Tally.to_json`` for the keys)."""
    tallies: dict[str, Tally] = {}
    for split, dialogue in read_split(Path(folder)):
        tallies.setdefault(split, Tally()).add(dialogue)
    whole = Tally()
    for tally in tallies.values():
        whole.merge(tally)
    return {"all": whole.to_json()} | {split: tally.to_json() for split, tally in tallies.items()}


def table2_text(stats: Mapping[str, Mapping[str, Any]]) -> str:
    """Table 2 of the paper beside ours, then what the paper says in words and what it does not say."""
    ours = stats["all"]
    splits = ", ".join(f"{stats[split]['dialogues']:,} {split}" for split in SPLITS if split in stats)
    lines = [f"{'':42}{'paper':>10}{'ours':>10}"]
    for key, (label, number) in PAPER.items():
        form = ",.0f" if number > 100 else ".1f"
        lines.append(f"{label:42}{number:>10{form}}{ours[key]:>10{form if number > 100 else '.2f'}}")
    said = (
        (f"Combinations that occur < {RARE} times", "> 85 %", f"{100 * ours['rare_combinations']:.1f} %"),
        ("Different combinations", "", f"{ours['combinations']:,}"),
        ("Distinct-1 of replies, mean of dialogues", "", f"{ours['distinct_1_dialogue']:.3f}"),
        ("Distinct-2 of replies, mean of dialogues", "", f"{ours['distinct_2_dialogue']:.3f}"),
        ("Distinct-1 of replies, whole corpus", "", f"{ours['distinct_1_corpus']:.4f}"),
        ("Distinct-2 of replies, whole corpus", "", f"{ours['distinct_2_corpus']:.4f}"),
        ("Distinct texts of turns that request", "", f"{100 * ours['distinct_requests']:.1f} %"),
        ("Turns that request something", "", f"{ours['requesting_turns']:,}"),
    )
    lines += [f"{label:42}{paper:>10}{number:>10}" for label, paper, number in said]
    lines += [
        "",
        f"Dialogues: {splits}; {ours['nothing_edited']:,} end with nothing edited. Button events (no turns): {ours['buttons']:,}.",
        "Acts: " + ", ".join(f"{act} {count:,}" for act, count in ours["acts"].items()) + ".",
        "",
        f"{'attribute':24}{'dialogues that mention it':>28}{'turns that request it':>24}",
    ]
    for slot, values in SLOTS.items():
        lines.append(slot)
        for value in values:
            lines.append(f"  {value:22}{ours['mentioned'][value]:>28,}{ours['requested'][value]:>24,}")
    return "\n".join(lines)


# The flow of the dialogues (Figure 4) --------------------------------------------------------------------------------
OTHER = "other"
LONGEST = 6  # turns that the figure shows at most
FEWEST = 0.1  # share of the dialogues that must reach a turn for it to be shown

Column = dict[str, float]  # block → how many dialogues
Ribbons = dict[tuple[str, str], float]  # (block, block of the next column) → how many dialogues


def slots_of(before: Turn | None, turn: Turn) -> tuple[str, ...]:
    """The slots that a user turn is about, by what it changes (values or strengths), or "other"."""
    old = set(before.belief) if before is not None else set()
    changed = old ^ set(turn.belief)
    weak, now = (before.strength if before is not None else None) or {}, turn.strength or {}
    changed |= {value for value in old & set(turn.belief) if weak.get(value) != now.get(value)}
    return tuple(slot for slot in SLOTS if any(SLOT_OF[value] == slot for value in changed)) or (OTHER,)


def flow(dialogues: Iterator[Dialogue]) -> tuple[list[Column], list[Ribbons]]:
    """The columns User-1, System-1, User-2, … and the ribbons between them. A dialogue weighs 1 in every column that it
    reaches; a turn about several slots is shared among them. Buttons are passed over."""
    columns: list[Column] = []
    ribbons: list[Ribbons] = []
    total = 0
    for dialogue in dialogues:
        total += 1
        chain: list[tuple[str, ...]] = []
        before: Turn | None = None
        for turn in dialogue.turns:
            if turn.user is not None and turn.act is not None:
                chain += [slots_of(before, turn), (turn.act.type,)]
            before = turn
        for place, blocks in enumerate(chain[: 2 * LONGEST]):
            if place == len(columns):
                columns.append({})
                ribbons.append({})
            for block in blocks:
                columns[place][block] = columns[place].get(block, 0) + 1 / len(blocks)
                for following in chain[place + 1] if place + 1 < len(chain[: 2 * LONGEST]) else ():
                    pair, share = (block, following), 1 / (len(blocks) * len(chain[place + 1]))
                    ribbons[place][pair] = ribbons[place].get(pair, 0) + share
    shown = sum(sum(column.values()) >= FEWEST * total for column in columns) // 2 * 2
    return columns[:shown], ribbons[: max(shown - 1, 0)]


# Drawing -------------------------------------------------------------------------------------------------------------
SLOT_COLORS = {
    "expression": "#E6A03C",
    "hair color": "#8C5A3C",
    "hairstyle": "#3C8D93",
    "beard": "#4F6BB0",
    "makeup": "#C8557B",
}
ACT_COLORS = {"next": "#7C9A5E", "request": "#A98BC4", "suggest": "#E0C45A", "answer": "#8FB8DE", "cannot": "#B0564A"}
COLORS = SLOT_COLORS | {OTHER: "#A9A9A9"} | ACT_COLORS
INK, PALE = "#2B2B2B", "#DDDDDD"
STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.titlesize": 10, "legend.frameon": False,
    "axes.axisbelow": True, "svg.hashsalt": "i2edit", "savefig.dpi": 200,
}  # fmt: skip


def figure3(stats: Mapping[str, Any]) -> Figure:
    """How often each attribute is requested, and how often combinations occur. ``stats``: those of one split or of all."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.7), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    place, places = 0.0, []
    for slot, values in SLOTS.items():
        middle = place + (len(values) - 1) / 2
        left.text(
            1.015,
            middle,
            slot,
            transform=left.get_yaxis_transform(),
            va="center",
            color=SLOT_COLORS[slot],
            fontweight="bold",
        )
        for value in sorted(values, key=lambda v: -stats["requested"][v]):
            left.barh(place, stats["requested"][value], height=0.78, color=SLOT_COLORS[slot])
            places.append((place, value))
            place += 1
        place += 0.6
    left.set_yticks([y for y, _ in places], [value for _, value in places])
    left.invert_yaxis()
    left.margins(y=0.015)
    left.tick_params(axis="y", length=0)
    left.grid(axis="x", color=PALE, linewidth=0.7)
    left.xaxis.set_major_formatter("{x:,.0f}")
    left.set_xlabel("user turns that request the attribute")

    most = 12  # the last bar holds this many and more
    frequency: Counter[int] = Counter()
    for times, count in stats["combination_frequency"].items():
        frequency[min(int(times), most)] += count
    heights = [frequency[times] for times in range(1, most + 1)]
    colors = [SLOT_COLORS["hairstyle"] if times < RARE else "#A9C9CB" for times in range(1, most + 1)]
    bars = right.bar(range(1, most + 1), heights, width=0.82, color=colors)
    right.bar_label(bars, [f"{height:,}" if height else "" for height in heights], padding=2, fontsize=7.5)
    right.set_xticks(range(1, most + 1), [*map(str, range(1, most)), f"{most}+"])
    right.tick_params(axis="x", length=0)
    right.yaxis.set_major_formatter("{x:,.0f}")
    right.grid(axis="y", color=PALE, linewidth=0.7)
    right.set_xlabel("times that the combination occurs")
    right.set_ylabel("different combinations")
    note = f"{100 * stats['rare_combinations']:.1f} % of the {stats['combinations']:,} combinations\noccur fewer than {RARE} times"
    box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
    right.text(0.97, 0.95, note, transform=right.transAxes, ha="right", va="top", linespacing=1.5, bbox=box)
    return figure


def figure4(columns: Sequence[Column], ribbons: Sequence[Ribbons]) -> Figure:
    """The dialogue flow: what users speak about and what the system does, turn after turn."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(max(9.0, 1.25 * len(columns) + 1), 5.6), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    total = sum(columns[0].values()) if columns else 0.0
    gap, thick = 0.02 * total, 0.16
    bottoms: list[dict[str, tuple[float, float]]] = []  # block → (top, height); y grows downwards
    for x, column in enumerate(columns):
        present = [block for block in COLORS if column.get(block)]
        top = (total - sum(column.values()) - gap * (len(present) - 1)) / 2  # centred
        spans: dict[str, tuple[float, float]] = {}
        for block in present:
            spans[block] = (top, column[block])
            axes.add_patch(Rectangle((x - thick / 2, top), thick, column[block], color=COLORS[block], linewidth=0))
            top += column[block] + gap
        bottoms.append(spans)
        label = f"{'System' if x % 2 else 'User'}-{x // 2 + 1}"
        axes.text(x, -6.5 * gap, label, ha="center", va="bottom", fontweight="bold")
        many = f"{sum(column.values()):,.0f}" + ("" if x else " dialogues")
        axes.text(x, -6.2 * gap, many, ha="center", va="top", fontsize=7.5, color="#6B6B6B")
    for x, found in enumerate(ribbons):
        _ribbons(axes, x, thick, bottoms[x], bottoms[x + 1], found)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(total + 4.5 * gap, -9 * gap)
    user = {block: color for block, color in COLORS.items() if block not in ACT_COLORS}
    first = _legend(axes, user, loc="upper left", bbox_to_anchor=(0, 0.02), ncols=6, title="The user speaks about")
    axes.add_artist(first)
    used = {act: color for act, color in ACT_COLORS.items() if any(column.get(act) for column in columns)}
    _legend(axes, used, loc="upper right", bbox_to_anchor=(1, 0.02), ncols=6, title="The system's act")
    return figure


def _ribbons(
    axes: Axes,
    x: int,
    thick: float,
    left: dict[str, tuple[float, float]],
    right: dict[str, tuple[float, float]],
    found: Ribbons,
) -> None:
    """The ribbons from column x to the next: stacked in the order of the blocks, coloured by where they come from."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    leave = {block: top for block, (top, _) in left.items()}
    reach = {block: top for block, (top, _) in right.items()}
    start, end = x + thick / 2, x + 1 - thick / 2
    bend = (end - start) * 0.5
    for source in left:
        for target in right:
            width = found.get((source, target), 0.0)
            if not width:
                continue
            a, b = leave[source], reach[target]
            leave[source] += width
            reach[target] += width
            points = [
                (start, a), (start + bend, a), (end - bend, b), (end, b),
                (end, b + width), (end - bend, b + width), (start + bend, a + width), (start, a + width), (start, a),
            ]  # fmt: skip
            codes = [Outline.MOVETO, *[Outline.CURVE4] * 3, Outline.LINETO, *[Outline.CURVE4] * 3, Outline.CLOSEPOLY]
            axes.add_patch(PathPatch(Outline(points, codes), facecolor=COLORS[source], alpha=0.38, linewidth=0))


def _legend(axes: Axes, colors: Mapping[str, str], **place: Any) -> Any:
    from matplotlib.patches import Patch

    patches = [Patch(color=color, label=name) for name, color in colors.items()]
    legend = axes.legend(handles=patches, handlelength=1, handleheight=1, columnspacing=1.2, **place)
    legend.set_alignment("left")
    return legend


def draw(folder: Path, out: Path) -> list[Path]:
    """Write figure3 and figure4 as PNG and SVG into ``out``; returns their paths. Raises I2EditError without matplotlib."""
    try:
        from matplotlib import rc_context
    except ImportError as error:
        message = "Figures need matplotlib. Please install it: pip install 'i2edit[data]', or pip install matplotlib."
        raise I2EditError(message) from error
    folder, out = Path(folder), Path(out)
    stats = statistics(folder)
    columns, ribbons = flow(dialogue for _, dialogue in read_split(folder))
    if not columns:
        raise DataError(f"In {folder} there is no user turn with a reply and its act, so there is nothing to draw.")
    paths: list[Path] = []
    with rc_context(STYLE):
        for name, figure in (("figure3", figure3(stats["all"])), ("figure4", figure4(columns, ribbons))):
            for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                path = out / f"{name}.{ending}"
                try:
                    out.mkdir(parents=True, exist_ok=True)
                    figure.savefig(path, metadata=metadata, facecolor="white")
                except OSError as error:
                    raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
                paths.append(path)
    return paths


__all__ = ["draw", "statistics", "table2_text"]
