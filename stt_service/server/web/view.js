// What is shown: takes messages and states, touches the document, knows no connection.

const LOWEST_DB = -60; // left end of the meter: a quiet room
const SPOKEN_EVERY = 2000; // ms between levels that a screen reader may read
const SURE = 0.8; // below, a confidence is shown as doubtful
const DOUBTFUL = 0.5; // below, a word is underlined
const KEPT = 50; // utterances on the page

const $ = (id) => document.getElementById(id);

function put(parent, tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

const percent = (confidence) => `${Math.round(confidence * 100)} %`;

export function showStatus(kind, text) {
  $("status").dataset.kind = kind;
  if ($("status-text").textContent !== text) $("status-text").textContent = text;
}

export function showButtons({ connected, muted, may }) {
  $("mute").disabled = !connected || !may.includes(muted ? "unmute" : "mute");
  $("talk").disabled = !connected || muted || !may.includes("listen");
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute-text").textContent = muted ? "Unmute" : "Mute";
}

export function showHint(text) {
  $("hint").textContent = text;
}

export function showSaving(saving) {
  $("saving").hidden = !saving;
}

export function showAnswer(text) {
  $("answer").textContent = text;
}

export function showToken(wanted, message = "") {
  $("token-form").hidden = !wanted;
  if (wanted) $("token").focus();
  showAnswer(message);
}

export function showStart() {
  $("current").className = "";
  $("stable").textContent = "";
  $("unstable").textContent = "…";
}

export function showPartial({ text, stable }) {
  $("current").className = "";
  $("stable").textContent = text.startsWith(stable) ? stable : "";
  $("unstable").textContent = text.startsWith(stable) ? text.slice(stable.length) : text;
}

export function showResult(message) {
  const rejected = message.type === "rejected";
  $("current").className = rejected ? "done rejected" : "done";
  $("stable").textContent = message.text;
  $("unstable").textContent = "";
  if (rejected && !message.text) return;
  const item = document.createElement("li");
  if (rejected) item.className = "rejected";
  const now = new Date();
  const time = put(item, "time", "", now.toLocaleTimeString([], { hour12: false }));
  time.dateTime = now.toISOString();
  const said = put(item, "span", "said");
  if (rejected) {
    said.textContent = message.text;
  } else {
    message.words.forEach((word, index) => {
      if (index) said.append(" ");
      const doubtful = word.confidence < DOUBTFUL ? "doubtful" : "";
      put(said, "span", doubtful, word.word).title = percent(word.confidence);
    });
  }
  const sure = put(item, "span", "sure", rejected ? `not sure: ${message.reason}` : percent(message.confidence));
  if (!rejected && message.confidence < SURE) sure.classList.add("low");
  if (!rejected) sure.setAttribute("aria-label", `confidence ${percent(message.confidence)}`);
  if (message.intent) {
    const slots = Object.entries(message.slots).map(([name, value]) => `${name}: ${value}`);
    put(item, "span", "intent", [message.intent, ...slots].join(" · "));
  }
  $("recent").prepend(item);
  while ($("recent").children.length > KEPT) $("recent").lastChild.remove();
  $("empty").hidden = true;
  $("clear").hidden = false;
}

export function clearRecent() {
  $("recent").replaceChildren();
  $("empty").hidden = false;
  $("clear").hidden = true;
  $("current").className = "";
  $("stable").textContent = "";
  $("unstable").textContent = "";
}

let spoken = 0;

export function showLevel({ rms_db, peak_db, clipped }) {
  const share = (db) => Math.min(1, Math.max(0, 1 - db / LOWEST_DB));
  $("bar").style.transform = `scaleX(${share(rms_db)})`;
  $("peak").style.transform = `translateX(${(share(peak_db) - 1) * 100}%)`;
  $("meter").classList.toggle("clipped", clipped > 0);
  $("db").textContent = rms_db <= -100 ? "silent" : `${rms_db.toFixed(0)} dB`;
  if (performance.now() - spoken < SPOKEN_EVERY) return;
  spoken = performance.now();
  $("meter").setAttribute("aria-valuenow", String(Math.max(LOWEST_DB, Math.min(0, Math.round(rms_db)))));
  $("meter").setAttribute("aria-valuetext", clipped > 0 ? "too loud" : `${Math.round(rms_db)} decibels`);
}

export function showNoLevel() {
  $("bar").style.transform = "scaleX(0)";
  $("peak").style.transform = "translateX(-100%)";
  $("db").textContent = "–";
}

export function showFaults(faults) {
  $("faults").replaceChildren();
  for (const fault of faults) {
    const item = put($("faults"), "li", "", fault.message);
    if (fault.remedy) put(item, "span", "", fault.remedy);
  }
}

export function showHealth(pairs) {
  $("health").replaceChildren();
  for (const [name, value] of pairs) {
    const group = put($("health"), "div");
    put(group, "dt", "", name);
    put(group, "dd", "", value);
  }
}
