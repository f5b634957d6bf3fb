"""A language model behind an address as the dialogue model: against a real server, with the shipped model behind it."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import KEY, FakeModel, completion
from PIL import Image

from i2edit import cli
from i2edit.chat import Chat, Editor
from i2edit.data.endpoint import Endpoint, EndpointError
from i2edit.dialogue import Conversation, Spoken
from i2edit.dialogue.history import hear_marks
from i2edit.dialogue.remote import HISTORY, REPLY_SCHEMA, TRACK_SCHEMA, RemoteDialogue, open_dialogue, read_marks
from i2edit.dialogue.tracking import track_file
from i2edit.errors import DataError, I2EditError, MessageError
from i2edit.ontology import EXCLUDES, Belief, EditState
from i2edit.records import Act, Dialogue, Outcome, Turn, read_dialogues, write_dialogues

NOTHING = {"intent": "none", "steps": [], "keep_only": False, "changes": []}


def wish(*changes: str, steps: tuple[str, ...] = (), keep_only: bool = False) -> dict[str, Any]:
    """ "add bangs", "add smiling less", "remove hair color" … as the answer that says so."""
    made = []
    for change in changes:
        action, _, rest = change.partition(" ")
        target, _, degree = rest.rpartition(" ")
        if degree not in ("less", "more", "much"):
            target, degree = rest, "none"
        made.append({"action": action, "target": target, "degree": degree})
    return {"intent": "change", "steps": list(steps), "keep_only": keep_only, "changes": made}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeModel]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    fake = FakeModel()
    yield fake
    fake.close()


@pytest.fixture
def remote(server: FakeModel, shipped_dialogue: Any) -> RemoteDialogue:
    endpoint = Endpoint("tiny", server.url, attempts=1, timeout=30.0, max_wait=5.0, sleep=lambda seconds: None)
    return RemoteDialogue(endpoint, lambda: shipped_dialogue)


def answers(server: FakeModel, *objects: Any) -> None:
    """The next answers; texts as they are, all else as JSON."""
    texts = (o if isinstance(o, str) else json.dumps(o) for o in objects)
    server.script += [(200, completion(text), {}) for text in texts]


def sent(server: FakeModel, index: int = -1) -> Any:
    """The object that a request told the model about."""
    return json.loads(server.asked[index][2]["messages"][1]["content"])


def begun() -> Conversation:
    """A smile at half strength and bangs; the bangs were undone; earrings were offered."""
    conv = Conversation()
    conv = conv.hear("smile a bit", hear_marks(conv, ("<change>", "<less>", "<+smiling>")))
    conv = conv.hear("bangs", hear_marks(conv, ("<change>", "<+bangs>"))).event({"type": "undo"})
    return conv.reply(Spoken("Back again. How about earrings?", Act.suggest("earrings")))


# Tracking -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer, state, ops",
    [
        (wish("add bangs", "add lipstick much"), {"smiling": 0.6, "bangs": 1.0, "lipstick": 1.8}, ()),
        (wish("adjust smiling more", "adjust goatee less"), {"smiling": 0.84}, ()),
        (wish("remove expression"), {}, ()),
        (wish("add angry"), {"angry": 1.0}, ()),
        (wish(steps=("redo",)), {"smiling": 0.6, "bangs": 1.0}, ("redo",)),
        (wish("add goatee", steps=("undo", "undo")), {"goatee": 1.0}, ("undo", "undo")),
        (wish(steps=("reset",)), {}, ("reset",)),
        (wish("keep makeup", "add pale skin", keep_only=True), {"pale skin": 1.0}, ()),
        (NOTHING, {"smiling": 0.6}, ()),
        ({**NOTHING, "intent": "unsupported"}, {"smiling": 0.6}, ()),
    ],
)
def test_what_is_heard(
    server: FakeModel, remote: RemoteDialogue, answer: dict[str, Any], state: dict[str, float], ops: tuple[str, ...]
) -> None:
    answers(server, answer)
    heard = remote.track(begun(), "words")
    assert {value: heard.state.strength(value) for value in heard.state.belief} == pytest.approx(state)
    assert heard.ops == ops and heard.intent == answer["intent"] and heard.understood and not heard.notes
    assert json.loads(heard.target) == answer and len(server.asked) == 1


def test_what_is_sent(server: FakeModel, remote: RemoteDialogue) -> None:
    answers(server, NOTHING)
    remote.track(begun(), 'hm 💄 "quoted" \ud800')
    path, headers, body = server.asked[0]
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {KEY}"
    assert set(body) == {"model", "messages", "temperature", "max_tokens", "response_format"}
    assert body["response_format"]["json_schema"]["schema"] == TRACK_SCHEMA
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    for value in EXCLUDES:
        assert value in body["messages"][0]["content"]
    told = sent(server)
    assert told["edits"] == {"smiling": 0.6} and told["message"] == 'hm 💄 "quoted" ?'
    assert told["undo"] == {"steps": 1, "leads_to": ["none"]}
    assert told["redo"] == {"steps": 1, "leads_to": ["expression: smiling; hairstyle: bangs"]}
    assert told["turns"] == [
        {"person": "smile a bit", "edits_after": "expression: smiling"},
        {"person": "bangs", "edits_after": "expression: smiling; hairstyle: bangs"},
        {"button": {"type": "undo"}, "edits_after": "expression: smiling", "reply": "Back again. How about earrings?",
         "act": {"type": "suggest", "slot": "makeup", "value": "earrings"}},
    ]  # fmt: skip


def test_the_schema_is_one_that_strict_servers_take() -> None:
    def check(schema: dict[str, Any]) -> None:
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False and set(schema["required"]) == set(schema["properties"])
            for inner in schema["properties"].values():
                check(inner)
        elif schema["type"] == "array":
            check(schema["items"])

    check(TRACK_SCHEMA)
    check(REPLY_SCHEMA)


def test_a_long_conversation_is_sent_up_to_a_limit(server: FakeModel, remote: RemoteDialogue) -> None:
    conv = begun()
    for index in range(100):
        conv = conv.hear(f"{index} " + "words " * 90, hear_marks(conv, ("<none>",))).reply(Spoken("Yes.", Act("next")))
    answers(server, NOTHING)
    remote.track(conv, "thanks")
    told = sent(server)
    assert told["older_turns_not_shown"] == len(conv.turns) - len(told["turns"]) > 50
    assert told["turns"][-1]["person"].startswith("99 ") and len(json.dumps(told)) < HISTORY + 2000
    assert told["edits"] == {"smiling": 0.6} and told["undo"]["steps"] == 1  # what the older turns led to


@pytest.mark.parametrize(
    "answer, problem",
    [
        ([], "must be an object"),
        ({**NOTHING, "extra": 1}, "exactly these: intent, steps, keep_only, changes"),
        ({"intent": "none"}, "exactly these"),
        ({**NOTHING, "intent": "dance"}, "no intent 'dance'"),
        ({**NOTHING, "intent": ["change"]}, "no intent"),
        ({**NOTHING, "steps": "undo"}, "must be lists"),
        ({**NOTHING, "keep_only": 1}, "must be lists"),
        (wish(steps=("jump",)), "no step 'jump'"),
        (wish("add hat"), "no target 'hat'"),
        (wish("paint bangs"), "no action 'paint'"),
        (wish("add makeup"), "is a slot"),
        (wish("keep bangs"), "needs keep_only"),
        (wish("remove bangs less"), "has no degree"),
        ({**wish(), "changes": [{"action": "add", "target": "bangs", "degree": 3}]}, "no degree '3'"),
        ({**wish(), "changes": ["add bangs"]}, "A change must be an object"),
        (wish("add blond hair", "add black hair"), "exclude each other"),
        (wish(), "if, and only if"),
        ({**wish("add bangs"), "intent": "none"}, "if, and only if"),
    ],
)
def test_answers_that_cannot_be_used(answer: Any, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_marks(answer)


def test_random_answers_either_say_something_sound_or_are_told_what_is_wrong() -> None:
    rng = random.Random(0)
    pool: list[Any] = [
        "change",
        "none",
        "undo",
        "add",
        "keep",
        "bangs",
        "makeup",
        "less",
        "",
        "hat",
        1,
        None,
        True,
        [],
        {},
        [["x"]],
    ]
    sound = 0
    for _ in range(3000):
        changes = [{key: rng.choice(pool) for key in ("action", "target", "degree")} for _ in range(rng.randrange(3))]
        answer = {"intent": rng.choice(pool), "steps": [rng.choice(pool)] * rng.randrange(2), "keep_only": rng.random() < 0.5,
                  "changes": rng.choice([changes, rng.choice(pool)])}  # fmt: skip
        try:
            marks = read_marks(answer)
        except DataError:
            continue
        sound += 1
        state = hear_marks(begun(), marks).state
        assert EditState.from_json(state.to_json()) == state
    assert sound > 5


def test_a_bad_answer_is_sent_back_with_what_is_wrong(server: FakeModel, remote: RemoteDialogue) -> None:
    for bad, problem in ((wish("add hat"), "no target 'hat'"), ("Sure, here you are!", "something else")):
        server.asked.clear()
        answers(server, bad, f"```json\n{json.dumps(wish('add bangs'))}\n```")
        heard = remote.track(Conversation(), "a fringe, please")
        assert heard.state == EditState.of("bangs") and not heard.notes
        first, second = (request[2]["messages"] for request in server.asked)
        assert second[: len(first)] == first and problem in second[-1]["content"]


def test_two_bad_answers_leave_the_turn_to_the_shipped_model(
    server: FakeModel, remote: RemoteDialogue, shipped_dialogue: Any
) -> None:
    answers(server, wish("add <script>"), {"a": "rude words"})
    heard = remote.track(Conversation(), "give me bangs")
    assert heard.state == EditState.of("bangs") and len(server.asked) == 2
    assert len(heard.notes) == 1 and "shipped model" in heard.notes[0] and "twice" in heard.notes[0]
    assert "script" not in heard.notes[0] and "rude" not in heard.notes[0]
    conv = Conversation().hear("give me bangs", heard)
    spoken = remote.respond(conv, heard, Outcome(("bangs",)))
    assert spoken == shipped_dialogue.respond(conv, heard, Outcome(("bangs",)))  # the whole turn is the shipped model's
    assert not spoken.notes and len(server.asked) == 2


@pytest.mark.parametrize(
    "trouble, words",
    [
        ("down", "Is the server running"),
        (60.0, "within 0.5 seconds"),
        ((429, b'{"error": "slow down"}', {}), "no more requests now (429)"),
        ((429, b"{}", {"Retry-After": "60"}), "asks to wait 60 seconds"),
        ((500, b"oops", {}), "failed (500)"),
        ((200, b"<html>hello</html>", {}), "did not answer with JSON"),
        ((200, b"[" * 5000, {}), "did not answer with JSON"),
        ((401, f'{{"error": "wrong key {KEY}"}}'.encode(), {}), "does not accept the key in OPENAI_API_KEY"),
        ((400, b'{"error": "no"}', {}), "did not accept the request"),
    ],
)
def test_trouble_leaves_the_turn_to_the_shipped_model(
    server: FakeModel, remote: RemoteDialogue, trouble: Any, words: str
) -> None:
    if trouble == "down":
        server.close()
    else:
        if isinstance(trouble, float):
            remote.endpoint.timeout = 0.5
        server.script.append(trouble)
    heard = remote.track(begun(), "yes please")
    assert set(heard.state.belief) == {"smiling", "earrings"}
    assert len(heard.notes) == 1 and heard.notes[0].startswith("This turn is the shipped model's. ")
    assert words in heard.notes[0] and KEY not in repr(heard) and len(server.asked) <= 1


def test_without_a_key_none_is_sent(server: FakeModel, remote: RemoteDialogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    answers(server, wish("add bangs"))
    assert not remote.track(Conversation(), "bangs").notes and "Authorization" not in server.asked[0][1]
    server.script.append((401, b"", {}))
    assert "Put it into OPENAI_API_KEY" in remote.track(Conversation(), "bangs").notes[0]


def test_a_server_that_knows_neither_schemas_nor_new_settings(server: FakeModel, remote: RemoteDialogue) -> None:
    server.script += [
        (400, b'{"error": {"message": "Unsupported parameter: \'max_tokens\'. Use \'max_completion_tokens\' instead."}}', {}),
        (400, b'{"error": {"message": "Unsupported value: \'temperature\' does not support 0 with this model."}}', {}),
        (400, b'{"error": "response_format json_schema is not supported"}', {}),
        (422, b'{"detail": "unknown response_format"}', {}),
    ]  # fmt: skip
    answers(server, wish("add bangs"), NOTHING)
    assert remote.track(Conversation(), "bangs").state == EditState.of("bangs") and len(server.asked) == 5
    remote.track(Conversation(), "thanks")
    assert set(server.asked[-1][2]) == {"model", "messages", "max_completion_tokens"} and len(server.asked) == 6


def test_messages_that_cannot_be_taken_are_not_sent(server: FakeModel, remote: RemoteDialogue) -> None:
    for bad in ("", " \n", "a" * 1001):
        with pytest.raises(MessageError):
            remote.track(Conversation(), bad)
    with pytest.raises(MessageError):
        remote.track_many([(Conversation(), "bangs"), (Conversation(), "")])
    assert not server.asked


# Replies ------------------------------------------------------------------------------------------------------------
def spoken_after(remote: RemoteDialogue, *marks: str, outcome: Outcome, seed: int = 0, **more: Any) -> Spoken:
    conv = Conversation()
    heard = hear_marks(conv, marks)
    return remote.respond(conv.hear("words", heard), heard, outcome, seed=seed, **more)


def obedient(body: dict[str, Any]) -> str:
    """A true reply to any request."""
    told = json.loads(body["messages"][1]["content"])
    text = "Okay."
    if told.get("made"):
        text = f"Done: {' and '.join(told['made'])}."
    if told.get("failed"):
        text += f" Sorry, {' and '.join(told['failed'])} did not work."
    finish = told["finish"]
    if "would like" in finish and "call it" in finish:
        text += f" Would you like {finish.split(chr(39))[1]} too?"
    else:
        text += " What would you like to change next?"
    return json.dumps({"text": text})


def test_a_true_reply_is_taken_and_the_act_follows_the_policy(server: FakeModel, remote: RemoteDialogue) -> None:
    server.speak = obedient
    acts = set()
    barred = frozenset({"smiling", "earrings"})
    for seed in range(20):
        outcome = Outcome(("bangs",), ("goatee",))
        spoken = spoken_after(
            remote, "<change>", "<+bangs>", "<+goatee>", outcome=outcome, seed=seed, present=barred, blocked=frozenset({"lipstick"})
        )  # fmt: skip
        assert (
            spoken.text.startswith("Done: bangs. Sorry, goatee did not work.") and spoken.checked and not spoken.notes
        )
        assert spoken.act.value not in barred | {"lipstick", "bangs", "goatee", "receding hairline"}
        acts.add(spoken.act.type)
    assert acts == {"next", "request", "suggest"} and len(server.asked) == 20
    told = sent(server)
    assert told["made"] == ["bangs"] and told["failed"] == ["goatee"] and told["edits"] == {"bangs": 1.0, "goatee": 1.0}
    assert told["turns"][-1]["person"] == "words"


@pytest.mark.parametrize("intent, act", [("question", "answer"), ("unsupported", "cannot"), ("foreign", "cannot"), ("none", "next")])  # fmt: skip
def test_the_act_when_nothing_changed(server: FakeModel, remote: RemoteDialogue, intent: str, act: str) -> None:
    answers(server, {"text": "That is not possible here, sorry. What else shall I change?"})
    spoken = spoken_after(remote, f"<{intent}>", outcome=Outcome())
    assert spoken.act == Act(act) and spoken.text.startswith("That is not possible") and not spoken.notes


def test_a_false_reply_is_sent_back_and_then_replaced(server: FakeModel, remote: RemoteDialogue) -> None:
    lie, truth = {"text": "Done, the bangs look great!"}, {"text": "Sorry, the bangs did not work. What else?"}
    for seed in range(40):  # one with which the reply ends with a plain question
        answers(server, lie, truth)
        spoken = spoken_after(remote, "<change>", "<+bangs>", outcome=Outcome((), ("bangs",)), seed=seed)
        server.script.clear()
        if spoken.act.type == "next":
            break
    assert spoken.text == truth["text"] and not spoken.notes
    assert '"failed": ["bangs"]' in server.asked[-1][2]["messages"][-1]["content"]
    for bad in (lie, {"text": 3}, {"words": "Done."}, "no JSON"):
        answers(server, bad, bad)
        spoken = spoken_after(remote, "<change>", "<+bangs>", outcome=Outcome((), ("bangs",)), seed=seed)
        assert "bangs" in spoken.text and spoken.text not in (lie["text"], truth["text"])
        assert len(spoken.notes) == 1 and "shipped model" in spoken.notes[0]


# Files and the command line -----------------------------------------------------------------------------------------
FILE = [
    Dialogue("a", "secret-photo.jpg", (Turn(Belief.of("bangs"), user="bangs please"), Turn(Belief(), user="undo"))),
    Dialogue("b", "seed:1", (Turn(Belief.of("goatee"), user="add a goatee"),)),
]


def by_message(body: dict[str, Any]) -> str:
    told = json.loads(body["messages"][1]["content"])
    if "message" not in told:
        return obedient(body)
    known = {"bangs please": wish("add bangs"), "undo": wish(steps=("undo",)), "thanks": NOTHING}
    return json.dumps(known.get(told["message"], {"intent": "what?"}))


def test_a_file_is_tracked_and_what_was_replaced_is_counted(
    server: FakeModel, remote: RemoteDialogue, tmp_path: Path
) -> None:
    server.speak = by_message
    write_dialogues(FILE, tmp_path / "gold.jsonl")
    done = track_file(tmp_path / "gold.jsonl", tmp_path / "pred.jsonl", remote)
    assert (done.turns, done.refused, done.replaced) == (3, 0, 1)  # the goatee
    predicted = list(read_dialogues(tmp_path / "pred.jsonl"))
    assert [turn.belief for d in predicted for turn in d.turns] == [turn.belief for d in FILE for turn in d.turns]
    assert "secret" not in json.dumps([body for _, _, body in server.asked])


def test_a_file_is_not_tracked_by_another_model_than_the_chosen_one(
    server: FakeModel, remote: RemoteDialogue, tmp_path: Path
) -> None:
    write_dialogues(FILE, tmp_path / "gold.jsonl")
    server.script = [(404, b"", {})] * 9
    with pytest.raises(EndpointError, match="no model 'tiny'"):
        track_file(tmp_path / "gold.jsonl", tmp_path / "pred.jsonl", remote)
    assert not (tmp_path / "pred.jsonl").exists()


@pytest.mark.parametrize(
    "name, address, problem",
    [
        ("tiny", "http://127.0.0.1:1/v1", "openai:MODEL"),
        ("openai:", "http://127.0.0.1:1/v1", "openai:MODEL"),
        ("openai:tiny", None, "needs --base-url"),
        ("openai:tiny", "127.0.0.1", "not the address"),
        ("openai:tiny", f"http://me:{KEY}@x/v1", "user name or password"),
    ],
)
def test_names_and_addresses_that_are_none(name: str, address: str | None, problem: str) -> None:
    with pytest.raises(I2EditError, match=problem) as caught:
        open_dialogue(name, address)
    assert KEY not in str(caught.value)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, typed: tuple[str, ...] = ()) -> tuple[int, str, str]:
        lines = iter(typed)
        monkeypatch.setattr("i2edit.cli.read_line", lambda: next(lines, None))
        monkeypatch.setattr(sys, "argv", ["i2edit", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        return int(stopped.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, small_editor: Editor, new_chat: Callable[..., Chat]) -> Editor:
    """What the command line loads: tiny pictures, the dialogue model that it asks for; any photo is open at once."""

    def load(cls: type[Editor], *, dialogue: Any = None, **more: Any) -> Editor:
        small_editor.dialogue = dialogue or small_editor.dialogue
        return small_editor

    monkeypatch.setattr(Editor, "load", classmethod(load))
    monkeypatch.setattr(Editor, "open", lambda self, photo, face=None, progress=None: new_chat())
    return small_editor


def test_edit_sends_the_text_alone(
    run: Run, loaded: Editor, server: FakeModel, monkeypatch: pytest.MonkeyPatch, shipped_dialogue: Any
) -> None:
    """Nothing of the photo, its name or its folder goes out; what the shipped model had to do is told."""
    monkeypatch.setattr("i2edit.dialogue.remote.RemoteDialogue.shipped", shipped_dialogue)
    server.speak = by_message
    Path("private-folder").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (300, 320, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("private-folder/aunt-agatha.png")
    model = ("--dialogue", "openai:tiny", "--base-url", server.url)
    code, out, err = run(
        "edit", "private-folder/aunt-agatha.png", "--say", "bangs please", "--say", "lipstick please", "--out", "o", *model
    )  # fmt: skip
    assert code == 0 and f"Note: The text of the conversation goes to {server.url} (model tiny)" in err
    assert err.count("This turn is the shipped model's") == 1 and "[hairstyle: bangs; makeup: lipstick]" in out
    transcript = json.loads(Path("o/transcript.json").read_text())
    assert "notes" not in transcript[0] and "shipped model" in transcript[1]["notes"][0]
    assert len(server.asked) == 4  # heard, answered; heard twice in vain
    for _, headers, body in server.asked:
        raw = json.dumps(body)
        assert len(raw) < 12_000 and "agatha" not in raw and "private" not in raw and "image_url" not in raw
        assert all(isinstance(message["content"], str) for message in body["messages"])
        assert set(headers) <= {"Host", "User-Agent", "Accept-Encoding", "Accept", "Connection", "Content-Type", "Content-Length", "Authorization"}  # fmt: skip
        told = json.loads(body["messages"][1]["content"])
        assert set(told) <= {
            "edits",
            "undo",
            "redo",
            "turns",
            "message",
            "made",
            "failed",
            "removed",
            "steps",
            "intent",
            "finish",
        }
    assert KEY not in out + err + Path("o/transcript.json").read_text()


def test_chat_with_a_server_that_is_down(
    run: Run, loaded: Editor, server: FakeModel, monkeypatch: pytest.MonkeyPatch, shipped_dialogue: Any
) -> None:
    monkeypatch.setattr("i2edit.dialogue.remote.RemoteDialogue.shipped", shipped_dialogue)
    server.close()
    code, out, err = run(
        "chat", "--face-seed", "3", "--dialogue", "openai:tiny", "--base-url", server.url, typed=("give me bangs",)
    )
    assert code == 0 and "[hairstyle: bangs]" in out
    assert "Note: This turn is the shipped model's. No connection" in err


def test_track_and_evaluate_from_the_command_line(run: Run, server: FakeModel) -> None:
    server.speak = by_message
    write_dialogues(FILE, Path("gold.jsonl"))
    model = ("--dialogue", "openai:tiny", "--base-url", server.url)
    code, out, err = run("track", "gold.jsonl", "--out", "pred.jsonl", "--no-replies", *model)
    assert code == 0 and "3 user turns" in out and "1 turns are the shipped model's" in err and "text of the" in err
    code, out, err = run("evaluate", "dialogue", "gold.jsonl", "--json", *model)
    assert code == 0 and json.loads(out)["tracking"]["joint_accuracy"] == 1.0
    assert json.loads(out)["tracked"]["replaced"] == 1
    server.script = [(404, b"", {})] * 9
    code, out, err = run("track", "gold.jsonl", "--out", "other.jsonl", *model)
    assert code == 2 and "no model 'tiny'" in err and not Path("other.jsonl").exists()
    code, out, err = run("track", "gold.jsonl", "--out", "other.jsonl", "--base-url", server.url)
    assert code == 2 and "name it, too" in err
