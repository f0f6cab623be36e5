// Consent and review: asks the daemon, keeps what it answered; what is seen is in review_view.js.

import * as view from "./review_view.js";
import * as wave from "./wave.js";

const { $ } = view;
const PAGE = 50; // utterances asked for at once
const LOOK_EVERY = 5000; // ms
const TOKEN_KEY = "stt-token"; // as the first page has it

const kept = { which: "waiting", found: [], total: 0, chosen: null, buffer: null, shown: PAGE };
let consent = null;
let text = null;

class Refused extends Error {}

async function ask(method, path, body) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Refused("The daemon does not answer.");
  }
  if (answer.status === 401) throw new Refused("A token is needed: enter it on the first page.");
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Refused([problem.message ?? `The answer was ${answer.status}`, problem.remedy].filter(Boolean).join(". "));
  }
  return answer.headers.get("Content-Type")?.startsWith("audio/") ? answer.arrayBuffer() : answer.json();
}

let queue = Promise.resolve();

// Runs something that asks, after what was begun before, and says why it was refused: a key that is
// pressed while the last one is still being carried out is meant for the utterance that comes.
function trying(run) {
  queue = queue.catch(() => {}).then(async () => {
    try {
      await run();
      view.showAnswer("");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      view.showAnswer(error.message);
    }
  });
  return queue;
}

async function look() {
  consent = await ask("GET", "/v1/consent");
  view.showConsent(consent);
  view.showFilters(kept.which, consent.stats);
}

async function load() {
  const answer = await ask("GET", `/v1/utterances?review=${kept.which}&limit=${Math.min(kept.shown, 1000)}`);
  kept.found = answer.utterances;
  kept.total = answer.total;
}

const index = () => kept.found.findIndex((one) => one.id === kept.chosen);
const current = () => kept.found[index()];

async function choose(id) {
  wave.stop();
  kept.chosen = id;
  kept.buffer = null;
  view.showList(kept.found, kept.total, kept.chosen, (one) => trying(() => choose(one)));
  view.showClip(current(), (guess) => {
    $("words").value = guess;
    $("words").focus();
  });
  if (!current()) return;
  wave.draw($("wave"), null);
  const bytes = await ask("GET", `/v1/utterances/${id}/sound`);
  const buffer = await wave.decode(bytes).catch(() => null);
  if (kept.chosen !== id) return;
  if (!buffer) throw new Refused("The sound cannot be decoded.");
  kept.buffer = buffer;
  wave.draw($("wave"), buffer);
}

// Loads the list anew, and goes on where it was: `at` is the place of what is to be chosen.
async function reload(at = 0) {
  await look();
  await load();
  const next = kept.found[Math.max(0, Math.min(at, kept.found.length - 1))];
  await choose(next?.id ?? null);
}

async function listen(from = 0) {
  if (!kept.buffer) return;
  if (wave.playing() && !from) {
    wave.stop();
    return;
  }
  const { buffer } = kept;
  view.showPlaying(true);
  await wave.play(buffer, from, (at) => kept.buffer === buffer && wave.draw($("wave"), buffer, at), () => {
    if (wave.playing()) return;
    view.showPlaying(false);
    if (kept.buffer === buffer) wave.draw($("wave"), buffer);
  });
}

async function decide(verdict) {
  const one = current();
  if (!one) return;
  const at = index();
  const words = $("words").value.trim();
  if (verdict === "accepted" && words !== (one.label ?? one.text)) {
    await ask("PUT", `/v1/utterances/${one.id}/label`, { text: words });
  }
  const again = one.review === verdict ? null : verdict;
  await ask("PUT", `/v1/utterances/${one.id}/review`, { verdict: again });
  await reload(kept.which === "all" || kept.which === again ? at + 1 : at);
}

async function remove() {
  const one = current();
  if (!one || !(await view.sure("Delete this utterance, here and wherever it was sent?"))) return;
  const at = index();
  await ask("DELETE", `/v1/utterances/${one.id}`);
  await reload(at);
}

async function removeAll() {
  const { utterances } = consent.stats;
  if (!(await view.sure(`Delete all ${utterances} utterances, here and wherever they were sent?`))) return;
  await ask("DELETE", "/v1/utterances");
  await reload();
}

async function openText() {
  text = await ask("GET", "/v1/consent/text");
  view.showText(text.text);
  $("agree").hidden = false;
  $("text").focus();
}

async function agree() {
  const scope = new FormData($("agree")).get("scope");
  const actor = consent.guests ? "guest" : "owner";
  await ask("POST", "/v1/consent", { action: "give", scope, actor, text_sha256: text.sha256 });
  $("agree").hidden = true;
  await reload();
}

async function withdraw() {
  const guest = consent.guests && consent.guest;
  const what = guest ? "all that guests have said" : "everything that is kept";
  if (!(await view.sure(`Stop saving, and delete ${what}?`))) return;
  await ask("POST", "/v1/consent", { action: "withdraw", actor: guest ? "guest" : "owner" });
  await reload();
}

async function toggleGuests() {
  await ask("POST", "/v1/consent", { action: consent.guests ? "guests-go" : "guests-come" });
  await look();
}

const on = (id, what) => $(id).addEventListener("click", () => trying(what));
on("play", () => listen());
on("accept", () => decide("accepted"));
on("reject", () => decide("rejected"));
on("delete", remove);
on("delete-all", removeAll);
on("agree-open", openText);
on("agree-close", async () => { $("agree").hidden = true; });
on("withdraw", withdraw);
on("guests", toggleGuests);
on("more", async () => {
  kept.shown += PAGE;
  await reload(index());
});
$("wave").addEventListener("click", (event) => {
  const box = $("wave").getBoundingClientRect();
  trying(() => listen(Math.max(0.0001, Math.min(0.999, (event.clientX - box.left) / box.width))));
});
$("agree").addEventListener("submit", (event) => {
  event.preventDefault();
  trying(agree);
});
for (const button of $("filters").children) {
  button.addEventListener("click", () => trying(async () => {
    kept.which = button.dataset.which;
    kept.shown = PAGE;
    await reload();
  }));
}

const keys = {
  " ": () => listen(),
  a: () => decide("accepted"),
  r: () => decide("rejected"),
  delete: remove,
  arrowdown: () => kept.found[index() + 1] && choose(kept.found[index() + 1].id),
  arrowup: () => index() > 0 && choose(kept.found[index() - 1].id),
  e: async () => $("words").focus(),
};
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || $("sure").open) return;
  if (event.target === $("words")) {
    if (event.key === "Enter") {
      $("clip").focus();
      trying(() => decide("accepted"));
    }
    if (event.key === "Escape") $("clip").focus();
    return;
  }
  // A button that has the focus is pressed by Space; choices and the text move by arrows.
  if (event.target.matches("button, a") && event.key === " ") return;
  if (event.target.matches("input, #text") && !/^[a-z]$/i.test(event.key)) return;
  const act = keys[event.key.toLowerCase()];
  if (!act || $("clip").hidden) return;
  event.preventDefault();
  trying(act);
});
window.addEventListener("resize", () => kept.buffer && wave.draw($("wave"), kept.buffer));
setInterval(() => trying(look), LOOK_EVERY);

trying(reload);
