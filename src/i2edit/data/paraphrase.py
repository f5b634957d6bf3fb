"""Rewording a dataset by a language model, turn by turn, with checks that what is meant stays the same.

In: a folder of dialogues (train.jsonl, validation.jsonl, test.jsonl, those that are there) and an Endpoint. Out: a new folder
with the same dialogues, the same beliefs, reworded user turns (their ``family`` begins with "para-"), and paraphrases.jsonl:
one line a user turn, what it was, what became of it, and why.

    paraphrase(Path("data"), Path("data-para"), Endpoint("my-model", "http://127.0.0.1:8080/v1"))

As in the paper (section 3.1) the model is given an instruction and a few examples written by hand. An answer that fails a
check (``faults``) is sent back once with the complaint; after that the original stays. Every answer is kept at once in a file
beside the output, by the hash of its request: a run that was cut off and is started again asks nothing twice.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from i2edit.data.build import FORMAT
from i2edit.data.endpoint import Endpoint, EndpointError, Message
from i2edit.data.folders import new_folder
from i2edit.data.phrases import SPLITS, WORDING, bank
from i2edit.data.phrases.talk import COLORS, ENDINGS, OPENERS, THINGS
from i2edit.data.phrases.wording import PARTS
from i2edit.dialogue.check import mentions
from i2edit.dialogue.history import STEPS, Conversation, Heard, Spoken
from i2edit.dialogue.prompts import is_foreign_script
from i2edit.errors import DataError, MessageError, OutputError
from i2edit.ontology import VALUES, Belief, BeliefSyntaxError, EditState, in_order
from i2edit.records import Dialogue, Turn, read_dialogues, write_dialogues

Track = Callable[[Conversation, str], Heard]  # a tracker, such as DialogueModel.track
Progress = Callable[[float, str], None]  # (share done, stage)
PREFIX = "para-"


@dataclass(frozen=True)
class Settings:
    """How to ask. ``workers``: dialogues at once; ``seed`` chooses the examples and the manner asked for, turn by turn."""

    temperature: float = 0.9
    max_tokens: int = 400
    workers: int = 4
    examples: int = 6
    seed: int = 0


# What is asked -------------------------------------------------------------------------------------------------------
INSTRUCTION = """\
People edit a photo of a face by talking to an editor. You reword what a person said, so that it sounds like somebody else \
who wants exactly the same.
- Keep the meaning: every attribute that the message names is named again, in these or other common words, and no other one.
- A message that takes something back, says no, or means an earlier step (undo, redo, start over) must do so just as clearly.
- What is left unsaid stays unsaid: "yes", "both" or "take that off" must not become the name of an attribute.
- "A bit", "more" and the like stay. A question stays a question. Whose face it is stays the same.
- Write one line of plain English, about as long, without quotation marks or explanations. Answer with the message alone."""


@dataclass(frozen=True)
class Example:
    """A rewording written by hand: the editor's last words, the message, what it does, the message in other words."""

    system: str
    said: str
    effect: str
    reworded: str


def _example(said: str, effect: str, reworded: str, system: str = "") -> Example:
    return Example(system, said, effect, reworded)


EXAMPLES: tuple[Example, ...] = (
    _example("Please give me bangs.", "adds bangs", "I've always wondered how I'd look with a fringe, could you try?"),
    _example("make her smile", "adds smiling", "she looks so stiff here, put a friendly grin on her face"),
    _example("Add a goatee and black hair.", "adds black hair, goatee", "jet black hair, and a goatee to go with it please",
             "Hello! What would you like to change?"),
    _example("Remove the lipstick.", "takes lipstick away", "I think the lipstick has to go.", "Done. What else?"),
    _example("I don't want earrings anymore.", "takes earrings away", "no more earrings pls", "There you go. Anything else?"),
    _example("Undo that.", "takes the last step back", "hm no, go back to how it was a second ago", "Done. How do you like it?"),
    _example("Undo the last two changes.", "takes the last two steps back", "Could you go back two steps?"),
    _example("redo", "does the step again that was taken back", "Ah, it was better with it. Redo that, please.",
             "Okay, I went back."),
    _example("Start over.", "empties the list of edits", "let's start from scratch with the original photo"),
    _example("Yes, please.", "adds rosy cheeks", "sure, let's see that", "Done. Would you like to try rosy cheeks?"),
    _example("No thanks.", "changes nothing", "nah, I'm good", "Here it is. Maybe wavy hair would look good?"),
    _example("No, rather sideburns.", "adds sideburns", "Not my thing, but I'd take sideburns instead.", "Shall we try bangs?"),
    _example("Blond hair, no wait, brown.", "adds brown hair", "Make it blonde... hold on, actually brown would be better"),
    _example("A bit of blush please.", "adds rosy cheeks", "could I get just a touch of blush?", "What shall we do next?"),
    _example("The mustache is a bit too much.", "makes mustache weaker", "can you tone that moustache down a little"),
    _example("Replace the scowl with a smile.", "takes angry away; adds smiling", "Swap that angry look for a smile."),
    _example("Keep only the pale skin.", "takes big lips, sad away", "everything can go except the pale skin"),
    _example("What can you do?", "changes nothing", "so which things are you able to edit?", "Hi there!"),
    _example("Would curls or straight hair suit me?", "changes nothing", "hmm curls or straight hair, what looks better on me?"),
    _example("Wow, looks great!", "changes nothing", "oh that's really pretty", "Done. What's next?"),
    _example("Put me in a suit.", "changes nothing", "I'd like to wear a suit in this one"),
    _example("Take it off again.", "takes bushy eyebrows away", "hmm, remove that again", "Done. Do you like it?"),
)  # fmt: skip
MANNERS: tuple[str, ...] = (
    "in very few words", "as a polite full sentence", "casually, as in a chat with a friend", "plainly", "a little chatty",
    "as somebody who types fast on a phone", "in an unusual way",
)  # fmt: skip


def effect(before: Belief, after: Belief, turn: Turn) -> str:
    """What a turn does to the belief, in words.

    >>> effect(Belief.of("black hair"), Belief.of("blond hair"), Turn(Belief(), user="go blond"))
    'takes black hair away; adds blond hair'
    """
    steps = {
        "undo": "takes the last step back", "undo2": "takes the last two steps back", "undo3": "takes the last three steps back",
        "redo": "does the step again that was taken back", "reset": "empties the list of edits",
    }  # fmt: skip
    if turn.behaviour in steps:
        wished = [value for value in after if value in named(turn.user or "")]
        return steps[turn.behaviour] + (f", then adds {', '.join(wished)}" if wished else "")
    gone = [value for value in before if value not in after]
    new = [value for value in after if value not in before]
    parts = [f"takes {', '.join(gone)} away"] if gone else []
    if new:
        parts.append(f"adds {', '.join(new)}")
    if not parts and turn.behaviour in ("degree", "it_less", "it_more", "it_much"):
        return "changes how strong something is"
    return "; ".join(parts) or "changes nothing"


def request_for(
    dialogue_id: str, index: int, turn: Turn, before: Belief, system: str, settings: Settings
) -> list[Message]:
    """The messages that ask for a rewording of one turn."""
    rng = random.Random(f"{settings.seed}|{dialogue_id}|{index}")
    messages: list[Message] = [{"role": "system", "content": INSTRUCTION}]
    for example in rng.sample(EXAMPLES, k=min(settings.examples, len(EXAMPLES))):
        asked = _asked(example.system, example.said, example.effect, "")
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": example.reworded}]
    manner = rng.choice(MANNERS)
    asked = _asked(system, turn.user or "", effect(before, turn.belief, turn), manner)
    return [*messages, {"role": "user", "content": asked}]


def _asked(system: str, said: str, does: str, manner: str) -> str:
    lines = [f"Editor: {system}" if system else "", f"Person: {said}", f"What this does: {does}."]
    return "\n".join([line for line in lines if line] + ([f"Reword it {manner}."] if manner else []))


# What a message names ------------------------------------------------------------------------------------------------
_ME = r"(?:me|us|her|him|them|it|you|myself|(?:the|this|my)\s\w+)"
_MY = r"(?:my|our|her|his|their|your|its|the|that|this|(?:the|my|this)\s\w+'?s)"
_NEVER = frozenset({"down", "blue"})  # alone, they mean something else
_LOOSE = frozenset({  # a name where the belief changes so, and else only a word ("my friends will laugh")
    "amused", "annoyed", "be serious", "beam", "black", "brown", "chops", "cross", "cry", "crying", "curl", "delighted", "flushed",
    "glad", "gray", "grey", "happier", "happily", "happy", "laugh", "laughing", "mad", "made up", "natural look", "neutral", "pale",
    "pleased", "raven", "serious", "silver", "studs",
})  # fmt: skip
_MORE_WORDS: dict[str, tuple[str, ...]] = {
    "smiling": ("smiles", "grinning", "cheerfully", "happily", "beaming", "laughing"),
    "sad": ("sadder", "sorrow", "tears", "teary", "crying"),
    "angry": ("angrily", "rage", "fuming"),
    "no smiling": (
        "not smiling", "no smiling", "no smile", "no grin", "without a smile", "without smiling", "don't smile", "do not smile",
        "unsmiling", "stops smiling", "not to smile",
    ),
    "wavy hair": ("curls", "curled", "curlier"),
    "pale skin": ("paler", "whiter skin", "porcelain"),
    "heavy makeup": ("full face of makeup", "heavier makeup"),
    "no makeup": (
        "without makeup", "without make up", "without any makeup", "free of makeup", "makeup free", "zero makeup",
        "no makeup at all",
    ),
    "big lips": ("lips bigger", "lips fuller", "volume to the lips", "lips plumper", "fuller mouth", "puffy lips"),
    "receding hairline": ("thinner in front", "losing hair in front"),
}  # fmt: skip


@functools.cache
def _phrases() -> dict[str, tuple[re.Pattern[str], tuple[tuple[str, bool], ...]]]:
    """First word → a pattern of every wording that begins with it, longest first, each a group; and for each group its value
    and whether it is loose."""
    found: dict[str, str] = {}
    for value in VALUES:
        for phrase in (*(p for kind in WORDING[value].values() for p in kind), *_MORE_WORDS.get(value, ())):
            plain = re.sub(r"^(a|an|the|some) ", "", _flat(phrase))
            if plain not in _NEVER:
                found.setdefault(plain, value)
    by_first: dict[str, list[str]] = {}
    for phrase in sorted(found, key=lambda phrase: (-len(phrase), phrase)):
        by_first.setdefault(phrase.split()[0], []).append(phrase)
    patterns = {}
    for first, phrases in by_first.items():
        escaped = (re.escape(p).replace(r"\{me\}", _ME).replace(r"\{my\}", _MY).replace(r"\ ", r"\s") for p in phrases)
        pattern = re.compile(rf"(?:{'|'.join(f'({one})' for one in escaped)})(?!\w)")
        patterns[first] = (pattern, tuple((found[phrase], phrase in _LOOSE) for phrase in phrases))
    return patterns


def _flat(text: str) -> str:
    """Lower case, plain apostrophes, hyphens as spaces, single spaces."""
    return " ".join(text.lower().replace("’", "'").replace("-", " ").split())


@dataclass(frozen=True)
class Names:
    """The values that a message names: ``all`` in the order of the message, ``loose`` those that are named only by words
    which often mean something else; ``rest``: the flat message with the names blotted out."""

    all: tuple[str, ...]
    loose: frozenset[str]
    rest: str

    @property
    def firm(self) -> set[str]:
        """Those that are surely meant."""
        return set(self.all) - self.loose


@functools.lru_cache(maxsize=1024)
def names(flat: str) -> Names:
    """What a flat message names, by the wording lists first and by the words of replies for what they leave."""
    patterns = _phrases()
    order: list[str] = []
    firm: set[str] = set()
    left, rest, at = "", "", 0
    for word in re.finditer(r"[\w']+", flat):
        pattern, groups = patterns.get(word[0], (None, ()))
        found = pattern.match(flat, word.start()) if pattern is not None and word.start() >= at else None
        if found is None:
            continue
        value, is_loose = groups[(found.lastindex or 1) - 1]
        order.append(value)
        if not is_loose:
            firm.add(value)
        left += flat[at : found.start()] + "|"
        rest += flat[at : found.start()] + (found[0] if is_loose else "it")
        at = found.end()
    others = mentions(left + flat[at:])
    return Names(tuple(dict.fromkeys([*order, *sorted(others)])), frozenset(order) - firm - others, rest + flat[at:])


def named(text: str) -> set[str]:
    """The values that a message names, loosely or not.

    >>> sorted(named("Swap that golden hair for a fringe, then I'm happy"))
    ['bangs', 'blond hair', 'smiling']
    """
    return set(names(_flat(text)).all)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", _flat(re.sub(r"\{\w+\}", " ", text)))


def _parts(flat: str) -> set[str]:
    """What the parts of the face that a flat message speaks of cover."""
    found = _part_words().findall(flat)
    return {name for part in found for name in PARTS[part]}


@functools.cache
def _part_words() -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(sorted(map(re.escape, PARTS), key=len, reverse=True))})\b")


def _content(text: str) -> set[str]:
    return {word for word in _words(text) if len(word) > 3}


@functools.cache
def _known_words() -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    """Words that are no slips; and what is left of one of four letters or more when a letter is lost → the words."""
    wording = {w for kinds in WORDING.values() for texts in kinds.values() for text in texts for w in _words(text)}
    others = {w for texts in bank().values() for text in texts for w in _words(text)}
    others |= {w for text in (*OPENERS, *ENDINGS, *COLORS, *THINGS) for w in _words(text)}
    lost: dict[str, list[str]] = {}
    for word in sorted(wording) + sorted(others - wording):
        if len(word) > 3:
            for rest in _one_letter_less(word):
                lost.setdefault(rest, []).append(word)
    return frozenset(wording | others), {rest: tuple(words) for rest, words in lost.items()}


def _one_letter_less(word: str) -> set[str]:
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}


@functools.lru_cache(maxsize=4096)
def _mended(word: str) -> str:
    """A word with one slip of the fingers → the word that was meant ("gioomy" → "gloomy"), attribute words first."""
    known, lost = _known_words()
    if len(word) < 4 or word in known:
        return word
    for candidates in (lost.get(word, ()), *(lost.get(rest, ()) for rest in sorted(_one_letter_less(word)))):
        if candidates:
            return candidates[0]
    return word


def without_typos(text: str) -> str:
    """A message with slips in its words mended, flat."""
    return re.sub(r"[a-z']+", lambda found: _mended(found[0]), _flat(text))


@functools.cache
def _fillers() -> tuple[re.Pattern[str], re.Pattern[str]]:
    openers, closers = (
        "|".join(sorted((re.escape(_flat(text)) for text in texts), key=len, reverse=True))
        for texts in (OPENERS, ENDINGS)
    )
    return re.compile(rf"^(?:{openers})\s"), re.compile(rf"[\s,]+(?:{closers})$")


def _core(flat: str) -> str:
    """A flat message without the openers and closers of the phrase bank: they may go or change."""
    opener, closer = _fillers()
    return closer.sub("", opener.sub("", flat))


# What a message does -------------------------------------------------------------------------------------------------
def _any(words: str) -> re.Pattern[str]:
    """One of the words (patterns of whole words, between bars or on lines of their own)."""
    alternatives = "|".join(word.strip() for word in re.split(r"[|\n]", words) if word.strip())
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")


def _either(*patterns: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile("|".join(pattern.pattern for pattern in patterns))


_NO = _any(r"""
    no|not|never|none|nothing|neither|nor|nope|no+|nah+|nuh uh|without|stop\w*|quit|enough|cannot|can't|won't|don't
    doesn't|didn't|isn't|aren't|wasn't|shouldn't|wouldn't|couldn't|haven't|hasn't|ain't|dont|cant|wont|doesnt|didnt
    isnt|shouldnt|anymore|pass|skip\w*|hardly|leave it|leave that|declin\w+|negative|a miss|afraid|another time
    forget\w*|refus\w+|unconvinced|un\w+ed|lay off|hold off""")
_TAKE = _any(r"""
    remov\w+|los(e)?|losing|drop\w*|ditch\w*|scrap\w*|delet\w+|eras\w+|get rid|rid of|undo\w*|revert\w*|revers\w+
    reappl\w+|take (\S+ ){1,4}off|take (\S+ ){1,4}away|take (\S+ ){1,4}out|take (\S+ ){1,4}back|take off|take away
    take out|take back|without|no more|forget\w*|cancel\w*|start over|starting over|from scratch|go back|roll back
    reset\w*|restor\w+|has to go|have to go|must go|should go|can go|discard\w*|eliminat\w+|get it off|abandon\w*""")
_OFF = _either(_TAKE, _NO, _any(r"""
    off|away|gone|goes?|out|back|minus|clear\w*|shav\w+|razor|wip\w+|strip\w*|wash\w*|normal|original\w*|natural\w*
    less|disregard\w*|ignor\w+|never ?mind|tired of|kick\w*|toss\w*|throw\w*|swap\w*|switch\w*|replac\w+|chang\w+
    trad\w+|exchang\w+|substitut\w+|convert\w*|instead|rather|prefer\w*|cut|dump\w*|bin|kill\w*|before|bye|goodbye
    withdraw\w*|return\w*|as it was|was fine|hate|dislike|over|too much|smooth|bare|free|trim\w*|banish\w*|axe|nix"""))  # fmt: skip
_YES = _any(r"""
    yes|yeah|yep|yup|yea|sure|ok|okay|of course|certainly|definitely|absolutely|go ahead|go for it|please|pls|do it
    do that|try|love|like|great|good|nice|perfect|why not|worth|by all means|fine|agree\w*|let's|lets|deal|hell
    alright|sounds|bring it|may|do|gladly|totally|exactly|right|delighted|indeed|show|see|fancy|aye|yas+|yess+|cool
    awesome|works?|wonderful|happy|glad|mhm|i'm in|in favou?r|convinced""")
_STEPS: tuple[tuple[str, re.Pattern[str]], ...] = (  # the first that fits says which step a message means
    ("redo", _any(r"""
    redo\w*|re do|undo the undo|that undo|re ?appl\w+|undid|undone|undoing|do that again|do it again|(put|bring|want
    get|have|give) (\S+ )?that back|(put|bring|want|get|have|give) (\S+ )?it back|(put|bring|want|get|have
    give) (\S+ )?them back|put (\S+ ){1,3}in again|reinstate\w*""")),
    ("reset", _any(r"""
    start over|starting over|start again|start anew|start afresh|start fresh|start with\w*|start from|restart\w*
    do over|scratch|clean sheet|square one|begin\w*|original\w*|untouched|unedited|clean slate|blank slate|all
    everything|every|anew|afresh|reset\w*|raw|clear\w*|whole|first picture|first photo|uploaded|entire\w*""")),
    ("undo", _any(r"""
    undo\w*|back|previous\w*|revert\w*|before|earlier|cancel\w*|revers\w+|roll\w*|return\w*|ctrl ?\+? ?z|cmd ?\+? ?z
    \w* ?steps?|last|rewind|scrap that|retract\w*|withdraw\w*|ago|history|never happened|prior|preceding""")),
    ("redo", _any(r"again|forward|after all")),
)  # fmt: skip
_TWICE = {
    "undo2": _any(r"two|twice|2|x2|2x|couple|once more|again|double|another|before the previous|both"),
    "undo3": _any(r"three|thrice|3|x3|3x|triple"),
}
_TWO_OR_MORE = _any(r"two|twice|2|x2|2x|couple|three|thrice|3|x3|3x|triple|double")
_LESS = _any(r"""
    less|a bit|bit|little|slight\w*|subtl\w*|soft\w*|toned?|touch|hint|light(er)?|lightly|tad|weak\w*|gentl\w*
    reduc\w+|dial\w*|calm\w*|faint\w*|smidge\w*|too much|too strong|tiny|small\w*|down|mild\w*|over the top|trace
    dash|pinch|not so|not too|barely|decreas\w+|just|only|half|lower|understated|discreet|moderate\w*""")
_MORE = _any(r"""
    more|strong\w*|even|increas\w+|intens\w+|boost\w*|amp\w*|up|much|way|tons?|lots?|far|max\w*|super|extreme\w*
    insanely|really|very|crank\w*|heav\w+|further|harder|extra|not enough|push\w*|so|big\w*|huge|total\w*|as \S+ as
    most|ultra|full\w*|pile|double|times|steroids|eleven|overdo|crazy|generous|mega|great deal|deeper|thicker
    brighter|bolder|wider|higher|longer|darker|louder|\w+ier|pop|oomph|visible|bolder|metal""")
_WISH = _any(r"""
    add|give (me|him|her|them|us)|put|turn|remov\w+|undo|redo|revert|go back|previous version|dye|grow|shave|increase
    intensify|tone it|start over|reset|beard|stronger|i want|i'd like|make (me|my|him|his|her|the|it)|reapply
    chang\w+ (the|my|his|her|it)""")
_NEW_DEGREE = _any(
    r"a little|a (tiny |little |wee )?bit|slightly|a touch of|a hint of|a tad|a dash of|subtle|less|way more|much more|a lot more"
)
_QUESTION = _either(re.compile(r"\?"), re.compile(r"^(?:(?:so|and|or|hmm|well|ok|oh|wow|please),? )*" + _any(r"""
    what|what's|whats|which|who|how|can|could|do|does|did|is|are|am|would|should|will|have|has|any|where|when|why
    tell|explain|list|show|remind|give me|i wonder|wondering|i'm not sure|i am not sure|i can't decide|i'm torn
    not sure|either|help|summari\w+|let me know|may|advise|u|you""").pattern))  # fmt: skip
_KEPT: dict[str, tuple[re.Pattern[str], str]] = {  # behaviour → words of which one must stay where the original had one
    "off": (_OFF, "take something away"),
    "part_back": (_OFF, "take something back"),
    "it_off": (_OFF, "take something away"),
    "both_off": (_OFF, "take something away"),
    "clean_shaven": (_any(r"""
        beard\w*|facial hair|shav\w+|whiskers?|razor|stubble|bristles?|scruff|hairless|clean|smooth|moustache|mustache"""),
        "take the beard away"),
    "no_mood": (_NO, "say that a mood should stop"),
    "no": (_either(_NO, _any(r"as it is|as they are|fine|keep|rather|leave")), "say no"),
    "no_alt": (_either(_NO, _TAKE, _any(r"instead|rather|prefer\w*|but|better|actually|sooner|really after|over")),
        "say no to the suggestion"),
    "correct": (_either(_NO, _any(r"""
        wait|actually|rather|mean|meant|instead|sorry|scratch|make that|hold on|better|oops|prefer\w*|hang on|my bad|should be"""
        )), "correct itself"),
    "swap": (_OFF, "put one thing in place of another"),
    "keep_only": (_any(r"""
        keep\w*|leav\w+|stays?|only|except|but|apart|besides|other than|just|everything|rest|all|save|spare|bar|remains?"""),
        "keep one thing and let the rest go"),
    "hands_off": (_either(_NO, _any(r"keep|leav\w+|stays?|alone|as it is|as is|only|just|fine|same|happy|like")),
        "say what must stay as it is"),
    "no_makeup_except": (_either(_OFF, _any(r"only|just|except|but|keep|bar")), "say what stays"),
    "both": (_any(r"both|two|all|each|and the other|either"), "say both"),
    "first": (_any(r"first|former|1st|one|1|initial"), "say the first"),
    "second": (_any(r"second|latter|2nd|two|2|last|other"), "say the second"),
    "full_beard": (_any(r"full|beard\w*"), "ask for a full beard"),
    "either_or": (_any(r"or|either|between|decide|torn|which|versus|vs|says"), "leave the choice open"),
    "u_beard": (_any(r"beard\w*|facial hair|stubble|whiskers|razor|shav\w+"), "speak of a beard"),
    "u_dark": (_any(r"dark\w*|light\w*|shade\w*|deep\w*"), "say dark or light"),
    "bring_back": (_any(r"back|again|return\w*|restor\w+|re ?add|miss|bring|re\w+|once more"), "ask for something back"),
}  # fmt: skip
_STEP_NAMES = ("undo", "undo2", "undo3", "redo", "reset")
_ADDS = frozenset({
    "request", "several", "yes", "yes_and", "yes_value", "it_more", "it_much", "full_beard", "both", "first", "second",
})  # fmt: skip
_UNSAID = frozenset({  # what they change is said elsewhere in the dialogue
    "yes", "yes_less", "yes_and", "both", "first", "second", "it_more", "it_less", "it_much", "it_off", "both_off", "full_beard",
    "clean_shaven", *_STEP_NAMES,
})  # fmt: skip
_IDLE = frozenset({  # name nothing
    "thanks", "praise", "complaint", "smalltalk", "no", "vague", "q_can", "q_state", "q_undo", "q_advice", "q_other",
})  # fmt: skip
_PRAISE = frozenset({"thanks", "praise", "complaint", "smalltalk", "keep_it"})
_TAKES = frozenset({
    "off", "swap", "part_back", "it_off", "both_off", "clean_shaven", "keep_only", "no_makeup_except", "bring_back", "q_undo",
    "no_mood", "thanks", "no", "no_alt",
})  # fmt: skip
_IDIOMS = re.compile(
    r"\b(?:why not|why don'?t (?:we|you|i)|(?:can|could|would|wo|is|are|do)n'?t (?:you|we|i|it) ?(?:think|agree|say)?|"
    r"no problem|no worries|not bad|if you don'?t mind|stop it|no doubt|not sure|nothing (?:fancy|else)|no rush|"
    r"(?:would|could)n'?t hurt)\b"
)
_META = re.compile(
    r"\b(?:reword\w*|rephras(?:ed|ing)|paraphras\w*|rewritten|utterance|as an? (?:ai|language model)|"
    r"the (?:user|person) (?:wants|says|asks)|belief|what this does|option \d|alternative(?:ly)?:|"
    r"(?:here is|here's) (?:the|a|your|my|one) (?:\w+ )?(?:version|message|sentence|way)|i (?:can't|cannot) (?:help|assist))|"
    r"^(?:person|editor|user|assistant|answer|note|message|sure|output)\s?:|^(?:\d+[.)]|[-*•])\s",
    re.IGNORECASE,
)
_SIGNS = re.compile(
    r"[{}<>\[\]|_`#\\*]|\bX{2,}\b|https?://|"
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\ud800-\udfff\ufffd]"
)
_QUOTES = re.compile(r"[\"“”«»„]|(?<!\w)'[^']+'(?!\w)")
_WRAPPED = re.compile(r"\A[\"“«„](.*)[\"”»“]\Z", re.DOTALL)


def tidy(answer: str) -> str:
    """An answer without quotation marks around the whole of it, with plain apostrophes and single spaces."""
    lines = [" ".join(line.split()) for line in answer.replace("’", "'").replace("‘", "'").strip().splitlines()]
    text = "\n".join(line for line in lines if line)
    wrapped = _WRAPPED.match(text)
    return wrapped[1].strip() if wrapped and not _QUOTES.search(wrapped[1]) else text


def step_of(flat: str) -> str | None:
    """Which step a flat message would mean: undo, redo, reset, or None."""
    return next((name for name, pattern in _STEPS if pattern.search(flat)), None)


def faults(turn: Turn, before: Belief, answer: str, suggested: str | None = None) -> list[str]:
    """What is wrong with an answer as a rewording of ``turn``, as sentences; empty when nothing is. ``before`` is the belief
    before the turn, ``suggested`` the value that the last reply suggested.

    >>> faults(Turn(Belief.of("bangs"), user="Give me bangs."), Belief(), "I'd like a goatee.")
    ['It no longer mentions bangs.', 'It mentions goatee, which the message does not.']
    """
    found = _wrong_shape(turn.user or "", answer)
    if found:
        return found
    old, new = without_typos(turn.user or ""), _flat(answer)
    return _wrong_names(turn, before, old, new, suggested) + _wrong_deeds(turn.behaviour or "", old, new)


def _wrong_shape(original: str, answer: str) -> list[str]:
    """Faults of form."""
    if not re.search(r"\w", answer):
        return ["There is no message in it."]
    found = []
    if "\n" in answer:
        found.append("It has more than one line.")
    if len(answer) > max(120, 3 * len(original)) or len(answer) > 400:
        found.append("It is much longer than the message.")
    if _META.search(answer) and not _META.search(original):
        found.append("It talks about the message instead of being one.")
    if _SIGNS.search(answer) and not _SIGNS.search(original):
        found.append("It contains signs that nobody says.")
    if _QUOTES.search(answer) and not _QUOTES.search(original):
        found.append("It contains quotation marks.")
    if is_foreign_script(answer):
        found.append("It is not in English.")
    if _letters(answer) == _letters(original):
        found.append("It is the same as the message.")
    elif any(_letters(answer) == _letters(example.reworded) for example in EXAMPLES):
        found.append("It is one of the examples.")
    return found


def _letters(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text.lower()).strip()


def _wrong_names(turn: Turn, before: Belief, old: str, new: str, suggested: str | None) -> list[str]:
    """Values that went missing, came in, or changed places."""
    behaviour, after = turn.behaviour or "", turn.belief
    added = {value for value in after if value not in before}
    removed = {value for value in before if value not in after}
    was, core, now = names(old), names(_core(old)), names(new)
    had = {*was.firm, *(was.loose & (added | removed))}
    needed = {*core.firm, *(core.loose & (added | removed))}
    if behaviour in _UNSAID or behaviour in _IDLE:  # "my husband will laugh" is no wish for a smile
        needed &= added | removed
    has, brought = set(now.all), now.firm
    if "no smiling" in added and _OFF.search(new):  # "lose the grin" is how people ask for a straight face
        had, needed, has, brought = (
            {"no smiling" if v == "smiling" else v for v in values} for values in (had, needed, has, brought)
        )
    if "no makeup" in added and _OFF.search(new) and re.search(r"make ?up|glam", new):
        had, needed, has = had | {"no makeup"}, needed - {"heavy makeup"}, has | {"no makeup"}
        brought -= {"heavy makeup"}
    unsaid = behaviour in _UNSAID or (suggested is not None and suggested in added and suggested not in had)
    missing = needed - has
    if not unsaid and not needed & added:  # worded as the lists do not know: to be named now, or in much the same words
        known = len(_content(old) & _content(new)) * 2 >= len(_content(old))
        missing |= set() if known else added - has
    found = [f"It no longer mentions {value}." for value in in_order(missing)]
    allowed = had | was.loose
    if behaviour not in _STEP_NAMES:
        allowed |= added - {suggested} if unsaid else added
    if behaviour in ("swap", "off", "part_back"):
        allowed |= removed
    if behaviour in ("clean_shaven", "full_beard"):
        allowed |= {"mustache", "goatee"}
    found += [f"It mentions {value}, which the message does not." for value in in_order(brought - allowed)]
    if behaviour in ("either_or", "correct") and not found:
        order = [value for value in was.all if value in now.all]
        if order != [value for value in now.all if value in order]:
            found.append("It names the attributes in another order.")
    return found


def _wrong_deeds(behaviour: str, old: str, new: str) -> list[str]:
    """Words that take back, deny, agree, ask or give a degree, and went missing or came in."""
    found = []
    core = _core(old)
    bare_old, bare_new = (_IDIOMS.sub(" ", names(text).rest) for text in (core, new))  # "no makeup" is not a no
    if behaviour in _STEP_NAMES:
        step = behaviour.rstrip("23")
        if step not in (step_of(bare_new), step_of(new)):
            found.append(f"It does not clearly say to {'start over' if step == 'reset' else step}.")
        many = _TWICE.get(behaviour)
        if (many and not many.search(new)) or (behaviour == "undo" and _TWO_OR_MORE.search(bare_new)):
            found.append("It means another number of steps.")
    elif behaviour in _KEPT:
        pattern, what = _KEPT[behaviour]
        if pattern.search(core) and not pattern.search(_IDIOMS.sub(" ", new)):
            found.append(f"It does not {what} any more.")
    elif not behaviour:  # a dialogue that does not say what its turns are
        if step_of(bare_old) and _TAKE.search(bare_old) and step_of(bare_new) != step_of(bare_old):
            found.append("It does not mean the same step any more.")
        elif _TAKE.search(bare_old) and not _OFF.search(new):
            found.append("It does not take back what the message takes back.")
        elif _NO.search(bare_old) and not _OFF.search(new):
            found.append("It does not say no any more.")
    if behaviour in ("yes", "yes_less") and not _YES.search(new):
        found.append("It does not say yes.")
    if behaviour == "no" and re.match(r"(?:yes|yeah|yep|sure|ok|okay|of course)\b", new) and not _NO.search(new):
        found.append("It says yes.")
    if behaviour not in _TAKES and behaviour not in _STEP_NAMES and not _OFF.search(old) and _TAKE.search(bare_new):
        found.append("It takes something away, which the message does not.")
    if behaviour in _ADDS and not _NO.search(_IDIOMS.sub(" ", old)) and _NO.search(bare_new):
        found.append("It says no to something, which the message does not.")
    if behaviour in ("degree", "it_less", "it_more", "it_much", "yes_less"):
        less, more = _LESS.search(old), _MORE.search(old)
        if less and not more and not _LESS.search(new):
            found.append("It does not ask for less any more.")
        if more and not less and not _MORE.search(new):
            found.append("It does not ask for more any more.")
    elif _NEW_DEGREE.search(bare_new) and not _LESS.search(old) and not _NEW_DEGREE.search(old):
        found.append("It says how much, which the message does not.")
    if (behaviour.startswith("q_") or behaviour == "can_you_value") and not _QUESTION.search(new):
        found.append("It is not a question any more.")
    if behaviour in _PRAISE and _WISH.search(new) and not _WISH.search(old):
        found.append("It asks for something, which the message does not.")
    if behaviour in ("part_back", "hands_off") and _parts(old) and _parts(new) != _parts(old):
        found.append("It speaks of another part of the face.")
    if behaviour in _STEP_NAMES and _parts(bare_new) - _parts(old):
        found.append("It speaks of a part of the face, which the message does not.")
    if behaviour in ("u_color", "u_thing", "u_wish") and not _content(core) & _content(new):
        found.append("It no longer says what is wanted.")
    return found


# Files ---------------------------------------------------------------------------------------------------------------
class Journal:
    """A file of JSON lines that only grows. Every line is on the disk when ``append`` returns; what a cut-off run left of a
    line is skipped. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def touch(self) -> None:
        """Make the file, so that nobody works for nothing. Raises OutputError."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.open("ab").close()
        except OSError as error:
            raise OutputError(f"Nothing can be written to {self.path}: {error.strerror or error}.") from error

    def read(self) -> list[dict[str, Any]]:
        """The whole lines that are there, oldest first."""
        if not self.path.exists():
            return []
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        found = []
        for line in lines:
            try:
                obj = json.loads(line) if line.strip() else None
            except ValueError:
                continue
            if isinstance(obj, dict):
                found.append(obj)
        return found

    def append(self, obj: Mapping[str, Any]) -> None:
        """Add a line. Raises OutputError."""
        line = json.dumps(obj, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            with self._lock, self.path.open("a+b", buffering=0) as file:
                if file.seek(0, os.SEEK_END):
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":  # a torn line: what follows it gets a line of its own
                        line = b"\n" + line
                file.write(line)
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError(f"Nothing can be written to {self.path}: {error.strerror or error}.") from error


def read_folder(folder: Path) -> dict[str, list[Dialogue]]:
    """The dialogues of a dataset, by split, in the order of the files. Raises DataError."""
    found = {name: folder / f"{name}.jsonl" for name in SPLITS if (folder / f"{name}.jsonl").is_file()}
    if not found:
        raise DataError(f"There is no dataset in {folder} (none of {', '.join(f'{name}.jsonl' for name in SPLITS)}).")
    splits = {name: list(read_dialogues(path)) for name, path in found.items()}
    for dialogue in (d for dialogues in splits.values() for d in dialogues):
        if any("\ud800" <= c <= "\udfff" for turn in dialogue.turns for c in (turn.user or "") + (turn.system or "")):
            raise DataError(f"A text of the dialogue {dialogue.dialogue_id} in {folder} holds half a character.")
    twice = [name for name, n in Counter(d.dialogue_id for ds in splits.values() for d in ds).items() if n > 1]
    if twice:
        raise DataError(f"The dialogue {twice[0]} is in {folder} twice.")
    return splits


def write_folder(splits: Mapping[str, list[Dialogue]], part: Path, origin: Path, **about: Any) -> None:
    """The splits of a dataset made from another one, and its manifest: the origin's, with ``about`` and without a version."""
    try:
        old = json.loads((origin / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        old = {}
    faces = all(d.image_id.startswith("seed:") for dialogues in splits.values() for d in dialogues)
    files = {}
    for split, dialogues in splits.items():
        path = part / f"{split}.jsonl"
        write_dialogues((replace(dialogue, version=None) for dialogue in dialogues), path)
        data = path.read_bytes()
        files[path.name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "dialogues": len(dialogues)}
    manifest = {
        "version": None, "format": FORMAT, "n": sum(map(len, splits.values())), "seed": old.get("seed", 0) if isinstance(old, dict) else 0,
        "source": "faces" if faces else "images", "files": files, **about,
    }  # fmt: skip
    (part / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def write_lines(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Objects as JSON lines."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


# Asking --------------------------------------------------------------------------------------------------------------
class _Stopped(Exception):
    """Another thread failed, or somebody pressed Ctrl-C."""


@dataclass
class _Answers:
    """A model behind its journal of answers: what was asked before is not asked again."""

    client: Endpoint
    journal: Journal
    settings: Settings
    asked: int = 0
    known: dict[str, str] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    locks: dict[str, threading.Lock] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for row in self.journal.read():
            if isinstance(row.get("key"), str) and isinstance(row.get("answer"), str):
                self.known[row["key"]] = row["answer"]

    def __call__(self, messages: list[Message]) -> str:
        """The answer; "" where the model had none or would not take this one request."""
        s = self.settings
        request = {
            "model": self.client.model,
            "messages": messages,
            "temperature": s.temperature,
            "max_tokens": s.max_tokens,
        }
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
        with self.lock:
            one = self.locks.setdefault(key, threading.Lock())
        with one:  # the same request of another thread waits for the answer
            if key in self.known:
                return self.known[key]
            if self.stopped.is_set():
                raise _Stopped
            try:
                answer = self.client.chat(messages, temperature=s.temperature, max_tokens=s.max_tokens)
            except EndpointError as error:
                if error.kind == "empty" or (error.kind == "refused" and self.asked):
                    return ""
                raise
            self.journal.append({"key": key, "answer": answer})
            with self.lock:
                self.known[key] = answer
                self.asked += 1
            return answer


_AS_THEY_ARE = frozenset({"foreign", "injection"})  # other languages; messages that try to command a model


def reword_turn(
    dialogue_id: str,
    index: int,
    turn: Turn,
    conv: Conversation,
    system: str,
    ask: Callable[[list[Message]], str],
    settings: Settings,
    track: Track | None,
) -> tuple[Turn, dict[str, Any]]:
    """One user turn reworded, or as it was, and its line for paraphrases.jsonl. Verdicts: ``accepted``, ``retried`` (accepted
    at the second attempt), ``kept`` (both failed; ``why`` says how), ``skipped``."""
    original, before = turn.user or "", conv.state.belief
    row: dict[str, Any] = {"dialogue_id": dialogue_id, "turn": index, "original": original, "paraphrase": None}
    if turn.behaviour in _AS_THEY_ARE or is_foreign_script(original) or not re.search(r"[A-Za-z]", original):
        return turn, {**row, "verdict": "skipped"}
    messages = request_for(dialogue_id, index, turn, before, system, settings)
    why: list[str] = []
    for verdict in ("accepted", "retried"):
        raw = ask(messages)
        answer = tidy(raw)
        wrong = faults(turn, before, answer, conv.suggestion)
        if not wrong and track is not None and not _understood(track, conv, turn, answer):
            wrong = ["It is not clear enough: somebody else understood it differently."]
        row["paraphrase"] = answer
        if not wrong:
            row["verdict"] = verdict
            return replace(turn, user=answer, family=PREFIX + (turn.family or "none").removeprefix(PREFIX)), (
                {**row, "why": why} if why else row
            )
        why += wrong
        again = f"That will not do. {' '.join(wrong)} Reword the same message again, and answer with the message alone."
        messages = [*messages, {"role": "assistant", "content": raw or "…"}, {"role": "user", "content": again}]
    return turn, {**row, "verdict": "kept", "why": why}


def _understood(track: Track, conv: Conversation, turn: Turn, answer: str) -> bool:
    """Whether the tracker hears the same belief. One that does not hear it in the original either has no say."""
    try:
        return track(conv, answer).state.belief == turn.belief or (
            track(conv, turn.user or "").state.belief != turn.belief
        )
    except MessageError:
        return False


def follow(conv: Conversation, turn: Turn) -> Conversation:
    """The conversation after a turn of a file. Files do not say which steps were undone: the behaviour does, or else the
    steps that lead to the turn's belief where its words speak of one."""
    if turn.event is not None:
        after = conv.event(turn.event)
    else:
        ops: tuple[str, ...] = STEPS.get(turn.behaviour or "", ())
        if not turn.behaviour and step_of(_flat(turn.user or "")) is not None:
            fitting = [o for o in STEPS.values() if conv.after_ops(o).state.belief == turn.belief != conv.state.belief]
            ops = fitting[0] if fitting else ()
        after = conv.hear(turn.user or "", Heard(state=_state(turn), ops=ops))
    if after.state.belief != turn.belief:  # the file has the last word
        after = replace(after, state=_state(turn))
    return after.reply(Spoken(turn.system, turn.act)) if turn.system and turn.act else after


def _state(turn: Turn) -> EditState:
    try:
        return EditState(turn.belief, tuple((turn.strength or {}).items()))
    except BeliefSyntaxError:
        return EditState(turn.belief)


def reword_dialogue(
    dialogue: Dialogue, ask: Callable[[list[Message]], str], settings: Settings, track: Track | None = None
) -> tuple[Dialogue, list[dict[str, Any]]]:
    """A dialogue reworded turn by turn (the tracker hears what was said so far in its new words), and its lines."""
    conv, turns, rows = Conversation(), list[Turn](), list[dict[str, Any]]()
    for index, turn in enumerate(dialogue.turns):
        new = turn
        if turn.user is not None:
            system = next((t.system for t in reversed(turns) if t.system), "")
            new, row = reword_turn(dialogue.dialogue_id, index, turn, conv, system, ask, settings, track)
            rows.append(row)
        conv = follow(conv, new)
        turns.append(new)
    return replace(dialogue, turns=tuple(turns)), rows


def paraphrase(
    folder: Path,
    out: Path,
    client: Endpoint,
    settings: Settings | None = None,
    *,
    track: Track | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Reword the user turns of a dataset into a new folder; returns how many turns had which verdict.

    ``track`` is a tracker that must hear the same belief in the new words (it is called by one thread at a time). ``cache`` keeps
    the answers (default: ``OUT.answers.jsonl`` beside ``out``). Raises DataError, OutputError, EndpointError; the answers that
    were there by then are kept.
    """
    settings = settings or Settings()
    folder, out = Path(folder), Path(out)
    cache = Path(cache) if cache is not None else out.absolute().with_name(f"{out.absolute().name}.answers.jsonl")
    splits = read_folder(folder)
    tell = progress or (lambda share, stage: None)
    if track is not None:
        track = _one_at_a_time(track)
    total = sum(len(dialogues) for dialogues in splits.values())
    done, counts = 0, Counter[str]()
    with new_folder(out) as part:
        journal = Journal(cache)
        journal.touch()
        ask = _Answers(client, journal, settings)
        reworded: dict[str, list[Dialogue]] = {}
        rows: list[dict[str, Any]] = []
        pool = ThreadPoolExecutor(max_workers=max(1, settings.workers))
        try:
            for split, dialogues in splits.items():
                tell(done / max(1, total), split)
                futures = [pool.submit(reword_dialogue, dialogue, ask, settings, track) for dialogue in dialogues]
                for future in as_completed(futures):
                    future.result()
                    done += 1
                    tell(done / total, split)
                results = [future.result() for future in futures]
                reworded[split] = [dialogue for dialogue, _ in results]
                rows += [row for _, lines in results for row in lines]
        except EndpointError as error:
            kept = f"{len(ask.known)} answers are kept in {cache}; the same command goes on from there."
            raise EndpointError(f"{error} {kept}" if ask.known else str(error), error.kind) from None
        finally:
            ask.stopped.set()
            pool.shutdown(cancel_futures=True)
        counts.update(row["verdict"] for row in rows)
        write_lines(rows, part / "paraphrases.jsonl")
        about = {"model": client.model, **asdict(settings), "tracker": track is not None, "turns": dict(counts)}
        write_folder(reworded, part, folder, paraphrase=about)
    return dict(counts)


def _one_at_a_time(track: Track) -> Track:
    lock = threading.Lock()

    def locked(conv: Conversation, text: str) -> Heard:
        with lock:
            return track(conv, text)

    return locked


__all__ = [
    "EXAMPLES", "INSTRUCTION", "PREFIX", "Journal", "Settings", "effect", "faults", "follow", "named", "paraphrase",
    "read_folder", "request_for", "reword_dialogue", "tidy", "write_folder",
]  # fmt: skip
