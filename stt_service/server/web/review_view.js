// What is shown of consent and utterances: touches the document, knows no connection.

const SCOPES = {
  keep: "it stays on this device",
  upload: "it may be sent to the collection that was set up",
  publish: "it may become part of an open dataset",
};

export const $ = (id) => document.getElementById(id);

function put(parent, tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

const when = (seconds) => new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

export function showAnswer(text) {
  $("answer").textContent = text;
}

function who(consent, name) {
  const since = new Date(consent.since).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return `${name} agreed on ${since}: ${SCOPES[consent.scope]}.`;
}

export function showConsent({ saving, guests, owner, guest, newer_text: newer }) {
  $("status").dataset.kind = saving ? "saving" : "ready";
  $("status-text").textContent = saving ? "Saving what is said" : "Saving is off";
  const lines = [];
  if (!owner) lines.push("Nothing that is said is kept.");
  else lines.push(who(owner, "The owner"));
  if (guests && guest) lines.push(who(guest, "A guest"));
  else if (guests) lines.push("Guests are here: nothing is kept until a guest agrees.");
  if (newer) lines.push("The text has changed since.");
  $("consent-line").textContent = lines.join(" ");
  $("agree-open").hidden = Boolean(guests ? guest : owner) && !newer;
  $("agree-open").textContent = guests ? "A guest agrees…" : "May what I say be kept?";
  $("withdraw").hidden = !owner && !guest;
  $("guests").hidden = !owner && !guests;
  $("guests").setAttribute("aria-pressed", String(guests));
  $("guests").textContent = guests ? "Guests have gone" : "Guests are here";
}

// The text's Markdown: headings, lists, bold, code. Everything else is shown as it is.
export function showText(markdown) {
  const place = $("text");
  place.replaceChildren();
  let list = null;
  for (const line of markdown.split("\n")) {
    const [, mark, rest] = line.match(/^(#{1,2} |\* )?(.*)$/);
    if (mark === "* ") {
      list ??= put(place, "ul");
      spans(put(list, "li"), rest);
      continue;
    }
    list = null;
    if (rest.trim()) spans(put(place, { "# ": "h3", "## ": "h4" }[mark] ?? "p"), rest);
  }
}

function spans(parent, text) {
  for (const part of text.split(/(\*\*[^*]+\*\*|`[^`]+`)/)) {
    if (part.startsWith("**")) put(parent, "b", "", part.slice(2, -2));
    else if (part.startsWith("`")) put(parent, "code", "", part.slice(1, -1));
    else parent.append(part);
  }
}

export function showFilters(which, { utterances = 0, accepted = 0, rejected = 0 }) {
  const counts = { waiting: utterances - accepted - rejected, accepted, rejected, all: utterances };
  for (const button of $("filters").children) {
    const name = button.dataset.which;
    button.setAttribute("aria-pressed", String(name === which));
    button.textContent = `${name[0].toUpperCase()}${name.slice(1)} ${counts[name]}`;
  }
  $("delete-all").hidden = !utterances;
}

export function showList(found, total, chosen, choose) {
  $("list").replaceChildren();
  for (const one of found) {
    const item = put($("list"), "li");
    item.setAttribute("aria-current", String(one.id === chosen));
    const button = put(item, "button");
    button.type = "button";
    put(button, "time", "", when(one.saved));
    put(button, "span", "said", one.label ?? one.text);
    put(button, "span", "mark", { accepted: "✓ accepted", rejected: "✕ rejected" }[one.review] ?? `${one.seconds.toFixed(1)} s`);
    button.addEventListener("click", () => choose(one.id));
  }
  $("more").hidden = found.length >= total;
  $("nothing").hidden = found.length > 0;
  $("nothing").textContent = "There is nothing here.";
}

export function showClip(one, pick) {
  $("clip").hidden = !one;
  if (!one) return;
  $("when").textContent = when(one.saved);
  $("length").textContent = `· ${one.seconds.toFixed(1)} s · ${Math.round(one.confidence * 100)} % sure`;
  $("verdict").textContent = one.review ?? "";
  $("verdict").dataset.verdict = one.review ?? "";
  $("words").value = one.label ?? one.text;
  $("guesses").replaceChildren();
  for (const guess of new Set([one.text, ...one.alternatives])) {
    if (!guess || guess === $("words").value) continue;
    const button = put($("guesses"), "button", "", guess);
    button.type = "button";
    button.addEventListener("click", () => pick(guess));
  }
  $("leaves").textContent = one.leaves === null
    ? "It stays here."
    : `It stays here until ${when(one.leaves)} at least, and longer if this machine is off meanwhile; then it may be sent, if the consent allows that.`;
}

export function showPlaying(playing) {
  $("play").setAttribute("aria-pressed", String(playing));
  $("play").setAttribute("aria-label", playing ? "Stop" : "Play");
}

// Asks in a dialog; resolves to whether the answer was yes.
export function sure(text) {
  $("sure-text").textContent = text;
  $("sure").returnValue = "no";
  $("sure").showModal();
  return new Promise((resolve) => {
    $("sure").addEventListener("close", () => resolve($("sure").returnValue === "yes"), { once: true });
  });
}
