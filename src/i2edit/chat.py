"""Read this first. `Editor` holds the networks and knows no photo; `Chat` is one photo and what was said about it.

    editor = Editor.load()
    chat = editor.open("me.jpg")                     # aligns and inverts, once, slow
    reply = chat.say("smile a bit and give me bangs")
    reply.image, reply.text, reply.belief            # the whole photo, edited; the answer; what is wanted so far

One turn, in order:

    heard  = dialogue.track(conversation, text)      # the WHOLE history → the edit state
    w, …   = edits.layers(w_raw, state)              # always from the RAW photo, never from the last edit
    image  = render(photo, G(w_raw), G(w), …)        # only the asked-for regions may change
    spoken = dialogue.respond(conversation, outcome) # after the edit, so that it can admit what did not take

A picture is a function of (photo, edit state) and of nothing else: undo restores it bit for bit, and two conversations
that end in the same state end in the same picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from i2edit.errors import MessageError
from i2edit.ontology import Belief, EditState
from i2edit.records import Act, Outcome

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from i2edit.align import Aligned
    from i2edit.beyond import Around
    from i2edit.dialogue import Conversation, Heard, Tracker
    from i2edit.edit.directions import Directions, Layer
    from i2edit.images import Photo
    from i2edit.invert import EncoderInverter, Inverter
    from i2edit.nets import mobile, stylegan2
    from i2edit.nets.dlibface import DlibFace
    from i2edit.regions import Segmenter
    from i2edit.render import Rendering
    from i2edit.stacks import Choice

K = TypeVar("K")
V = TypeVar("V")
Progress = Callable[[float, str], None]
MESSAGE_LIMIT = 1000  # characters, as many as the dialogue model takes
# Kindly declined on a child's face.
NOT_FOR_CHILDREN = frozenset({"mustache", "goatee", "heavy makeup", "lipstick", "rosy cheeks", "big lips"})
CHILD_LOGIT = 0.5
REMEMBERED = 24  # pictures that a chat keeps, newest last,
REMEMBERED_PIXELS = 100_000_000  # and all their pixels (400 MB); the newest stays whatever its size
REMEMBERED_LAYERS = 6  # generated faces that a chat keeps (12 MB each)


def check_message(text: str) -> str:
    """The message without surrounding space. Raises MessageError for an empty or an over-long one."""
    text = text.encode("utf-8", "replace").decode("utf-8").strip()  # bytes that a terminal could not decode become "?"
    if not text:
        raise MessageError('The message is empty. Say what you would like to see, for example "smile a bit".')
    if len(text) > MESSAGE_LIMIT:
        raise MessageError(
            f"The message has {len(text)} characters; {MESSAGE_LIMIT} are the limit. Please say it more briefly."
        )
    return text


@dataclass(frozen=True, eq=False)
class Picture:
    """What an edit state looks like on the chat's photo."""

    image: Image.Image  # the whole photo, edited, RGB
    crop: Image.Image  # its face crop, 1024²
    change: dict[str, float]  # value → how much its own region changed, 0..1
    identity_distance: float  # dlib descriptor distance to the photo; 0.6 = somebody else
    seconds: dict[str, float]  # by part


@dataclass(frozen=True, eq=False)
class Reply:
    """What a turn led to."""

    text: str
    image: Image.Image
    belief: Belief
    state: EditState
    act: Act
    outcome: Outcome
    identity_distance: float
    seconds: float
    parts: dict[str, float]
    notes: tuple[str, ...] = ()


class Edits(Protocol):
    """An editor: (w_raw, edit state) → what there is to draw, composited by the one renderer. `directions`, `optimise` …"""

    def layers(self, w_raw: torch.Tensor, state: EditState) -> list[Layer]: ...


class Editor:
    """The networks, shared by all chats. Make it with `Editor.load()`; parts can be replaced at construction."""

    def __init__(
        self,
        generator: mobile.Generator | stylegan2.Generator,
        picture: Callable[[torch.Tensor], torch.Tensor],
        inverter: Inverter | EncoderInverter,
        directions: Directions,
        segmenter: Segmenter,
        face: DlibFace,
        dialogue: Tracker,
        edits: Edits | None = None,
    ) -> None:
        self.generator, self.picture, self.inverter = generator, picture, inverter
        self.directions, self.segmenter, self.face, self.dialogue = directions, segmenter, face, dialogue
        self.edits: Edits = edits or directions

    @classmethod
    def load(
        cls,
        choice: Choice | None = None,
        *,
        dialogue: Tracker | None = None,
        progress: Progress | None = None,
        editing: Progress | None = None,
    ) -> Editor:
        """The networks of a choice (`stacks.Choice`); by default those that ship, fetched if they are not in the cache.

        ``dialogue``: another model than the shipped one. ``editing`` is told of edits that take minutes. Raises WeightsError.
        """
        from i2edit import stacks

        return stacks.load(choice or stacks.Choice(), progress or (lambda share, name: None), editing, dialogue)

    def draw(
        self, w: torch.Tensor, raw: torch.Tensor | None = None, seen: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The picture [1, 3, S, S] of w [slots, dim] and its segmentation (`segment`), in one pass where the generator can do that."""
        from i2edit.nets.mobile import FEATURE_LAYERS

        both = getattr(self.picture, "with_features", None)
        if both is None or (seen is not None and len(w) != len(seen)):
            return self.picture(w[None]), self.segment(w, raw, seen)
        picture, features = both(w[None], FEATURE_LAYERS)
        return picture, self.segmenter.read(features[0])

    def segment(
        self, w: torch.Tensor, raw: torch.Tensor | None = None, seen: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """The segmentation of w. The segmenter knows the default generator's: another's w is carried over as an edit, by the photo's w
        ``raw`` there and ``seen`` [23, 512] in the default one."""
        from i2edit.nets.slots import carried

        if raw is not None and seen is not None and len(w) != len(seen):
            w = seen + carried(w - raw, len(seen))
        return self.segmenter(w)

    def open(
        self, photo: str | Path | Image.Image | Photo, face: int | None = None, *, progress: Progress | None = None
    ) -> Chat:
        """Opens a photo: finds a face, aligns it, finds its w (about fifteen seconds on two cores).

        ``face`` counts from 1, the largest plausible face first. Raises PhotoError, NoFaceFound, FaceTooSmall.
        """
        from PIL import Image

        from i2edit.align import align, find_faces, pick_face
        from i2edit.images import Photo, open_photo, to_tensor

        began = time.perf_counter()
        tell = progress or (lambda share, name: None)
        tell(0.0, "reading the photo")
        if isinstance(photo, Image.Image):
            photo = Photo(photo.convert("RGB"), Path("photo"), ())
        elif not isinstance(photo, Photo):
            photo = open_photo(photo)
        faces = find_faces(photo.image)
        chosen = pick_face(faces, face, photo=photo.image)
        notes = list(photo.notes)
        if len(faces) > 1 and face is None:
            notes.append(f"{len(faces)} faces found; taking number 1, the most prominent one. --face N takes another.")
        aligned = align(photo.image, chosen)
        import torch

        crop = to_tensor(aligned.crop)
        landmarks = torch.from_numpy(aligned.landmarks).float()
        inversion = self.inverter(crop, landmarks, progress=lambda share, name: tell(0.02 + 0.96 * share, name))
        raw = self.picture(inversion.w_raw[None])
        tell(1.0, "ready")
        chat = Chat(self, photo.image, aligned, crop, landmarks, inversion.w_raw, raw, w_seen=inversion.w_seen)
        chat.notes = tuple(notes)
        chat.opening = {
            "seconds": time.perf_counter() - began,
            "lpips": inversion.lpips,
            "identity": inversion.identity,
        }
        return chat

    def open_seed(self, seed: int) -> Chat:
        """Opens the generated face of a seed: nobody's face, no inversion."""
        return self.open_w(self.generator.seed(seed))

    def open_w(self, w: torch.Tensor | str | Path) -> Chat:
        """Opens the generated face of a w, a tensor or a file: [512], or [slots, 512] of any known generator (`nets/slots.py`).

        Raises DataError.
        """
        import numpy as np
        import torch

        from i2edit.align import Aligned, find_faces
        from i2edit.images import to_image, to_tensor
        from i2edit.nets.mobile import NUM_SLOTS
        from i2edit.nets.slots import as_slots, carried, read_w

        began = time.perf_counter()
        w = as_slots(w if isinstance(w, torch.Tensor) else read_w(w), self.generator.num_slots).contiguous()
        image = to_image(self.picture(w[None]))
        found = find_faces(image)
        points = found[0].landmarks if found else self.directions.landmarks(w).numpy() * image.width
        quad = np.array([[-0.5, -0.5], [-0.5, 1023.5], [1023.5, 1023.5], [1023.5, -0.5]])
        aligned = Aligned(image, quad, np.asarray(points, dtype=np.float64))
        crop = to_tensor(image)
        landmarks = torch.from_numpy(aligned.landmarks).float()
        chat = Chat(self, image, aligned, crop, landmarks, w, crop, w_seen=carried(w, NUM_SLOTS))
        chat.generated = True
        chat.opening = {"seconds": time.perf_counter() - began, "lpips": 0.0, "identity": 0.0}
        return chat


@dataclass(eq=False)
class Chat:
    """One photo, its w, and the conversation about it."""

    editor: Editor
    photo: Image.Image
    aligned: Aligned
    crop: torch.Tensor  # [1, 3, 1024, 1024] in [-1, 1]
    landmarks: torch.Tensor  # [68, 2] in crop pixels
    w_raw: torch.Tensor  # [slots, 512]; the default generator has 23
    raw: torch.Tensor  # G(w_raw), [1, 3, 1024, 1024]
    notes: tuple[str, ...] = ()
    opening: dict[str, float] = field(default_factory=dict)
    generated: bool = False
    w_seen: torch.Tensor | None = None  # [23, 512]: the photo in the default generator, where w_raw is another's
    conversation: Conversation = field(init=False)

    def __post_init__(self) -> None:
        import torch

        from i2edit.data.simulate import MASCULINE
        from i2edit.dialogue import Conversation
        from i2edit.render import Scene

        self.conversation = Conversation()
        self._seen = self.w_raw if self.w_seen is None else self.w_seen
        before = self.editor.segment(self.w_raw, self.w_raw, self._seen)
        with torch.no_grad():
            self._person = self._describe(self.crop)
        self._pictures: dict[EditState, Picture] = {}
        self._around: Around | None = None  # hair beyond the crop, looked for at the first dye
        self.scene = Scene(self.crop, self.landmarks, before)
        self._drawn: dict[bytes, tuple[torch.Tensor, dict[str, torch.Tensor]]] = {}
        self._rendered: dict[tuple[EditState, ...], Rendering] = {}  # by the layers from the lowest one on
        logits = self.editor.directions.logits(self._seen)
        self.present = self.editor.directions.present(self._seen)
        self.blocked = NOT_FOR_CHILDREN if logits["child"] > CHILD_LOGIT else frozenset()
        self.unfit = self.present | (MASCULINE if logits["male"] < 0 else frozenset())  # never suggested

    @property
    def state(self) -> EditState:
        """The edit state now: belief and strengths."""
        return self.conversation.state

    @property
    def belief(self) -> Belief:
        """Every edit that the person wants, from the first turn to now."""
        return self.conversation.state.belief

    @property
    def image(self) -> Image.Image:
        """The photo as it looks now."""
        return self.picture(self.state).image.copy()

    def say(self, text: str, seed: int = 0) -> Reply:
        """One turn: text → picture and answer. Raises MessageError; a failed turn leaves the chat as it was."""
        text = check_message(text)
        began = time.perf_counter()
        heard = self.editor.dialogue.track(self.conversation, text)
        tracked = time.perf_counter() - began
        return self._turn(self.conversation.hear(text, heard), heard, began, tracked, seed)

    def event(self, event: Mapping[str, Any]) -> Reply:
        """A button: `{"type": "undo"}`, `{"type": "remove", "value": "bangs"}` … (records.EVENTS). Exact, no model."""
        began = time.perf_counter()
        before = self.conversation
        after = before.event(event)
        picture = self.picture(after.state)
        outcome = self._outcome(before.state, after.state, picture)
        self.conversation = after
        declined, told = self._declined(outcome)
        text = f"{declined} {describe(told)}".strip() or "Nothing to change there."
        spent = time.perf_counter() - began
        return Reply(
            text, picture.image.copy(), after.state.belief, after.state, Act("next"), outcome,
            picture.identity_distance, spent, dict(picture.seconds),
        )  # fmt: skip

    def undo(self) -> Reply:
        """Back to before the latest change."""
        return self.event({"type": "undo"})

    def redo(self) -> Reply:
        """Forward again."""
        return self.event({"type": "redo"})

    def reset(self) -> Reply:
        """Start over from the photo itself."""
        return self.event({"type": "reset"})

    def forget_pictures(self, keep_pixels: int = 0) -> None:
        """Empties the picture cache; pictures are made again, identically, when asked for.

        ``keep_pixels``: the newest pictures, with so many pixels in all (their face crops count too), are kept; what they were made
        of is not.
        """
        crop = 0 if self.generated else self.aligned.crop.width * self.aligned.crop.height
        room = keep_pixels // (self.photo.width * self.photo.height + crop)
        while len(self._pictures) > room:
            del self._pictures[next(iter(self._pictures))]
        self._drawn.clear()
        self._rendered.clear()

    def _turn(self, after: Conversation, heard: Heard, began: float, tracked: float, seed: int) -> Reply:
        before = self.conversation
        picture = self.picture(after.state)
        outcome = self._outcome(before.state, after.state, picture)
        mark = time.perf_counter()
        declined, told = self._declined(outcome)
        spoken = self.editor.dialogue.respond(after, heard, told, present=self.unfit, blocked=self.blocked, seed=seed)
        text = f"{declined} {spoken.text}".strip()
        self.conversation = after.reply(spoken)
        spent = time.perf_counter()
        parts = {"track": tracked, **picture.seconds, "respond": spent - mark}
        return Reply(
            text, picture.image.copy(), after.state.belief, after.state, spoken.act, outcome,
            picture.identity_distance, spent - began, parts, (*heard.notes, *spoken.notes),
        )  # fmt: skip

    def _outcome(self, before: EditState, after: EditState, picture: Picture) -> Outcome:
        from i2edit.render import VISIBLE

        asked = [
            value for value in after.belief.values
            if value not in before.belief or before.strength(value) != after.strength(value)
        ]  # fmt: skip
        made = tuple(v for v in asked if v not in self.blocked and picture.change.get(v, 0.0) >= VISIBLE)
        failed = tuple(v for v in asked if v not in made)
        return Outcome(made, failed, tuple(v for v in before.belief.values if v not in after.belief))

    def _declined(self, outcome: Outcome) -> tuple[str, Outcome]:
        """A kind sentence on what is not done to a child's face, or "", and the outcome without it."""
        declined = tuple(v for v in outcome.failed if v in self.blocked)
        if not declined:
            return "", outcome
        told = Outcome(outcome.made, tuple(v for v in outcome.failed if v not in declined), outcome.removed)
        return f"This looks like a child to me, so I leave {listing(declined)} out.", told

    def drawn(self, state: EditState) -> EditState:
        """What of a state is in its picture: all but what is not done to a child's face."""
        return state.with_belief(state.belief.remove(*self.blocked))

    def picture(self, state: EditState) -> Picture:
        """What a state looks like; the photo itself for the empty one."""
        if state in self._pictures:
            found = self._pictures[state] = self._pictures.pop(state)  # the newest now
            return Picture(found.image, found.crop, found.change, found.identity_distance, {})
        room = min(REMEMBERED, REMEMBERED_PIXELS // (self.photo.width * self.photo.height))
        while len(self._pictures) >= max(1, room):  # before drawing, so that large photos are not held once more
            del self._pictures[next(iter(self._pictures))]
        made = self._draw(state)
        self._pictures[state] = made
        return made

    def _draw(self, state: EditState) -> Picture:
        import torch

        from i2edit.align import paste
        from i2edit.beyond import carry_on, look_around
        from i2edit.images import to_image

        allowed = self.drawn(state)
        if not allowed.belief:
            return Picture(self.photo, self.aligned.crop, {}, 0.0, {})
        clock = [time.perf_counter()]
        seconds: dict[str, float] = {}

        def lap(name: str) -> None:
            clock.append(time.perf_counter())
            seconds[name] = clock[-1] - clock[-2]

        layers = self.editor.edits.layers(self.w_raw, allowed)
        lap("edit")
        for count, layer in enumerate(layers, 1):
            if tuple(below.state for below in layers[:count]) not in self._rendered:
                self._generated(layer.w)
        lap("generate")
        done = self._layered(layers)
        lap("render")
        crop = to_image(done.crop)
        if self.generated:
            image = crop
        else:
            image = paste(self.photo, crop, (done.mask > 0).float().numpy(), self.aligned, base=self.aligned.crop)
            if done.hair is not None:
                if self._around is None:
                    self._around = look_around(self.photo, self.aligned, done.hair)
                image = carry_on(image, self.photo, self._around, done.hair, self.crop, done.crop)
        lap("paste")
        with torch.no_grad():
            distance = float((self._describe(done.crop) - self._person).norm())
        lap("measure")
        return Picture(image, crop, done.change, distance, seconds)

    def _layered(self, layers: Sequence[Layer]) -> Rendering:
        """The crop with these layers over it. What lies under the latest change is remembered."""
        from i2edit.render import Drawn

        if not layers:
            return self.scene.unedited
        key = tuple(layer.state for layer in layers)
        if key not in self._rendered:
            below, layer = self._layered(layers[:-1]), layers[-1]
            base = self.raw if layer.base is self.w_raw else self._generated(layer.base)[0]
            edited, after = self._generated(layer.w)
            self._rendered[key] = self.scene.add(below, Drawn(layer.state, edited, base, after))
        return _remember(self._rendered, key)

    def _generated(self, w: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The generator's picture of w and its segmentation; the last few are remembered, because most turns change one layer."""
        key = w.numpy().tobytes()
        if key not in self._drawn:
            self._drawn[key] = self.editor.draw(w, self.w_raw, self._seen)
        return _remember(self._drawn, key)

    def _describe(self, crop: torch.Tensor) -> torch.Tensor:
        import torch

        from i2edit.nets.dlibface import face_chip

        small = torch.nn.functional.interpolate(crop, size=512, mode="area")
        return self.editor.face(face_chip(small, self.landmarks / 2))


def _remember(found: dict[K, V], key: K) -> V:
    """The value of a key, which becomes the newest; the oldest beyond REMEMBERED_LAYERS are dropped."""
    value = found[key] = found.pop(key)
    while len(found) > REMEMBERED_LAYERS:
        del found[next(iter(found))]
    return value


def listing(values: tuple[str, ...]) -> str:
    """("bangs", "lipstick") → "bangs and lipstick"."""
    return " and ".join(", ".join(values).rsplit(", ", 1))


def describe(outcome: Outcome) -> str:
    """A plain sentence on what a button did."""
    said = []
    if outcome.made:
        said.append(f"Done: {listing(outcome.made)}.")
    if outcome.removed:
        said.append(f"Taken back: {listing(outcome.removed)}.")
    if outcome.failed:
        said.append(f"Could not be made visible on this face: {listing(outcome.failed)}.")
    return " ".join(said)
