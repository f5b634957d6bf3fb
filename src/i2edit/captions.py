"""What a face with some attributes is called: the one set of texts towards image–text models, to edit by and to measure with.

    caption(Belief.of("smiling", "blond hair"))       # "a smiling person with blond hair"
    listed(Belief.of("smiling", "blond hair"))        # "a smiling person, a person with blond hair"

The paper (§4.2) edits by a text made of the belief by templates, and measures (§3.3) with one text for each attribute; it prints
neither, so these are ours. The text of an attribute is the caption of a belief that holds nothing else.
"""

from __future__ import annotations

from i2edit.ontology import SLOTS, Belief

# How each value reads in the text: before "person", after "with", after "wearing".
BEFORE = {"smiling": "smiling", "angry": "angry", "sad": "sad"}
WITH = {
    "no smiling": "a serious expression",
    "receding hairline": "a receding hairline",
    "mustache": "a mustache",
    "goatee": "a goatee",
}
WEARING = ("no makeup", "heavy makeup", "lipstick", "earrings")
TEXTURES = {"straight hair": "straight", "wavy hair": "wavy"}


def caption(belief: Belief) -> str:
    """A belief as people say it, in one phrase.

    >>> caption(Belief.of("smiling", "bangs", "wavy hair", "blond hair", "lipstick"))
    'a smiling person with wavy blond hair and bangs, wearing lipstick'
    """
    texture = next((TEXTURES[value] for value in belief if value in TEXTURES), "")
    before = [BEFORE[value] for value in belief if value in BEFORE]
    coloured = any(value in SLOTS["hair color"] for value in belief)
    with_: list[str] = []
    for value in belief:
        if value in SLOTS["hair color"]:
            with_.append(f"{texture} {value}".strip())
        elif value not in BEFORE and value not in WEARING and not (value in TEXTURES and coloured):
            with_.append(WITH.get(value, value))
    text = " ".join([*before, "person"])
    text = f"{'an' if text[0] in 'aeiou' else 'a'} {text}"
    if with_:
        text += f" with {_enumerated(with_)}"
    wearing = [value for value in belief if value in WEARING]
    if wearing:
        text += f"{',' if with_ else ''} wearing {_enumerated(wearing)}"
    return text


def listed(belief: Belief) -> str:
    """A belief as a list of its attributes' captions: for models to which a long phrase says little more than its strongest word.

    >>> listed(Belief.of("smiling", "lipstick"))
    'a smiling person, a person wearing lipstick'
    """
    return ", ".join(caption(Belief.of(value)) for value in belief) or caption(belief)


def _enumerated(parts: list[str]) -> str:
    return " and ".join(", ".join(parts).rsplit(", ", 1))
