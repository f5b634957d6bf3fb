"""Statistics of a dataset against numbers counted by hand, and figures that are drawn."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from i2edit.data.stats import PAPER, draw, flow, ngrams, read_split, statistics, table2_text, words
from i2edit.errors import DataError, I2EditError
from i2edit.ontology import VALUES, Belief
from i2edit.records import Act, Dialogue, Turn, write_dialogues


def turn(user: str, system: str, act: Act, *values: str, **more: Any) -> Turn:
    return Turn(Belief.of(*values), user, act=act, system=system, **more)


FIRST = Dialogue(
    "i2e-00001",
    "seed:100001",
    (
        turn("Make me smile and blond", "Done. How about bangs?", Act.suggest("bangs"), "smiling", "blond hair"),
        turn("No", "Done. What next?", Act("next"), "smiling", "blond hair"),
        Turn(Belief.of("smiling"), event={"type": "remove", "value": "blond hair"}),
        turn("softer", "Done.", Act("next"), "smiling", strength={"smiling": 0.6}),
    ),
)
SECOND = Dialogue(
    "i2e-00002",
    "seed:100002",
    (
        turn("Give me a goatee", "Done. The beard?", Act("request", "beard"), "goatee"),
        turn("Can you do lipstick", "Yes.", Act("answer"), "goatee"),
    ),
)
THIRD = Dialogue("i2e-00003", "seed:100003", (turn("give me a GOATEE", "Done.", Act("next"), "goatee"),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    write_dialogues([FIRST, SECOND], tmp_path / "data" / "train.jsonl")
    write_dialogues([THIRD], tmp_path / "data" / "test.jsonl")
    return tmp_path / "data"


def test_numbers_counted_by_hand(folder: Path) -> None:
    stats = statistics(folder)
    assert set(stats) == {"all", "train", "test"}
    ours = stats["all"]
    assert (ours["dialogues"], ours["turns"], ours["buttons"], ours["utterances"]) == (3, 6, 1, 12)
    assert ours["turns_per_dialogue"] == 2 and ours["utterances_per_dialogue"] == 4
    assert ours["words_per_user_turn"] == (5 + 1 + 1 + 4 + 4 + 4) / 6
    assert ours["words_per_system_turn"] == (4 + 3 + 1 + 3 + 1 + 1) / 6
    # smiling, blond hair and the suggested bangs; goatee and the lipstick that was only asked about; goatee
    assert ours["mentioned_per_dialogue"] == (3 + 2 + 1) / 3
    assert {v: n for v, n in ours["mentioned"].items() if n} == {
        "smiling": 1, "blond hair": 1, "bangs": 1, "goatee": 2, "lipstick": 1,
    }  # fmt: skip
    assert {v: n for v, n in ours["requested"].items() if n} == {"smiling": 1, "blond hair": 1, "goatee": 2}
    assert list(ours["requested"]) == list(ours["mentioned"]) == list(VALUES)
    assert ours["edited_per_dialogue"] == 1
    assert (
        ours["combinations"] == 2 and ours["combination_frequency"] == {1: 1, 2: 1} and ours["rare_combinations"] == 1
    )
    assert ours["nothing_edited"] == 0
    assert ours["acts"] == {"next": 3, "request": 1, "suggest": 1, "answer": 1, "cannot": 0}
    assert ours["requesting_turns"] == 3 and ours["distinct_requests"] == 2 / 3  # a goatee twice, in other letters
    # replies: done how about bangs / done what next / done — done the beard / yes — done
    assert ours["distinct_1_dialogue"] == pytest.approx((6 / 8 + 4 / 4 + 1) / 3)
    assert ours["distinct_2_dialogue"] == pytest.approx((5 / 5 + 2 / 2) / 2)
    assert ours["distinct_1_corpus"] == pytest.approx(9 / 13)
    assert ours["distinct_2_corpus"] == pytest.approx(7 / 7)
    assert stats["test"]["dialogues"] == 1 and stats["train"]["dialogues"] == 2
    assert stats["test"]["words_per_user_turn"] == 4


def test_words_and_ngrams() -> None:
    assert words("Done -- what's NEXT? Bushy-browed!") == ["done", "what's", "next", "bushy-browed"]
    assert ngrams(["a", "b", "c"], 2) == [("a", "b"), ("b", "c")] and ngrams(["a"], 2) == []


def test_rare_is_fewer_than_four_times(tmp_path: Path) -> None:
    copies = [Dialogue(f"i2e-{i:05d}", f"seed:{i}", THIRD.turns) for i in range(4)]
    write_dialogues([*copies, SECOND, FIRST], tmp_path / "train.jsonl")
    ours = statistics(tmp_path)["all"]
    assert ours["combination_frequency"] == {1: 1, 5: 1} and ours["rare_combinations"] == 0.5


def test_the_table_shows_the_paper_beside_ours(folder: Path) -> None:
    text = table2_text(statistics(folder))
    for label, _ in PAPER.values():
        assert label in text
    rows = {line[:42].strip(): line[42:].split() for line in text.splitlines()}
    assert rows["Total # utterances"] == ["96,269", "12"]
    assert rows["Avg # words per user turns"] == ["11.5", "3.17"]
    assert rows["Distinct texts of turns that request"] == ["66.7", "%"]
    assert "2 train, 1 test" in text and "Button events (no turns): 1." in text
    assert next(line for line in text.splitlines() if "goatee" in line).split()[1:] == ["2", "2"]


def test_the_flow_counts_dialogues(folder: Path) -> None:
    columns, ribbons = flow(dialogue for _, dialogue in read_split(folder))
    assert columns == [
        {"expression": 0.5, "hair color": 0.5, "beard": 2},
        {"suggest": 1, "request": 1, "next": 1},
        {"other": 2},
        {"next": 1, "answer": 1},
        {"expression": 1},  # only its strength changes
        {"next": 1},
    ]
    assert ribbons[0] == {
        ("expression", "suggest"): 0.5, ("hair color", "suggest"): 0.5, ("beard", "request"): 1, ("beard", "next"): 1,
    }  # fmt: skip
    assert ribbons[1] == {("suggest", "other"): 1, ("request", "other"): 1}  # the third dialogue ends here
    assert ribbons[3] == {("next", "expression"): 1}
    assert len(ribbons) == len(columns) - 1


def test_what_leaves_a_block_never_exceeds_it() -> None:
    from i2edit.data.simulate import simulate

    columns, ribbons = flow(simulate(200, 5, "train"))
    assert len(columns) % 2 == 0 and len(columns) >= 8
    for place, found in enumerate(ribbons):
        for block, size in columns[place + 1].items():
            assert sum(width for (_, target), width in found.items() if target == block) == pytest.approx(size)
        for block, size in columns[place].items():
            assert sum(width for (source, _), width in found.items() if source == block) <= size + 1e-6


def test_figures_are_drawn(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = draw(folder, tmp_path / "new" / "figures")
    assert [path.name for path in paths] == ["figure3.png", "figure3.svg", "figure4.png", "figure4.svg"]
    for path in paths:
        if path.suffix == ".svg":
            assert "<path" in path.read_text()
            continue
        pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
        assert len(pixels) > 500_000
        assert len(np.unique(pixels[::7], axis=0)) > 50 and 0.3 < (pixels == 255).all(1).mean() < 0.99
    again = draw(folder, tmp_path / "again")
    assert [a.read_bytes() for a in again] == [p.read_bytes() for p in paths]


def test_without_matplotlib_a_sentence_says_what_to_do(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(I2EditError, match="pip install matplotlib"):
        draw(folder, tmp_path)
    assert statistics(folder)["all"]["dialogues"] == 3


def test_nothing_to_count_or_draw(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no train\.jsonl"):
        statistics(tmp_path)
    write_dialogues([Dialogue("i2e-00001", "seed:1", ())], tmp_path / "train.jsonl")
    assert statistics(tmp_path)["all"]["words_per_user_turn"] == 0
    pytest.importorskip("matplotlib")
    with pytest.raises(DataError, match="nothing to draw"):
        draw(tmp_path, tmp_path / "figures")
