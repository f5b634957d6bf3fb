"""The page, on Gradio: where a photo is dropped, the conversation, and beside it the picture with what is wanted so far.

In: a `Service`. Out: Gradio Blocks. Every button is an event of the data contract, so the dialogue model knows of it. What
Gradio has no element for (before and after, chips, strip of turns, choosing a face) is drawn by page.js from the same
views that the HTTP API gives, and pictures come from that API, so that Gradio keeps no copy of anybody's face.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from i2edit.errors import I2EditError, MessageError, NoSuchSession
from i2edit.web.api import sentence
from i2edit.web.fair import Ticket
from i2edit.web.service import SAMPLES, STARTERS, Service

SEEDS = (285, 49, 265, 943, 43)  # sample faces of nobody; their thumbnails lie in samples/
GREETING = "Say what you would like to see. Everything can be taken back."
HEAD = '<script src="/web/page.js"></script><link rel="stylesheet" href="/web/page.css"><meta name="robots" content="noindex">'

Update = dict[Any, Any]


def file_element(label: str) -> gr.File:
    """Gradio's file element, for `gradio_client`, which here fetches nothing: only what was sent is taken."""
    element = gr.File(label=label, type="filepath")
    move = element.async_move_resource_to_block_cache

    async def keep(url_or_file_path: str | Path | None) -> str | None:
        if "://" in str(url_or_file_path):
            raise gr.Error("Addresses are not fetched. Send the file itself.", print_exception=False)
        return await move(url_or_file_path)

    element.async_move_resource_to_block_cache = keep  # a subclass would make Gradio write a .pyi beside this file
    return element


def make_page(service: Service) -> gr.Blocks:
    """The Blocks, to be mounted beside the API (serve.py)."""
    with gr.Blocks(title="i2edit", analytics_enabled=False) as blocks:
        me = gr.BrowserState(
            "", storage_key="i2edit-session", secret="i2edit"
        )  # no secret: it never leaves the browser
        known = gr.Number(0, visible=False)  # turns that this tab has seen: makes two clicks on one thing one turn
        gr.HTML(html_template=_head(), apply_default_css=False, js_on_load="i2edit.health(element)")
        with gr.Column(visible=False) as opening:
            start = gr.HTML(
                html_template=_start(),
                apply_default_css=False,
                js_on_load="i2edit.start(element, trigger); // 'opened'",
            )
        with gr.Row(visible=False, elem_id="i2-chat") as talking:
            with gr.Column(elem_id="i2-left"):
                talk = gr.Chatbot(
                    label="Conversation", show_label=False, elem_id="i2-talk", height=440, layout="bubble", buttons=[],
                    feedback_options=None, render_markdown=False, sanitize_html=True, placeholder=GREETING,
                    allow_tags=False, group_consecutive_messages=False,
                )  # fmt: skip
                suggest = gr.HTML(
                    apply_default_css=False,
                    html_template='<div class="suggest" role="group" aria-label="Suggestions"></div>',
                    js_on_load="i2edit.suggest(element, props, trigger, watch); // 'press' 'words'",
                )
                with gr.Row(equal_height=True, elem_id="i2-compose"):
                    box = gr.Textbox(
                        label="Your message", placeholder="smile a bit and give me bangs", lines=1, max_lines=4,
                        max_length=1000, scale=5, autofocus=True, elem_id="i2-box", container=False,
                        html_attributes=gr.InputHTMLAttributes(autocorrect="on", spellcheck=True),
                    )  # fmt: skip
                    send = gr.Button("Send", variant="primary", scale=1, min_width=80)
                told = gr.HTML(elem_id="i2-told")
                menu = gr.HTML(
                    html_template=_MENU,
                    apply_default_css=False,
                    js_on_load="i2edit.menu(element, trigger); // 'leave' 'delete'",
                )
            with gr.Column(elem_id="i2-right"):
                stage = gr.HTML(
                    apply_default_css=False,
                    html_template='<div class="stage" hidden></div>',
                    js_on_load="i2edit.stage(element, props, trigger, watch); // 'press'",
                )

        def draw(view: dict[str, Any], words: str = "") -> Update:
            return {
                me: view["id"], known: view["version"], opening: gr.update(visible=False),
                talking: gr.update(visible=True), talk: messages(view), stage: _json(view), suggest: _suggestions(view),
                told: _alert(words),
            }  # fmt: skip

        def away() -> Update:
            return {
                me: "", known: 0, opening: gr.update(visible=True), talking: gr.update(visible=False), talk: [],
                stage: "", suggest: "", told: "", box: "",
            }  # fmt: skip

        def restore(id: str) -> Update:
            if not id:
                return away()
            try:
                return draw(service.view(id))
            except NoSuchSession:
                return away()
            except I2EditError as error:
                gr.Warning(str(error))
                return {opening: gr.update(visible=True), talking: gr.update(visible=False)}

        def opened(event: gr.EventData) -> Update:
            return restore(str(event._data["id"]))

        def turn(id: str, begin: Callable[[], Ticket], said: str | None) -> Iterator[Update]:
            try:
                ticket = begin()
                shown = {} if said is None else {talk: [*messages(service.view(id)), *_bubble(said, "…")], box: ""}
                yield {**shown, told: _busy("Sent"), suggest: ""}
                for state in ticket.follow():
                    yield {told: _busy(_progress(state))}
                yield draw(ticket.result())
            except NoSuchSession:
                gr.Warning("This conversation was deleted.")
                yield away()
            except Exception as error:
                back = {} if said is None else {box: said}
                yield {**restore(id), **back, told: _alert(sentence(error))}
                if not isinstance(error, I2EditError):
                    raise

        def speak(id: str, text: str, seen: float) -> Iterator[Update]:
            try:
                if not text.strip():
                    raise MessageError("Say what you would like, for example “smile a bit”.")
            except MessageError as error:
                yield {told: _alert(str(error))}
                return
            yield from turn(id, lambda: service.say(id, text, key=_key(seen, text)), text)

        def words(id: str, seen: float, event: gr.EventData) -> Iterator[Update]:
            yield from speak(id, str(event._data["text"]), seen)

        def press(id: str, seen: float, event: gr.EventData) -> Iterator[Update]:
            wanted = {k: v for k, v in event._data.items() if k in ("type", "value", "strength", "turn")}
            key = _key(seen, json.dumps(wanted, sort_keys=True))
            if wanted.get("type") == "go_to":
                yield from turn(id, lambda: service.go_to(id, int(wanted["turn"]), key=key), None)
            else:
                yield from turn(id, lambda: service.event(id, wanted, key=key), None)

        def delete(id: str) -> Update:
            try:
                service.close(id)
            except NoSuchSession:
                pass
            except I2EditError as error:
                return {told: _alert(str(error))}
            return away()

        everything: list[Any] = [me, known, opening, talking, talk, stage, suggest, told, box]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
        blocks.load(restore, [me], everything, **quiet)
        start.opened(opened, None, everything, **quiet)
        gr.on([box.submit, send.click], speak, [me, box, known], everything, **quiet)
        suggest.words(words, [me, known], everything, **quiet)
        for element in (suggest, stage):
            element.press(press, [me, known], everything, **quiet)
        menu.leave(lambda: away(), None, everything, **quiet)
        menu.delete(delete, [me], everything, **quiet)
        _for_clients(service)
    blocks.queue(default_concurrency_limit=None, api_open=False)
    return blocks


def _for_clients(service: Service) -> None:
    """The verbs for `gradio_client`: client.predict(handle_file("me.jpg"), None, None, api_name="/open") → a view."""
    public: dict[str, Any] = {"concurrency_limit": None, "queue": True}

    def typed(verb: Callable[[], Any]) -> Any:
        try:
            return verb()
        except I2EditError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def open(photo: str | None, seed: float | None, face: float | None) -> dict[str, Any]:
        try:
            content = (Path(photo).name, Path(photo).read_bytes()) if photo else None
        finally:
            if photo:
                Path(photo).unlink(missing_ok=True)  # Gradio's own copy
        number = None if seed is None else int(seed)
        which = None if face is None else int(face)
        return typed(lambda: service.open(content=content, seed=number, face=which, client="gradio").result())

    def say(id: str, text: str) -> dict[str, Any]:
        return typed(lambda: service.say(id, text).result())

    def event(id: str, event: dict[str, Any]) -> dict[str, Any]:
        return typed(lambda: service.event(id, event).result())

    def view(id: str) -> dict[str, Any]:
        return typed(lambda: service.view(id))

    def close(id: str) -> str:
        typed(lambda: service.close(id))
        return "deleted"

    with gr.Row(visible=False):
        photo, seed, face = file_element("photo"), gr.Number(label="seed"), gr.Number(label="face")
        id, text, pressed, answer, told = gr.Textbox(), gr.Textbox(), gr.JSON(), gr.JSON(), gr.Textbox()
        button = gr.Button()
        button.click(open, [photo, seed, face], answer, api_name="open", **public)
        button.click(say, [id, text], answer, api_name="say", **public)
        button.click(event, [id, pressed], answer, api_name="event", **public)
        button.click(view, [id], answer, api_name="view", **public)
        button.click(close, [id], told, api_name="close", **public)


def messages(view: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation as Gradio's messages; what was pressed stands in brackets."""
    found: list[dict[str, Any]] = []
    for note in view["notes"]:
        found.append({"role": "assistant", "content": note})
    for turn in view["turns"]:
        found += _bubble(turn["user"] if turn["user"] is not None else f"[{turn['words']}]", turn["text"])
    return found


def _bubble(user: str, answer: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]


def _suggestions(view: dict[str, Any]) -> str:
    say = ["no, thanks"] if view["suggestions"] else []
    return _json({"set": view["suggestions"], "say": say if view["turns"] else list(STARTERS)})


def _key(seen: float, what: str) -> str:
    return f"page {int(seen)} {hashlib.sha256(what.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _alert(words: str) -> str:
    return f'<p role="alert">{escape(words)}</p>' if words else ""


def _busy(words: str) -> str:
    return f'<span class="busy" role="status">{escape(words)}</span>'


def _progress(state: dict[str, Any]) -> str:
    if state["state"] == "waiting":
        return f"Waiting: you are number {state['position']} in line"
    share = f" ({100 * state['share']:.0f} %)" if state["share"] > 0.1 else ""
    return f"{(state['text'] or 'working').capitalize()}{share} …"


def _head() -> str:
    return (
        '<header class="i2-head"><h1>i2edit</h1><p>Talk to a photo. It stays on this machine.</p>'
        '<span class="health" role="status" data-state="loading">Getting ready …</span></header>'
    )


def _start() -> str:
    samples = [
        f'<li><button type="button" data-sample="{name}" title="A sample photo (takes as long as your own)" '
        f'aria-label="Sample photo"><img src="/web/samples/{name}.jpg" alt="A sample portrait"></button></li>'
        for name in SAMPLES
    ] + [
        f'<li><button type="button" data-seed="{seed}" title="A generated face, ready at once" '
        f'aria-label="Generated face {n}"><img src="/web/samples/{seed}.jpg" alt="A generated face of nobody"></button></li>'
        for n, seed in enumerate(SEEDS, 1)
    ]
    return f"""<section class="start" aria-label="Choose a face">
 <div class="choose">
  <label class="drop"><strong>Drop a photo here</strong>or click to choose one, or paste it
   <input type="file" accept="image/*" aria-label="Choose a photo"></label>
  <div class="row"><button type="button" data-do="webcam">Use the camera</button>
   <button type="button" data-do="new">A new face (of nobody)</button></div>
  <h2>Or try one of these; none of them exists</h2>
  <ul class="samples">{"".join(samples)}</ul>
  <p class="small">Only edit photos of people who agreed to it. Photos are kept in this server's own folder until you
   delete the conversation; nothing is sent anywhere else.</p>
 </div>
 <div class="work" hidden></div>
 <p role="alert"></p>
</section>"""


_MENU = (
    '<div class="i2-menu"><button type="button" data-do="leave">Another photo</button>'
    '<button type="button" data-do="delete">Delete this conversation</button></div>'
)
