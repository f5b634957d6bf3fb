"""Which networks an `Editor` is made of: two stacks and two editors, by name.

    Editor.load()                                                                  # mobile, directions
    Editor.load(Choice(editor="optimise"))
    Editor.load(Choice(stack="ffhq", encoder="e4e_ffhq_encode.pt"))
    Editor.load(Choice(stack="ffhq", editor="optimise", encoder="e4e_ffhq_encode.pt",
                       arcface="model_ir_se50.pth", clip="openai/clip-vit-base-patch32"))      # the paper's own parts

| | `mobile` | `ffhq` |
|---|---|---|
| generator | MobileStyleGAN | StyleGAN2 (`generator`, else the decoder in `encoder`) |
| inversion | regressor and refinement | e4e (`encoder`) |
| identity in `optimise` | dlib's descriptor | ArcFace IR-SE50 (`arcface`) |
| image–text model in `optimise` | face–text encoder, or CLIP (`clip`) | CLIP (`clip`) |

Both draw through the same renderer. Faces are aligned, segmented and described by the default stack's networks in either.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from i2edit.errors import I2EditError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from i2edit.chat import Editor, Progress
    from i2edit.dialogue import Tracker
    from i2edit.edit.directions import Directions
    from i2edit.edit.optimise import Optimise
    from i2edit.nets import mobile, stylegan2
    from i2edit.nets.arcface import ArcFace
    from i2edit.nets.clip import ImageText
    from i2edit.nets.dlibface import DlibFace
    from i2edit.ontology import Belief

PULL = 0.024  # three times λ_L2: MobileStyleGAN never saw different w in its slots; at λ_L2 itself faces fall apart, at ten times no mouth smiles


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Choice:
    """What to build an editor of. Checkpoints are paths, or OWNER/NAME/FILE on the model hub."""

    stack: Literal["mobile", "ffhq"] = _option(
        "mobile", "The networks: small ones, or StyleGAN2 from your checkpoints."
    )
    editor: Literal["directions", "optimise"] = _option(
        "directions", "How edits are found: at once, or as in the paper."
    )
    encoder: str | None = _option(None, "ffhq: e4e_ffhq_encode.pt.")
    generator: str | None = _option(None, "ffhq: stylegan2-ffhq-config-f.pt (default: the decoder in --encoder).")
    arcface: str | None = _option(None, "ffhq with optimise: model_ir_se50.pth.")
    clip: str | None = _option(
        None,
        "optimise: a CLIP folder, or OWNER/NAME such as openai/clip-vit-base-patch32 (default on mobile: the shipped face–text encoder).",
    )
    clip_input: Literal["normalised", "legacy"] = _option(
        "normalised", "optimise: CLIP's input as it was trained, or unnormalised as in StyleCLIP's code."
    )
    l2: Literal["squared", "norm"] = _option(
        "squared", "optimise: the L2 term as in the published code, or as in eq. 5."
    )
    steps: int = _option(300, "optimise: steps for each edit.")

    def __post_init__(self) -> None:
        from typing import get_args, get_type_hints

        for name, hint in get_type_hints(type(self)).items():
            known = [value for value in get_args(hint) if isinstance(value, str)]
            if known and getattr(self, name) not in known:
                raise I2EditError(f"{name} is {' or '.join(known)}, not {getattr(self, name)!r}.")
        if self.steps < 1:
            raise I2EditError(f"An edit needs at least one step, not {self.steps}.")
        if self.stack == "mobile":
            surplus = [name for name in ("encoder", "generator", "arcface") if getattr(self, name)]
            if surplus:
                raise I2EditError(f"The mobile stack brings its own networks; {_flags(surplus)} are for --stack ffhq.")
        needed = [name for name, needs in self._needs().items() if needs and not getattr(self, name)]
        if needed:
            helps = {f.name: f.metadata["help"] for f in fields(self)}
            lines = "; ".join(f"{_flags([name])} ({helps[name].rstrip('.')})" for name in needed)
            raise WeightsError(f"--stack {self.stack} --editor {self.editor} needs {lines}.")

    def _needs(self) -> dict[str, bool]:
        ffhq, optimise = self.stack == "ffhq", self.editor == "optimise"
        return {"encoder": ffhq, "arcface": ffhq and optimise, "clip": ffhq and optimise}


def named(source: str, what: str = "model") -> tuple[Any, tuple[str, ...]]:
    """What `MODULE:CALLABLE` or `MODULE:CALLABLE:ARGUMENT` names, such as `mymodels:Judge.load`, and its argument, if there is one.

    Raises I2EditError; ``what``: what its sentence calls the thing.
    """
    from importlib import import_module

    module, _, rest = source.partition(":")
    name, _, argument = rest.partition(":")
    if not module or not name:
        raise I2EditError(f"The {what} is named as MODULE:CALLABLE or MODULE:CALLABLE:ARGUMENT, not {source!r}.")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise I2EditError(f"The {what} {source} cannot be found: {error}.") from error
    return found, (argument,) if argument else ()


def _flags(names: list[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def load(choice: Choice, tell: Progress, editing: Progress | None = None, dialogue: Tracker | None = None) -> Editor:
    """An editor of the chosen networks. Raises WeightsError; the person's own checkpoints are read before anything else.

    ``editing``: told of the progress of each edit that takes minutes. ``dialogue``: another model than the shipped one.
    """
    import torch

    from i2edit.chat import Editor
    from i2edit.dialogue import load_dialogue
    from i2edit.edit.directions import Directions
    from i2edit.invert import Axes, EncoderInverter, Inverter, Regressor
    from i2edit.nets.dlibface import DlibFace
    from i2edit.nets.lpips import LPIPS
    from i2edit.nets.mobile import Generator
    from i2edit.regions import Segmenter

    tell(0.0, "loading the generator")
    encoder, stylegan2 = _ffhq(choice) if choice.stack == "ffhq" else (None, None)
    judges = _judges(choice) if choice.editor == "optimise" else None
    default = Generator.from_weights().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    picture: Any
    if stylegan2 is None:
        from i2edit.nets.fast import FastSynthesis

        tell(0.3, "compiling it for this processor")
        picture = FastSynthesis(default.synthesis)
    else:
        picture = full_size(stylegan2.synthesis)
    tell(0.7, "loading the other networks")
    face, directions = DlibFace.from_weights(), Directions.from_assets()
    quick = picture if stylegan2 is None else None
    lpips, regressor = LPIPS("alex").from_weights(), Regressor.from_assets()
    inverter = Inverter(default, lpips, face, regressor, axes=Axes.from_assets(), picture=quick)
    generator = stylegan2 or default
    editor = Editor(
        generator,
        picture,
        inverter if encoder is None else EncoderInverter(encoder, picture, inverter),
        directions,
        Segmenter.from_assets(default),
        face,
        dialogue or load_dialogue(),
        _optimise(choice, generator, judges, face, directions, editing) if judges else directions,
    )
    tell(1.0, "ready")
    return editor


def full_size(synthesis: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """A synthesis of any size → pictures of the crop's size, without gradients."""
    import torch
    from torch.nn import functional as F

    from i2edit.align import CROP

    @torch.no_grad()
    def picture(w: Tensor) -> Tensor:
        drawn = synthesis(w)
        if drawn.shape[-1] == CROP:
            return drawn
        return F.interpolate(drawn, size=CROP, mode="bicubic", align_corners=False)

    return picture


def _ffhq(choice: Choice) -> tuple[Any, stylegan2.Generator]:
    """The e4e encoder and the StyleGAN2 generator of a choice."""
    from i2edit.nets import e4e, stylegan2
    from i2edit.nets.checkpoint import read

    assert choice.encoder is not None
    found = read(choice.encoder)
    encoder = e4e.from_dict(found, choice.encoder)
    if choice.generator is None:
        generator = stylegan2.from_dict(found, choice.encoder)
    else:
        generator = stylegan2.Generator.from_checkpoint(choice.generator)
    if encoder.mean.shape != (generator.num_slots, generator.dim):
        raise WeightsError(
            f"The encoder in {choice.encoder} answers with {list(encoder.mean.shape)} numbers, the generator of {generator.size} px "
            f"takes [{generator.num_slots}, {generator.dim}]."
        )
    if generator.dim != 512:
        raise WeightsError(f"w has {generator.dim} numbers in {choice.encoder}; FFHQ's W has 512.")
    return encoder, generator


def _judges(choice: Choice) -> tuple[ImageText, ArcFace | None]:
    """What the paper's editor listens to: an image–text model, and ArcFace on the ffhq stack."""
    from i2edit.facetext import FaceText
    from i2edit.nets.arcface import ArcFace
    from i2edit.nets.clip import CLIP

    arcface = ArcFace.from_checkpoint(choice.arcface) if choice.arcface else None
    if choice.clip is None:
        return FaceText.from_assets(), arcface
    return CLIP.from_pretrained(choice.clip, choice.clip_input), arcface


def wording(image_text: ImageText) -> Callable[[Belief], str]:
    """How a belief is told to an image–text model: to the face–text encoder as a list, if that is not too long for it, because of "a
    smiling person with blond hair" it hears little but the hair; to others in one phrase."""
    from i2edit.captions import caption, listed
    from i2edit.errors import MessageError
    from i2edit.facetext import FaceText

    def listed_if_it_fits(belief: Belief) -> str:
        text = listed(belief)
        try:
            image_text.embed_texts([text])
        except MessageError:
            return caption(belief)
        return text

    return listed_if_it_fits if isinstance(image_text, FaceText) else caption


def _optimise(
    choice: Choice,
    generator: stylegan2.Generator | mobile.Generator,
    judges: tuple[ImageText, ArcFace | None],
    face: DlibFace,
    directions: Directions,
    progress: Progress | None,
) -> Optimise:
    """The paper's editor on a stack: W+ on StyleGAN2's whole picture; on MobileStyleGAN's preview, its slots held together."""
    from i2edit.edit.optimise import Optimise, Settings
    from i2edit.nets import stylegan2
    from i2edit.nets.dlibface import face_chip
    from i2edit.nets.mobile import USED_SLOTS

    image_text, arcface = judges
    settings = Settings(steps=choice.steps, l2=choice.l2)

    def describe(picture: Tensor, w: Tensor) -> Tensor:
        if arcface is not None:
            return arcface(picture)
        return face(face_chip(picture, (directions.landmarks(w) * picture.shape[-1]).float()))

    if isinstance(generator, stylegan2.Generator):
        draw, used = generator.synthesis, generator.used_slots
    else:
        draw, used, settings = generator.preview, USED_SLOTS, replace(settings, pull=PULL)
    return Optimise(draw, image_text, describe, used, settings, progress, wording(image_text))
