"""The phrase bank: families enough of each kind, split by kin, every brace filled."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations

import pytest

from i2edit.data.phrases import (
    FOLDER,
    OVERLAP,
    SHARE,
    SPLITS,
    WORDING,
    bank,
    content_words,
    families,
    family_id,
    kept_splits,
    kin,
    make_splits,
    overlap,
    replies,
    talk,
)
from i2edit.data.phrases.wording import PARTS, SLOT_WORDS, SUBJECTS
from i2edit.data.simulate import simulate
from i2edit.ontology import SLOT_OF, SLOTS, VALUES

# A behaviour of the simulator that has several categories of frames; every other category is a behaviour of its own.
BEHAVIOURS = {
    "request": ("np", "adj", "vps", "vpe"),
    "degree": ("less_new", "less_old", "more", "much"),
    "off": ("off", "cancel"),
}
FILLED = {  # category → what the simulator fills in; {me} and {my} go anywhere
    "n": "bring_back can_you_value cancel keep_it keep_only less_old no_makeup_except off",
    "np": "np", "adj": "adj no_mood", "vps": "vps", "vpe": "vpe", "n np": "mention", "n adj vps vpe": "less_new more much",
    "a b": "correct either_or swap", "b": "no_alt yes_and yes_value", "b part": "hands_off", "part": "part_back",
    "color": "u_color", "thing": "u_thing", "wish": "u_wish",
}  # fmt: skip
NEEDS = {category: set(names.split()) for names, categories in FILLED.items() for category in categories.split()}

Pair = tuple[str, str]


def braces(text: str) -> set[str]:
    return set(re.findall(r"\{(.*?)\}", text))


def distinct(frames: tuple[str, ...]) -> int:
    """How many families frames are, when those that share all content words are one."""
    return len({content_words(frame) for frame in frames})


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Pair]]:
    return {split: [(c, f) for c, frames in families(split).items() for f in frames] for split in SPLITS}


# ------------------------------------------------------------------------------------------------ enough of everything


def test_every_attribute_has_sixty_families() -> None:
    counts = {value: distinct(bank()[f"say {value}"]) for value in VALUES}
    assert min(counts.values()) >= 60, counts


def test_every_behaviour_has_forty_families() -> None:
    inside = {category for categories in BEHAVIOURS.values() for category in categories}
    groups = dict(BEHAVIOURS)
    groups |= {c: (c,) for c in bank() if c not in inside and not c.startswith("say ")}
    counts = {name: distinct(tuple(f for c in categories for f in bank()[c])) for name, categories in groups.items()}
    assert len(counts) > 50 and min(counts.values()) >= 40, counts


def test_behaviours_are_those_of_the_simulator() -> None:
    known = {category: name for name, categories in BEHAVIOURS.items() for category in categories}
    for dialogue in simulate(150, 1, "train"):
        for turn in dialogue.turns:
            if turn.family and "-" in turn.family and turn.behaviour != "several":  # a list may stand in any request
                category = turn.family.rsplit("-", 1)[0]
                behaviour = "request" if category.startswith("say ") else known.get(category, category)
                assert turn.behaviour == behaviour, turn


def test_every_category_has_families_in_every_split() -> None:
    for split in SPLITS:
        counts = {category: len(frames) for category, frames in families(split).items()}
        assert min(counts.values()) >= 1, counts
    tests = {category: len(frames) for category, frames in families("test").items()}
    assert min(tests.values()) >= 3
    total = sum(len(frames) for frames in bank().values())
    assert sum(tests.values()) / total == pytest.approx(SHARE["test"], abs=0.02)


# ------------------------------------------------------------------------------------------------ the split


def test_splits_json_is_up_to_date_and_held_out_families_only_become_fewer() -> None:
    held = json.loads((FOLDER / "splits.json").read_text())
    assert kept_splits(held) == held
    trained = next(
        frame for frame in bank()["np"] if family_id("np", frame) not in set(held["test"] + held["validation"])
    )
    spoilt = {
        **held,
        "test": [*held["test"], family_id("np", trained)],
    }  # a kin of training families, and one that is gone
    spoilt["validation"] = [*held["validation"], "np-00000000"]
    assert kept_splits(spoilt) == held


def test_a_new_bank_is_split_by_kin() -> None:
    held = make_splits()
    assert set(held) == {"test", "validation"} and not set(held["test"]) & set(held["validation"])
    assert 500 < len(held["test"]) < 1000 and 250 < len(held["validation"]) < 600


def test_no_family_is_in_two_splits_and_none_is_lost(splits: dict[str, list[Pair]]) -> None:
    names = {split: [family_id(*pair) for pair in pairs] for split, pairs in splits.items()}
    everything = [name for split in SPLITS for name in names[split]]
    assert len(set(everything)) == len(everything) == sum(len(frames) for frames in bank().values())
    for a, b in combinations(SPLITS, 2):
        assert not {frame.lower() for _, frame in splits[a]} & {frame.lower() for _, frame in splits[b]}
    with pytest.raises(KeyError):
        families("tests")


def test_held_out_families_are_new_in_their_words(splits: dict[str, list[Pair]]) -> None:
    """No two families of two splits overlap by more than 0.6, whatever their categories; nor those that only training uses."""
    more = [(category, frame) for category, frames in families("more").items() for frame in frames]
    assert len(more) > 2 * len(splits["train"]) and set(more) > set(splits["train"])
    splits = splits | {"train": more}
    holders: dict[str, list[tuple[str, Pair, frozenset[str]]]] = {}
    for split, pairs in splits.items():
        for pair in pairs:
            words = content_words(pair[1])
            if split != "train":
                assert words, pair  # a frame without content of its own cannot be new
            for word in words:
                holders.setdefault(word, []).append((split, pair, words))
    worst = 0.0
    for split in ("test", "validation"):
        for pair in splits[split]:
            words = content_words(pair[1])
            for word in words:
                for other, known, theirs in holders[word]:
                    if other != split:
                        worst = max(worst, overlap(words, theirs))
                        assert overlap(words, theirs) <= OVERLAP, (pair, known)
    assert 0.5 < worst <= 0.6 == OVERLAP


def test_no_kin_is_torn_apart(splits: dict[str, list[Pair]]) -> None:
    where = {pair: split for split, pairs in splits.items() for pair in pairs}
    groups = kin(where)
    assert sum(len(group) for group in groups) == len(where)
    assert all(len({where[pair] for pair in group}) == 1 for group in groups)


# ------------------------------------------------------------------------------------------------ kin


def test_content_is_what_neither_the_attribute_nor_grammar_says() -> None:
    assert content_words("Could you please give {me} {np}?") == {"give"}
    assert content_words("self: I want to look like a movie star with bangs") >= {"want", "like", "movie", "star"}
    assert "bangs" not in content_words("bangs for a movie star")
    assert content_words("Not {a}, {b}!") == {"not"}  # decides what is meant
    assert content_words("other: Make {my} hair dance.") == content_words("MAKE {my} HAIR DANCE!")


def test_overlap_is_shared_over_all() -> None:
    a, b = frozenset({"one", "two", "three"}), frozenset({"two", "three", "four"})
    assert overlap(a, b) == overlap(b, a) == 0.5 and overlap(a, a) == 1
    assert overlap(a, frozenset()) == 0 and overlap(frozenset(), frozenset()) == 1


def test_kin_goes_by_way_of_others() -> None:
    a, b, c = ("x", "zig zag zog"), ("y", "zig zag zog zug"), ("x", "zag zog zug zeg")
    far = ("x", "quite something else")
    groups = kin([a, b, c, far])
    assert groups == [[a, b], [c], [far]]  # 3 of 4, 3 of 5, 2 of 5 shared
    chain = kin([("x", "one1 two2 three3 four4"), ("x", "two2 three3 four4"), ("x", "three3 four4 two2 five5")])
    assert len(chain) == 1  # the outer two share 3 of 5 only
    assert kin([("x", "{np}"), ("y", "{n} please")]) == [[("x", "{np}"), ("y", "{n} please")]]


# ------------------------------------------------------------------------------------------------ the lines


def test_no_line_is_there_twice() -> None:
    seen: Counter[str] = Counter()
    for folder in ("frames", "say"):
        for path in sorted((FOLDER / "bank" / folder).glob("*.txt")):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert all(line and line == line.strip() for line in lines), path.name
            assert len(lines) == len(set(lines)), (path.name, [x for x, n in Counter(lines).items() if n > 1])
            seen.update(set(lines))
    assert [line for line, count in seen.items() if count > 1] == []  # one line never means two things
    assert {path.stem for path in (FOLDER / "bank" / "say").glob("*.txt")} == set(VALUES)


@pytest.mark.parametrize("part", ["bank", "more"])
def test_braces_are_known_and_there(part: str) -> None:
    assert set(bank(part)) <= set(bank())
    for category, frames in bank(part).items():
        needed = NEEDS.get(category, set())
        for frame in frames:
            found = braces(frame) - {"me", "my"}
            assert frame.count("{") == frame.count("}") == len(re.findall(r"\{\w+\}", frame)), frame
            assert found <= needed, (category, frame)
            if category in ("less_new", "more", "much", "mention"):
                assert len(found) == 1, (category, frame)
            else:
                assert found == needed, (category, frame)


def test_no_brace_is_left_in_what_is_said() -> None:
    for split in (*SPLITS, "more"):
        for dialogue in simulate(150, 2, split):
            for turn in dialogue.turns:
                assert not set("{}") & set(f"{turn.user}{turn.system}"), turn


@pytest.mark.parametrize("part", ["bank", "more"])
def test_subjects_are_marked_as_the_simulator_reads_them(part: str) -> None:
    for category, frames in bank(part).items():
        marked = [
            frame for frame in frames if re.match(r"\w+: ", frame) and frame.split(":")[0].lower() in ("self", "other")
        ]
        assert all(frame.startswith(("self: ", "other: ")) for frame in marked), category


def test_wordings_name_every_value_and_fill_only_the_subject() -> None:
    assert set(WORDING) == set(VALUES)
    for value, kinds in WORDING.items():
        assert kinds["n"] and kinds["np"], value
        for lines in kinds.values():
            for line in lines:
                assert braces(line) <= {"me", "my"} and line == line.strip(), (value, line)
    lists = {name: lines for name, lines in vars(talk).items() if name.isupper() and isinstance(lines, tuple)}
    assert {"COLORS", "THINGS", "WISHES"} <= set(lists) and all(len(lines) > 5 for lines in lists.values())
    about = {"WISHES": {"me", "my"}, "NOT": {"n", "np"}, "STAYS": {"n"}}  # fillers go anywhere
    for name, lines in lists.items():
        assert all(braces(line) <= about.get(name, set()) for line in lines), name
        assert len(lines) == len(set(lines)) and all(line == line.strip() for line in lines), name
    assert set(SLOT_WORDS) == set(SLOTS)
    assert all(name in SLOTS or name in SLOT_OF for covers in PARTS.values() for name in covers)
    assert all(weight > 0 for _, _, weight in SUBJECTS) and SUBJECTS[0][:2] == ("me", "my")


def test_a_noun_names_one_value_only() -> None:
    named: dict[str, set[str]] = {}
    for value, kinds in WORDING.items():
        for kind in ("n", "np"):
            for line in kinds[kind]:
                named.setdefault(line.lower(), set()).add(value)
    assert {line: values for line, values in named.items() if len(values) > 1} == {}


def test_replies_know_their_braces() -> None:
    assert set(replies.NAMES) == set(VALUES) and set(replies.SLOT_NAMES) == set(SLOTS)
    lists = {"made", "failed", "removed", "state", "value", "slot"}
    for path in (FOLDER / "bank" / "replies").glob("*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines and all(line.strip() for line in lines) and len(lines) == len(set(lines)), path.name
        assert all(braces(line) <= lists for line in lines), path.name
    for lines, brace in (
        (replies.MADE, "made"), (replies.REMOVED, "removed"), (replies.FAILED, "failed"), (replies.REQUEST, "slot"),
        (replies.SUGGEST, "value"), (replies.STATE_SOME, "state"),
    ):  # fmt: skip
        assert all(braces(line) == {brace} for line in lines), brace
    assert all(braces(line) == {"made", "removed"} for line in replies.BOTH)
    assert all(braces(line) == {"made", "failed"} for line in replies.PARTLY)
