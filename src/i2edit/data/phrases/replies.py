"""What the system says: openings after an edit, admissions of what failed, and the tails of each dialogue act (bank/replies).

``{made} {failed} {removed}`` become lists of names, ``{value}`` a suggested value, ``{slot}`` a slot's name. A reply comes
after the edit and never claims more than what was made or taken back.
"""

from __future__ import annotations

from pathlib import Path

NAMES: dict[str, tuple[str, ...]] = {  # how replies name a value; every name is known to the check in dialogue/check.py
    "smiling": ("the smile", "a smile"),
    "angry": ("the angry look", "an angry look"),
    "sad": ("the sad look", "a sad look"),
    "no smiling": ("the straight face", "a straight face"),
    "brown hair": ("brown hair", "the brown hair"),
    "blond hair": ("blond hair", "the blond hair"),
    "black hair": ("black hair", "the black hair"),
    "gray hair": ("gray hair", "the gray hair"),
    "straight hair": ("straight hair", "the straight hair"),
    "wavy hair": ("wavy hair", "the wavy hair"),
    "receding hairline": ("the receding hairline", "a receding hairline"),
    "sideburns": ("sideburns", "the sideburns"),
    "bangs": ("bangs", "the bangs"),
    "mustache": ("the mustache", "a mustache"),
    "goatee": ("the goatee", "a goatee"),
    "no makeup": ("the bare face", "a bare face"),
    "heavy makeup": ("heavy makeup", "the heavy makeup"),
    "lipstick": ("lipstick", "the lipstick"),
    "earrings": ("earrings", "the earrings"),
    "bushy eyebrows": ("bushy eyebrows", "the bushy eyebrows"),
    "big lips": ("fuller lips", "the fuller lips"),
    "rosy cheeks": ("rosy cheeks", "the rosy cheeks"),
    "pale skin": ("pale skin", "the pale skin"),
}
SLOT_NAMES: dict[str, tuple[str, ...]] = {
    "expression": ("the expression", "the facial expression"),
    "hair color": ("the hair color", "the color of the hair"),
    "hairstyle": ("the hairstyle", "the haircut"),
    "beard": ("the beard", "the facial hair"),
    "makeup": ("the makeup", "the make-up"),
}


def _lines(name: str) -> tuple[str, ...]:
    path = Path(__file__).parent / "bank" / "replies" / f"{name}.txt"
    return tuple(path.read_text(encoding="utf-8").splitlines())


DONE = _lines("done")
MADE = _lines("made")
REMOVED = _lines("removed")
BOTH = _lines("both")
FAILED = _lines("failed")
PARTLY = _lines("partly")
UNDONE = _lines("undone")
REDONE = _lines("redone")
RESET = _lines("reset")
DEGREE_LESS = _lines("degree_less")
DEGREE_MORE = _lines("degree_more")
NEXT = _lines("next")
REQUEST = _lines("request")
SUGGEST = _lines("suggest")
NOTHING = _lines("nothing")
NO_PROBLEM = _lines("no_problem")
THANKS = _lines("thanks")
PRAISE = _lines("praise")
MENTION = _lines("mention")
COMPLAINT = _lines("complaint")
HELLO = _lines("hello")
VAGUE = _lines("vague")
YES_WHAT = _lines("yes_what")
STATE_SOME = _lines("state_some")
STATE_NONE = _lines("state_none")
ANSWERS: dict[str, tuple[str, ...]] = {
    key: _lines(f"answers.{key}")
    for key in ("q_can", "q_hair color", "q_hairstyle", "q_expression", "q_beard", "q_makeup", "q_undo", "q_other")
}
CANNOT: dict[str, tuple[str, ...]] = {
    key: _lines(f"cannot.{key}") for key in ("u_beard", "u_dark", "u_color", "u_wish", "foreign")
}
