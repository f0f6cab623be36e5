// The round of the tagger: next clip, hear, say, vote. What is seen is in view.js, sound in player.js.

import { Player } from "./player.js";
import * as view from "./view.js";

const KEY = "tagger-key";
const OWN = "tagger-own";
const PSEUDONYM = /^[0-9a-f]{32}$/;
const PROGRESS_EVERY = 60000; // ms

const $ = (id) => document.getElementById(id);
const player = new Player($("audio"), $("wave"), $("seek"), show);
let clip = null; // what is being tagged: ticket, seconds, text, heard
let before = null; // the one before, for Undo
let busy = false;

const key = () => localStorage.getItem(KEY);
const own = () => (localStorage.getItem(OWN) ?? "").split(/\s+/).filter((one) => PSEUDONYM.test(one));

// Every request carries the key in a header, which no other page can make a browser do.
async function ask(method, path, body) {
  const headers = key() ? { Authorization: `Bearer ${key()}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(`v1/${path}`, { method, headers, cache: "no-store", body: JSON.stringify(body) });
  } catch {
    throw new Error("The collector cannot be reached. Try again.");
  }
  if (answer.ok) return answer;
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // a proxy's own page
  }
  const fault = new Error(said.error ? `${said.error}. ${said.remedy ?? ""}` : `The collector answers ${answer.status}.`);
  fault.status = answer.status;
  throw fault;
}

// One thing at a time; what goes wrong is said.
async function doing(work) {
  if (busy) return;
  busy = true;
  show();
  try {
    await work();
    view.showFault("");
  } catch (error) {
    view.showFault(error.message);
    if (error.status === 401) leave();
  } finally {
    busy = false;
    show();
  }
}

function show() {
  view.showClip({ clip, before, busy, heard: player.heard, playing: player.playing });
}

async function next() {
  view.showStatus("Fetching a clip…");
  const answer = await ask("POST", "next", { own: own() });
  clip = null;
  if (answer.status === 204) {
    view.showNone();
    return;
  }
  await take(await answer.json(), false);
}

async function take(found, heard) {
  const sound = await ask("GET", `sound/${found.ticket}`);
  view.showText(found);
  await player.load(await sound.arrayBuffer(), found.seconds, heard);
  player.speed = Number($("speed").value);
  clip = found;
  view.showStatus(heard ? "The last clip again" : "A clip to hear");
  $("play").focus({ preventScroll: true });
  if ($("autoplay").checked && !heard) await player.play();
}

async function vote(kind, more = {}) {
  await doing(async () => {
    const given = { ticket: clip.ticket, kind, text: "", reason: null, ...more };
    const { today, tagged } = await (await ask("POST", "vote", given)).json();
    before = { ...clip, text: kind === "text" ? given.text : clip.text };
    view.showReasons(false);
    view.showMine(today, tagged);
    await next();
  });
}

const ready = () => clip !== null && !busy && player.heard;
const send = () => ready() && vote("text", { text: $("text").value });
const skip = () => ready() && vote("skip");
const report = (reason) => ready() && vote("report", { reason });

function undo() {
  if (before === null || busy) return;
  const last = before;
  doing(async () => {
    before = null;
    await take(last, true);
  });
}

function toggleReasons() {
  if (ready()) view.showReasons($("reasons").hidden);
}

async function enter() {
  $("key").value = key();
  view.showInside();
  await progress();
  await next();
}

function leave() {
  localStorage.removeItem(KEY);
  clip = null;
  before = null;
  view.showOutside();
}

async function progress() {
  view.showProgress(await (await ask("GET", "progress")).json());
}

async function join(code) {
  // A key is longer than an invitation; whoever has one is known already.
  if (/^[0-9a-f]{64}$/.test(code)) {
    localStorage.setItem(KEY, code);
  } else {
    const answer = await ask("POST", "join", { invitation: code });
    localStorage.setItem(KEY, (await answer.json()).key);
  }
  await enter();
}

const keys = {
  " ": () => clip && player.toggle(),
  enter: send,
  e: () => view.editText(),
  s: skip,
  r: toggleReasons,
  u: undo,
  "-": () => view.changeSpeed(-1),
  "+": () => view.changeSpeed(1),
  "=": () => view.changeSpeed(1),
};

document.addEventListener("keydown", (event) => {
  if (event.altKey && event.code === "KeyP") {
    event.preventDefault();
    if (clip) player.toggle();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target === $("text")) {
    if (event.key === "Escape") $("play").focus();
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    send();
    return;
  }
  if (event.key === "Escape" && !$("reasons").hidden) {
    view.showReasons(false);
    return;
  }
  if (event.repeat || !$("shortcuts").checked || $("clip").hidden) return;
  const name = event.key.toLowerCase();
  // What a focused control does with a key by itself stays its own.
  const control = event.target.closest("input, textarea, select, summary, button");
  if (control && control.id !== "play" && (name === " " || name === "enter" || !control.matches("button"))) return;
  const reason = $("reasons").hidden ? undefined : view.reasonOf(name);
  const action = reason ? () => report(reason) : keys[name];
  if (!action) return;
  event.preventDefault();
  action();
});

$("play").addEventListener("click", () => clip && player.toggle());
$("speed").addEventListener("change", () => {
  player.speed = Number($("speed").value);
});
$("vote").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
$("text").addEventListener("input", show);
$("skip").addEventListener("click", skip);
$("report").addEventListener("click", toggleReasons);
$("undo").addEventListener("click", undo);
$("reasons").addEventListener("click", (event) => {
  const button = event.target.closest("[data-reason]");
  if (button) report(button.dataset.reason);
});
$("again").addEventListener("click", () => doing(next));
$("leave").addEventListener("click", leave);
$("own").value = localStorage.getItem(OWN) ?? "";
$("own").addEventListener("change", () => localStorage.setItem(OWN, $("own").value));
$("join").addEventListener("submit", (event) => {
  event.preventDefault();
  doing(() => join($("code").value.trim()));
});
for (const id of ["autoplay", "shortcuts"]) {
  $(id).checked = localStorage.getItem(`tagger-${id}`) !== "no";
  $(id).addEventListener("change", () => localStorage.setItem(`tagger-${id}`, $(id).checked ? "yes" : "no"));
}
setInterval(() => {
  if (key() && !busy && document.visibilityState === "visible") progress().catch(() => {});
}, PROGRESS_EVERY);

if (key()) doing(enter);
else leave();
