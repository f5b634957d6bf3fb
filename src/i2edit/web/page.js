// The page's own elements. In: what page.py hands over as JSON (the same views as the HTTP API). Out: events for it.
// Nothing is kept here but pictures in memory and where the before/after slider stands; nothing is loaded from elsewhere.
"use strict";
window.i2edit = (() => {
  const pictures = new Map(); // address → promise of an object URL: no flicker, and nothing on the browser's disk
  let ontology = null;

  function h(tag, props = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name in node && !name.includes("-") && name !== "list") node[name] = value;
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  }

  async function told(response) {
    let detail = "";
    try { detail = (await response.json()).detail; } catch { /* no JSON: the server is gone */ }
    return new Error(detail || "The server did not answer. Is it still running?");
  }

  function address(view, turn, part = "view", format = "jpeg", more = "") {
    return `/api/sessions/${encodeURIComponent(view.id)}/picture?turn=${turn}&part=${part}&format=${format}${more}`;
  }

  function blob(url) {
    if (!pictures.has(url)) {
      const promise = fetch(url).then(async (response) => {
        if (!response.ok) throw await told(response);
        return URL.createObjectURL(await response.blob());
      });
      promise.catch(() => pictures.delete(url)); // asked again the next time
      pictures.set(url, promise);
    }
    return pictures.get(url);
  }

  function show(img, url) { // the old picture stays until the new one is there
    img.dataset.url = url;
    blob(url).then(
      (there) => { if (img.dataset.url === url) { img.src = there; img.dataset.shown = url; img.classList.remove("waiting"); } },
      (error) => { if (img.dataset.url === url) { img.classList.remove("waiting"); img.title = error.message; } },
    );
  }

  function forget() {
    for (const promise of pictures.values()) promise.then((url) => URL.revokeObjectURL(url), () => {});
    pictures.clear();
  }

  const list = (words) => words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;

  // ------------------------------------------------------------------------------------------------ the networks

  function health(element) {
    const pill = element.querySelector(".health");
    async function look() {
      let state = { state: "gone", text: "The server does not answer" };
      try { state = await (await fetch("/api/health", { cache: "no-store" })).json(); } catch { /* gone */ }
      pill.dataset.state = state.state;
      pill.textContent = {
        ready: "Ready", failed: state.text, gone: state.text,
        loading: `Getting ready: ${state.text} (${Math.round(100 * (state.share || 0))} %). You can choose a photo already.`,
      }[state.state];
      document.body.classList.toggle("i2-ready", state.state === "ready");
      setTimeout(look, state.state === "ready" ? 15000 : 700);
    }
    look();
  }

  // ------------------------------------------------------------------------------------------------ opening

  function start(element, trigger) {
    const root = element.querySelector(".start");
    const alert = root.querySelector("[role=alert]");
    const input = root.querySelector("input[type=file]");
    const drop = root.querySelector(".drop");
    const choose = root.querySelector(".choose");
    const work = root.querySelector(".work");
    let stopping = null;
    let camera = null;

    const complain = (text) => { alert.textContent = text; };

    function busy(title) { // → what shows progress
      choose.hidden = true;
      const bar = h("progress", { max: 1, "aria-label": title });
      const text = h("p", { className: "doing", role: "status" }, title);
      const stop = h("button", { type: "button", className: "plain", onclick: () => stopping?.abort() }, "Cancel");
      work.replaceChildren(text, bar, stop);
      work.hidden = false;
      return (share, words) => {
        if (share === null) bar.removeAttribute("value"); else bar.value = share;
        text.textContent = words;
      };
    }

    function idle() { work.hidden = true; work.replaceChildren(); choose.hidden = false; }

    async function guarded(action) {
      complain("");
      stopping = new AbortController();
      try { await action(stopping.signal); } catch (error) {
        idle();
        if (error.name !== "AbortError") complain(error instanceof TypeError ? "The server did not answer. Is it still running?" : error.message);
      }
    }

    function open(fields) {
      return guarded(async (signal) => {
        const tell = busy("Opening …");
        const form = new FormData();
        for (const [name, value] of Object.entries(fields)) form.append(name, value);
        const response = await fetch("/api/sessions", { method: "POST", body: form, signal, headers: { Accept: "application/x-ndjson" } });
        if (!response.ok) throw await told(response);
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { value, done } = await reader.read();
          rest += value || "";
          const lines = rest.split("\n");
          rest = lines.pop();
          for (const line of lines) {
            const state = JSON.parse(line);
            if (state.state === "waiting") tell(null, `Waiting: you are number ${state.position} in line`);
            else if (state.state === "working") tell(state.share, `${state.text || "Opening"} …`);
            else if (state.state === "error") throw new Error(state.detail);
            else { idle(); trigger("opened", { id: state.result.id }); return; }
          }
          if (done) throw new Error("The server stopped before the photo was open. Try again.");
        }
      });
    }

    function take(file) {
      if (!file) return;
      guarded(async (signal) => {
        const tell = busy(`Sending ${file.name || "the photo"} …`);
        tell(null, `Sending ${file.name || "the photo"} and looking for faces …`);
        const form = new FormData();
        form.append("photo", file, file.name || "photo.png");
        const response = await fetch("/api/photos", { method: "POST", body: form, signal });
        if (!response.ok) throw await told(response);
        const photo = await response.json();
        if (photo.faces.filter((face) => face.large_enough).length < 2) {
          const only = photo.faces.find((face) => face.large_enough);
          await open({ photo_id: photo.photo, face: only ? only.face : 1 });
        } else pick(photo, file);
      });
    }

    function pick(photo, file) {
      const url = URL.createObjectURL(file);
      const image = h("img", { src: url, alt: `Your photo, with ${photo.faces.length} faces` });
      const done = (then) => { URL.revokeObjectURL(url); then(); };
      const boxes = photo.faces.map((face) => {
        const [left, top, right, bottom] = face.box;
        const button = h("button", {
          type: "button", className: "face", disabled: !face.large_enough,
          "aria-label": face.large_enough ? `Face ${face.face}` : `Face ${face.face}, too small`,
          onclick: () => done(() => open({ photo_id: photo.photo, face: face.face })),
        }, h("span", {}, String(face.face)));
        const part = (value, whole) => `${(100 * value / whole).toFixed(2)}%`;
        Object.assign(button.style, {
          left: part(left, photo.width), top: part(top, photo.height),
          width: part(right - left, photo.width), height: part(bottom - top, photo.height),
        });
        return button;
      });
      choose.hidden = true;
      work.replaceChildren(
        h("p", { role: "status" }, "Which face? Click it."),
        h("div", { className: "faces" }, image, ...boxes),
        h("button", { type: "button", className: "plain", onclick: () => done(idle) }, "Another photo"),
      );
      work.hidden = false;
      boxes.find((button) => !button.disabled)?.focus();
    }

    async function webcam() {
      complain("");
      try {
        camera = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, facingMode: "user" }, audio: false });
      } catch {
        complain("The camera cannot be used: there is none, or the browser was not allowed to. A photo's file works too.");
        return;
      }
      const video = h("video", { autoplay: true, muted: true, playsInline: true, "aria-label": "Camera" });
      const shoot = h("button", { type: "button", className: "main", disabled: true, onclick: () => {
        const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
        canvas.getContext("2d").drawImage(video, 0, 0);
        off();
        canvas.toBlob((shot) => take(new File([shot], "camera.png", { type: "image/png" })), "image/png");
      } }, "Take the picture");
      video.addEventListener("loadeddata", () => { shoot.disabled = false; shoot.focus(); }); // before that there is no picture
      video.srcObject = camera;
      const off = () => { camera.getTracks().forEach((track) => track.stop()); idle(); };
      choose.hidden = true;
      work.replaceChildren(video, h("div", { className: "row" }, shoot,
        h("button", { type: "button", className: "plain", onclick: off }, "Cancel")));
      work.hidden = false;
    }

    input.addEventListener("change", () => { take(input.files[0]); input.value = ""; });
    for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); });
    document.addEventListener("paste", (event) => {
      const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/"));
      if (file && root.offsetParent && !choose.hidden) take(file);
    });
    root.querySelector("[data-do=webcam]").addEventListener("click", webcam);
    root.querySelector("[data-do=new]").addEventListener("click", () => open({ seed: -1 }));
    for (const sample of root.querySelectorAll("[data-seed]")) sample.addEventListener("click", () => open({ seed: sample.dataset.seed }));
    for (const sample of root.querySelectorAll("[data-sample]")) sample.addEventListener("click", () => open({ sample: sample.dataset.sample }));
  }

  // ------------------------------------------------------------------------------------------------ the picture

  const MODES = {
    "single-turn-w": "Single-turn mode: each turn edits what the turn before it left",
    "single-turn": "Single-turn mode as in the paper: the last picture is opened anew in each turn (about fifteen seconds a turn)",
  };

  function stage(element, props, trigger, watch) {
    const root = element.querySelector(".stage");
    const press = (event) => trigger("press", event);
    let view = null;
    let part = "view";
    let compared = null; // the mode that is shown beside ours
    let drawn = ""; // what of it was asked for

    const before = h("img", { className: "before waiting", alt: "" });
    const after = h("img", { className: "after waiting", alt: "" });
    const slider = h("input", { type: "range", min: 0, max: 100, value: 50, className: "cut", "aria-label": "Before and after: slide to compare",
      oninput: () => frame.style.setProperty("--cut", `${slider.value}%`) });
    const frame = h("div", { className: "frame" }, after, before, h("div", { className: "line" }),
      h("span", { className: "tag left" }, "before"), h("span", { className: "tag right" }, "after"), slider);
    const single = h("figure", { className: "single", hidden: true }, h("img", { alt: "The same conversation, each turn understood alone" }),
      h("figcaption", { role: "status" }));
    const identity = h("p", { className: "identity", role: "status" });
    const tools = h("div", { className: "tools", role: "group", "aria-label": "Undo, redo, view" });
    const chips = h("div", { className: "chips" });
    const strip = h("ol", { className: "strip", "aria-label": "Turns: choose one to return to it" });
    const save = h("details", { className: "save" });
    root.replaceChildren(h("div", { className: "pictures" }, frame, single), identity, tools, chips, strip, save);
    frame.style.setProperty("--cut", "50%");

    function button(words, event, more = {}) {
      return h("button", { type: "button", ...more, onclick: () => press(event) }, words);
    }

    function drawTools() {
      const edited = Object.keys(view.belief).length > 0;
      tools.replaceChildren(...[
        button("↶ Undo", { type: "undo" }, { disabled: !view.can_undo, title: "Ctrl+Z", "data-key": "undo" }),
        button("↷ Redo", { type: "redo" }, { disabled: !view.can_redo, title: "Ctrl+Shift+Z", "data-key": "redo" }),
        button("Start over", { type: "reset" }, { disabled: !edited, "data-key": "reset" }),
        view.generated ? null : h("button", { type: "button", "aria-pressed": String(part === "photo"), "data-key": "whole",
          onclick: () => { part = part === "photo" ? "view" : "photo"; draw(); } }, "Whole photo"),
        ...(view.compare ? [["single-turn-w", "Compare"], ["single-turn", "Compare as in the paper"]] : []).map(([mode, words]) =>
          h("button", { type: "button", "aria-pressed": String(compared === mode), "data-key": mode, title: MODES[mode],
            onclick: () => { compared = compared === mode ? null : mode; drawn = ""; draw(); } }, words)),
      ].filter(Boolean));
    }

    function drawPicture() {
      const edited = Object.keys(view.belief).length > 0;
      const shown = compared ? "crop" : part;
      const more = shown === "view" ? "" : "&side=1600";
      frame.classList.toggle("edited", edited);
      before.alt = view.generated ? "The generated face before any edit" : "The photo before any edit";
      after.alt = edited ? `The picture with ${list(Object.values(view.belief).flat())}` : before.alt;
      show(before, address(view, 0, shown, "jpeg", more));
      show(after, address(view, view.version, shown, "jpeg", more));
      slider.disabled = !edited;
      identity.textContent = edited ? `It ${view.identity.words.startsWith("look") ? "" : "is "}${view.identity.words}.` : "Nothing is edited yet.";
      identity.dataset.far = String(view.identity.distance >= 0.52);
      const missing = view.not_visible;
      if (missing.length) identity.textContent += ` Hardly visible on this face: ${list(missing)}.`;
      single.hidden = !compared;
      if (compared) drawSingle();
    }

    async function drawSingle() { // asks for what is not drawn yet, and shows it
      const wanted = `${view.id} ${view.version} ${compared}`;
      if (drawn === wanted) return;
      drawn = wanted;
      const [img, words] = [single.querySelector("img"), single.querySelector("figcaption")];
      const mode = compared;
      words.textContent = `${MODES[mode]}. Drawing …`;
      try {
        const response = await fetch(`/api/sessions/${encodeURIComponent(view.id)}/compare`, { method: "POST",
          headers: { "Content-Type": "application/json" }, body: JSON.stringify({ mode }) });
        if (!response.ok) throw await told(response);
        const there = await response.json();
        if (drawn !== wanted) return;
        words.textContent = `${MODES[mode]}.`;
        show(img, address(view, there.version, "crop", "jpeg", there.version ? `&mode=${mode}` : ""));
      } catch (error) {
        if (drawn === wanted) { words.textContent = error.message; drawn = ""; }
      }
    }

    function drawChips() {
      const groups = Object.entries(view.belief).map(([slot, values]) => h("div", { className: "group", role: "group", "aria-label": slot },
        h("h3", {}, slot), ...values.map((value) => {
          const strength = view.strength[value] ?? 1;
          const shown = h("output", {}, `${Math.round(100 * strength)} %`);
          return h("div", { className: `chip${view.not_visible.includes(value) ? " faint" : ""}` }, h("span", { className: "name" }, value),
            h("input", { type: "range", min: 0.25, max: 2, step: 0.05, value: strength, "aria-label": `Strength of ${value}`, "data-key": `strength ${value}`,
              oninput: (event) => { shown.textContent = `${Math.round(100 * event.target.value)} %`; },
              onchange: (event) => press({ type: "strength", value, strength: Number(event.target.value) }) }), shown,
            button("×", { type: "remove", value }, { className: "gone", "aria-label": `Remove ${value}`, title: `Remove ${value}` }));
        })));
      const add = h("select", { "aria-label": "Add an edit", "data-key": "add", onchange: () => { if (add.value) press({ type: "set", value: add.value }); } },
        h("option", { value: "" }, "Add an edit …"));
      for (const [slot, values] of Object.entries(ontology || {})) {
        const free = values.filter((value) => !(view.belief[slot] || []).includes(value));
        if (free.length) add.append(h("optgroup", { label: slot }, ...free.map((value) => h("option", { value }, value))));
      }
      chips.replaceChildren(...groups, add);
    }

    function entries() { // one undo after another, as returning makes them, is one entry
      const found = [{ number: 0, words: view.generated ? "the face" : "the photo" }];
      for (const turn of view.turns) {
        const last = found.at(-1);
        const kind = turn.event?.type;
        if ((kind === "undo" || kind === "redo") && last.kind === kind) Object.assign(last, { number: turn.number, words: turn.words });
        else found.push({ number: turn.number, words: turn.words, kind });
      }
      return found;
    }

    function drawStrip() {
      const all = entries();
      strip.replaceChildren(...all.map((entry, place) => {
        const now = place === all.length - 1;
        const img = h("img", { alt: "", loading: "lazy", width: 80, height: 80 });
        show(img, address(view, entry.number, "view", "jpeg", "&side=160"));
        return h("li", {}, h("button", { type: "button", "aria-current": now ? "true" : null, "data-key": `turn ${entry.number}`,
          "aria-label": now ? `Now, after: ${entry.words}` : `Return to: ${entry.words}`, title: entry.words,
          onclick: () => { if (!now) press({ type: "go_to", turn: entry.number }); } }, img, h("span", {}, entry.words)));
      }));
      strip.scrollLeft = strip.scrollWidth;
    }

    function drawSave() {
      const open = save.open;
      const link = (what, format) => h("a", { href: address(view, view.version, what, format, "&download=true"), download: "",
        "aria-label": `${what === "photo" ? "The whole photo" : "The face"} as ${format.toUpperCase()}` }, format.toUpperCase());
      const line = (what, words) => h("p", {}, `${words}: `, ...["png", "jpeg", "webp"].flatMap((format, n) => (n ? [" · ", link(what, format)] : [link(what, format)])));
      save.replaceChildren(...[h("summary", {}, "Download"),
        view.generated ? null : line("photo", `The whole photo (${view.photo.width} × ${view.photo.height})`),
        line("crop", "The face (1024 × 1024)"),
        h("p", { className: "small" }, "Every file says, for machines to read, that AI edited it.")].filter(Boolean));
      save.open = open;
    }

    function draw() {
      const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      drawPicture(); drawTools(); drawChips(); drawStrip(); drawSave();
      if (focused) (root.querySelector(`[data-key="${CSS.escape(focused)}"]:not(:disabled)`) || slider).focus({ preventScroll: true });
    }

    function update() {
      const next = props.value ? JSON.parse(props.value) : null;
      if (next && view && next.id !== view.id) { forget(); part = "view"; compared = null; drawn = ""; }
      view = next;
      root.hidden = !view;
      if (view) draw();
    }

    document.addEventListener("keydown", (event) => {
      if (!view || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
      if (/^(TEXTAREA|INPUT)$/.test(event.target.tagName) && event.target.type !== "range" && event.target.value) return;
      const wanted = event.shiftKey ? "redo" : "undo";
      if (!view[`can_${wanted}`]) return;
      event.preventDefault();
      press({ type: wanted });
    });
    watch("value", update);
    fetch("/api/ontology").then((response) => response.json()).then((found) => { ontology = found.slots; if (view) drawChips(); }, () => {});
    update();
  }

  // ------------------------------------------------------------------------------------------------ suggestions, menu

  function suggest(element, props, trigger, watch) {
    const root = element.querySelector(".suggest");
    function update() {
      const found = props.value ? JSON.parse(props.value) : { say: [], set: [] };
      root.replaceChildren(
        ...found.set.map((value) => h("button", { type: "button", onclick: () => trigger("press", { type: "set", value }) }, `Yes, ${value}`)),
        ...found.say.map((text) => h("button", { type: "button", onclick: () => trigger("words", { text }) }, text)));
    }
    watch("value", update);
    update();
  }

  function menu(element, trigger) {
    element.querySelector("[data-do=leave]").addEventListener("click", () => trigger("leave", {}));
    element.querySelector("[data-do=delete]").addEventListener("click", async () => {
      if (!confirm("Delete this conversation, the photo and all its pictures, for good?")) return;
      trigger("delete", {});
      forget();
    });
  }

  return { health, start, stage, suggest, menu };
})();
